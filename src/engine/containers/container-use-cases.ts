/** The use-cases of containers and their exec sessions, as the HTTP edge calls them. Errors are EngineErrors in Docker's words. */
import type {
  ContainerCreateRequest,
  ContainerCreateResponse,
  ExecCreateRequest,
} from "../../api/container-config.ts";
import type {
  ContainerInspectView,
  ContainerSummary,
  ContainersPruneView,
  ContainerTopView,
  ContainerWaitView,
  ExecInspectView,
} from "../../api/container-views.ts";
import type { Filters } from "../../api/filters.ts";

export interface OutputChunk {
  readonly stream: "stdout" | "stderr";
  readonly data: Uint8Array;
}

/** One attached client; the router closes it when the client goes away. */
export interface AttachedClient {
  /** With a terminal everything is `stdout` and goes out raw; otherwise the router frames it. */
  readonly tty: boolean;
  /** Keys that were fixed before this client came (those of an exec's creation), in words: `ctrl-p,ctrl-q`. */
  readonly detachKeys?: string;
  /** Where the client detaches itself with keys, this hears of it. */
  readonly output: AsyncIterable<OutputChunk>;
  write(data: Uint8Array): Promise<void>;
  /** The client's half-close. The engine decides what it means (StdinOnce, terminal). */
  endInput(): void;
  /** The client typed its detach keys. */
  detached(): void;
  close(): void;
}

export interface AttachOptions {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Replay the log first. */
  readonly logs: boolean;
  /** Stay for what comes; without it only the logs are sent. */
  readonly stream: boolean;
}

export interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  readonly timestamps: boolean;
  /** Nanoseconds since the epoch; undefined: no bound. */
  readonly sinceNs: bigint | undefined;
  readonly untilNs: bigint | undefined;
  /** Lines from the end; undefined: all. */
  readonly tail: number | undefined;
}

export interface ListOptions {
  readonly all: boolean;
  /** 0: no limit. */
  readonly limit: number;
  readonly size: boolean;
  readonly filters: Filters;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";

/** `ref` is an id, a unique prefix of one, or a name with or without its slash. All throw notFound for an unknown one. */
export interface ContainersBackend {
  create(
    request: ContainerCreateRequest,
    options: { name?: string; platform?: string },
  ): Promise<ContainerCreateResponse>;
  /** Throws notModified when it runs. */
  start(ref: string): Promise<void>;
  /** `timeoutSeconds` undefined: the container's own or 10; negative: no limit. Throws notModified when it is stopped. */
  stop(ref: string, options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  restart(ref: string, options: { signal?: string; timeoutSeconds?: number }): Promise<void>;
  kill(ref: string, signal: string | undefined): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  prune(filters: Filters): Promise<ContainersPruneView>;
  /** The outer promise resolves when the wait is in place: nothing that happens after is missed. */
  wait(
    ref: string,
    condition: WaitCondition,
    signal: AbortSignal,
  ): Promise<{ readonly result: Promise<ContainerWaitView> }>;
  attach(ref: string, options: AttachOptions): Promise<AttachedClient>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  logs(
    ref: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ readonly tty: boolean; readonly entries: AsyncIterable<OutputChunk> }>;
  list(options: ListOptions): Promise<ContainerSummary[]>;
  inspect(ref: string, options: { size: boolean }): Promise<ContainerInspectView>;
  top(ref: string, psArgs: string): Promise<ContainerTopView>;
}

export interface ExecsBackend {
  create(containerRef: string, request: ExecCreateRequest): Promise<{ Id: string }>;
  /** Starts with nobody attached. */
  startDetached(execId: string): Promise<void>;
  /**
   * Starts with one client; the promise resolves when the program runs. `onAccepted` is called before it is started, when
   * nothing but the start itself can fail any more.
   */
  startAttached(
    execId: string,
    consoleSize: readonly [number, number] | undefined,
    onAccepted?: () => void,
  ): Promise<AttachedClient>;
  resize(execId: string, rows: number, columns: number): Promise<void>;
  /** With a signal: when the program has ended, or the signal says that nobody waits for that any more. */
  inspect(execId: string, untilEnd?: AbortSignal): Promise<ExecInspectView>;
}
