/** What the image use-cases need of others. `main` fills them in. */
import type { ImageId } from "../../base/ids.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { EventSink } from "../events/event-sink.ts";

export interface ContainerUse {
  /** The containers that were created from this image, running or not. */
  containersOf(
    imageId: ImageId,
  ): readonly { readonly id: string; readonly name?: string; readonly running: boolean }[];
}

export interface ImagesDependencies {
  readonly store: ImageStore;
  readonly events: EventSink;
  readonly containers: ContainerUse;
  /** This machine's. */
  readonly platform: Platform;
  /** berth's version, for images that are made here. */
  readonly version: string;
  readonly now?: () => Date;
}
