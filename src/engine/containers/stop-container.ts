import { EngineError, fromUnknown } from "../../base/errors.ts";
import type { Logger } from "../../host/logger.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import { type ContainerKiller, stopSignalOf } from "./kill-container.ts";
import { parseDeliverableSignal } from "./signals.ts";

export interface StopOptions {
  readonly signal?: string;
  readonly timeoutSeconds?: number;
}

export interface StopDependencies {
  readonly directory: StoredContainerDirectory;
  readonly killer: Pick<ContainerKiller, "send" | "killAndWait">;
  readonly events: EventSink;
  readonly logger: Logger;
}

const DEFAULT_TIMEOUT_S = 10;
/** When the stop signal could not be sent, an exit may still be on its way. */
const UNSENT_GRACE_MS = 2000;

/** `docker stop`, and the first half of a restart. It waits outside the container's queue, so a kill can cut it short. */
export class ContainerStopper {
  constructor(private readonly dependencies: StopDependencies) {}

  /** Throws notModified when it is stopped, notFound, invalid. */
  async stop(ref: string, options: StopOptions): Promise<void> {
    const entry = this.dependencies.directory.get(ref);
    this.dependencies.directory.check(entry, { type: "stop" });
    try {
      await this.end(entry, options);
    } catch (error) {
      const reason = fromUnknown(error);
      throw new EngineError(reason.kind, `cannot stop container: ${ref}: ${reason.message}`, {
        cause: error,
      });
    }
  }

  /** Resolves when it has stopped, also when it had before. */
  async end(entry: ContainerEntry, options: StopOptions): Promise<void> {
    if (!entry.isRunning) return;
    const signal = options.signal ? parseDeliverableSignal(options.signal) : stopSignalOf(entry.record);
    const seconds = options.timeoutSeconds ?? entry.record.config.StopTimeout ?? DEFAULT_TIMEOUT_S;
    let waitMs = seconds < 0 ? undefined : seconds * 1000;
    try {
      await this.dependencies.killer.send(entry, signal);
    } catch (error) {
      if (!entry.isRunning) return;
      this.#warn(entry, `signal ${signal} could not be sent`, error);
      if (seconds < 0) throw error;
      waitMs = UNSENT_GRACE_MS;
    }
    if (!(await entry.stopsWithin(waitMs))) await this.#force(entry);
    publishContainerEvent(this.dependencies.events, entry.record, "stop");
  }

  async #force(entry: ContainerEntry): Promise<void> {
    try {
      await this.dependencies.killer.killAndWait(entry);
    } catch (error) {
      if (entry.isRunning) throw error;
    }
  }

  #warn(entry: ContainerEntry, message: string, error: unknown): void {
    this.dependencies.logger.warn(message, { container: entry.id, error: fromUnknown(error).message });
  }
}
