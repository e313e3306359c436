import { EngineError } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { ContainerDirectory } from "./live-container.ts";

/** Sets the size of the container's terminal. Throws notFound, invalid, conflict when it does not run. */
export function createResize(directory: ContainerDirectory, events: EventSink) {
  return async (ref: string, rows: number, columns: number): Promise<void> => {
    const { id, record, process } = directory.get(ref);
    for (const side of [rows, columns]) {
      // struct winsize has 16 bits for each (ioctl_tty(2)).
      if (!Number.isInteger(side) || side < 0 || side > 65535) {
        throw new EngineError("invalid", `invalid size of a terminal: ${rows} rows, ${columns} columns`);
      }
    }
    if (process === undefined) throw new EngineError("conflict", `container ${id} is not running`);
    await process.resize(rows, columns);
    publishContainerEvent(events, record, "resize", { height: String(rows), width: String(columns) });
  };
}
