import type { ContainerId, ExecId } from "../../base/ids.ts";
import type { OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type { ContainerProcess, LaunchSpec } from "../../runtime/container-runtime.ts";
import type { ContainerRecord } from "./container-record.ts";
import type { ExecSession } from "./exec/exec-session.ts";
import type { LiveContainer } from "./live-container.ts";
import { PendingAttachments } from "./pending-attachments.ts";
import { isRunning } from "./state-machine.ts";

/** How a wait ended: as Docker answers it. `error` is State.Error or why a removal failed. */
export interface WaitOutcome {
  readonly exitCode: number;
  readonly error: string;
}

type Waiter = (outcome: WaitOutcome) => void;

/**
 * A container in memory, with what only lives there: its process, who waits for it, and the queue that keeps two changes
 * from interleaving. Owned by the directory; every change of the record goes through it, after the database took it.
 */
export class ContainerEntry implements LiveContainer {
  readonly execs = new Map<ExecId, ExecSession>();
  readonly attachments = new PendingAttachments();
  process: ContainerProcess | undefined;
  /** What the process was launched with; undefined for one that an earlier daemon launched. */
  runtimeConfig: OciRuntimeConfig | undefined;
  /** What the next start launches, worked out beforehand. */
  anticipated: LaunchSpec | undefined;
  /** When the files bound into the container were written, 0 before. */
  filesWrittenAtMs = 0;
  /** Set from the moment a removal was accepted until it failed. */
  removalInProgress = false;
  /** Number of restarts under way: the exit in their middle is no end, so `--rm` does not remove. */
  restartsInProgress = 0;

  #record: ContainerRecord;
  #changed = Promise.withResolvers<void>();
  #tail: Promise<unknown> = Promise.resolve();
  readonly #exitWaiters = new Set<Waiter>();
  readonly #removalWaiters = new Set<Waiter>();

  constructor(record: ContainerRecord) {
    this.#record = record;
  }

  get id(): ContainerId {
    return this.#record.id;
  }

  get record(): ContainerRecord {
    return this.#record;
  }

  get isRunning(): boolean {
    return isRunning(this.#record.state);
  }

  changed(): Promise<void> {
    return this.#changed.promise;
  }

  /** The directory's own: shows a new record to everybody. */
  replaceRecord(record: ContainerRecord): void {
    this.#record = record;
    this.notifyChange();
  }

  /** Wakes those who wait in `changed()`. */
  notifyChange(): void {
    const before = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    before.resolve();
  }

  /**
   * Runs changes one after the other. Only short ones: who waits for an exit does it outside, or the exit's own record
   * would queue up behind it.
   */
  exclusively<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(change);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Calls back at the next exit, or the removal if that comes first. Returns a function that takes the call back. */
  onceExited(waiter: Waiter): () => void {
    this.#exitWaiters.add(waiter);
    return () => this.#exitWaiters.delete(waiter);
  }

  /** Calls back when the container is gone or its removal failed. */
  onceRemoved(waiter: Waiter): () => void {
    this.#removalWaiters.add(waiter);
    return () => this.#removalWaiters.delete(waiter);
  }

  announceExit(): void {
    wake(this.#exitWaiters, this.outcome());
  }

  announceRemoval(): void {
    wake(this.#exitWaiters, this.outcome());
    wake(this.#removalWaiters, this.outcome());
  }

  announceFailedRemoval(error: string): void {
    wake(this.#removalWaiters, { exitCode: this.#record.state.exitCode, error });
  }

  /** True when it has stopped within the time; `undefined` waits for ever. */
  stopsWithin(timeoutMs: number | undefined): Promise<boolean> {
    if (!this.isRunning) return Promise.resolve(true);
    return new Promise((resolve) => {
      let timer: ReturnType<typeof setTimeout> | undefined;
      const cancel = this.onceExited(() => {
        clearTimeout(timer);
        resolve(true);
      });
      if (timeoutMs === undefined) return;
      timer = setTimeout(
        () => {
          cancel();
          resolve(false);
        },
        Math.min(timeoutMs, MOST_TIMER_MS),
      );
    });
  }

  outcome(): WaitOutcome {
    return { exitCode: this.#record.state.exitCode, error: this.#record.state.error };
  }
}

/** setTimeout takes 31 bits; anything longer would fire at once. */
const MOST_TIMER_MS = 2 ** 31 - 1;

function wake(waiters: Set<Waiter>, outcome: WaitOutcome): void {
  const all = [...waiters];
  waiters.clear();
  for (const waiter of all) waiter(outcome);
}
