import type { ContainersPruneView } from "../../api/container-views.ts";
import type { Filters } from "../../api/filters.ts";
import { EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { Snapshots } from "../../store/images.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { parsePruneFilters } from "./prune-filters.ts";
import type { ContainerRemover } from "./remove-container.ts";

export interface PruneDependencies {
  readonly directory: StoredContainerDirectory;
  readonly remover: Pick<ContainerRemover, "remove">;
  readonly snapshots: Pick<Snapshots, "usage">;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly nowNs: () => bigint;
}

/** `docker container prune`: removes all that do not run and fit the filters. Throws invalid, conflict (one at a time). */
export function createPrune(dependencies: PruneDependencies) {
  const { directory, remover, snapshots, events, logger, nowNs } = dependencies;
  let running = false;

  /** Bytes that became free; undefined when it could not be removed, which keeps the others from nothing. */
  const removeOne = async (entry: ContainerEntry): Promise<number | undefined> => {
    try {
      const bytes = await snapshots.usage(entry.record.snapshot).catch(() => 0);
      await remover.remove(entry.id, { force: false, volumes: false, link: false });
      return bytes;
    } catch (error) {
      logger.warn("a container could not be pruned", {
        container: entry.id,
        error: fromUnknown(error).message,
      });
      return undefined;
    }
  };

  return async (filters: Filters): Promise<ContainersPruneView> => {
    if (running) throw new EngineError("conflict", "a prune operation is already running");
    const matches = parsePruneFilters(filters, nowNs());
    running = true;
    try {
      const removed: string[] = [];
      let bytes = 0;
      for (const entry of directory.all()) {
        if (entry.isRunning || !matches(entry.record)) continue;
        const freed = await removeOne(entry);
        if (freed === undefined) continue;
        removed.push(entry.id);
        bytes += freed;
      }
      events.publish("container", "prune", "", { reclaimed: String(bytes) });
      return { ContainersDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: bytes };
    } finally {
      running = false;
    }
  };
}
