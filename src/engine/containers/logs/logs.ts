import { EngineError } from "../../../base/errors.ts";
import type { ContainerId } from "../../../base/ids.ts";
import type { ContainersBackend } from "../container-use-cases.ts";
import type { ContainerDirectory, LiveContainer } from "../live-container.ts";
import { LogReader, type LogWriter } from "./logs-reader.ts";

/** Drivers whose output the shim keeps as a json-file; `""` is the default driver. */
const READABLE_DRIVERS = ["", "json-file"];

export interface LogsDependencies {
  readonly directory: ContainerDirectory;
  /** `<data root>/containers/<id>/<id>-json.log` */
  readonly logPathOf: (id: ContainerId) => string;
}

/**
 * `docker logs`. Throws invalid when no stream is asked for, conflict for a container that is being removed, unimplemented
 * for a log driver that cannot be read back. Only a running container is followed: else what there is is sent.
 */
export function createLogs({ directory, logPathOf }: LogsDependencies): ContainersBackend["logs"] {
  return async (ref, options, signal) => {
    if (!options.stdout && !options.stderr) {
      throw new EngineError("invalid", "You must choose at least one stream");
    }
    const live = directory.get(ref);
    const { state, hostConfig, config } = live.record;
    if (state.status === "removing" || state.status === "dead") {
      throw new EngineError(
        "conflict",
        "can not get logs from container which is dead or marked for removal",
      );
    }
    if (!READABLE_DRIVERS.includes(hostConfig.LogConfig?.Type ?? "")) {
      throw new EngineError("unimplemented", "configured logging driver does not support reading");
    }
    const reader = new LogReader(logPathOf(live.id));
    // Before the answer's head: docker-py removes the container of a run as soon as it has that and the exit code.
    const opened = await reader.open(options.tail);
    const entries = options.follow
      ? reader.follow(options, writerOf(live), signal, opened)
      : reader.read(options, signal, opened);
    return { tty: config.Tty === true, entries };
  };
}

/** A container's process is forgotten when its exit was recorded, and the shim reports that after it closed the log. */
function writerOf(live: LiveContainer): LogWriter {
  return { isWriting: () => live.process !== undefined, changed: () => live.changed() };
}
