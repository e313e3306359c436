import type { ImageHistoryEntry, ImageInspectView } from "../../api/image-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { StoredImage } from "../../store/images.ts";

/** Go's zero time: never tagged. */
const NEVER = "0001-01-01T00:00:00Z";

/** `GET /images/{name}/json`. */
export async function inspectImage(store: ImageStore, image: StoredImage): Promise<ImageInspectView> {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: [...image.tags],
    RepoDigests: [...image.digests],
    Parent: store.images.parentOf(image.id) ?? "",
    Comment: config.comment ?? "",
    ...(config.created === undefined ? {} : { Created: config.created }),
    DockerVersion: config.docker_version ?? "",
    Author: config.author ?? "",
    Config: config.config ?? null,
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    GraphDriver: { Name: store.layers.driver, Data: await directoriesOf(store, image) },
    RootFS: {
      Type: config.rootfs.type,
      ...(config.rootfs.diff_ids.length === 0 ? {} : { Layers: config.rootfs.diff_ids }),
    },
    Metadata: { LastTagTime: image.lastTaggedAt ?? NEVER },
  };
}

async function directoriesOf(store: ImageStore, image: StoredImage): Promise<Record<string, string> | null> {
  if (image.topSnapshot === undefined) return null;
  const { lowerDirs, upperDir, workDir } = await store.layers.root(image.topSnapshot);
  return {
    ...(lowerDirs.length === 0 ? {} : { LowerDir: lowerDirs.join(":") }),
    UpperDir: upperDir,
    WorkDir: workDir,
  };
}

/**
 * `GET /images/{name}/history`, newest first. Only the first entry, and those of images that this one was built on here,
 * have an id. Throws dataLoss when the history names more layers than there are.
 */
export function imageHistory(store: ImageStore, image: StoredImage): ImageHistoryEntry[] {
  const layers = store.images.layersOf(image.id);
  let next = 0;
  const entries = (image.config.history ?? []).map((entry) => {
    let size = 0;
    if (entry.empty_layer !== true) {
      const layer = layers[next++];
      if (layer === undefined)
        throw new EngineError("dataLoss", "too many non-empty layers in History section");
      size = store.layers.sizeOf(layer);
    }
    return {
      Id: "<missing>",
      Created: entry.created === undefined ? 0 : Math.floor(Date.parse(entry.created) / 1000),
      CreatedBy: entry.created_by ?? "",
      Tags: null as string[] | null,
      Size: size,
      Comment: entry.comment ?? "",
    };
  });
  entries.reverse();
  let current: StoredImage | undefined = image;
  for (const entry of entries) {
    if (current === undefined) break;
    entry.Id = current.id;
    entry.Tags = current.tags.length === 0 ? null : [...current.tags];
    const parent = store.images.parentOf(current.id);
    current = parent === undefined ? undefined : store.images.find(parent);
  }
  return entries;
}
