/** The image store as a whole: its parts, put together and cleaned up after whatever ended the last process. */
import { join } from "node:path";
import type { ImageId } from "../base/ids.ts";
import type { Logger } from "../host/logger.ts";
import type { Database } from "../host/sqlite.ts";
import type { KernelHelper, LayerUnpacker } from "../kernel/shim-session.ts";
import type { ImageName } from "../oci/reference.ts";
import { ContentStore } from "./content/content-store.ts";
import { ImagesRepository, type NewImage } from "./metadata/images-repository.ts";
import { LayerStore } from "./snapshots/layer-store.ts";
import { OverlaySnapshots } from "./snapshots/overlay.ts";
import { SnapshotRows } from "./snapshots/snapshot-rows.ts";

export interface ImageStoreOptions {
  /** The daemon's data root; this store uses `content/` and `snapshots/` below it. */
  readonly dataRoot: string;
  /** Opened with `imageMigrations` and `snapshotMigrations`, in the order snapshots, images. */
  readonly database: Database;
  readonly kernel: Pick<KernelHelper, "removeTree" | "diskUsage">;
  readonly unpacker: LayerUnpacker;
  readonly logger: Logger;
}

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
  ) {}

  /** Opens and sweeps: ingests, blobs, layers and directories that no record names. */
  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const images = new ImagesRepository(options.database);
    const content = await ContentStore.open(join(options.dataRoot, "content"));
    const { kernel, unpacker, logger } = options;
    const rows = new SnapshotRows(options.database);
    const root = join(options.dataRoot, "snapshots");
    const layers = new LayerStore(await OverlaySnapshots.open({ root, rows, kernel, unpacker, logger }));
    await layers.collectAll();
    await content.sweep((digest) => images.isBlobUsed(digest));
    return new ImageStore(content, layers, images);
  }

  /** Stores the blobs, then the record with its names in one transaction. The layers are leased by the caller. */
  async record(
    image: Omit<NewImage, "blobs">,
    blobs: readonly ImageBlob[],
    names: readonly ImageName[],
    at: Date,
  ): Promise<void> {
    await this.oneAtATime(async () => {
      for (const { bytes, digest } of blobs) {
        if (!(await this.content.has(digest))) await this.content.ingestBytes(bytes, digest);
      }
      this.images.put({ ...image, blobs }, names, at);
    });
  }

  /** Removes the record, then what only it needed. Returns the chain ids of the removed layers, topmost first. */
  async delete(id: ImageId): Promise<string[]> {
    return await this.oneAtATime(async () => {
      const top = this.images.layersOf(id).at(-1);
      const blobs = this.images.blobsOf(id);
      this.images.delete(id);
      for (const { digest } of blobs) {
        if (!this.images.isBlobUsed(digest)) await this.content.remove(digest);
      }
      return top === undefined ? [] : await this.layers.collect(top);
    });
  }

  /** Resolves when the removals in the background have ended. */
  async close(): Promise<void> {
    await this.changes.catch(() => undefined);
    await this.layers.settled();
  }

  private oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    const result = this.changes.then(work, work);
    this.changes = result;
    return result;
  }
}
