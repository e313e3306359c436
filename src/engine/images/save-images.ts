import { EngineError } from "../../base/errors.ts";
import { fitsPlatform, formatPlatform, type Platform } from "../../oci/platform.ts";
import { familiarString } from "../../oci/reference.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { EventSink } from "../events/event-sink.ts";
import { type ArchivedImagePlan, writeImageArchive } from "./image-archive-writer.ts";
import { publishImageEvent } from "./image-events.ts";
import { savedManifest } from "./saved-manifest.ts";
import { type SavedImage, savedImages } from "./saved-names.ts";

export interface SaveImagesDependencies {
  readonly store: ImageStore;
  readonly events: EventSink;
}

export interface ImageArchivesBackend {
  /**
   * `docker save`: a tar of all images that the names mean. Resolves when it is sure that all of them are there; the stream is to be
   * read to its end or returned. Throws notFound, invalid, failedPrecondition for an image whose layers are not kept.
   */
  save(
    names: readonly string[],
    platform: Platform | undefined,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<Uint8Array, void, undefined>>;
}

/** Docker writes layers uncompressed; here they are as they came: `docker load`, skopeo and others take both. */
export function createImageArchives({ store, events }: SaveImagesDependencies): ImageArchivesBackend {
  return {
    async save(names, platform, signal) {
      const images = savedImages(store.images, names);
      for (const saved of images) checkPlatform(saved, platform);
      const held = store.content.hold();
      try {
        // Held before they are looked for: a removal of the image meanwhile takes nothing away.
        for (const { image } of images) holdBlobs(store, image.id, held);
        const plans: ArchivedImagePlan[] = [];
        for (const { image, tags } of images)
          plans.push({ manifest: await savedManifest(store, image), tags });
        for (const { manifest } of plans) for (const { digest } of manifest.layers) held.add(digest);
        signal.throwIfAborted();
        for (const { image } of images) publishImageEvent(events, "save", image);
        return releasing(
          writeImageArchive(plans, (digest) => store.content.stream(digest)),
          held,
        );
      } catch (error) {
        held[Symbol.dispose]();
        throw error;
      }
    },
  };
}

function holdBlobs(store: ImageStore, id: string, held: { add(digest: string): void }): void {
  for (const { digest } of store.images.blobsOf(id)) held.add(digest);
}

async function* releasing(
  archive: AsyncGenerator<Uint8Array, void, undefined>,
  held: Disposable,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* archive;
  } finally {
    held[Symbol.dispose]();
  }
}

function checkPlatform({ image, tags }: SavedImage, wanted: Platform | undefined): void {
  if (wanted === undefined || fitsPlatform(image.config, wanted)) return;
  const name = tags[0] === undefined ? image.id : familiarString(tags[0]);
  throw new EngineError(
    "notFound",
    `image with reference ${name} was found but does not match the specified platform: wanted ${formatPlatform(wanted)}, actual: ${formatPlatform(image.config)}`,
  );
}
