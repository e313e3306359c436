import type { Filters } from "../../api/filters.ts";
import type { ImageDeleteEntry } from "../../api/image-views.ts";
import type { ImagesPruneView, PruneKept, PrunePlanView } from "../../api/storage-views.ts";
import { EngineError, fromUnknown, isKind } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import type { Logger } from "../../host/logger.ts";
import type { ImagePinRecords } from "../../store/gc/image-pins.ts";
import { freedBytes, reclaimedBytes, type StoreUsage } from "../../store/gc/store-usage.ts";
import type { StoredImage } from "../../store/images.ts";
import type { ImagesRepository } from "../../store/metadata/images-repository.ts";
import type { EventSink } from "../events/event-sink.ts";
import { createdMs } from "./list-images.ts";
import type { ContainerUse } from "./ports.ts";
import { decidePrune, type PruneCandidate } from "./prune-decision.ts";
import { parseImagePruneFilters } from "./prune-filters.ts";
import { type PlannedRemoval, PrunePlans } from "./prune-plans.ts";

export interface PruneImagesDependencies {
  readonly images: ImagesRepository;
  readonly containers: ContainerUse;
  readonly pins: ImagePinRecords;
  readonly usage: StoreUsage;
  /** Docker's removal of one name or, by id, of one image without names. */
  readonly remove: (ref: string, how: { force: false; noPrune: true }) => Promise<ImageDeleteEntry[]>;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly now?: () => Date;
}

/** `docker image prune`, at once or by a plan that was looked at before. Each image goes in a transaction of its own. */
export class ImagePrune {
  private readonly plans = new PrunePlans();
  private isRunning = false;

  constructor(private readonly dependencies: PruneImagesDependencies) {}

  /** What a prune would do now. Throws invalid for the filters. */
  async plan(filters: Filters, signal: AbortSignal): Promise<PrunePlanView> {
    const parsed = parseImagePruneFilters(filters, this.now());
    const reading = await this.dependencies.usage.read(signal);
    const { remove, keep } = decidePrune(this.candidates(), parsed);
    const freed = freedBytes(
      reading,
      remove.map(({ image }) => image.id),
    );
    const { id, expiresAt } = this.plans.add(
      remove.map(({ image }) => ({ id: image.id, names: image.names })),
      this.now(),
    );
    const removals = remove.map(({ image, reason }) => ({
      Kind: "image" as const,
      Id: image.id,
      Names: [...image.names],
      Bytes: freed.get(image.id) ?? 0,
      Reason: reason,
    }));
    return {
      Id: id,
      ExpiresAt: expiresAt.toISOString(),
      Remove: removals,
      Keep: keep.map(({ image, reason }) => ({ Id: image.id, Names: [...image.names], Reason: reason })),
      SpaceReclaimed: removals.reduce((sum, { Bytes }) => sum + Bytes, 0),
    };
  }

  /** Throws invalid for the filters, conflict while another prune runs. A client that leaves stops it between two images. */
  async prune(filters: Filters, signal: AbortSignal): Promise<ImagesPruneView> {
    const parsed = parseImagePruneFilters(filters, this.now());
    return await this.alone(async () => {
      const { remove } = decidePrune(this.candidates(), parsed);
      const { Kept: _, ...view } = await this.removeAll(
        remove.map(({ image }) => ({ id: image.id, names: image.names })),
        signal,
      );
      return view;
    });
  }

  /**
   * Carries out a plan: nothing else goes, and what has changed since stays and is named. Throws notFound for a plan that is not there
   * (any more), conflict while another prune runs.
   */
  async apply(planId: string, signal: AbortSignal): Promise<ImagesPruneView> {
    return await this.alone(() => this.removeAll(this.plans.take(planId, this.now()), signal));
  }

  private async removeAll(
    removals: readonly PlannedRemoval[],
    signal: AbortSignal,
  ): Promise<ImagesPruneView> {
    const { usage, events } = this.dependencies;
    const before = await usage.read(signal);
    const deleted: ImageDeleteEntry[] = [];
    const kept: PruneKept[] = [];
    for (const removal of removals) {
      if (signal.aborted) break;
      const reason = await this.removeOne(removal, deleted);
      if (reason !== undefined) kept.push({ Id: removal.id, Names: this.namesOf(removal), Reason: reason });
    }
    const bytes = reclaimedBytes(before, await usage.read());
    events.publish("image", "prune", "", { reclaimed: String(bytes) });
    return { ImagesDeleted: deleted.length === 0 ? null : deleted, SpaceReclaimed: bytes, Kept: kept };
  }

  /** Returns why it stays; undefined when it went (or was gone before). */
  private async removeOne(removal: PlannedRemoval, deleted: ImageDeleteEntry[]): Promise<string | undefined> {
    const { images, remove, logger } = this.dependencies;
    const found = images.find(removal.id);
    if (found === undefined) return undefined;
    const changed = this.changeOf(removal, found);
    if (changed !== undefined) return changed;
    const how = { force: false, noPrune: true } as const;
    try {
      for (const name of removal.names) {
        // The last tag of a repository takes its digests along.
        if (!images.find(removal.id)) return undefined;
        if (this.namesOf(removal).includes(name)) deleted.push(...(await remove(name, how)));
      }
      if (removal.names.length === 0) deleted.push(...(await remove(removal.id, how)));
      return images.find(removal.id) === undefined ? undefined : "came into use";
    } catch (error) {
      const { message } = fromUnknown(error);
      if (!isKind(error, "conflict"))
        logger.warn("an image could not be pruned", { image: removal.id, error: message });
      return message;
    }
  }

  /** What stands against it now that did not when the removal was decided. */
  private changeOf(removal: PlannedRemoval, image: StoredImage): string | undefined {
    const candidate = this.candidate(image);
    if (candidate.isPinned) return "pinned";
    if (candidate.users.length > 0) return `used by container ${candidate.users.join(", ")}`;
    const child = this.dependencies.images.childrenOf(removal.id)[0];
    if (child !== undefined) return `parent of ${child.replace("sha256:", "").slice(0, 12)}`;
    const got = candidate.names.find((name) => !removal.names.includes(name));
    if (got !== undefined) return `got the name ${got}`;
    const lost = removal.names.find((name) => !candidate.names.includes(name));
    return lost === undefined ? undefined : `lost the name ${lost}`;
  }

  private namesOf(removal: PlannedRemoval): string[] {
    const image = this.dependencies.images.find(removal.id);
    return image === undefined ? [] : [...image.tags, ...image.digests];
  }

  private candidates(): PruneCandidate[] {
    return this.dependencies.images.all().map((image) => this.candidate(image));
  }

  private candidate(image: StoredImage): PruneCandidate {
    const { images, containers, pins } = this.dependencies;
    return {
      id: image.id,
      names: [...image.tags, ...image.digests],
      isTagged: image.tags.length > 0,
      createdMs: createdMs(image),
      labels: image.config.config?.Labels ?? {},
      parent: images.parentOf(image.id),
      users: containers.containersOf(image.id as ImageId).map(({ id, name }) => name ?? id.slice(0, 12)),
      isPinned: pins.has(image.id),
    };
  }

  private async alone<T>(work: () => Promise<T>): Promise<T> {
    if (this.isRunning) throw new EngineError("conflict", "a prune operation is already running");
    this.isRunning = true;
    try {
      return await work();
    } finally {
      this.isRunning = false;
    }
  }

  private now(): Date {
    return this.dependencies.now?.() ?? new Date();
  }
}
