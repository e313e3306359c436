import type { ImagePinView } from "../../api/storage-views.ts";
import { EngineError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import type { ImagePinRecords } from "../../store/gc/image-pins.ts";
import type { ImagesRepository } from "../../store/metadata/images-repository.ts";
import { findImage } from "./image-lookup.ts";

/** Pins keep an image, whatever its names are, from every prune and from a removal without force. */
export class ImagePins {
  constructor(
    private readonly images: ImagesRepository,
    private readonly records: ImagePinRecords,
  ) {}

  /** Throws notFound. A second time is no error. */
  pin(ref: string): void {
    this.records.add(findImage(this.images, ref).id);
  }

  /** Throws notFound, also for an image that is not pinned. */
  unpin(ref: string): void {
    const { id } = findImage(this.images, ref);
    if (!this.records.remove(id)) throw new EngineError("notFound", `image ${shortId(id)} is not pinned`);
  }

  list(): ImagePinView[] {
    return this.records.all().flatMap((id) => {
      const image = this.images.find(id);
      return image === undefined ? [] : [{ Id: id, Names: [...image.tags, ...image.digests] }];
    });
  }
}
