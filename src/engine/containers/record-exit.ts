import { fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import type { ExitStatus } from "../../kernel/shim-session.ts";
import type { ContainerProcess, ContainerRuntime } from "../../runtime/container-runtime.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import type { ContainerRemover } from "./remove-container.ts";

export interface ExitDependencies {
  readonly directory: StoredContainerDirectory;
  readonly runtime: Pick<ContainerRuntime, "forget">;
  readonly remover: Pick<ContainerRemover, "removeStopped">;
  readonly events: EventSink;
  readonly logger: Logger;
  readonly nowNs: () => bigint;
}

/** 128 + SIGKILL: with the shim its container was killed. What containerd reports for a lost shim too. */
const LOST_SHIM_EXIT_CODE = 137;

/** Writes down how containers ended, and does what follows from it. */
export class ExitRecorder {
  constructor(private readonly dependencies: ExitDependencies) {}

  /** From now on the process's end is recorded. */
  watch(entry: ContainerEntry, process: ContainerProcess): void {
    const { logger, nowNs } = this.dependencies;
    process.exited
      .catch((error: unknown): ExitStatus => {
        logger.error("a container's shim was lost", {
          container: entry.id,
          error: fromUnknown(error).message,
        });
        return { code: LOST_SHIM_EXIT_CODE, signal: 9, oomKilled: false, finishedAtNs: nowNs() };
      })
      .then((status) => entry.exclusively(() => this.#record(entry, process, status)))
      .catch((error: unknown) => {
        logger.error("a container's exit could not be handled", {
          container: entry.id,
          error: fromUnknown(error).message,
        });
      });
  }

  /** In the container's queue. Its shim, mounts and cgroup are cleared away later: nobody but the next start waits for that. */
  async #record(entry: ContainerEntry, process: ContainerProcess, status: ExitStatus): Promise<void> {
    if (entry.process !== process) return;
    const { events, logger, remover, runtime } = this.dependencies;
    const removes = entry.record.hostConfig.AutoRemove === true && entry.restartsInProgress === 0;
    const { startedAtNs } = entry.record.state;
    entry.process = undefined;
    entry.runtimeConfig = undefined;
    entry.execs.clear();
    this.#apply(entry, status, removes);
    if (status.oomKilled) publishContainerEvent(events, entry.record, "oom");
    publishContainerEvent(events, entry.record, "die", {
      exitCode: String(status.code),
      execDuration: String(wholeSeconds(status.finishedAtNs - startedAtNs)),
    });
    entry.announceExit();
    // A removal that waits for this exit does both itself.
    if (entry.removalInProgress) return;
    if (removes) remover.removeStopped(entry);
    else
      void runtime.forget(entry.id).catch((error: unknown) => {
        logger.warn("what an ended container left is not cleared away", {
          container: entry.id,
          error: fromUnknown(error).message,
        });
      });
  }

  /** With --rm the next thing is the row's deletion: writing it first would cost a commit that nobody reads. */
  #apply(entry: ContainerEntry, status: ExitStatus, removes: boolean): void {
    const { directory, logger } = this.dependencies;
    const exited = {
      type: "exited",
      exitCode: status.code,
      oomKilled: status.oomKilled,
      atNs: status.finishedAtNs,
    } as const;
    if (removes) {
      directory.show(entry, exited);
      return;
    }
    try {
      directory.apply(entry, exited);
    } catch (error) {
      // The disk is full, say. It has ended whatever the row says; the next daemon reads the shim's own record.
      directory.show(entry, exited);
      logger.error("a container's exit could not be written", {
        container: entry.id,
        error: fromUnknown(error).message,
      });
    }
  }
}

function wholeSeconds(ns: bigint): bigint {
  return ns > 0n ? ns / 1_000_000_000n : 0n;
}
