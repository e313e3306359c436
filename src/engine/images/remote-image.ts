/** From a name to what is to be downloaded: the index, the manifest for one platform, and the config. */
import { EngineError, fromUnknown, isKind } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import { type ImageConfig, MAX_IMAGE_CONFIG_BYTES, parseImageConfig } from "../../oci/image-config.ts";
import {
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseManifest,
} from "../../oci/manifest.ts";
import { formatPlatform, type Platform, selectPlatform } from "../../oci/platform.ts";
import type { ImageName } from "../../oci/reference.ts";
import type { RegistryClient, RemoteManifest } from "../../registry/client/registry-client.ts";
import type { ContentStore } from "../../store/content/content-store.ts";

const MAX_INDEX_DEPTH = 4;
const CONFIG_TYPES: readonly string[] = [
  MediaType.dockerConfig,
  MediaType.ociConfig,
  // Of registries and clients of 2016.
  "application/octet-stream",
];
const LAYER_TYPES: readonly string[] = [
  MediaType.dockerLayerGzip,
  "application/vnd.docker.image.rootfs.diff.tar",
  MediaType.ociLayer,
  MediaType.ociLayerGzip,
  MediaType.ociLayerZstd,
];

/** A repository of a registry, as one pull sees it. */
export interface RemoteSource {
  readonly registry: RegistryClient;
  readonly content: ContentStore;
  readonly name: ImageName;
  readonly credentials: Parameters<RegistryClient["manifest"]>[2]["credentials"];
  readonly signal: AbortSignal;
  /** Holds what was found, so that nobody removes it before it is recorded. */
  hold(digest: string): void;
}

export interface RemoteImage {
  readonly id: ImageId;
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  readonly manifest: ImageManifest;
  /** From the index, if there is one, down to the manifest. */
  readonly documents: readonly RemoteManifest[];
}

/**
 * Follows what the registry has under the name to the image for `wanted`. Throws notFound "no matching manifest for …" and
 * invalid "unsupported media type …" in Docker's words.
 */
export async function resolveRemoteImage(
  source: RemoteSource,
  top: RemoteManifest,
  wanted: Platform,
): Promise<RemoteImage> {
  const documents = [top];
  let document = parseRemote(top);
  while (document.kind === "index") {
    if (documents.length > MAX_INDEX_DEPTH)
      throw new EngineError("invalid", "the indexes are nested too deeply");
    const below = await readDocument(source, choose(document, wanted));
    documents.push(below);
    document = parseRemote(below);
  }
  checkTypes(document);
  const configBytes = await readConfig(source, document.config);
  const config = parseImageConfig(configBytes);
  if (config.os !== "linux") {
    throw new EngineError(
      "invalid",
      `image operating system "${config.os}" cannot be used on this platform: operating system is not supported`,
    );
  }
  if (config.rootfs.diff_ids.length !== document.layers.length) {
    throw new EngineError("invalid", "layers from manifest don't match image configuration");
  }
  return { id: document.config.digest as ImageId, config, configBytes, manifest: document, documents };
}

function parseRemote(document: RemoteManifest): ImageManifest | ImageIndex {
  if (!isIndexType(document.mediaType) && !isManifestType(document.mediaType)) {
    const isSchema1 = document.mediaType.startsWith("application/vnd.docker.distribution.manifest.v1+");
    const advice = isSchema1 ? ": manifests of schema 1 are no longer supported, push the image again" : "";
    throw new EngineError("invalid", `unsupported media type ${document.mediaType}${advice}`);
  }
  return parseManifest(document.bytes);
}

function choose(index: ImageIndex, wanted: Platform): Descriptor {
  const images = index.manifests.filter(
    (item) => isManifestType(item.mediaType) || isIndexType(item.mediaType),
  );
  const best = selectPlatform(images, wanted);
  if (best !== undefined) return best;
  throw new EngineError(
    "notFound",
    `no matching manifest for ${formatPlatform(wanted)} in the manifest list entries`,
  );
}

