import { EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { ContainerRuntime } from "../../runtime/container-runtime.ts";
import type { Snapshots } from "../../store/images.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { containerPaths, removeContainerDirectory } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { Commits } from "./create/create-container.ts";
import type { ContainerKiller } from "./kill-container.ts";

export interface RemoveDependencies {
  readonly commits: Commits;
  readonly directory: StoredContainerDirectory;
  readonly runtime: Pick<ContainerRuntime, "forget">;
  readonly snapshots: Pick<Snapshots, "remove">;
  readonly killer: Pick<ContainerKiller, "killAndWait">;
  readonly events: EventSink;
  readonly dataRoot: string;
  readonly logger: Logger;
}

/**
 * `docker rm`. The deletion of the row is the removal: in one transaction the container is gone and its name free, and the
 * client is answered. Shim, layer and directory follow in the background; nothing is lost when the daemon dies before they
 * are gone, as all of them carry the container's id and the next start sweeps what has no row.
 */
export class ContainerRemover {
  readonly #background = new Set<Promise<void>>();

  constructor(private readonly dependencies: RemoveDependencies) {}

  /** Throws notFound, conflict; unimplemented for links. `volumes` has nothing to remove yet, as there are none. */
  async remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void> {
    if (options.link)
      throw new EngineError("unimplemented", "links between containers are not available yet");
    const { directory } = this.dependencies;
    const entry = directory.get(ref);
    directory.check(entry, { type: "remove", force: options.force });
    entry.removalInProgress = true;
    try {
      await this.#end(entry);
      await entry.exclusively(async () => {
        if (directory.has(entry.id)) this.removeStopped(entry);
      });
    } catch (error) {
      entry.removalInProgress = false;
      const reason = fromUnknown(error);
      entry.announceFailedRemoval(reason.message);
      throw new EngineError(
        reason.kind,
        `cannot remove container "/${entry.record.name}": ${reason.message}`,
        {
          cause: error,
        },
      );
    }
  }

  /** Removes one that does not run. For callers that hold its queue. */
  removeStopped(entry: ContainerEntry): void {
    const { directory, events } = this.dependencies;
    const { record } = entry;
    directory.delete(entry);
    entry.attachments.giveUpAll();
    publishContainerEvent(events, record, "destroy");
    entry.announceRemoval();
    entry.notifyChange();
    this.#inBackground(this.#cleanUp(record));
  }

  /** Resolves when everything that was removed is gone from the disk too. */
  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.all(this.#background);
  }

  async #end(entry: ContainerEntry): Promise<void> {
    // A start may be on its way: it is let through, then ended.
    await entry.exclusively(async () => undefined);
    if (!entry.isRunning) return;
    try {
      await this.dependencies.killer.killAndWait(entry);
    } catch (error) {
      if (!entry.isRunning) return;
      const reason = fromUnknown(error);
      throw new EngineError(reason.kind, `could not kill container: ${reason.message}`, { cause: error });
    }
  }

  /**
   * Layer and directory only when the shim is gone, which writes to both, and when the row is gone for good: a power cut may
   * undo a removal, but not leave a container without its files.
   */
  async #cleanUp(record: ContainerRecord): Promise<void> {
    const { commits, runtime, snapshots, dataRoot } = this.dependencies;
    await Promise.all([commits.synced(), runtime.forget(record.id)]);
    await Promise.all([
      snapshots.remove(record.snapshot),
      removeContainerDirectory(containerPaths(dataRoot, record.id)),
    ]);
  }

  #inBackground(work: Promise<void>): void {
    const { logger } = this.dependencies;
    const done: Promise<void> = work
      .catch((error: unknown) => {
        logger.warn("a removed container's files are left for the next start to sweep", {
          error: fromUnknown(error).message,
        });
      })
      .finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
