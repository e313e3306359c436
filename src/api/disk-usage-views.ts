/** What the engine answers about the disk (`GET /system/df`, Engine API 1.24 to 1.50). */
import type { ImageSummary } from "./image-views.ts";

/** Kinds of `type=`, from API 1.42 on. */
export type DiskUsageKind = "container" | "image" | "volume" | "build-cache";

/**
 * An image as `/system/df` shows it. `Size` is the disk space of its layers and blobs, `SharedSize` the part of it that another
 * image needs as well: so what removing the image alone frees is the difference.
 */
export type DiskUsageImage = Omit<ImageSummary, "Manifests" | "Descriptor">;

/** The whole answer. What was not asked for is absent here; on the wire, as in Docker, it is null and LayersSize is 0. */
export interface DiskUsageView<Container> {
  /** Bytes on the disk of all blobs and layers, each once, and of what downloads have left. */
  LayersSize?: number;
  Images?: DiskUsageImage[];
  /** As in `/containers/json?size=1`: SizeRw is what the container wrote, SizeRootFs that and its image. */
  Containers?: Container[];
  Volumes?: never[];
  BuildCache?: never[];
}
