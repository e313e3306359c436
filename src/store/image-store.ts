/** The image store as a whole: its parts, put together and cleaned up after whatever ended the last process. */
import { join } from "node:path";
import { BugError, EngineError } from "../base/errors.ts";
import type { ImageId } from "../base/ids.ts";
import { digestStream } from "../host/hashing.ts";
import type { Logger } from "../host/logger.ts";
import type { Database } from "../host/sqlite.ts";
import { decompress } from "../host/stream-decompression.ts";
import type { KernelHelper, LayerUnpacker } from "../kernel/shim-session.ts";
import type { ImageName } from "../oci/reference.ts";
import { ContentStore } from "./content/content-store.ts";
import type { LayerBlob, RecordedBlob } from "./metadata/blob-records.ts";
import { ImagesRepository, type NewImage } from "./metadata/images-repository.ts";
import { GroupSync } from "./snapshots/group-sync.ts";
import { LayerStore } from "./snapshots/layer-store.ts";
import { type OverlayOptions, OverlaySnapshots } from "./snapshots/overlay.ts";
import type { SnapshotDriver } from "./snapshots/snapshot-driver.ts";
import { SnapshotRows } from "./snapshots/snapshot-rows.ts";

export interface ImageStoreOptions {
  /** The daemon's data root; this store uses `content/` and `snapshots/` below it. */
  readonly dataRoot: string;
  /** Opened with `imageMigrations` and `snapshotMigrations`, in the order snapshots, images. */
  readonly database: Database;
  readonly kernel: Pick<KernelHelper, "removeTree" | "diskUsage">;
  readonly unpacker: LayerUnpacker;
  readonly logger: Logger;
  /** Which driver keeps the snapshots; overlay where nothing is said. */
  readonly openSnapshots?: (options: OverlayOptions) => Promise<SnapshotDriver>;
}

/** A blob whose bytes are in memory. */
export interface ImageBlob {
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly mediaType: string;
}

