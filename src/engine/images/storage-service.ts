import type { ContainerSummary } from "../../api/container-views.ts";
import type { Logger } from "../../host/logger.ts";
import type { Database } from "../../host/sqlite.ts";
import type { Trees } from "../../kernel/trees.ts";
import { ImagePinRecords } from "../../store/gc/image-pins.ts";
import { ScrubRecords } from "../../store/gc/scrub-records.ts";
import { StoreUsage } from "../../store/gc/store-usage.ts";
import type { ImageStore } from "../../store/image-store.ts";
import type { EventSink } from "../events/event-sink.ts";
import { DiskUsage } from "../system/disk-usage.ts";
import { diffImages } from "./image-diff.ts";
import { findImage } from "./image-lookup.ts";
import { ImagePins } from "./image-pins.ts";
import type { ImagesBackend } from "./image-use-cases.ts";
import { viewLayers } from "./layer-view.ts";
import type { ContainerUse } from "./ports.ts";
import { ImagePrune } from "./prune-images.ts";
import type { BlobSource } from "./scrub-ports.ts";
import { StorageScrub } from "./scrub-store.ts";
import type { StorageBackend } from "./storage-use-cases.ts";

/** What upkeep needs to know of containers. `main` fills it in. */
export interface ContainersOfStorage extends ContainerUse {
  /** All of them, without sizes. */
  list(): Promise<ContainerSummary[]>;
  find(id: string): { readonly snapshot: string; readonly imageId: string } | undefined;
  /** Keys of the snapshots of those that run. */
  runningSnapshots(): readonly string[];
}

export interface StorageDependencies {
  readonly store: ImageStore;
  /** With `imageMigrations`, `snapshotMigrations` and `upkeepMigrations`. */
  readonly database: Database;
  readonly trees: Trees;
  readonly containers: ContainersOfStorage;
  readonly images: Pick<ImagesBackend, "remove">;
  readonly source: BlobSource;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly now?: () => Date;
}

/** Puts the upkeep of images together. */
export function createStorage(dependencies: StorageDependencies): StorageBackend {
  const { store, database, trees, containers } = dependencies;
  const { images, content, snapshots } = store;
  const usage = new StoreUsage({ database, content, snapshots, trees });
  const records = new ImagePinRecords(database);
  const pins = new ImagePins(images, records);
  const prune = new ImagePrune({
    ...dependencies,
    images,
    pins: records,
    usage,
    remove: (ref, how) => dependencies.images.remove(ref, how),
  });
  const diskUsage = new DiskUsage({ usage, images, containers, snapshots: store.layers });
  const scrub = new StorageScrub({
    store,
    records: new ScrubRecords(database),
    trees,
    source: dependencies.source,
    runningSnapshots: () => containers.runningSnapshots(),
  });
  return {
    diskUsage: (kinds, signal) => diskUsage.read(kinds, signal),
    planPrune: (filters, signal) => prune.plan(filters, signal),
    prune: (filters, signal) => prune.prune(filters, signal),
    applyPrunePlan: (planId, signal) => prune.apply(planId, signal),
    pins: async () => pins.list(),
    pin: async (ref) => pins.pin(ref),
    unpin: async (ref) => pins.unpin(ref),
    diff: (refs, options, signal) => {
      const [from, to] = [findImage(images, refs.from), findImage(images, refs.to)];
      return diffImages(store, trees, { from, to }, options, signal);
    },
    layers: (ref, options, signal) => viewLayers(store, trees, findImage(images, ref), options, signal),
    scrub: (options, signal) => scrub.run(options, signal),
  };
}
