/** The bytes of layers on their way to a registry: as they came, or compressed as they go. */
import { EngineError } from "../../base/errors.ts";
import { BLOCK_GZIP_ENCODER, gzipBlocks } from "../../host/block-gzip.ts";
import { detectCompression } from "../../host/stream-decompression.ts";
import { type Descriptor, MediaType } from "../../oci/manifest.ts";
import { type ImageName, parseImageName, repositoryOf } from "../../oci/reference.ts";
import type { BlobToPush, PushedBlob, RegistryCall } from "../../registry/client/registry-client.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { LayerBlob } from "../../store/metadata/blob-records.ts";
import type { PushedDescriptor } from "./push-plan.ts";
import type { RegistryDependencies } from "./registry-ports.ts";
import type { TransferProgress } from "./transfer-progress.ts";

/** Repositories that the registry is asked to mount a blob from, one after the other. */
const MAX_MOUNT_SOURCES = 3;

/** Sends the blobs of one push to one repository. */
export class BlobPusher {
  readonly #repository: string;

  constructor(
    private readonly dependencies: RegistryDependencies,
    private readonly target: ImageName,
    private readonly call: RegistryCall,
    private readonly hold: (digest: string) => void,
  ) {
    this.#repository = repositoryOf(target);
  }

  /** A blob as it is. One that is not in the store comes from one of `origins`, repositories of this registry. */
  async stored(
    descriptor: Descriptor,
    progress: TransferProgress | undefined,
    origins: readonly string[] = [],
  ): Promise<void> {
    const { content, images } = this.dependencies.store;
    const { mediaType, digest, size } = descriptor;
    const isHere = await content.has(digest);
    const { domain } = this.target;
    const near = isHere ? [] : origins.map((path) => repositoryOf({ domain, path }));
    const blob: BlobToPush = {
      mediaType,
      known: { digest, sizeBytes: size },
      open: (offsetBytes) =>
        isHere ? content.stream(digest, offsetBytes) : this.#fromOrigin(digest, offsetBytes, origins),
      mountFrom: this.#mountSources([...near, ...images.sourcesOf(digest)]),
      onProgress: (sentBytes) => progress?.bytes("Pushing", sentBytes, size),
    };
    tell(progress, await this.#push(blob));
  }

  /** A layer, from whatever holds it here. Throws failedPrecondition when nothing does. */
  async layer(diffId: string, progress: TransferProgress): Promise<PushedDescriptor> {
    const { store } = this.dependencies;
    const found = await findBlob(store, diffId, this.hold);
    if (found.compression === "none") return await this.#compressed(diffId, found.blob, progress);
    const { digest, sizeBytes: size } = found.blob;
    const mediaType = found.compression === "zstd" ? MediaType.ociLayerZstd : MediaType.dockerLayerGzip;
    await this.stored({ digest, size, mediaType, annotations: {} }, progress);
    return { mediaType, size, digest };
  }

  async #compressed(diffId: string, tar: LayerBlob, progress: TransferProgress): Promise<PushedDescriptor> {
    const { pushedLayers, store } = this.dependencies;
    const before = pushedLayers.find(diffId, BLOCK_GZIP_ENCODER);
    const blob: BlobToPush = {
      mediaType: MediaType.dockerLayerGzip,
      ...(before === undefined ? {} : { known: { digest: before.digest, sizeBytes: before.sizeBytes } }),
      open: (offsetBytes) => {
        // Counted before the compressor: how large the compressed layer will be is not known.
        const read = counted(store.content.stream(tar.digest), (bytes) =>
          progress.bytes("Pushing", bytes, tar.sizeBytes),
        );
        return skipping(gzipBlocks(read), offsetBytes);
      },
      mountFrom: this.#mountSources(before?.repositories ?? []),
      onProgress: () => undefined,
    };
    const pushed = await this.#push(blob);
    tell(progress, pushed);
    const { digest, sizeBytes } = pushed;
    pushedLayers.record(this.#repository, BLOCK_GZIP_ENCODER, [{ diffId, digest, sizeBytes }]);
    return { mediaType: blob.mediaType, size: sizeBytes, digest };
  }

  /** For a registry that does not mount: its own bytes, brought back to it. */
  async *#fromOrigin(digest: string, offsetBytes: number, origins: readonly string[]) {
    const [path = this.target.path] = origins;
    const name = { domain: this.target.domain, path };
    const remote = await this.dependencies.registry.openBlob(name, digest, offsetBytes, this.call);
    yield* skipping(remote.body, offsetBytes - remote.offsetBytes);
  }

  #push(blob: BlobToPush): Promise<PushedBlob> {
    return this.dependencies.registry.pushBlob(this.target, blob, this.call);
  }

  /** Paths of other repositories of the same registry. */
  #mountSources(repositories: readonly string[]): string[] {
    return repositories
      .filter((repository) => repository !== this.#repository)
      .map(parseImageName)
      .filter(({ domain }) => domain === this.target.domain)
      .map(({ path }) => path)
      .slice(0, MAX_MOUNT_SOURCES);
  }
}

/** The smallest blob that is really here. */
async function findBlob(
  store: ImageStore,
  diffId: string,
  hold: (digest: string) => void,
): Promise<{ readonly blob: LayerBlob; readonly compression: "none" | "gzip" | "zstd" }> {
  for (const blob of store.images.layerBlobs(diffId)) {
    hold(blob.digest);
    const sizeBytes = await store.content.sizeOf(blob.digest);
    if (sizeBytes === undefined) continue;
    const compression = await compressionOf(store, blob.digest);
    if (compression === "none" || compression === "gzip" || compression === "zstd") {
      return { blob: { ...blob, sizeBytes }, compression };
    }
  }
  throw new EngineError(
    "failedPrecondition",
    `layer ${diffId} cannot be pushed: its archive is not here any more; pull or load the image again`,
  );
}

/** The bytes themselves say it: what an archive called them is not to be relied on. */
async function compressionOf(store: ImageStore, digest: string) {
  for await (const chunk of store.content.stream(digest)) return detectCompression(chunk);
  return "none";
}

async function* counted(source: AsyncIterable<Uint8Array>, onBytes: (bytes: number) => void) {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    onBytes(bytes);
    yield chunk;
  }
}

/** Without its first bytes: a resumed upload compresses them once more, to the same. */
async function* skipping(source: AsyncIterable<Uint8Array>, offsetBytes: number) {
  let toSkip = offsetBytes;
  for await (const chunk of source) {
    if (toSkip < chunk.length) yield toSkip === 0 ? chunk : chunk.subarray(toSkip);
    toSkip = Math.max(0, toSkip - chunk.length);
  }
}

function tell(progress: TransferProgress | undefined, { how }: PushedBlob): void {
  if (how === "uploaded") progress?.stage("Pushed");
  else if (how === "exists") progress?.stage("Layer already exists");
  else progress?.stage(`Mounted from ${how.mountedFrom}`);
}
