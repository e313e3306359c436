import { EngineError, isKind } from "../../base/errors.ts";
import { publishContainerEvent } from "../events/container-events.ts";
import type { EventSink } from "../events/event-sink.ts";
import type { StoredContainerDirectory } from "./container-directory.ts";
import type { ContainerEntry } from "./container-entry.ts";
import type { ContainerRecord } from "./container-record.ts";
import { parseDeliverableSignal, parseSignal, SIGKILL, SIGTERM } from "./signals.ts";

export interface KillDependencies {
  readonly directory: StoredContainerDirectory;
  readonly events: EventSink;
  /** How long an exit is waited for after SIGKILL; Docker's 10 s. */
  readonly killTimeoutMs: number;
}

/** `docker kill`, and the signals of stop and remove. */
export class ContainerKiller {
  constructor(private readonly dependencies: KillDependencies) {}

  /** SIGKILL (also when no signal is named) waits for the exit, others are sent only. Throws invalid, notFound, conflict. */
  async kill(ref: string, signal: string | undefined): Promise<void> {
    const number = signal ? parseDeliverableSignal(signal) : SIGKILL;
    const entry = this.dependencies.directory.get(ref);
    if (number === SIGKILL) await this.killAndWait(entry);
    else await this.send(entry, number);
  }

  /** Throws conflict when it does not run, internal when it does not die. */
  async killAndWait(entry: ContainerEntry): Promise<void> {
    await this.send(entry, SIGKILL);
    if (await entry.stopsWithin(this.dependencies.killTimeoutMs)) return;
    throw new EngineError("internal", "tried to kill container, but did not receive an exit event");
  }

  /** Delivers after what is under way (a start, say). Throws conflict when it does not run then. */
  send(entry: ContainerEntry, signal: number): Promise<void> {
    return entry.exclusively(async () => {
      const { directory, events } = this.dependencies;
      directory.check(entry, { type: "kill" });
      try {
        await entry.process?.signal(signal);
        await this.#thawFor(entry, signal);
      } catch (error) {
        // It has just ended: its exit stands in the queue behind this.
        if (!isKind(error, "notFound")) throw error;
      }
      publishContainerEvent(events, entry.record, "kill", { signal: String(signal) });
    });
  }

  /** A frozen process cannot take a signal that is meant to end it. */
  async #thawFor(entry: ContainerEntry, signal: number): Promise<void> {
    const { record } = entry;
    if (record.state.status !== "paused" || !meansEnd(record, signal)) return;
    await entry.process?.resume();
    this.dependencies.directory.apply(entry, { type: "unpause" });
    publishContainerEvent(this.dependencies.events, entry.record, "unpause");
  }
}

/** Docker's rule: SIGKILL, the container's own stop signal, and any signal when it has none of its own. */
function meansEnd({ config }: ContainerRecord, signal: number): boolean {
  return signal === SIGKILL || !config.StopSignal || signal === parseSignal(config.StopSignal);
}

/** What `docker stop` sends: the image's or the client's choice, SIGTERM without one. */
export function stopSignalOf({ config }: ContainerRecord): number {
  return config.StopSignal ? parseSignal(config.StopSignal) : SIGTERM;
}
