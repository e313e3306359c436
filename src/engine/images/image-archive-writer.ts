/** One tar that is both what `docker save` writes (docker-archive: manifest.json) and an OCI layout (index.json). */
import { EngineError } from "../../base/errors.ts";
import { MediaType } from "../../oci/manifest.ts";
import { canonicalString, familiarRepository, familiarString, type ImageName } from "../../oci/reference.ts";
import { tarEnd, tarHeader, tarPadding } from "../../oci/tar-writer.ts";
import type { SavedBlob, SavedManifest } from "./saved-manifest.ts";

export interface ArchivedImagePlan {
  readonly manifest: SavedManifest;
  readonly tags: readonly ImageName[];
}

const FILE_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * The archive, as it is read: the same images give the same bytes, and no more than one chunk is in memory. `open` streams a
 * blob from the content store. Throws dataLoss for one of another size than it should have.
 */
export async function* writeImageArchive(
  images: readonly ArchivedImagePlan[],
  open: (digest: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield tarHeader("blobs/", DIRECTORY_MODE, 0);
  yield tarHeader("blobs/sha256/", DIRECTORY_MODE, 0);
  for (const blob of blobsOf(images)) {
    yield tarHeader(blobPath(blob.digest), FILE_MODE, blob.sizeBytes);
    if (blob.bytes !== undefined) yield blob.bytes;
    else yield* exactly(open(blob.digest), blob);
    yield tarPadding(blob.sizeBytes);
  }
  yield* document("index.json", indexOf(images));
  yield* document("manifest.json", images.map(dockerManifestOf));
  yield* document("oci-layout", { imageLayoutVersion: "1.0.0" });
  const repositories = repositoriesOf(images);
  if (Object.keys(repositories).length > 0) yield* document("repositories", repositories);
  yield tarEnd();
}

function blobPath(digest: string): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

/** Each once, sorted: layers are shared. */
function blobsOf(images: readonly ArchivedImagePlan[]): SavedBlob[] {
  const blobs = new Map(
    images
      .flatMap(({ manifest }) => [manifest.manifest, manifest.config, ...manifest.layers])
      .map((blob) => [blob.digest, blob]),
  );
  return [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1));
}

async function* exactly(
  source: AsyncIterable<Uint8Array>,
  blob: SavedBlob,
): AsyncGenerator<Uint8Array, void, undefined> {
  let left = blob.sizeBytes;
  for await (const chunk of source) {
    left -= chunk.length;
    if (left < 0) break;
    yield chunk;
  }
  if (left !== 0) {
    throw new EngineError(
      "dataLoss",
      `blob ${blob.digest} has not the ${blob.sizeBytes} bytes that it should have`,
    );
  }
}

function* document(name: string, value: unknown): Generator<Uint8Array, void, undefined> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  yield tarHeader(name, FILE_MODE, bytes.length);
  yield bytes;
  yield tarPadding(bytes.length);
}

/** One entry for each tag, as containerd writes it; one without a name for an image without tags. */
function indexOf(images: readonly ArchivedImagePlan[]): object {
  const manifests = images.flatMap(({ manifest, tags }) => {
    const descriptor = {
      mediaType: manifest.mediaType,
      digest: manifest.manifest.digest,
      size: manifest.manifest.sizeBytes,
    };
    if (tags.length === 0) return [descriptor];
    return tags.map((tag) => ({
      ...descriptor,
      annotations: {
        "io.containerd.image.name": canonicalString(tag),
        "org.opencontainers.image.ref.name": tag.tag,
      },
    }));
  });
  return { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests };
}

function dockerManifestOf({ manifest, tags }: ArchivedImagePlan): object {
  return {
    Config: blobPath(manifest.config.digest),
    RepoTags: tags.length === 0 ? null : tags.map(familiarString),
    Layers: manifest.layers.map((layer) => blobPath(layer.digest)),
  };
}

/** For readers from before Docker 1.10: the topmost layer of each tag. */
function repositoriesOf(images: readonly ArchivedImagePlan[]): Record<string, Record<string, string>> {
  const repositories: Record<string, Record<string, string>> = {};
  for (const { manifest, tags } of images) {
    const top = manifest.layers.at(-1);
    if (top === undefined) continue;
    for (const name of tags) {
      const repository = familiarRepository(name);
      repositories[repository] = {
        ...repositories[repository],
        [name.tag ?? "latest"]: top.digest.slice("sha256:".length),
      };
    }
  }
  return repositories;
}
