import type { ImageId } from "../../base/ids.ts";
import { canonicalString, type ImageName, parseImageReference, repositoryOf } from "../../oci/reference.ts";
import type { StoredImage } from "../../store/images.ts";
import type { ImagesRepository } from "../../store/metadata/images-repository.ts";
import { findImage } from "./image-lookup.ts";

/** An image to be saved, and the tags that it is to be loaded under; none where it was named by its id or a digest. */
export interface SavedImage {
  readonly image: StoredImage;
  readonly tags: readonly ImageName[];
}

/**
 * What `docker save` of these names means, each image once, in their order (moby image/tarexport/save.go): a repository without a tag
 * stands for all its tags. Throws notFound, invalid.
 */
export function savedImages(images: ImagesRepository, names: readonly string[]): SavedImage[] {
  const found = new Map<ImageId, { readonly image: StoredImage; readonly tags: Map<string, ImageName> }>();
  const add = (image: StoredImage, tag: ImageName | undefined) => {
    const entry = found.get(image.id) ?? { image, tags: new Map<string, ImageName>() };
    if (tag?.tag !== undefined) entry.tags.set(canonicalString(tag), tag);
    found.set(image.id, entry);
  };
  for (const name of names) for (const { image, tag } of meaningOf(images, name)) add(image, tag);
  return [...found.values()].map(({ image, tags }) => ({
    image,
    tags: [...tags.keys()].sort().flatMap((key) => tags.get(key) ?? []),
  }));
}

function meaningOf(
  images: ImagesRepository,
  text: string,
): readonly { readonly image: StoredImage; readonly tag: ImageName | undefined }[] {
  const reference = parseImageReference(text);
  if (reference.kind === "digest") return [{ image: findImage(images, text), tag: undefined }];
  const { name } = reference;
  if (name.tag !== undefined || name.digest !== undefined) {
    const isTag = name.digest === undefined && images.findByName(name) !== undefined;
    return [{ image: findImage(images, text), tag: isTag ? name : undefined }];
  }
  const all = images.namesIn(repositoryOf(name)).filter((one) => one.tag !== undefined);
  if (all.length === 0) return [{ image: findImage(images, text), tag: undefined }];
  return all.flatMap((tag) => {
    const id = images.findByName(tag);
    const image = id === undefined ? undefined : images.find(id);
    return image === undefined ? [] : [{ image, tag }];
  });
}
