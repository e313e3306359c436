import { EngineError } from "../../base/errors.ts";
import type { ImageId } from "../../base/ids.ts";
import type { Logger } from "../../host/logger.ts";
import type { Database } from "../../host/sqlite.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type { ContainerRuntime, MachineFacts } from "../../runtime/container-runtime.ts";
import type { Snapshots } from "../../store/images.ts";
import type { EventSink } from "../events/event-sink.ts";
import { createAttach, type LogReplay } from "./attach-container.ts";
import { StoredContainerDirectory } from "./container-directory.ts";
import { containerPaths } from "./container-files.ts";
import { ContainerRepository } from "./container-repository.ts";
import type { ContainersBackend } from "./container-use-cases.ts";
import { type Commits, ContainerCreator, type ImageResolver } from "./create/create-container.ts";
import type { HostFacts } from "./create/host-facts.ts";
import { ContainerKiller } from "./kill-container.ts";
import type { LiveContainer } from "./live-container.ts";
import { LogReader, WHOLE_LOG } from "./logs/logs-reader.ts";
import { createPause } from "./pause-container.ts";
import { createPrune } from "./prune-containers.ts";
import { reconcileContainers } from "./reconcile.ts";
import { ExitRecorder } from "./record-exit.ts";
import { ContainerRemover } from "./remove-container.ts";
import { createRename } from "./rename-container.ts";
import { createResize } from "./resize-container.ts";
import { createRestart } from "./restart-container.ts";
import { type BuildRuntimeConfig, ContainerStarter } from "./start-container.ts";
import { ContainerStopper } from "./stop-container.ts";
import { createWait } from "./wait-container.ts";

export interface ContainersDependencies {
  /** Opened with `containerMigrations`. */
  readonly database: Database;
  readonly commits: Commits;
  readonly runtime: ContainerRuntime;
  readonly snapshots: Snapshots;
  readonly images: ImageResolver;
  readonly events: EventSink;
  readonly buildRuntimeConfig: BuildRuntimeConfig;
  readonly machine: MachineFacts;
  /** `await readHostFacts(machine)` */
  readonly facts: HostFacts;
  /** Absolute; `containers/` below it is used. */
  readonly dataRoot: string;
  readonly logger: Logger;
  readonly killTimeoutMs?: number;
  readonly nowNs?: () => bigint;
}

type Operations = Pick<
  ContainersBackend,
  | "create"
  | "start"
  | "stop"
  | "restart"
  | "kill"
  | "pause"
  | "unpause"
  | "rename"
  | "remove"
  | "prune"
  | "wait"
  | "attach"
  | "resize"
>;

export interface Containers {
  readonly directory: StoredContainerDirectory;
  readonly backend: Operations;
  /** To be called once, before the first request. */
  reconcile(): Promise<void>;
  /** Containers made from an image, running or not: what keeps it from being removed. */
  containersOf(
    image: ImageId,
  ): readonly { readonly id: string; readonly name: string; readonly running: boolean }[];
  /** What a running container was launched with, for `exec`. */
  runtimeConfigOf(container: LiveContainer): Promise<OciRuntimeConfig>;
  /** Resolves when no removed container has files left. */
  idle(): Promise<void>;
}

/** From the file that the shim writes. */
function logReplay(dataRoot: string): LogReplay {
  return {
    replay: ({ id, record }, { stdout, stderr }, signal) => {
      if (record.hostConfig.LogConfig?.Type === "none") {
        throw new EngineError("unimplemented", "configured logging driver does not support reading");
      }
      const reader = new LogReader(containerPaths(dataRoot, id).log);
      return reader.read({ ...WHOLE_LOG, stdout, stderr }, signal);
    },
  };
}

const KILL_TIMEOUT_MS = 10_000;

/** Puts the use-cases of containers together. Reads the database; touches nothing else before `reconcile`. */
export function createContainers(given: ContainersDependencies): Containers {
  const dependencies = {
    killTimeoutMs: KILL_TIMEOUT_MS,
    nowNs: () => BigInt(Date.now()) * 1_000_000n,
    ...given,
    directory: new StoredContainerDirectory(new ContainerRepository(given.database)),
  };
  const { directory, events } = dependencies;
  const creator = new ContainerCreator(dependencies);
  const killer = new ContainerKiller(dependencies);
  const remover = new ContainerRemover({ ...dependencies, killer });
  const exits = new ExitRecorder({ ...dependencies, remover });
  const starter = new ContainerStarter({ ...dependencies, exits, remover });
  const stopper = new ContainerStopper({ ...dependencies, killer });
  return {
    directory,
    backend: {
      create: async (request, options) => {
        const created = await creator.create(request, options);
        // After the answer, which nothing here may hold up.
        setImmediate(() => {
          const entry = directory.find(created.Id);
          if (entry !== undefined) void starter.anticipate(entry);
        });
        return created;
      },
      start: async (ref) => starter.start(directory.get(ref)),
      stop: (ref, options) => stopper.stop(ref, options),
      restart: createRestart({ ...dependencies, stopper, starter }),
      kill: (ref, signal) => killer.kill(ref, signal),
      ...createPause(dependencies),
      rename: createRename(directory, events),
      remove: (ref, options) => remover.remove(ref, options),
      prune: createPrune({ ...dependencies, remover }),
      wait: createWait(directory),
      attach: createAttach({ ...dependencies, logs: logReplay(given.dataRoot) }),
      resize: createResize(directory, events),
    },
    reconcile: () => reconcileContainers({ ...dependencies, exits, remover }),
    containersOf: (image) =>
      directory
        .usersOf(image)
        .map(({ id, record, isRunning }) => ({ id, name: record.name, running: isRunning })),
    runtimeConfigOf: async (container) => starter.runtimeConfigOf(directory.get(container.id)),
    idle: () => remover.idle(),
  };
}
