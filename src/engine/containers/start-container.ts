import type { Logger } from "../../host/logger.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type {
  ContainerProcess,
  ContainerRuntime,
  LaunchSpec,
  MachineFacts,
  SpecInput,
} from "../../runtime/container-runtime.ts";
import type { Snapshots } from "../../store/images.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { prepareFiles } from "./container-files.ts";
import type { ContainerRecord } from "./container-record.ts";
import { resolveMounts } from "./create/resolve-mounts.ts";
import type { ExitRecorder } from "./record-exit.ts";
import type { ContainerRemover } from "./remove-container.ts";
import { SIGKILL } from "./signals.ts";
import { gatherSpecInput, launchOptions } from "./spec-input.ts";
import { describeStartFailure } from "./start-failure.ts";

/** The host's resolver does not change within this. */
const FRESH_FILES_MS = 2000;
const ANTICIPATION_MS = 2000;

export type BuildRuntimeConfig = (input: SpecInput, machine: MachineFacts) => OciRuntimeConfig;

export interface StartDependencies {
  readonly directory: StoredContainerDirectory;
  readonly runtime: Pick<ContainerRuntime, "anticipate" | "start" | "forget">;
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
    const { directory, runtime, events, exits, dataRoot } = this.dependencies;
    const spec = entry.anticipated ?? (await this.#launchSpec(entry));
    entry.anticipated = undefined;
    freshenFiles(entry, dataRoot);
    const process = await runtime.start(spec, async (ready) => {
      entry.process = ready;
      entry.runtimeConfig = spec.config;
      await entry.attachments.connectAll(ready);
    });
    entry.process = process;
    directory.apply(entry, { type: "started", pid: process.pid, atNs: process.startedAtNs });
    publishContainerEvent(events, entry.record, "start");
    exits.watch(entry, process);
  }

  /**
   * Works out what a start will launch while the client still reads of the creation. Only where that depends on nothing but the
   * record, and kept for a short time: a container is started at once or much later.
   */
  async anticipate(entry: ContainerEntry): Promise<void> {
    if (!dependsOnRecordOnly(entry.record)) return;
    try {
      const spec = await this.#launchSpec(entry);
      await this.dependencies.runtime.anticipate(spec);
      entry.anticipated = spec;
      setTimeout(() => {
        if (entry.anticipated === spec) entry.anticipated = undefined;
      }, ANTICIPATION_MS).unref();
    } catch {
      // Whoever starts it is told.
    }
  }

  async #launchSpec(entry: ContainerEntry): Promise<LaunchSpec> {
    const { snapshots, dataRoot } = this.dependencies;
    const { record } = entry;
    const [config, root] = await Promise.all([this.#buildConfig(entry), snapshots.root(record.snapshot)]);
    return { id: record.id, config, root, ...launchOptions(record, dataRoot) };
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

/** Without mounts and devices, which are looked up at the start, and without another container's namespaces. */
function dependsOnRecordOnly({ hostConfig }: ContainerRecord): boolean {
  const { Privileged, Devices, NetworkMode, PidMode, IpcMode } = hostConfig;
  const joins = [NetworkMode, PidMode, IpcMode].some((mode) => mode?.startsWith("container:"));
  return (
    !joins && Privileged !== true && (Devices ?? []).length === 0 && resolveMounts(hostConfig).length === 0
  );
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
