/**
 * The documents around an image: OCI index and manifest (image-spec image-index.md, manifest.md), their Docker schema 2
 * twins, and the manifest.json of an archive that `docker save` writes.
 */
import { isDigest } from "./digest.ts";
import { type JsonObject, JsonShape } from "./json-shape.ts";
import { normalizePlatform, type Platform } from "./platform.ts";

export const MediaType = {
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  ociLayerGzip: "application/vnd.oci.image.layer.v1.tar+gzip",
  ociLayerZstd: "application/vnd.oci.image.layer.v1.tar+zstd",
  dockerList: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayerGzip: "application/vnd.docker.image.rootfs.diff.tar.gzip",
} as const;

/** What a registry accepts at most (distribution-spec, "Pushing Manifests"). */
export const MAX_MANIFEST_BYTES = 4 << 20;
const MAX_ENTRIES = 4096;

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageManifest {
  readonly kind: "manifest";
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ImageIndex {
  readonly kind: "index";
  readonly manifests: readonly Descriptor[];
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * Reads a manifest or an index; the two are told apart by mediaType and, where that is absent (OCI allows it), by their
 * fields. A document with the fields of both is refused (image-spec, CVE-2021-41190). Throws invalid.
 */
export function parseManifest(bytes: Uint8Array): ImageManifest | ImageIndex {
  const shape = new JsonShape("invalid image manifest");
  const document = shape.object(shape.parse(bytes, MAX_MANIFEST_BYTES), "the document");
  if (document.schemaVersion !== 2) shape.fail("schemaVersion is not 2");
  const isIndex = document.manifests !== undefined;
  const isManifest = document.layers !== undefined || document.config !== undefined;
  if (isIndex === isManifest) shape.fail("it is neither a manifest nor an index");
  const mediaType = shape.optionalText(document.mediaType, "mediaType");
  const expected: readonly string[] = isIndex
    ? [MediaType.ociIndex, MediaType.dockerList]
    : [MediaType.ociManifest, MediaType.dockerManifest];
  if (mediaType !== undefined && !expected.includes(mediaType))
    shape.fail(`mediaType ${mediaType} does not fit`);
  const annotations = shape.optionalTextMap(document.annotations, "annotations", MAX_ENTRIES) ?? {};
  if (isIndex) {
    return {
      kind: "index",
      manifests: readDescriptors(shape, document.manifests, "manifests"),
      annotations,
    };
  }
  return {
    kind: "manifest",
    config: readDescriptor(shape, document.config, "config"),
    layers: readDescriptors(shape, document.layers, "layers"),
    annotations,
  };
}

export function isIndexType(mediaType: string): boolean {
  return mediaType === MediaType.ociIndex || mediaType === MediaType.dockerList;
}

export function isManifestType(mediaType: string): boolean {
  return mediaType === MediaType.ociManifest || mediaType === MediaType.dockerManifest;
}

function readDescriptors(shape: JsonShape, value: unknown, at: string): Descriptor[] {
  return shape
    .list(value, at, MAX_ENTRIES)
    .map((item, index) => readDescriptor(shape, item, `${at}[${index}]`));
}

function readDescriptor(shape: JsonShape, value: unknown, at: string): Descriptor {
  const entry = shape.object(value, at);
  const digest = shape.text(entry.digest, `${at}.digest`);
  if (!isDigest(digest)) shape.fail(`${at}.digest is not a digest`);
  const size = shape.optionalInteger(entry.size, `${at}.size`);
  if (size === undefined || size < 0) return shape.fail(`${at}.size is not a size`);
  const platform = entry.platform;
  return {
    mediaType: shape.text(entry.mediaType, `${at}.mediaType`),
    digest,
    size,
    annotations: shape.optionalTextMap(entry.annotations, `${at}.annotations`, MAX_ENTRIES) ?? {},
    ...(platform === undefined || platform === null
      ? {}
      : { platform: readPlatform(shape, shape.object(platform, `${at}.platform`), at) }),
  };
}

function readPlatform(shape: JsonShape, value: JsonObject, at: string): Platform {
  const variant = shape.optionalText(value.variant, `${at}.platform.variant`);
  return normalizePlatform({
    os: shape.optionalText(value.os, `${at}.platform.os`) ?? "",
    architecture: shape.optionalText(value.architecture, `${at}.platform.architecture`) ?? "",
    ...(variant === undefined ? {} : { variant }),
  });
}

/** One image of a docker-archive: paths are names inside the archive. */
export interface ArchivedImage {
  readonly config: string;
  readonly repoTags: readonly string[];
  readonly layers: readonly string[];
}

/** Reads the manifest.json of `docker save`. Throws invalid. */
export function parseArchiveManifest(bytes: Uint8Array): ArchivedImage[] {
  const shape = new JsonShape("invalid manifest.json");
  return shape
    .list(shape.parse(bytes, MAX_MANIFEST_BYTES), "the document", MAX_ENTRIES)
    .map((item, index) => {
      const at = `[${index}]`;
      const entry = shape.object(item, at);
      return {
        config: shape.text(entry.Config, `${at}.Config`),
        repoTags: shape.optionalTexts(entry.RepoTags, `${at}.RepoTags`, MAX_ENTRIES) ?? [],
        layers: shape.optionalTexts(entry.Layers, `${at}.Layers`, MAX_ENTRIES) ?? [],
      };
    });
}
