import type { ExecCreateRequest } from "../../../api/container-config.ts";
import type { ExecInspectView } from "../../../api/container-views.ts";
import { parseDetachKeys } from "../../../api/detach-keys.ts";
import { EngineError } from "../../../base/errors.ts";
import { newExecId } from "../../../base/ids.ts";
import { LaunchError, type StreamSelection } from "../../../kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../../../oci/runtime-config.ts";
import type { ExecProcess } from "../../../runtime/container-runtime.ts";
import { publishContainerEvent } from "../../events/container-events.ts";
import type { EventSink } from "../../events/event-sink.ts";
import type { AttachedClient, ExecsBackend } from "../container-use-cases.ts";
import type { ContainerDirectory, LiveContainer } from "../live-container.ts";
import { isRunning } from "../state-machine.ts";
import { execClient, failedExecClient } from "./exec-client.ts";
import { describeExecFailure } from "./exec-failure.ts";
import type { ExecSession } from "./exec-session.ts";
import { ExecSessions } from "./exec-sessions.ts";
import { checkExecRequest, execSpec } from "./exec-spec.ts";

/** 128 + SIGKILL: without its shim a program is dead. */
const LOST_EXIT_CODE = 137;

export interface ExecsDependencies {
  readonly directory: ContainerDirectory;
  readonly events: EventSink;
  /** What the running container was launched with. */
  readonly runtimeConfigOf: (live: LiveContainer) => Promise<OciRuntimeConfig>;
  readonly nowMs?: () => number;
}

interface StartOptions {
  /** Undefined: detached. */
  readonly streams: StreamSelection | undefined;
  readonly consoleSize: readonly [number, number] | undefined;
}

/** `docker exec`. */
export function createExecs(dependencies: ExecsDependencies): ExecsBackend {
  return new Execs(dependencies);
}

class Execs implements ExecsBackend {
  readonly #dependencies: ExecsDependencies;
  readonly #sessions: ExecSessions;

  constructor(dependencies: ExecsDependencies) {
    this.#dependencies = dependencies;
    this.#sessions = new ExecSessions(dependencies.directory, dependencies.nowMs ?? Date.now);
  }

