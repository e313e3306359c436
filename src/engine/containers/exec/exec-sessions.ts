import { EngineError } from "../../../base/errors.ts";
import type { ExecId } from "../../../base/ids.ts";
import type { ContainerDirectory, LiveContainer } from "../live-container.ts";
import type { ExecSession } from "./exec-session.ts";

/** How long an ended session can be inspected, as in Docker at least. */
const KEPT_MS = 5 * 60_000;
/** Sessions of one container; a health check of every second leaves 300 in five minutes. */
const MOST_PER_CONTAINER = 1024;
const SWEEP_EVERY_MS = 30_000;

interface Entry {
  readonly session: ExecSession;
  readonly live: LiveContainer;
  endedAtMs: number | undefined;
}

/**
 * All sessions by id. Each is in its container's `execs` too, until the container stops; ended ones stay here a little
 * longer, for the client that asks for the exit code. Nothing runs by itself: what is too old goes with the next use.
 */
export class ExecSessions {
  readonly #entries = new Map<string, Entry>();
  readonly #directory: ContainerDirectory;
  readonly #nowMs: () => number;
  #sweptAtMs = 0;

  constructor(directory: ContainerDirectory, nowMs: () => number) {
    this.#directory = directory;
    this.#nowMs = nowMs;
  }

  /** Throws exhausted when the container has too many sessions that have not ended. */
  add(live: LiveContainer, session: ExecSession): void {
    this.#sweep();
    if (live.execs.size >= MOST_PER_CONTAINER) this.#dropOldestEnded(live);
    live.execs.set(session.id, session);
    this.#entries.set(session.id, { session, live, endedAtMs: undefined });
  }

  /** Throws notFound, also for a session whose container is gone. */
  get(id: string): { readonly session: ExecSession; readonly live: LiveContainer } {
    this.#sweep();
    const entry = this.#entries.get(id);
    if (entry === undefined || this.#directory.find(entry.session.containerId) !== entry.live) {
      throw new EngineError("notFound", `No such exec instance: ${id}`);
    }
    return entry;
  }

  /** The program has ended, or was not started and never will be. */
  end(id: ExecId, exitCode: number): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    entry.session.status = "exited";
    entry.session.exitCode = exitCode;
    entry.endedAtMs = this.#nowMs();
    entry.session.ended.resolve();
  }

  #dropOldestEnded(live: LiveContainer): void {
    for (const { id, status } of live.execs.values()) {
      if (status !== "exited") continue;
      live.execs.delete(id);
      this.#entries.delete(id);
      return;
    }
    throw new EngineError(
      "exhausted",
      `container ${live.id} has ${MOST_PER_CONTAINER} exec sessions that have not ended: start or end them first`,
    );
  }

  #sweep(): void {
    const now = this.#nowMs();
    if (now - this.#sweptAtMs < SWEEP_EVERY_MS) return;
    this.#sweptAtMs = now;
    for (const [id, { session, live, endedAtMs }] of this.#entries) {
      const expired = endedAtMs !== undefined && now - endedAtMs > KEPT_MS;
      // A session that was never started goes with the run of the container that it was made for.
      const orphaned = session.status === "created" && !live.execs.has(session.id);
      if (!expired && !orphaned) continue;
      this.#entries.delete(id);
      live.execs.delete(session.id);
    }
  }
}
