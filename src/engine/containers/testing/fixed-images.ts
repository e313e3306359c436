import type { ImageId } from "../../../base/ids.ts";
import type { StoredImage } from "../../../store/images.ts";
import type { ImageFinder } from "../list/list.ts";

export function storedImage(
  digit: string,
  tags: readonly string[],
  layers: readonly string[],
  sizeBytes = 0,
): StoredImage {
  return {
    id: `sha256:${digit.repeat(64)}` as ImageId,
    config: { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [...layers] } },
    sizeBytes,
    tags,
    digests: [],
    topSnapshot: undefined,
    lastTaggedAt: undefined,
  };
}

/** Images in memory, found by id or by a tag as it stands. */
export function fixedImages(...images: readonly StoredImage[]): ImageFinder {
  return {
    find: async (ref) =>
      images.find(({ id, tags }) => id === ref || tags.includes(ref) || tags.includes(`${ref}:latest`)),
  };
}
