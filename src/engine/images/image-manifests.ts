/** `manifests=1` of list and inspect: what the documents say that an image came with, and what of it is here. */
import type { ManifestSummary } from "../../api/image-views.ts";
import type { DescriptorView, PlatformView } from "../../api/registry-views.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import type { ContainerUse } from "./ports.ts";
import { documentsOf, isIndexDocument, manifestsOf, type StoredDocument } from "./stored-manifests.ts";

const REFERENCE_TYPE = "vnd.docker.reference.type";
const REFERENCE_DIGEST = "vnd.docker.reference.digest";

export interface ImageManifests {
  /** What the image's name stands for in a registry; undefined for an image that came without a manifest. */
  readonly descriptor: DescriptorView | undefined;
  readonly manifests: ManifestSummary[];
}

/** Each manifest once, those of an index in its order. Empty for an image that was imported, committed or loaded without. */
export async function imageManifests(
  store: ImageStore,
  containers: ContainerUse,
  image: StoredImage,
): Promise<ImageManifests> {
  const documents = await documentsOf(store, image);
  const indexes = documents.filter(isIndexDocument);
  const children = new Set(indexes.flatMap((index) => index.content.manifests.map(({ digest }) => digest)));
  const top = documents.find((document) => !children.has(document.digest));
  const own = manifestsOf(documents, image);
  const named = new Map<string, Descriptor>();
  for (const index of indexes) {
    for (const child of index.content.manifests) {
      if (!indexes.some(({ digest }) => digest === child.digest)) named.set(child.digest, child);
    }
  }
  for (const manifest of own) {
    if (named.has(manifest.digest)) continue;
    const { digest, mediaType, bytes } = manifest;
    named.set(digest, { digest, mediaType, size: bytes.length, annotations: {} });
  }
  const context = { store, containers, image, documents };
  const manifests = await Promise.all(
    [...named.values()].map((descriptor) => summaryOf(context, descriptor)),
  );
  return { descriptor: top === undefined ? undefined : descriptorOf(top), manifests };
}

/** The same as the views have it. */
export async function withManifests(
  store: ImageStore,
  containers: ContainerUse,
  image: StoredImage,
): Promise<{ Manifests: ManifestSummary[]; Descriptor?: DescriptorView }> {
  const { descriptor, manifests } = await imageManifests(store, containers, image);
  return { Manifests: manifests, ...(descriptor === undefined ? {} : { Descriptor: descriptor }) };
}

interface Context {
  readonly store: ImageStore;
  readonly containers: ContainerUse;
  readonly image: StoredImage;
  readonly documents: readonly StoredDocument[];
}

async function summaryOf(context: Context, descriptor: Descriptor): Promise<ManifestSummary> {
  const { store, image } = context;
  const document = context.documents.find(({ digest }) => digest === descriptor.digest);
  const { contentBytes, isWhole } = await contentOf(store, document);
  const isOwn = document?.content.kind === "manifest" && document.content.config.digest === image.id;
  const base = {
    ID: descriptor.digest,
    Descriptor: viewOf(descriptor),
    Available: isWhole,
    Size: { Content: contentBytes, Total: contentBytes + (isOwn ? image.sizeBytes : 0) },
  };
  if (descriptor.annotations[REFERENCE_TYPE] === "attestation-manifest") {
    const subject = descriptor.annotations[REFERENCE_DIGEST] ?? "";
    return { ...base, Kind: "attestation", AttestationData: { For: subject } };
  }
  const platform = descriptor.platform ?? (isOwn ? image.config : undefined);
  if (platform === undefined || platform.os === "unknown") return { ...base, Kind: "unknown" };
  const users = isOwn ? context.containers.containersOf(image.id) : [];
  return {
    ...base,
    Kind: "image",
    ImageData: {
      Platform: platformView(platform),
      Containers: users.map(({ id }) => id),
      Size: { Unpacked: isOwn ? image.sizeBytes : 0 },
    },
  };
}

async function contentOf(
  store: ImageStore,
  document: StoredDocument | undefined,
): Promise<{ contentBytes: number; isWhole: boolean }> {
  if (document === undefined || document.content.kind !== "manifest")
    return { contentBytes: 0, isWhole: false };
  let contentBytes = document.bytes.length;
  let isWhole = true;
  for (const { digest } of [document.content.config, ...document.content.layers]) {
    const sizeBytes = digest.startsWith("sha256:") ? await store.content.sizeOf(digest) : undefined;
    contentBytes += sizeBytes ?? 0;
    isWhole &&= sizeBytes !== undefined;
  }
  return { contentBytes, isWhole };
}

function descriptorOf({ mediaType, digest, bytes }: StoredDocument): DescriptorView {
  return { mediaType, digest, size: bytes.length };
}

function viewOf(descriptor: Descriptor): DescriptorView {
  const { mediaType, digest, size, annotations, platform } = descriptor;
  return {
    mediaType,
    digest,
    size,
    ...(Object.keys(annotations).length === 0 ? {} : { annotations: { ...annotations } }),
    ...(platform === undefined ? {} : { platform: platformView(platform) }),
  };
}

function platformView({ architecture, os, variant }: Platform): PlatformView {
  return { architecture, os, ...(variant === undefined ? {} : { variant }) };
}
