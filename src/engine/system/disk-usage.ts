import type { ContainerSummary } from "../../api/container-views.ts";
import type { DiskUsageImage, DiskUsageKind, DiskUsageView } from "../../api/disk-usage-views.ts";
import { isKind } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import { imageSizes, type StoreUsage, totalBytes } from "../../store/gc/store-usage.ts";
import type { Snapshots, StoredImage } from "../../store/images.ts";
import type { ImagesRepository } from "../../store/metadata/images-repository.ts";
import { Slots } from "../../store/snapshots/slots.ts";
import { createdMs } from "../images/list-images.ts";
import type { ContainerUse } from "../images/ports.ts";

export interface DiskUsageDependencies {
  readonly usage: StoreUsage;
  readonly images: ImagesRepository;
  readonly containers: ContainerUse & {
    /** All of them, without sizes. */
    list(): Promise<ContainerSummary[]>;
    /** The key of a container's snapshot and its image; undefined when it went. */
    find(id: string): { readonly snapshot: string; readonly imageId: string } | undefined;
  };
  readonly snapshots: Pick<Snapshots, "usage">;
}

/** berth-kernel walks as many trees at a time. */
const MAX_PARALLEL_WALKS = 8;

/**
 * `GET /system/df`. Layers and blobs are rows; only what containers wrote is walked, side by side. The sizes of images and LayersSize
 * are the disk's, of one moment, so that their sum is what `du` says of the store. Throws canceled on `signal`.
 */
export class DiskUsage {
  constructor(private readonly dependencies: DiskUsageDependencies) {}

  async read(
    kinds: ReadonlySet<DiskUsageKind>,
    signal: AbortSignal,
  ): Promise<DiskUsageView<ContainerSummary>> {
    const [images, containers] = await Promise.all([
      kinds.has("image") ? this.images(signal) : undefined,
      kinds.has("container") ? this.containers(signal) : undefined,
    ]);
    return {
      ...(images === undefined ? {} : { LayersSize: images.layersSize, Images: images.summaries }),
      ...(containers === undefined ? {} : { Containers: containers }),
      ...(kinds.has("volume") ? { Volumes: [] } : {}),
      ...(kinds.has("build-cache") ? { BuildCache: [] } : {}),
    };
  }

  private async images(signal: AbortSignal): Promise<{ layersSize: number; summaries: DiskUsageImage[] }> {
    const { usage, images } = this.dependencies;
    const reading = await usage.read(signal);
    const sizes = imageSizes(reading);
    const summaries = images
      .all()
      .filter((image) => sizes.has(image.id) && !this.isIntermediate(image))
      .sort((left, right) => createdMs(right) - createdMs(left))
      .map((image) => this.summary(image, sizes.get(image.id) ?? { bytes: 0, sharedBytes: 0 }));
    return { layersSize: totalBytes(reading), summaries };
  }

  /** Untagged and only there for the images that were built on it: not listed, as in Docker. */
  private isIntermediate(image: StoredImage): boolean {
    return (
      image.tags.length === 0 &&
      image.digests.length === 0 &&
      this.dependencies.images.childrenOf(image.id).length > 0
    );
  }

  private summary(image: StoredImage, size: { bytes: number; sharedBytes: number }): DiskUsageImage {
    const { images, containers } = this.dependencies;
    return {
      Id: image.id,
      ParentId: images.parentOf(image.id) ?? "",
      RepoTags: [...image.tags],
      RepoDigests: [...image.digests],
      Created: Math.floor(createdMs(image) / 1000),
      Size: size.bytes,
      SharedSize: size.sharedBytes,
      Labels: image.config.config?.Labels ?? null,
      Containers: containers.containersOf(image.id as ImageId).length,
    };
  }

  private async containers(signal: AbortSignal): Promise<ContainerSummary[]> {
    const { containers } = this.dependencies;
    const slots = new Slots(MAX_PARALLEL_WALKS);
    const all = await containers.list();
    const measured = await Promise.all(all.map((summary) => slots.use(() => this.measure(summary, signal))));
    return measured.filter((summary) => summary !== undefined);
  }

  /** Undefined for a container that was removed meanwhile. */
  private async measure(
    summary: ContainerSummary,
    signal: AbortSignal,
  ): Promise<ContainerSummary | undefined> {
    signal.throwIfAborted();
    const { containers, images, snapshots } = this.dependencies;
    const found = containers.find(summary.Id);
    if (found === undefined) return undefined;
    try {
      const own = await snapshots.usage(found.snapshot);
      return { ...summary, SizeRw: own, SizeRootFs: own + (images.find(found.imageId)?.sizeBytes ?? 0) };
    } catch (error) {
      if (isKind(error, "notFound")) return undefined;
      throw error;
    }
  }
}