/** A manifest or index that another document names: from the store when it is there. */
async function readDocument(source: RemoteSource, descriptor: Descriptor): Promise<RemoteManifest> {
  const { digest, mediaType } = descriptor;
  source.hold(digest);
  if (await source.content.has(digest)) {
    return { bytes: await source.content.read(digest, MAX_MANIFEST_BYTES), mediaType, digest };
  }
  const { registry, name, credentials, signal } = source;
  return await registry.manifest(name, digest, { credentials, signal });
}

function checkTypes(manifest: ImageManifest): void {
  // A chart, a policy, a model: what is no image says so by its config.
  if (!CONFIG_TYPES.includes(manifest.config.mediaType)) throw unsupported(manifest.config.mediaType);
  for (const { mediaType } of manifest.layers)
    if (!LAYER_TYPES.includes(mediaType)) throw unsupported(mediaType);
}

function unsupported(mediaType: string): EngineError {
  const isForeign = /foreign|nondistributable/.test(mediaType);
  const why = isForeign ? ": the layer is kept outside the registry" : "";
  return new EngineError("invalid", `unsupported media type ${mediaType}${why}`);
}

async function readConfig(source: RemoteSource, descriptor: Descriptor): Promise<Uint8Array> {
  await fetchBlob(source, descriptor, MAX_IMAGE_CONFIG_BYTES);
  return await source.content.read(descriptor.digest, MAX_IMAGE_CONFIG_BYTES);
}

/** Brings one blob into the store, if it is not there. Throws exhausted above `maxBytes`. */
export async function fetchBlob(
  source: RemoteSource,
  descriptor: Descriptor,
  maxBytes: number,
  onProgress?: (currentBytes: number, totalBytes: number | undefined) => void,
): Promise<void> {
  const { registry, content, name, credentials } = source;
  const { digest, size } = descriptor;
  source.hold(digest);
  try {
    await content.fetch(digest, {
      sizeBytes: size,
      maxBytes,
      signal: source.signal,
      ...(onProgress === undefined ? {} : { onProgress }),
      open: (offsetBytes, signal) => registry.openBlob(name, digest, offsetBytes, { credentials, signal }),
    });
  } catch (thrown) {
    if (!isKind(thrown, "dataLoss")) throw thrown;
    throw new EngineError("dataLoss", `filesystem layer verification failed for digest ${digest}`, {
      cause: thrown,
    });
  }
}

/** Largest of an attestation's blobs that a pull brings along: statements about an image, not what it consists of. */
const MAX_ATTESTATION_BYTES = 16 << 20;
const ATTESTATION_OF = "vnd.docker.reference.digest";

export interface Attestation {
  readonly document: RemoteManifest;
  readonly blobs: readonly Descriptor[];
}

/**
 * What an index says about its image (provenance, bill of materials): so that the index can be pushed as it is. One that the
 * registry does not give, or that is large, is left out: the image works without.
 */
export async function fetchAttestations(source: RemoteSource, image: RemoteImage): Promise<Attestation[]> {
  const [manifest, index] = [image.documents.at(-1), image.documents.at(-2)];
  if (manifest === undefined || index === undefined) return [];
  const document = parseManifest(index.bytes);
  if (document.kind !== "index") return [];
  const about = document.manifests.filter((item) => item.annotations[ATTESTATION_OF] === manifest.digest);
  const found = await Promise.all(about.map((item) => fetchAttestation(source, item)));
  return found.filter((item) => item !== undefined);
}

async function fetchAttestation(
  source: RemoteSource,
  descriptor: Descriptor,
): Promise<Attestation | undefined> {
  try {
    const document = await readDocument(source, descriptor);
    const manifest = parseManifest(document.bytes);
    if (manifest.kind !== "manifest") return undefined;
    const blobs = [manifest.config, ...manifest.layers];
    if (blobs.reduce((sum, blob) => sum + blob.size, 0) > MAX_ATTESTATION_BYTES) return undefined;
    await Promise.all(blobs.map((blob) => fetchBlob(source, blob, MAX_ATTESTATION_BYTES)));
    return { document, blobs };
  } catch (thrown) {
    source.signal.throwIfAborted();
    if (fromUnknown(thrown).kind === "internal") throw thrown;
    return undefined;
  }
}
