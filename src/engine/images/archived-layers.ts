/** The layers of an archive: unpacked where that is needed, and their files kept as blobs. */
import { EngineError } from "../../base/errors.ts";
import { digestStream } from "../../host/hashing.ts";
import { compressionOfFile } from "../../host/stream-decompression.ts";
import { type Descriptor, MediaType } from "../../oci/manifest.ts";
import type { SpooledFile } from "../../store/content/archive-spool.ts";
import type { ContentLease } from "../../store/content/content-lease.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { RecordedBlob } from "../../store/metadata/blob-records.ts";
import type { LayerLease, LayerSource } from "../../store/snapshots/layer-store.ts";
import type { ArchivedLayer } from "./archived-images.ts";
import { layerProgress } from "./layer-progress.ts";
import type { Push } from "./transfer-progress.ts";

export interface LoadedLayers {
  readonly lease: LayerLease;
  /** One for each layer, bottom first. */
  readonly blobs: readonly RecordedBlob[];
}

/**
 * Unpacks what is missing and gives each layer's file its place in the content store, by a second name, not a copy. `held` keeps
 * the blobs until the image is recorded; the caller releases the lease. Throws invalid for a wrong diffId, dataLoss for a file
 * that is not what its descriptor says.
 */
export async function loadLayers(
  store: ImageStore,
  layers: readonly ArchivedLayer[],
  diffIds: readonly string[],
  held: ContentLease,
  how: { readonly push: Push | undefined; readonly signal: AbortSignal },
): Promise<LoadedLayers> {
  const blobs = new Map<number, RecordedBlob>();
  const sources = layers.map((layer, index): LayerSource => {
    const diffId = diffIds[index] ?? "";
    const { file } = layer;
    return {
      diffId,
      open: () => ({ path: file.path }),
      ...(how.push === undefined
        ? {}
        : { onProgress: layerProgress({ diffId, totalBytes: file.sizeBytes }, how.push) }),
      unpacked: async ({ inputDigest }) => {
        blobs.set(index, await keepLayerFile(store, layer, { diffId, digest: inputDigest }, held));
      },
    };
  });
  const lease = await store.layers.apply(sources, how.signal);
  try {
    const all: RecordedBlob[] = [];
    for (const [index, layer] of layers.entries()) {
      const diffId = diffIds[index] ?? "";
      all.push(blobs.get(index) ?? (await blobOfKnownLayer(store, layer, diffId, held, how.signal)));
    }
    return { lease, blobs: all };
  } catch (error) {
    await lease.release();
    throw error;
  }
}

/** Makes a verified file a blob. Its own name stays: it may be the file of several layers. */
export async function keepLayerFile(
  store: ImageStore,
  layer: {
    readonly file: Pick<SpooledFile, "path" | "sizeBytes">;
    readonly descriptor: Descriptor | undefined;
  },
  { diffId, digest }: { readonly diffId: string; readonly digest: string },
  held: ContentLease,
): Promise<RecordedBlob> {
  const { file, descriptor } = layer;
  if (descriptor?.digest.startsWith("sha256:") && descriptor.digest !== digest) {
    throw new EngineError(
      "dataLoss",
      `the archive's blob ${descriptor.digest} has other content than its digest says`,
    );
  }
  held.add(digest);
  if (!(await store.content.has(digest))) await store.content.adopt(file.path, digest, { keep: true });
  const mediaType = descriptor?.mediaType ?? (await layerMediaType(file.path));
  return { digest, mediaType, sizeBytes: file.sizeBytes, diffId };
}

/** The layer was unpacked before; whether the file holds it is for ImageStore.record to see. One that no manifest speaks of needs no second blob, whatever form the first one has. */
async function blobOfKnownLayer(
  store: ImageStore,
  layer: ArchivedLayer,
  diffId: string,
  held: ContentLease,
  signal: AbortSignal,
): Promise<RecordedBlob> {
  const { file, descriptor } = layer;
  for (const known of store.images.layerBlobs(diffId)) {
    if (descriptor !== undefined && known.digest !== descriptor.digest) continue;
    held.add(known.digest);
    if (await store.content.has(known.digest)) return { ...known, diffId };
  }
  signal.throwIfAborted();
  const digest = `sha256:${(await digestStream(file.stream())).sha256}`;
  return await keepLayerFile(store, layer, { diffId, digest }, held);
}

async function layerMediaType(path: string): Promise<string> {
  const compression = await compressionOfFile(path);
  if (compression === "gzip") return MediaType.ociLayerGzip;
  return compression === "zstd" ? MediaType.ociLayerZstd : MediaType.ociLayer;
}
