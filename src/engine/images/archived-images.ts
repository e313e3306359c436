/** Which images an archive holds: the manifest.json of `docker save`, or the index.json of an OCI layout. */
import { EngineError } from "../../base/errors.ts";
import { MAX_IMAGE_CONFIG_BYTES } from "../../oci/image-config.ts";
import {
  type Descriptor,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  MediaType,
  parseArchiveManifest,
  parseManifest,
} from "../../oci/manifest.ts";
import { formatPlatform, type Platform, selectPlatform } from "../../oci/platform.ts";
import { type ImageName, parseImageName } from "../../oci/reference.ts";
import type { ArchiveSpool, SpooledFile } from "../../store/content/archive-spool.ts";

export interface ArchivedImageSource {
  readonly config: Uint8Array;
  /** Bottom first, compressed or not. */
  readonly layers: readonly SpooledFile[];
  readonly names: readonly ImageName[];
  /** The manifest that described it, where there was one. */
  readonly manifest:
    | { readonly bytes: Uint8Array; readonly digest: string; readonly mediaType: string }
    | undefined;
}

const MAX_IMAGES = 256;
const MAX_INDEX_DEPTH = 4;
/** The whole name as containerd writes it; OCI's own annotation may be no more than a tag. */
const NAME_ANNOTATIONS = ["io.containerd.image.name", "org.opencontainers.image.ref.name"];

/**
 * `wanted` selects from indexes of several platforms. Throws invalid for an archive that is neither of the two kinds or
 * lacks a file that it names, notFound when no image is for the wanted platform.
 */
export async function archivedImages(spool: ArchiveSpool, wanted: Platform): Promise<ArchivedImageSource[]> {
  const manifest = spool.find("manifest.json");
  if (manifest !== undefined) return await fromDockerArchive(spool, await manifest.read(MAX_MANIFEST_BYTES));
  const index = spool.find("index.json");
  if (index !== undefined) return await fromOciLayout(spool, await index.read(MAX_MANIFEST_BYTES), wanted);
  throw new EngineError(
    "invalid",
    "invalid archive: does not contain a manifest.json: it was made neither by docker save nor as an OCI layout (a root file system is for docker import)",
  );
}

async function fromDockerArchive(spool: ArchiveSpool, manifest: Uint8Array): Promise<ArchivedImageSource[]> {
  const images = parseArchiveManifest(manifest);
  if (images.length > MAX_IMAGES)
    throw new EngineError("invalid", `the archive has more than ${MAX_IMAGES} images`);
  const sources: ArchivedImageSource[] = [];
  for (const image of images) {
    sources.push({
      config: await spool.get(image.config).read(MAX_IMAGE_CONFIG_BYTES),
      layers: image.layers.map((name) => spool.get(name)),
      names: image.repoTags.map(parseTaggedName),
      manifest: undefined,
    });
  }
  return sources;
}

function parseTaggedName(text: string): ImageName {
  const name = parseImageName(text);
  if (name.tag === undefined || name.digest !== undefined)
    throw new EngineError("invalid", `invalid tag "${text}"`);
  return name;
}

async function fromOciLayout(
  spool: ArchiveSpool,
  index: Uint8Array,
  wanted: Platform,
): Promise<ArchivedImageSource[]> {
  const document = parseManifest(index);
  if (document.kind !== "index")
    throw new EngineError("invalid", "invalid index.json: it is not an image index");
  const sources: ArchivedImageSource[] = [];
  for (const { names, descriptors } of groupByName(document.manifests)) {
    for (const descriptor of selected(descriptors, wanted)) {
      sources.push(await fromDescriptor(spool, descriptor, names, wanted, 0));
    }
  }
  if (sources.length > MAX_IMAGES)
    throw new EngineError("invalid", `the archive has more than ${MAX_IMAGES} images`);
  return sources;
}

/** Several manifests of one name are one image for several platforms. */
function groupByName(manifests: readonly Descriptor[]): { names: ImageName[]; descriptors: Descriptor[] }[] {
  const groups = new Map<string, Descriptor[]>();
  for (const descriptor of manifests) {
    if (!isIndexType(descriptor.mediaType) && !isManifestType(descriptor.mediaType)) continue;
    const name = nameOf(descriptor);
    groups.set(name, [...(groups.get(name) ?? []), descriptor]);
  }
  return [...groups].map(([name, descriptors]) => ({
    names: name === "" ? [] : [parseTagged(name)],
    descriptors,
  }));
}

function nameOf(descriptor: Descriptor): string {
  const found = NAME_ANNOTATIONS.map((key) => descriptor.annotations[key]);
  return found.find((name) => name !== undefined && /[:/]/.test(name)) ?? "";
}

function parseTagged(text: string): ImageName {
  const name = parseImageName(text);
  return parseTaggedName(name.tag === undefined && name.digest === undefined ? `${text}:latest` : text);
}

function selected(descriptors: readonly Descriptor[], wanted: Platform): readonly Descriptor[] {
  const isOnePerPlatform = descriptors.length > 1 && descriptors.every((item) => item.platform !== undefined);
  return isOnePerPlatform ? [select(descriptors, wanted)] : descriptors;
}

function select(descriptors: readonly Descriptor[], wanted: Platform): Descriptor {
  const best = selectPlatform(descriptors, wanted);
  if (best !== undefined) return best;
  const offered = descriptors.flatMap((item) =>
    item.platform === undefined ? [] : [formatPlatform(item.platform)],
  );
  throw new EngineError(
    "notFound",
    `no match for platform in manifest: ${formatPlatform(wanted)} is wanted, the archive has ${offered.join(", ") || "none"}`,
  );
}

async function fromDescriptor(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  names: readonly ImageName[],
  wanted: Platform,
  depth: number,
): Promise<ArchivedImageSource> {
  if (depth >= MAX_INDEX_DEPTH)
    throw new EngineError("invalid", "the archive's indexes are nested too deeply");
  const bytes = await readBlob(spool, descriptor, MAX_MANIFEST_BYTES);
  const document = parseManifest(bytes);
  if (document.kind === "index") {
    return await fromDescriptor(spool, select(document.manifests, wanted), names, wanted, depth + 1);
  }
  const { mediaType } = document.config;
  if (mediaType !== MediaType.ociConfig && mediaType !== MediaType.dockerConfig) {
    throw new EngineError(
      "invalid",
      `${descriptor.digest} is not a container image: its config is ${mediaType}`,
    );
  }
  return {
    config: await readBlob(spool, document.config, MAX_IMAGE_CONFIG_BYTES),
    layers: document.layers.map((layer) => spool.get(blobPath(layer.digest))),
    names,
    manifest: { bytes, digest: descriptor.digest, mediaType: descriptor.mediaType },
  };
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(":", "/")}`;
}

async function readBlob(spool: ArchiveSpool, descriptor: Descriptor, maxBytes: number): Promise<Uint8Array> {
  const bytes = await spool.get(blobPath(descriptor.digest)).read(maxBytes);
  if (bytes.length !== descriptor.size || !(await hasDigest(bytes, descriptor.digest))) {
    throw new EngineError(
      "dataLoss",
      `the archive's blob ${descriptor.digest} has other content than its digest says`,
    );
  }
  return bytes;
}

async function hasDigest(bytes: Uint8Array, digest: string): Promise<boolean> {
  const algorithm = digest.startsWith("sha512:") ? "SHA-512" : "SHA-256";
  const actual = new Uint8Array(await crypto.subtle.digest(algorithm, new Uint8Array(bytes)));
  return digest.slice(digest.indexOf(":") + 1) === actual.toHex();
}