export class ImageStore {
  /** Blobs are files and records are rows: an ingest beside a deletion of the same blob must not cross it. */
  private changes: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly content: ContentStore,
    /** Also the Snapshots that containers use: removing a container's may free layers. */
    readonly layers: LayerStore,
    readonly images: ImagesRepository,
    /** What is below `layers`, for upkeep: their directories. */
    readonly snapshots: SnapshotDriver,
    private readonly disk: GroupSync,
  ) {
    content.onReleased = (digests) => {
      // A failure leaves orphans, which the next start removes.
      this.oneAtATime(() => this.removeUnused(digests)).catch(() => undefined);
    };
  }

  /** Opens and sweeps: ingests, blobs, layers and directories that no record names, and rows of blobs that are gone. */
  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const images = new ImagesRepository(options.database);
    const content = await ContentStore.open(join(options.dataRoot, "content"));
    const { kernel, unpacker, logger } = options;
    const rows = new SnapshotRows(options.database);
    const root = join(options.dataRoot, "snapshots");
    const open = options.openSnapshots ?? ((overlay: OverlayOptions) => OverlaySnapshots.open(overlay));
    const snapshots = await open({ root, rows, kernel, unpacker, logger });
    const disk = await GroupSync.open([content.root, root], content, (directory) => unpacker.sync(directory));
    const layers = new LayerStore(snapshots, () => disk.synced());
    await layers.collectAll();
    await content.sweep((digest) => images.isBlobUsed(digest));
    await completeBlobRecords(images, content);
    return new ImageStore(content, layers, images, snapshots, disk);
  }

  /**
   * Records an image with its names in one transaction. Blobs that come with `bytes` are stored, the others are in the content
   * store already, held by the caller, as the layers are leased; all of them are on the disk before. Throws invalid for a layer's
   * blob that holds something else: what one image says of a layer must not change what others push.
   */
  async record(
    image: Omit<NewImage, "blobs">,
    blobs: readonly (ImageBlob | RecordedBlob)[],
    names: readonly ImageName[],
    at: Date,
  ): Promise<void> {
    for (const blob of blobs) await this.verifyLayer(blob);
    await this.oneAtATime(async () => {
      const recorded: RecordedBlob[] = [];
      for (const blob of blobs) recorded.push(await this.stored(blob));
      if (this.content.isUnsynced) await this.disk.synced();
      this.images.put({ ...image, blobs: recorded }, names, at);
      await this.content.settle(recorded.map((blob) => blob.digest));
    });
  }

  /**
   * One more blob of a layer of an image: the compressed form that a push made. It is in the content store, held by the caller,
   * who knows that it holds the layer.
   */
  async addLayerBlob(id: ImageId, diffId: string, blob: LayerBlob): Promise<void> {
    await this.oneAtATime(async () => {
      await this.stored(blob);
      if (this.content.isUnsynced) await this.disk.synced();
      this.images.addLayerBlob(id, diffId, blob);
    });
  }

  /**
   * Removes the record, then what only it needed. Returns the chain ids of the removed layers, topmost first. `check` is called when
   * nothing can come in between any more: it throws to keep the image.
   */
  async delete(id: ImageId, check?: () => void): Promise<string[]> {
    return await this.oneAtATime(async () => {
      check?.();
      const top = this.images.layersOf(id).at(-1);
      await this.removeUnused(this.images.delete(id));
      return top === undefined ? [] : await this.layers.collect(top);
    });
  }

  /** Resolves when everything written before this call, blobs and layers, is on the disk. */
  synced(): Promise<void> {
    return this.disk.synced();
  }

  /** Resolves when the removals in the background have ended. */
  async close(): Promise<void> {
    await this.changes.catch(() => undefined);
    await this.layers.settled();
  }

  /** Files only; one that is held goes when its last lease does. */
  private async removeUnused(digests: readonly string[]): Promise<void> {
    for (const digest of digests) {
      if (!this.content.isHeld(digest) && !this.images.isBlobUsed(digest)) await this.content.remove(digest);
    }
  }

  /** Inflates and hashes a blob that was never unpacked, since its layer was here already. */
  private async verifyLayer(blob: ImageBlob | RecordedBlob): Promise<void> {
    if ("bytes" in blob || blob.diffId === undefined) return;
    const { digest, diffId } = blob;
    if (digest === diffId || this.layers.isProven(diffId, digest)) return;
    if (this.images.layerBlobs(diffId).some((known) => known.digest === digest)) return;
    const actual = (await digestStream(limited(decompress(this.content.stream(digest))))).sha256;
    if (diffId !== `sha256:${actual}`) {
      throw new EngineError(
        "invalid",
        `invalid diffID for layer ${digest}: expected "${diffId}", got "sha256:${actual}"`,
      );
    }
  }

  private async stored(blob: ImageBlob | RecordedBlob): Promise<RecordedBlob> {
    const { digest, mediaType } = blob;
    if ("bytes" in blob) {
      if (!(await this.content.has(digest))) await this.content.ingestBytes(blob.bytes, digest);
      return { digest, mediaType, sizeBytes: blob.bytes.length };
    }
    if (!(await this.content.has(digest)))
      throw new BugError(`blob ${digest} is to be recorded and not in the content store`);
    return blob;
  }

  private oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const result = this.changes.then(work, work);
    this.changes = result;
    return result;
  }
}

/** A layer that is here already is smaller than this. */
const MAX_LAYER_BYTES = 256 * 2 ** 30;

async function* limited(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  let left = MAX_LAYER_BYTES;
  for await (const chunk of stream) {
    left -= chunk.length;
    if (left < 0) throw new EngineError("invalid", `a layer of more than ${MAX_LAYER_BYTES} bytes`);
    yield chunk;
  }
}

/** Rows of layer_blobs exist only while their files do; sizes are missing in rows of the first version. */
async function completeBlobRecords(images: ImagesRepository, content: ContentStore): Promise<void> {
  for (const digest of images.blobsWithoutSize()) {
    const sizeBytes = await content.sizeOf(digest);
    if (sizeBytes !== undefined && sizeBytes > 0) images.setBlobSize(digest, sizeBytes);
  }
  const there = new Set(await content.list());
  images.dropStaleBlobs(images.allLayerBlobs().filter((digest) => !there.has(digest)));
}
