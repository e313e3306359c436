import { EngineError } from "../base/errors.ts";
import type { ContainerId } from "../base/ids.ts";
import { encodePlan } from "../kernel/plan.ts";
import {
  type ExitStatus,
  INIT_PROCESS,
  type ProcessStream,
  type ShimSession,
  type StreamSelection,
} from "../kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../oci/runtime-config.ts";
import type { Cgroups } from "./cgroups/cgroups.ts";
import type { ContainerProcess, ExecProcess, ExecSpec } from "./container-runtime.ts";
import { execPlan } from "./plan/exec-plan.ts";

export interface ShimContainerOptions {
  readonly id: ContainerId;
  readonly session: ShimSession;
  readonly pid: number;
  readonly startedAtNs: bigint;
  readonly cgroups: Cgroups;
  readonly cgroupsPath: string;
  readonly capabilityBounds: bigint;
  /** Number of the next exec'd process: an adopted container may have some of an earlier daemon's. */
  readonly firstExec: number;
  /** The exit record, asked for when the connection to the shim is lost. */
  readonly readExit: () => ExitStatus | undefined;
  /** A new session with the same shim; throws unavailable when it is gone. */
  readonly reconnect: () => Promise<ShimSession>;
}

const SIGKILL = 9;

const lost = (what: string): EngineError => new EngineError("unavailable", `the shim of ${what} is gone`);

/** A container with its shim. Owns the session until `release` or the shim's end. */
export class ShimContainer implements ContainerProcess {
  readonly id: ContainerId;
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  startedAtNs: bigint;
  readonly #options: ShimContainerOptions;
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly #execs = new Map<number, PromiseWithResolvers<ExitStatus>>();
  #session: ShimSession;
  #nextExec: number;
  #released = false;
  #ended = false;

  constructor(options: ShimContainerOptions) {
    this.id = options.id;
    this.pid = options.pid;
    this.startedAtNs = options.startedAtNs;
    this.#options = options;
    this.#session = options.session;
    this.#nextExec = options.firstExec;
    this.exited = this.#exit.promise;
    // Not everybody waits for the end; a loss is still told to those who do.
    this.exited.catch(() => {});
    this.#watch(options.session);
  }

  get session(): ShimSession {
    return this.#session;
  }

  /** True when its exit is known, or known to be unknowable. */
  get ended(): boolean {
    return this.#ended;
  }

  #watch(session: ShimSession): void {
    session.onExit((process, status) => {
      if (process === INIT_PROCESS) this.#end(() => this.#exit.resolve(status));
      else this.#execs.get(process)?.resolve(status);
    });
    session.closed
      .then(() => this.#connectionLost())
      .catch((error: unknown) => this.#end(() => this.#exit.reject(error)));
  }

  #end(settle: () => void): void {
    this.#ended = true;
    settle();
  }

  /** The shim may have ended, been killed, or only have lost this connection. */
  async #connectionLost(): Promise<void> {
    for (const exec of this.#execs.values()) exec.reject(lost(`container ${this.id}`));
    this.#execs.clear();
    if (this.#released || this.#ended) return;
    const status = this.#options.readExit();
    if (status !== undefined) return this.#end(() => this.#exit.resolve(status));
    try {
      this.#session = await this.#options.reconnect();
    } catch {
      const late = this.#options.readExit();
      return this.#end(() =>
        late === undefined ? this.#exit.reject(lost(`container ${this.id}`)) : this.#exit.resolve(late),
      );
    }
    this.#watch(this.#session);
  }

  /** Lets go of the shim, which goes on; `exited` then stays open. */
  release(): void {
    this.#released = true;
    this.#session.close();
  }

  attach(streams: StreamSelection): Promise<ProcessStream> {
    return this.#session.attach(INIT_PROCESS, streams);
  }

  async exec(
    container: OciRuntimeConfig,
    spec: ExecSpec,
    streams: StreamSelection | undefined,
  ): Promise<ExecProcess> {
    const plan = encodePlan(execPlan(container, spec, this.#options.capabilityBounds));
    const number = this.#nextExec++;
    const exit = Promise.withResolvers<ExitStatus>();
    exit.promise.catch(() => {});
    const session = this.#session;
    // Before the request: a short program can be over before its start is answered.
    this.#execs.set(number, exit);
    exit.promise.finally(() => this.#execs.delete(number)).catch(() => {});
    // Beside the start, as the shim takes clients of a process that is still to come.
    const attaching = streams === undefined ? undefined : session.attach(number, streams);
    attaching?.catch(() => {});
    try {
      const { pid } = await session.exec(number, plan);
      return {
        pid,
        exited: exit.promise,
        stream: await attaching?.catch(async (error: unknown) => {
          // The program runs and waits for its first client: without one it would block for ever.
          await session.signal(number, SIGKILL).catch(() => undefined);
          throw error;
        }),
        resize: (rows, columns) => session.resize(number, rows, columns),
        signal: (signal) => session.signal(number, signal),
      };
    } catch (error) {
      this.#execs.delete(number);
      attaching?.then(
        (stream) => stream.close(),
        () => {},
      );
      throw error;
    }
  }

  resize(rows: number, columns: number): Promise<void> {
    return this.#session.resize(INIT_PROCESS, rows, columns);
  }

  signal(signal: number): Promise<void> {
    return this.#session.signal(INIT_PROCESS, signal);
  }

  pause(): Promise<void> {
    return this.#options.cgroups.freeze(this.#options.cgroupsPath, true);
  }

  resume(): Promise<void> {
    return this.#options.cgroups.freeze(this.#options.cgroupsPath, false);
  }

  processes(): Promise<number[]> {
    return this.#options.cgroups.processes(this.#options.cgroupsPath);
  }
}
