/** Which images an archive holds: the manifest.json of `docker save`, or the index.json of an OCI layout. */
import { EngineError } from "../../base/errors.ts";
import { sha256 } from "../../host/hashing.ts";
import { MAX_IMAGE_CONFIG_BYTES } from "../../oci/image-config.ts";
import {
  type Descriptor,
  type ImageIndex,
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
import type { ImageBlob } from "../../store/image-store.ts";
import { archivedBlobPath, KeptDocuments, readArchivedBlob } from "./archived-documents.ts";

export interface ArchivedLayer {
  readonly file: SpooledFile;
  /** What a manifest says of it, where there is one: its digest is to be checked. */
  readonly descriptor: Descriptor | undefined;
}

export interface ArchivedImageSource {
  readonly config: Uint8Array;
  /** Bottom first, compressed or not. */
  readonly layers: readonly ArchivedLayer[];
  readonly names: readonly ImageName[];
  /** The manifest that described it, the indexes that led to it, what else they name and the archive has. */
  readonly documents: readonly ImageBlob[];
}

const MAX_IMAGES = 4096;
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
  const described = await describedConfigs(spool);
  const sources: ArchivedImageSource[] = [];
  for (const image of images) {
    const config = await spool.get(image.config).read(MAX_IMAGE_CONFIG_BYTES);
    const names = image.repoTags.map(parseTaggedName);
    const source = described.get(`sha256:${sha256(config)}`);
    const isSame = source?.layers.length === image.layers.length;
    sources.push({
      config,
      layers: isSame
        ? source.layers
        : image.layers.map((name) => ({ file: spool.get(name), descriptor: undefined })),
      names,
      documents: isSame ? source.documents : [],
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
      sources.push(await fromDescriptor(spool, descriptor, names, wanted, []));
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

/** `above`: the indexes that led here, outermost first. */
async function fromDescriptor(
  spool: ArchiveSpool,
  descriptor: Descriptor,
  names: readonly ImageName[],
  wanted: Platform,
  above: readonly {
    readonly descriptor: Descriptor;
    readonly bytes: Uint8Array;
    readonly index: ImageIndex;
  }[],
): Promise<ArchivedImageSource> {
  if (above.length >= MAX_INDEX_DEPTH)
    throw new EngineError("invalid", "the archive's indexes are nested too deeply");
  const bytes = await readArchivedBlob(spool, descriptor, MAX_MANIFEST_BYTES);
  const document = parseManifest(bytes);
  if (document.kind === "index") {
    const next = select(document.manifests, wanted);
    return await fromDescriptor(spool, next, names, wanted, [
      ...above,
      { descriptor, bytes, index: document },
    ]);
  }
  const { mediaType } = document.config;
  if (!isContainerConfig(mediaType)) {
    throw new EngineError(
      "invalid",
      `${descriptor.digest} is not a container image: its config is ${mediaType}`,
    );
  }
  const kept = new KeptDocuments(spool);
  for (const each of above) kept.add(each.descriptor, each.bytes);
  kept.add(descriptor, bytes);
  for (const { index } of above) await kept.addSiblings(index);
  return {
    config: await readArchivedBlob(spool, document.config, MAX_IMAGE_CONFIG_BYTES),
    layers: document.layers.map((layer) => ({
      file: spool.get(archivedBlobPath(layer.digest)),
      descriptor: layer,
    })),
    names,
    documents: kept.all,
  };
}

/**
 * Docker writes both forms into one archive: manifest.json says which images there are, the layout beside it has the manifests
 * that describe them. An index that cannot be followed has none.
 */
async function describedConfigs(spool: ArchiveSpool): Promise<Map<string, ArchivedImageSource>> {
  const found = new Map<string, ArchivedImageSource>();
  const file = spool.find("index.json");
  if (file === undefined) return found;
  const document = parseManifest(await file.read(MAX_MANIFEST_BYTES));
  if (document.kind !== "index") return found;
  for (const descriptor of document.manifests.slice(0, MAX_IMAGES)) {
    const isManifest = isManifestType(descriptor.mediaType);
    if (!isManifest || spool.find(archivedBlobPath(descriptor.digest)) === undefined) continue;
    const content = parseManifest(await readArchivedBlob(spool, descriptor, MAX_MANIFEST_BYTES));
    if (content.kind !== "manifest" || !isContainerConfig(content.config.mediaType)) continue;
    if (content.layers.some((layer) => spool.find(archivedBlobPath(layer.digest)) === undefined)) continue;
    const source = await fromDescriptor(spool, descriptor, [], { os: "", architecture: "" }, []);
    found.set(content.config.digest, source);
  }
  return found;
}

function isContainerConfig(mediaType: string): boolean {
  return mediaType === MediaType.ociConfig || mediaType === MediaType.dockerConfig;
}
