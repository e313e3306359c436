/** What the image use-cases need of others. `main` fills them in. */
import type { ImageId } from "../../base/ids.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { TagDocuments } from "../../store/metadata/tag-documents.ts";
import type { EventSink } from "../events/event-sink.ts";

export interface ContainerUse {
  /** The containers that were created from this image, running or not. */
  containersOf(
    imageId: ImageId,
  ): readonly { readonly id: string; readonly name?: string; readonly running: boolean }[];
}

export interface ImagesDependencies {
  readonly store: ImageStore;
  /** Images that are removed only by force. */
  readonly pins?: { has(id: ImageId): boolean };
  /** As which document a tag came: another tag for the same image inherits it. */
  readonly tagDocuments?: TagDocuments;
  readonly events: EventSink;
  readonly containers: ContainerUse;
  /** This machine's. */
  readonly platform: Platform;
  /** berth's version, for images that are made here. */
  readonly version: string;
  readonly now?: () => Date;
}
