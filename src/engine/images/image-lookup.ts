import { EngineError } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import {
  familiarString,
  type ImageReference,
  parseImageReference,
  withDefaultTag,
} from "../../oci/reference.ts";
import type { StoredImage } from "../../store/images.ts";
import type { ImagesRepository } from "../../store/metadata/images-repository.ts";

const ID_PREFIX = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/**
 * Finds an image as Docker does: a whole id, then a name (`:latest` where it has no tag), then a unique prefix of an id.
 * Throws notFound `No such image: busybox:latest`; invalid for what is no reference and for an ambiguous prefix.
 */
export function findImage(images: ImagesRepository, ref: string): StoredImage {
  const reference = parseImageReference(ref);
  const id = idOf(images, reference) ?? byPrefix(images, ref);
  const image = id === undefined ? undefined : images.find(id);
  if (image === undefined) throw noSuchImage(reference);
  return image;
}

function idOf(images: ImagesRepository, reference: ImageReference): ImageId | undefined {
  if (reference.kind === "digest") return reference.digest as ImageId;
  const { tag, digest, ...repository } = withDefaultTag(reference.name);
  // With both, only the digest counts: what the tag points to was never compared with it.
  return images.findByName(digest === undefined ? { ...repository, tag } : { ...repository, digest });
}

function byPrefix(images: ImagesRepository, ref: string): ImageId | undefined {
  const prefix = ID_PREFIX.exec(ref)?.[1];
  if (prefix === undefined) return undefined;
  const [first, second] = images.findByPrefix(prefix);
  if (second !== undefined) {
    throw new EngineError(
      "invalid",
      `multiple images found with provided prefix: ${ref}: give more digits of the id`,
    );
  }
  return first;
}

function noSuchImage(reference: ImageReference): EngineError {
  const name =
    reference.kind === "digest" ? reference.digest : familiarString(withDefaultTag(reference.name));
  return new EngineError("notFound", `No such image: ${name}`);
}

/** Whether `ref` names the image by its id or the beginning of one, rather than by a name. */
export function isIdPrefix(id: ImageId, ref: string): boolean {
  return id.startsWith(ref) || id.slice("sha256:".length).startsWith(ref);
}
