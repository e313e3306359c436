import { EngineError, fromUnknown } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";

export interface PauseDependencies {
  readonly directory: StoredContainerDirectory;
  readonly events: EventSink;
}

/** `docker pause` and `docker unpause`: the freezer first, then the row; a daemon that dies in between re-imposes the row. */
export function createPause({ directory, events }: PauseDependencies) {
  const change = async (ref: string, action: "pause" | "unpause"): Promise<void> => {
    const entry = directory.get(ref);
    await entry.exclusively(async () => {
      directory.check(entry, { type: action });
      try {
        await (action === "pause" ? entry.process?.pause() : entry.process?.resume());
      } catch (error) {
        const reason = fromUnknown(error).message;
        throw new EngineError("internal", `cannot ${action} container ${entry.id}: ${reason}`, {
          cause: error,
        });
      }
      directory.apply(entry, { type: action });
      publishContainerEvent(events, entry.record, action);
    });
  };
  return {
    /** Throws notFound, conflict. */
    pause: (ref: string) => change(ref, "pause"),
    /** Throws notFound, internal. */
    unpause: (ref: string) => change(ref, "unpause"),
  };
}
