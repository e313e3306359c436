import type { Logger } from "../../host/logger.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type {
  ContainerProcess,
  ContainerRuntime,
  MachineFacts,
  SpecInput,
} from "../../runtime/container-runtime.ts";
import type { Snapshots } from "../../store/images.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { prepareFiles } from "./container-files.ts";
import type { ExitRecorder } from "./record-exit.ts";
import type { ContainerRemover } from "./remove-container.ts";
import { SIGKILL } from "./signals.ts";
import { gatherSpecInput, launchOptions } from "./spec-input.ts";
import { describeStartFailure } from "./start-failure.ts";

/** The host's resolver does not change within this. */
const FRESH_FILES_MS = 2000;

export type BuildRuntimeConfig = (input: SpecInput, machine: MachineFacts) => OciRuntimeConfig;

export interface StartDependencies {
  readonly directory: StoredContainerDirectory;
  readonly runtime: Pick<ContainerRuntime, "start" | "forget">;
  readonly snapshots: Pick<Snapshots, "root">;
  readonly buildRuntimeConfig: BuildRuntimeConfig;
  readonly machine: MachineFacts;
  readonly dataRoot: string;
  readonly events: EventSink;
  readonly exits: ExitRecorder;
  readonly remover: Pick<ContainerRemover, "removeStopped">;
  readonly logger: Logger;
}

/** `docker start`, and the second half of a restart. */
export class ContainerStarter {
  constructor(private readonly dependencies: StartDependencies) {}

  /** Throws notModified when it runs, conflict, and what `describeStartFailure` makes of a failed launch. */
  start(entry: ContainerEntry): Promise<void> {
    return entry.exclusively(async () => {
      this.dependencies.directory.check(entry, { type: "start" });
      try {
        await this.#launch(entry);
      } catch (error) {
        throw await this.#recordFailure(entry, error);
      }
    });
  }

  /** What the container's process was launched with; made again for one that an earlier daemon launched. */
  async runtimeConfigOf(entry: ContainerEntry): Promise<OciRuntimeConfig> {
    entry.runtimeConfig ??= await this.#buildConfig(entry);
    return entry.runtimeConfig;
  }

  /**
   * The row says "running" only after the program does: a commit takes as long as the launch. A daemon that is killed in
   * between finds the process by its shim (reconcile.ts).
   */
  async #launch(entry: ContainerEntry): Promise<void> {
    const { directory, runtime, snapshots, events, exits, dataRoot } = this.dependencies;
    const { record } = entry;
    const [config, root] = await Promise.all([this.#buildConfig(entry), snapshots.root(record.snapshot)]);
    freshenFiles(entry, dataRoot);
    const process = await runtime.start(
      { id: record.id, config, root, ...launchOptions(record, dataRoot) },
      async (ready) => {
        entry.process = ready;
        entry.runtimeConfig = config;
        await entry.attachments.connectAll(ready);
      },
    );
    entry.process = process;
    directory.apply(entry, { type: "started", pid: process.pid, atNs: process.startedAtNs });
    publishContainerEvent(events, entry.record, "start");
    exits.watch(entry, process);
  }

  async #buildConfig(entry: ContainerEntry): Promise<OciRuntimeConfig> {
    const { buildRuntimeConfig, directory, dataRoot, machine } = this.dependencies;
    return buildRuntimeConfig(await gatherSpecInput(entry, directory, dataRoot), machine);
  }

  /** Returns what the client is to hear. */
  async #recordFailure(entry: ContainerEntry, cause: unknown): Promise<Error> {
    const { directory, remover, runtime, logger } = this.dependencies;
    const { config, hostConfig } = entry.record;
    const program = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])][0] ?? "";
    const { error, exitCode } = describeStartFailure(cause, program, config.User ?? "");
    const launched = entry.process;
    entry.process = undefined;
    entry.runtimeConfig = undefined;
    entry.attachments.giveUpAll();
    try {
      if (launched !== undefined) await endUnrecorded(launched, runtime, entry);
      const failed = { type: "start-failed", exitCode, error: error.message } as const;
      if (hostConfig.AutoRemove) {
        directory.show(entry, failed);
        remover.removeStopped(entry);
      } else {
        directory.apply(entry, failed);
      }
    } catch (second) {
      logger.error("the failure of a start could not be recorded", {
        container: entry.id,
        error: String(second),
      });
    }
    return error;
  }
}

/** Files that creation wrote count as this moment's for a start that follows at once; a container that ran may have changed them. */
function freshenFiles(entry: ContainerEntry, dataRoot: string): void {
  const { record, filesWrittenAtMs } = entry;
  const isNew = record.state.startedAtNs === 0n && Date.now() - filesWrittenAtMs < FRESH_FILES_MS;
  if (!isNew) prepareFiles(record, dataRoot);
}

/** A program that runs although its start counts as failed, since the row could not be written: it must not go on unseen. */
async function endUnrecorded(
  process: ContainerProcess,
  runtime: Pick<ContainerRuntime, "forget">,
  entry: ContainerEntry,
): Promise<void> {
  await process.signal(SIGKILL).catch(() => undefined);
  process.exited.catch(() => undefined);
  await runtime.forget(entry.id);
}
