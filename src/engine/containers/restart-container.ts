import { EngineError, fromUnknown, isKind } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import type { ContainerStarter } from "./start-container.ts";
import type { ContainerStopper, StopOptions } from "./stop-container.ts";

export interface RestartDependencies {
  readonly directory: StoredContainerDirectory;
  readonly stopper: Pick<ContainerStopper, "end">;
  readonly starter: Pick<ContainerStarter, "start">;
  readonly events: EventSink;
}

/** `docker restart`: stops what runs, then starts. Throws notFound; internal, as Docker does, for whatever fails on the way. */
export function createRestart(dependencies: RestartDependencies) {
  const { directory, stopper, starter, events } = dependencies;

  async function stopAndStart(entry: ContainerEntry, options: StopOptions): Promise<void> {
    // An end that is no end: --rm must not remove it in the middle.
    entry.restartsInProgress++;
    try {
      await stopper.end(entry, options);
      await starter.start(entry);
    } catch (error) {
      // Somebody else has started it in between: what was asked for is done.
      if (!isKind(error, "notModified")) throw error;
    } finally {
      entry.restartsInProgress--;
    }
  }

  return async (ref: string, options: StopOptions): Promise<void> => {
    const entry = directory.get(ref);
    try {
      await stopAndStart(entry, options);
    } catch (error) {
      const reason = fromUnknown(error);
      throw new EngineError("internal", `Cannot restart container ${ref}: ${reason.message}`, {
        cause: error,
      });
    }
    publishContainerEvent(events, entry.record, "restart");
  };
}
