/** The manifest under which an image is saved: the one it came with where its blobs are here, else one that is made. */
import { EngineError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import { type Compression, detectCompression } from "../../host/stream-decompression.ts";
import { ByteSource } from "../../oci/byte-source.ts";
import { MAX_IMAGE_CONFIG_BYTES } from "../../oci/image-config.ts";
import {
  type ImageManifest,
  isManifestType,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseManifest,
} from "../../oci/manifest.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";

export interface SavedBlob {
  readonly digest: string;
  readonly sizeBytes: number;
  /** For what lies in no file. */
  readonly bytes?: Uint8Array;
}

export interface SavedManifest {
  readonly mediaType: string;
  readonly manifest: SavedBlob;
  readonly config: SavedBlob;
  /** Bottom first. */
  readonly layers: readonly SavedBlob[];
}

/** Throws failedPrecondition when a layer's content is not kept. */
export async function savedManifest(store: ImageStore, image: StoredImage): Promise<SavedManifest> {
  return (await originalManifest(store, image)) ?? (await madeManifest(store, image));
}

async function originalManifest(store: ImageStore, image: StoredImage): Promise<SavedManifest | undefined> {
  for (const { digest, mediaType } of store.images.blobsOf(image.id)) {
    if (!isManifestType(mediaType)) continue;
    const bytes = await store.content.read(digest, MAX_MANIFEST_BYTES);
    const document = parseManifest(bytes);
    if (document.kind !== "manifest" || document.config.digest !== image.id) continue;
    if (!(await isWhole(store, image, document))) continue;
    return {
      mediaType,
      manifest: { digest, sizeBytes: bytes.length },
      config: { digest: image.id, sizeBytes: document.config.size },
      layers: document.layers.map((layer) => ({ digest: layer.digest, sizeBytes: layer.size })),
    };
  }
  return undefined;
}

/** Every layer is here, and is the one that the config names: only then may the archive's two manifests speak of the same files. */
async function isWhole(store: ImageStore, image: StoredImage, manifest: ImageManifest): Promise<boolean> {
  const diffIds = image.config.rootfs.diff_ids;
  if (diffIds.length !== manifest.layers.length) return false;
  for (const [index, layer] of manifest.layers.entries()) {
    if (store.images.diffIdOf(layer.digest) !== diffIds[index]) return false;
    if ((await store.content.sizeOf(layer.digest)) !== layer.size) return false;
  }
  return true;
}

const LAYER_TYPES: Partial<Record<Compression, string>> = {
  none: MediaType.ociLayer,
  gzip: MediaType.ociLayerGzip,
  zstd: MediaType.ociLayerZstd,
};

/** The same image gives the same manifest: its keys are in a fixed order. */
async function madeManifest(store: ImageStore, image: StoredImage): Promise<SavedManifest> {
  const configBytes = await store.content.read(image.id, MAX_IMAGE_CONFIG_BYTES);
  const layers: (SavedBlob & { readonly mediaType: string })[] = [];
  for (const diffId of image.config.rootfs.diff_ids) layers.push(await layerBlob(store, image, diffId));
  const document = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { mediaType: MediaType.ociConfig, digest: image.id, size: configBytes.length },
    layers: layers.map(({ mediaType, digest, sizeBytes }) => ({ mediaType, digest, size: sizeBytes })),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(document));
  return {
    mediaType: MediaType.ociManifest,
    manifest: { digest: `sha256:${sha256(bytes)}`, sizeBytes: bytes.length, bytes },
    config: { digest: image.id, sizeBytes: configBytes.length },
    layers,
  };
}

/** Those of this image's own: another image's may be removed at any moment. */
async function layerBlob(
  store: ImageStore,
  image: StoredImage,
  diffId: string,
): Promise<SavedBlob & { readonly mediaType: string }> {
  for (const { digest } of store.images.layerBlobs(diffId)) {
    const sizeBytes = await store.content.sizeOf(digest);
    if (sizeBytes === undefined) continue;
    const mediaType = LAYER_TYPES[await compressionOf(store, digest)];
    if (mediaType !== undefined) return { digest, sizeBytes, mediaType };
  }
  throw new EngineError(
    "failedPrecondition",
    `the content of layer ${diffId} of image ${image.id} is not kept: pull or load the image again`,
  );
}

async function compressionOf(store: ImageStore, digest: string): Promise<Compression> {
  const source = new ByteSource(store.content.stream(digest));
  try {
    return detectCompression((await source.take(512)) ?? new Uint8Array(0));
  } finally {
    await source.cancel();
  }
}
