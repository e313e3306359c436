/** The layers of an image that is being pulled: what is missing is downloaded, and unpacked as soon as it is there. */
import { EngineError } from "../../base/errors.ts";
import { digestStream } from "../../host/hashing.ts";
import { decompress } from "../../host/stream-decompression.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { RecordedBlob } from "../../store/metadata/blob-records.ts";
import { chainIds } from "../../store/snapshots/chain-id.ts";
import type { LayerLease, LayerSource } from "../../store/snapshots/layer-store.ts";
import { fetchBlob, type RemoteImage, type RemoteSource } from "./remote-image.ts";
import { type Push, TransferProgress } from "./transfer-progress.ts";

/** Far above any layer that a registry takes; what is announced larger is refused before a byte is read. */
const MAX_LAYER_BYTES = 256 * 2 ** 30;

interface PulledLayer {
  readonly diffId: string;
  readonly chainId: string;
  /** What the manifest says: to be downloaded unless `blob` is here. */
  readonly descriptor: Descriptor;
  /** A blob with this layer's content that is here already, compressed in this way or another. */
  readonly blob: RecordedBlob | undefined;
  readonly isUnpacked: boolean;
  /** The store knows that `blob` has the content that the config names; otherwise only the manifest says so. */
  isProven: boolean;
}

export interface LayersOfPull {
  readonly lease: LayerLease;
  /** One for each layer, bottom first: those that hold its content here. */
  readonly blobs: readonly RecordedBlob[];
}

/** The caller releases the lease. Throws what downloads and unpacking throw; leaves partial downloads for the next time then. */
export async function pullLayers(
  store: ImageStore,
  source: RemoteSource,
  image: RemoteImage,
  how: { readonly push: Push; readonly maxDownloads: number },
): Promise<LayersOfPull> {
  const layers = await layersOf(store, source, image);
  const failure = new AbortController();
  const signal = AbortSignal.any([source.signal, failure.signal]);
  let lease: LayerLease | undefined;
  try {
    const sources = makeSources(layers, { ...source, signal }, how);
    lease = await store.layers.apply(sources, signal);
    // A layer that was unpacked already waits for no download, but its blob is wanted all the same.
    await Promise.all(sources.map(({ ready }) => ready));
    for (const layer of layers) await prove(layer, source);
    return { lease, blobs: layers.map((layer) => layer.blob ?? downloadedBlob(layer)) };
  } catch (error) {
    failure.abort(error);
    await lease?.release();
    throw error;
  }
}

async function layersOf(store: ImageStore, source: RemoteSource, image: RemoteImage): Promise<PulledLayer[]> {
  const diffIds = image.config.rootfs.diff_ids;
  const chain = chainIds(diffIds);
  return await Promise.all(
    image.manifest.layers.map(async (descriptor, index) => {
      const diffId = diffIds[index] ?? "";
      const chainId = chain[index] ?? "";
      if (descriptor.size > MAX_LAYER_BYTES) {
        throw new EngineError(
          "exhausted",
          `layer ${descriptor.digest} is larger than ${MAX_LAYER_BYTES} bytes`,
        );
      }
      const known = store.images.diffIdOf(descriptor.digest);
      if (known !== undefined && known !== diffId) throw mismatch();
      const blob = await findBlob(store, source, diffId, descriptor);
      const isProven = store.images.layerBlobs(diffId).some(({ digest }) => digest === blob?.digest);
      return { diffId, chainId, descriptor, blob, isUnpacked: await isSnapshot(store, chainId), isProven };
    }),
  );
}

async function findBlob(
  store: ImageStore,
  source: RemoteSource,
  diffId: string,
  { digest, mediaType }: Descriptor,
): Promise<RecordedBlob | undefined> {
  for (const candidate of [{ digest, mediaType }, ...store.images.layerBlobs(diffId)]) {
    // Held first: a blob that is seen now must still be there when the image is recorded.
    source.hold(candidate.digest);
    const sizeBytes = await store.content.sizeOf(candidate.digest);
    if (sizeBytes !== undefined) return { ...candidate, sizeBytes, diffId };
  }
  return undefined;
}

/**
 * A layer that is unpacked is not unpacked again, so nobody has looked at the blob that now claims to hold it. It may not be
 * taken on a stranger's word: it would be given away as this layer later.
 */
async function prove(layer: PulledLayer, { content, signal }: RemoteSource): Promise<void> {
  if (layer.isProven) return;
  signal.throwIfAborted();
  const { digest } = layer.blob ?? layer.descriptor;
  const { sha256 } = await digestStream(decompress(content.stream(digest)));
  if (`sha256:${sha256}` !== layer.diffId) throw mismatch();
}

function mismatch(): EngineError {
  return new EngineError("invalid", "layers from manifest don't match image configuration");
}

async function isSnapshot(store: ImageStore, chainId: string): Promise<boolean> {
  try {
    await store.layers.root(chainId);
    return true;
  } catch {
    return false;
  }
}

function downloadedBlob({ descriptor, diffId }: PulledLayer): RecordedBlob {
  const { digest, mediaType, size } = descriptor;
  return { digest, mediaType, sizeBytes: size, diffId };
}

/** Tells of the layers and starts the downloads, in the manifest's order. */
function makeSources(
  layers: readonly PulledLayer[],
  source: RemoteSource,
  how: { readonly push: Push; readonly maxDownloads: number },
): LayerSource[] {
  const progresses = layers.map(({ descriptor }) => new TransferProgress(descriptor.digest, how.push));
  let downloads = 0;
  const isWaiting = layers.map(({ blob }) => blob === undefined && ++downloads > how.maxDownloads);
  for (const [index, layer] of layers.entries()) {
    const isHere = layer.isUnpacked && layer.blob !== undefined;
    progresses[index]?.stage(isHere ? "Already exists" : "Pulling fs layer");
    if (isWaiting[index]) progresses[index]?.stage("Waiting");
  }
  return layers.map((layer, index) => {
    const progress = progresses[index] ?? new TransferProgress(layer.descriptor.digest, how.push);
    return layerSource(layer, source, progress);
  });
}

function layerSource(layer: PulledLayer, source: RemoteSource, progress: TransferProgress): LayerSource {
  const { diffId, descriptor, blob } = layer;
  const digest = blob?.digest ?? descriptor.digest;
  const totalBytes = blob?.sizeBytes ?? descriptor.size;
  const complete = () => progress.stage("Pull complete");
  const downloaded = blob === undefined ? download(source, descriptor, progress) : Promise.resolve();
  const isFetchedOnly = layer.isUnpacked && blob === undefined;
  return {
    diffId,
    ready: isFetchedOnly ? downloaded.then(complete) : downloaded,
    open: () => ({ path: source.content.path(digest) }),
    onProgress: (bytes) => progress.bytes("Extracting", bytes, totalBytes),
    unpacked: async ({ inputDigest }) => {
      // The store compares the unpacked content with the diffId itself.
      layer.isProven ||= inputDigest === digest;
    },
    ...(layer.isUnpacked ? {} : { committed: complete }),
  };
}

async function download(
  source: RemoteSource,
  descriptor: Descriptor,
  progress: TransferProgress,
): Promise<void> {
  await fetchBlob(source, descriptor, descriptor.size, (current, total) =>
    progress.bytes("Downloading", current, total ?? descriptor.size),
  );
  progress.stage("Verifying Checksum");
  progress.stage("Download complete");
}
