import { EngineError } from "../../../base/errors.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import type { ContainersBackend } from "../container-use-cases.ts";
import type { ContainerDirectory } from "../live-container.ts";
import { type ProcessTableSource, processTable } from "./top-proc.ts";
import { askPs, checkPsArgs, type RunPs, runHostPs } from "./top-ps.ts";

const DEFAULT_PS_ARGS = "-ef";
const HOST: ProcessTableSource = { proc: "/proc", passwd: "/etc/passwd", now: () => new Date() };

export interface TopDependencies {
  readonly directory: ContainerDirectory;
  readonly events: EventSink;
  readonly host?: ProcessTableSource;
  readonly runPs?: RunPs;
}

/**
 * `docker top`. The default table is read from /proc; other options need the host's ps. Throws conflict for a container
 * that does not run, invalid for options that ps must not get, internal when ps fails.
 */
export function createTop({ directory, events, host, runPs }: TopDependencies): ContainersBackend["top"] {
  return async (ref, psArgs) => {
    checkPsArgs(psArgs);
    const { id, record, process } = directory.get(ref);
    if (record.state.status === "restarting") {
      throw new EngineError("conflict", `Container ${id} is restarting, wait until the container is running`);
    }
    if (process === undefined) throw new EngineError("conflict", `container ${id} is not running`);
    const pids = await process.processes();
    const table =
      psArgs === "" || psArgs === DEFAULT_PS_ARGS
        ? await processTable(pids, host ?? HOST)
        : await askPs(runPs ?? runHostPs, psArgs, pids);
    publishContainerEvent(events, record, "top");
    return table;
  };
}
