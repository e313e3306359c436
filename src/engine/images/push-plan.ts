/** What a push sends: the documents that an image came with, or a manifest made for it. */
import { EngineError } from "../../base/errors.ts";
import { MediaType } from "../../oci/manifest.ts";
import { type ImageName, parseImageName } from "../../oci/reference.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";
import {
  byNames,
  documentsOf,
  isIndexDocument,
  isManifest,
  manifestsOf,
  type StoredDocument,
  type StoredManifest,
  type WholeDocument,
  wholeDocument,
} from "./stored-manifests.ts";

export type PushPlan =
  | {
      /** Byte for byte what the image came with: its digest stays. */
      readonly kind: "asItCame";
      readonly whole: WholeDocument;
      /** The index that could not be pushed, because not all of it is here. */
      readonly instead: StoredDocument | undefined;
      /** Repositories of the same registry that have every blob of it: for layers that are here in another form only. */
      readonly origins: readonly string[];
    }
  /** Its layers have to be compressed, or lie here in another form than a manifest says. */
  | { readonly kind: "anew" };

/**
 * `indexWanted` false: one platform was asked for, so that an index is not what to push. `cameAs`: the document as which the
 * tag was pulled; it goes before the others.
 */
export async function planPush(
  store: ImageStore,
  image: StoredImage,
  target: ImageName,
  how: { readonly indexWanted: boolean; readonly cameAs: string | undefined; hold(digest: string): void },
): Promise<PushPlan> {
  const documents = (await documentsOf(store, image)).sort(byNames(image, target));
  const known = documents.find(({ digest }) => digest === how.cameAs);
  const inOrder = known === undefined ? documents : [known, ...documents.filter((each) => each !== known)];
  const manifests = manifestsOf(inOrder, image);
  const isIndexPushed = how.indexWanted && (known === undefined || isIndexDocument(known));
  const indexes = isIndexPushed
    ? inOrder.filter(isIndexDocument).filter((index) => namesOneOf(index, documents, manifests))
    : [];
  for (const document of [...indexes, ...manifests]) {
    const origins = originsOf(document, inOrder, image, target);
    const whole = await wholeDocument(store, document, { hold: how.hold, isNear: () => origins.length > 0 });
    if (whole === undefined) continue;
    return { kind: "asItCame", whole, instead: isIndexDocument(document) ? undefined : indexes[0], origins };
  }
  return { kind: "anew" };
}

/**
 * Where the image was pulled from as this document, or pushed to: a registry that has a manifest has what it refers to. Paths,
 * of the target's registry only: the credentials are for that.
 */
function originsOf(
  document: StoredDocument,
  documents: readonly StoredDocument[],
  image: StoredImage,
  target: ImageName,
): string[] {
  const leadsHere = (digest: string | undefined) =>
    documents.some(
      (each) =>
        each.digest === digest &&
        (each === document || (isManifest(document) && namesOneOf(each, documents, [document]))),
    );
  return image.digests
    .map(parseImageName)
    .filter(({ domain, digest }) => domain === target.domain && leadsHere(digest))
    .map(({ path }) => path);
}

/** Whether an index leads to one of the manifests, perhaps through another index. */
function namesOneOf(
  index: StoredDocument,
  documents: readonly StoredDocument[],
  manifests: readonly StoredManifest[],
  depth = 0,
): boolean {
  if (index.content.kind !== "index" || depth > 4) return false;
  return index.content.manifests.some(({ digest }) => {
    if (manifests.some((manifest) => manifest.digest === digest)) return true;
    const below = documents.find((document) => document.digest === digest);
    return below !== undefined && namesOneOf(below, documents, manifests, depth + 1);
  });
}

export interface PushedDescriptor {
  readonly mediaType: string;
  readonly size: number;
  readonly digest: string;
}

/**
 * A manifest for layers that were just pushed, bottom first. Docker's form, which every registry takes, with the line breaks
 * of Docker's own; OCI's where a layer is compressed with zstd, which Docker's has no name for.
 */
export function makeManifest(
  config: Omit<PushedDescriptor, "mediaType">,
  layers: readonly PushedDescriptor[],
): { readonly bytes: Uint8Array; readonly mediaType: string } {
  if (layers.length === 0) {
    throw new EngineError("invalid", "cannot push an image that has no layers");
  }
  const isOci = layers.some((layer) => layer.mediaType.endsWith("zstd"));
  const mediaType = isOci ? MediaType.ociManifest : MediaType.dockerManifest;
  const document = {
    schemaVersion: 2,
    mediaType,
    config: {
      mediaType: isOci ? MediaType.ociConfig : MediaType.dockerConfig,
      size: config.size,
      digest: config.digest,
    },
    layers: layers.map((layer) => ({
      mediaType: layer.mediaType.endsWith("zstd")
        ? MediaType.ociLayerZstd
        : isOci
          ? MediaType.ociLayerGzip
          : MediaType.dockerLayerGzip,
      size: layer.size,
      digest: layer.digest,
    })),
  };
  return { bytes: new TextEncoder().encode(JSON.stringify(document, undefined, 3)), mediaType };
}
