/** The manifests and indexes that an image came with, and which of them can be given away whole. */
import {
  type Descriptor,
  type ImageIndex,
  type ImageManifest,
  isIndexType,
  isManifestType,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "../../oci/manifest.ts";
import { type ImageName, parseImageName, repositoryOf } from "../../oci/reference.ts";
import type { RemoteManifest } from "../../registry/client/registry-client.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";

export interface StoredDocument extends RemoteManifest {
  readonly content: ImageManifest | ImageIndex;
}

export interface StoredManifest extends StoredDocument {
  readonly content: ImageManifest;
}

/** A document with all that it refers to: children before the index that names them, the document itself last. */
export interface WholeDocument {
  readonly documents: readonly StoredDocument[];
  /** Layers, configs, statements: each once. */
  readonly blobs: readonly Descriptor[];
}

/** All documents that are recorded for the image; those that cannot be read any more are left out. */
export async function documentsOf(store: ImageStore, image: StoredImage): Promise<StoredDocument[]> {
  const found: StoredDocument[] = [];
  for (const { digest, mediaType } of store.images.blobsOf(image.id)) {
    if (!isIndexType(mediaType) && !isManifestType(mediaType)) continue;
    const document = await readDocument(store, { digest, mediaType });
    if (document !== undefined) found.push(document);
  }
  return found;
}

async function readDocument(
  store: ImageStore,
  { digest, mediaType }: Pick<Descriptor, "digest" | "mediaType">,
): Promise<StoredDocument | undefined> {
  if (!(await store.content.has(digest))) return undefined;
  const bytes = await store.content.read(digest, MAX_MANIFEST_BYTES);
  return { digest, mediaType, bytes, content: parseManifest(bytes) };
}

export function isManifest(document: StoredDocument): document is StoredManifest {
  return document.content.kind === "manifest";
}

export function isIndexDocument(
  document: StoredDocument,
): document is StoredDocument & { readonly content: ImageIndex } {
  return document.content.kind === "index";
}

/** The manifests whose config is the image's. An image of several repositories can have several. */
export function manifestsOf(documents: readonly StoredDocument[], image: StoredImage): StoredManifest[] {
  return documents.filter(isManifest).filter(({ content }) => content.config.digest === image.id);
}

/**
 * The document, if everything that it refers to can be had. `hold` is told of each digest before it is looked for, `isNear` asked
 * about layers that are not here in this very form. An index of which one platform was pulled is not whole.
 */
export async function wholeDocument(
  store: ImageStore,
  document: StoredDocument,
  { hold, isNear }: { hold(digest: string): void; isNear(layer: Descriptor): boolean },
): Promise<WholeDocument | undefined> {
  const documents = new Map<string, StoredDocument>();
  const blobs = new Map<string, Descriptor>();
  const visit = async (current: StoredDocument): Promise<boolean> => {
    if (documents.has(current.digest)) return true;
    hold(current.digest);
    if (current.content.kind === "manifest") {
      const { layers, config } = current.content;
      for (const blob of [...layers, config]) {
        hold(blob.digest);
        if (!(await isHere(store, blob)) && (blob === config || !isNear(blob))) return false;
        blobs.set(blob.digest, blob);
      }
    } else {
      for (const child of current.content.manifests) {
        hold(child.digest);
        const below = await readChild(store, child);
        if (below === undefined || !(await visit(below))) return false;
      }
    }
    documents.set(current.digest, current);
    return true;
  };
  return (await visit(document))
    ? { documents: [...documents.values()], blobs: [...blobs.values()] }
    : undefined;
}

/** What is neither manifest nor index is nothing that could be pushed as one. */
async function readChild(store: ImageStore, child: Descriptor): Promise<StoredDocument | undefined> {
  if (!isIndexType(child.mediaType) && !isManifestType(child.mediaType)) return undefined;
  return await readDocument(store, child);
}

async function isHere(store: ImageStore, blob: Descriptor): Promise<boolean> {
  return blob.digest.startsWith("sha256:") && (await store.content.sizeOf(blob.digest)) === blob.size;
}

/** Documents that the image has a name for in the repository come first, then those that any name is for. */
export function byNames(
  image: StoredImage,
  target: ImageName,
): (a: StoredDocument, b: StoredDocument) => number {
  const names = image.digests.map(parseImageName);
  const rank = ({ digest }: StoredDocument): number => {
    const found = names.filter((name) => name.digest === digest);
    if (found.some((name) => repositoryOf(name) === repositoryOf(target))) return 0;
    return found.length > 0 ? 1 : 2;
  };
  return (a, b) => rank(a) - rank(b);
}