  async create(containerRef: string, request: ExecCreateRequest): Promise<{ Id: string }> {
    checkExecRequest(request);
    const live = this.#dependencies.directory.get(containerRef);
    requireActive(live, containerRef);
    const id = newExecId();
    this.#sessions.add(live, {
      id,
      containerId: live.id,
      request,
      status: "created",
      process: undefined,
      exitCode: undefined,
      ended: Promise.withResolvers(),
    });
    this.#tell(live, id, `exec_create: ${commandLine(request)}`);
    return { Id: id };
  }

  async startDetached(execId: string): Promise<void> {
    const { session, live } = this.#claim(execId);
    await this.#start(session, live, { streams: undefined, consoleSize: undefined });
  }

  async startAttached(
    execId: string,
    consoleSize: readonly [number, number] | undefined,
    onAccepted?: () => void,
  ): Promise<AttachedClient> {
    const { session, live } = this.#claim(execId);
    onAccepted?.();
    const { AttachStdin, AttachStdout, AttachStderr, Tty } = session.request;
    const streams = {
      stdin: AttachStdin === true,
      stdout: AttachStdout === true,
      stderr: AttachStderr === true,
    };
    const attaches = streams.stdin || streams.stdout || streams.stderr;
    try {
      const { process, ended } = await this.#start(session, live, {
        streams: attaches ? streams : undefined,
        consoleSize,
      });
      return execClient({
        tty: Tty === true,
        stdin: streams.stdin,
        detachKeys: session.request.DetachKeys,
        stream: process.stream,
        ended,
        onDetach: () => this.#tell(live, session.id, "exec_detach"),
      });
    } catch (error) {
      if (!(error instanceof EngineError && error.cause instanceof LaunchError)) throw error;
      return failedExecClient(Tty === true, error.message);
    }
  }

  async resize(execId: string, rows: number, columns: number): Promise<void> {
    const { session, live } = this.#sessions.get(execId);
    requireActive(live, live.id);
    // A client sends its size as soon as its start is answered, which is before the program runs.
    await session.starting;
    if (session.status !== "running" || session.process === undefined) {
      throw new EngineError("conflict", `exec command ${execId} is not running`);
    }
    await session.process.resize(rows, columns);
  }

  async inspect(execId: string, untilEnd?: AbortSignal): Promise<ExecInspectView> {
    const { session } = this.#sessions.get(execId);
    if (untilEnd !== undefined) await Promise.race([session.ended.promise, aborted(untilEnd)]);
    return execView(session);
  }

  /** From here on no other start gets it. */
  #claim(execId: string): { session: ExecSession; live: LiveContainer } {
    const { session, live } = this.#sessions.get(execId);
    requireActive(live, live.id);
    if (session.status === "exited") {
      throw new EngineError("conflict", `exec command ${execId} has already run`);
    }
    if (session.status === "running") {
      throw new EngineError("conflict", `exec command ${execId} is already running`);
    }
    session.status = "running";
    return { session, live };
  }

  /** `ended` resolves when the exit code is known. A failed start ends the session with Docker's code for it. */
  async #start(
    session: ExecSession,
    live: LiveContainer,
    options: StartOptions,
  ): Promise<{ process: ExecProcess; ended: Promise<void> }> {
    const { request } = session;
    this.#tell(live, session.id, `exec_start: ${commandLine(request)}`);
    const launched = this.#launch(session, live, options);
    session.starting = launched.then(
      () => undefined,
      () => undefined,
    );
    try {
      const process = await launched;
      return { process, ended: this.#watch(session, live, process) };
    } catch (cause) {
      const user = request.User || live.record.config.User || "";
      const { error, exitCode } = describeExecFailure(cause, request.Cmd?.[0] ?? "", user);
      this.#sessions.end(session.id, exitCode);
      throw error;
    }
  }

  async #launch(session: ExecSession, live: LiveContainer, options: StartOptions): Promise<ExecProcess> {
    const config = await this.#dependencies.runtimeConfigOf(live);
    const container = live.process;
    if (container === undefined) throw notRunning(live);
    const { streams, consoleSize } = options;
    const spec = execSpec(live.record, config, session.request, {
      detached: streams === undefined,
      consoleSize,
    });
    session.process = await container.exec(config, spec, streams);
    return session.process;
  }

  async #watch(session: ExecSession, live: LiveContainer, process: ExecProcess): Promise<void> {
    const exitCode = await process.exited.then(
      ({ code }) => code,
      () => LOST_EXIT_CODE,
    );
    this.#sessions.end(session.id, exitCode);
    this.#tell(live, session.id, "exec_die", { exitCode: String(exitCode) });
  }

  #tell(
    live: LiveContainer,
    execID: string,
    action: string,
    more: Readonly<Record<string, string>> = {},
  ): void {
    publishContainerEvent(this.#dependencies.events, live.record, action, { execID, ...more });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Throws conflict in Docker's words. `ref` is how the client named the container. */
function requireActive(live: LiveContainer, ref: string): void {
  const { state } = live.record;
  if (!isRunning(state)) throw notRunning(live);
  if (state.status === "paused") {
    throw new EngineError("conflict", `Container ${ref} is paused, unpause the container before exec`);
  }
  if (state.status === "restarting") {
    throw new EngineError(
      "conflict",
      `Container ${live.id} is restarting, wait until the container is running`,
    );
  }
}

function notRunning(live: LiveContainer): EngineError {
  return new EngineError("conflict", `container ${live.id} is not running`);
}

/** As Docker writes it, with a space also after a program without arguments. */
function commandLine({ Cmd }: ExecCreateRequest): string {
  const [program = "", ...args] = Cmd ?? [];
  return `${program} ${args.join(" ")}`;
}

function execView({ id, containerId, request, status, process, exitCode }: ExecSession): ExecInspectView {
  const [entrypoint = "", ...args] = request.Cmd ?? [];
  const keys = request.DetachKeys ? Uint8Array.from(parseDetachKeys(request.DetachKeys)) : new Uint8Array();
  return {
    ID: id,
    Running: status === "running",
    ExitCode: exitCode ?? null,
    ProcessConfig: {
      tty: request.Tty === true,
      entrypoint,
      arguments: args,
      privileged: request.Privileged === true,
      ...(request.User ? { user: request.User } : {}),
    },
    OpenStdin: request.AttachStdin === true,
    OpenStderr: request.AttachStderr === true,
    OpenStdout: request.AttachStdout === true,
    CanRemove: false,
    ContainerID: containerId,
    DetachKeys: keys.toBase64(),
    Pid: process?.pid ?? 0,
  };
}
