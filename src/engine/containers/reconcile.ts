import { fromUnknown } from "../../base/errors.ts";
import { isHex64 } from "../../base/ids.ts";
import type { Logger } from "../../host/logger.ts";
import type { ExitStatus } from "../../kernel/shim-session.ts";
import type { ContainerProcess, ContainerRuntime } from "../../runtime/container-runtime.ts";
import type { Snapshots } from "../../store/images.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { containerPaths, listContainerDirectories, removeContainerDirectory } from "./container-files.ts";
import type { ExitRecorder } from "./record-exit.ts";
import type { ContainerRemover } from "./remove-container.ts";

export interface ReconcileDependencies {
  readonly directory: StoredContainerDirectory;
  readonly runtime: Pick<ContainerRuntime, "adopt" | "forget" | "sweep">;
  readonly snapshots: Pick<Snapshots, "active" | "remove">;
  readonly exits: Pick<ExitRecorder, "watch">;
  readonly remover: Pick<ContainerRemover, "removeStopped">;
  readonly dataRoot: string;
  readonly logger: Logger;
  readonly nowNs: () => bigint;
}

/** Docker's, for a container of which nobody knows how it ended: the machine was switched off, say. */
const UNKNOWN_EXIT_CODE = 255;
/** Asking a shim is a connection each: not a thousand at once. */
const AT_ONCE = 32;

/**
 * Brings records and reality together, once, before the daemon answers its first request: finds the containers that went on
 * without a daemon, writes down the exits that nobody saw (without events, as in Docker: nobody could have heard them), and
 * sweeps what a crash left behind.
 */
export async function reconcileContainers(dependencies: ReconcileDependencies): Promise<void> {
  const { directory, logger } = dependencies;
  const waiting = [...directory.all()];
  while (waiting.length > 0) {
    const batch = waiting.splice(0, AT_ONCE);
    await Promise.all(
      batch.map((entry) =>
        entry
          .exclusively(() => reconcileOne(entry, dependencies))
          .catch((error: unknown) => {
            logger.error("a container could not be restored", {
              container: entry.id,
              error: fromUnknown(error).message,
            });
          }),
      ),
    );
  }
  await sweep(dependencies);
}

/**
 * Every container is asked for, whatever its row says: a start is written after the program runs, and an exit after the
 * shim has recorded it, so the row may be one step behind.
 */
async function reconcileOne(entry: ContainerEntry, dependencies: ReconcileDependencies): Promise<void> {
  const found = await dependencies.runtime.adopt(entry.id);
  if (found !== undefined && "exited" in found) {
    await resume(entry, found, dependencies);
    return;
  }
  const { directory, remover, runtime, nowNs } = dependencies;
  const exit = found?.exit;
  if (entry.isRunning || (exit !== undefined && isNews(entry, exit))) {
    directory.apply(entry, {
      type: "exited",
      exitCode: exit?.code ?? UNKNOWN_EXIT_CODE,
      oomKilled: exit?.oomKilled ?? false,
      atNs: exit?.finishedAtNs ?? nowNs(),
    });
  }
  // Also one that never started, as in Docker: who would have started it has lost its daemon.
  if (entry.record.hostConfig.AutoRemove) remover.removeStopped(entry);
  else if (exit !== undefined) await runtime.forget(entry.id);
}

/** An exit record of a run that the row has the end of already is not; the daemon died before it cleaned up. */
function isNews(entry: ContainerEntry, exit: ExitStatus): boolean {
  return exit.finishedAtNs !== entry.record.state.finishedAtNs;
}

/** The row decides between running and paused: the freezer may be a step ahead of it. */
async function resume(
  entry: ContainerEntry,
  process: ContainerProcess,
  { directory, exits }: ReconcileDependencies,
): Promise<void> {
  entry.process = process;
  if (!entry.isRunning) {
    directory.apply(entry, { type: "started", pid: process.pid, atNs: process.startedAtNs });
  }
  try {
    await (entry.record.state.status === "paused" ? process.pause() : process.resume());
  } finally {
    exits.watch(entry, process);
  }
}

async function sweep({
  directory,
  runtime,
  snapshots,
  dataRoot,
  logger,
}: ReconcileDependencies): Promise<void> {
  // A run directory is named by the first digits of the id. One too many kept is nothing, one too few kills a container.
  await runtime.sweep((name) => directory.hasPrefix(name));
  const orphan = (name: string) => isHex64(name) && !directory.has(name);
  const [keys, names] = await Promise.all([snapshots.active(), listContainerDirectories(dataRoot)]);
  const swept = await Promise.allSettled([
    ...keys.filter(orphan).map((key) => snapshots.remove(key)),
    ...names.filter(orphan).map((name) => removeContainerDirectory(containerPaths(dataRoot, name))),
  ]);
  for (const result of swept) {
    if (result.status === "fulfilled") continue;
    logger.warn("a leftover of a container could not be removed", {
      error: fromUnknown(result.reason).message,
    });
  }
}
