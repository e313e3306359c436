/** The ports of the native helpers, as the rest of the program sees them. */
import { EngineError } from "../base/errors.ts";

export interface ExitStatus {
  /** What `docker wait` prints: the exit code, or 128 + signal. */
  readonly code: number;
  /** The signal that ended it, 0 for none. */
  readonly signal: number;
  readonly oomKilled: boolean;
  readonly finishedAtNs: bigint;
}

export interface ShimState {
  readonly phase: "empty" | "prepared" | "running" | "exited";
  /** The init's pid as the host sees it. */
  readonly pid: number;
  readonly startedAtNs: bigint;
}

export interface StreamSelection {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** One attached client of one process: a connection of its own, so that its backpressure is its own. */
export interface ProcessStream {
  /** Chunks in the order in which the shim read them. Ends after all output of an ended process, or on close(). */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly data: Uint8Array }>;
  /** Resolves when the shim's socket took the bytes. Input for an ended process is dropped, as a pipe would. */
  write(data: Uint8Array): Promise<void>;
  /** Closes the process's stdin; without effect on a terminal. */
  endInput(): void;
  close(): void;
}

/** Number of the container's first process; an exec'd one has the number that `exec` was called with. */
export const INIT_PROCESS = 0;

/**
 * The daemon's connection to one shim. Requests are answered in order of completion. A lost connection rejects what is
 * pending with `unavailable`.
 */
export interface ShimSession {
  /** Makes cgroup and namespaces; the init then waits. Plan: the shim's operations. */
  prepare(plan: Uint8Array): Promise<{ pid: number }>;
  /** Resolves when the program was executed. Throws LaunchError when an operation failed. */
  launch(plan: Uint8Array): Promise<void>;
  /** Starts one more process inside. Throws LaunchError when an operation failed. */
  exec(process: number, plan: Uint8Array): Promise<{ pid: number }>;
  /** Throws notFound when the process has ended. */
  signal(process: number, signal: number): Promise<void>;
  resize(process: number, rows: number, columns: number): Promise<void>;
  state(): Promise<ShimState>;
  /** Kills what runs, cleans up, ends the shim. */
  abandon(): Promise<void>;
  attach(process: number, streams: StreamSelection): Promise<ProcessStream>;
  /** Called once for each process that ended, also when it had ended before this session began (init only). */
  onExit(listener: (process: number, status: ExitStatus) => void): void;
  /** Resolves when the connection is gone, for whatever reason. */
  readonly closed: Promise<void>;
  /** Leaves the shim running. */
  close(): void;
}

/** An operation of a plan that the kernel refused. */
export class LaunchError extends EngineError {
  constructor(
    readonly operation: string,
    readonly step: string,
    /** Name of the errno: `ENOENT`. */
    readonly errno: string,
    readonly path: string,
  ) {
    super("failedPrecondition", `${operation}: ${step}${path === "" ? "" : ` ${path}`}: ${errno}`, {
      details: { operation, step, errno, path },
    });
  }
}

/** berth-kernel: the daemon's one native process for what is not a container's own. */
export interface KernelHelper {
  /** Starts a shim that listens on `<directory>/shim.sock` (the directory exists) and opens a session with it. */
  spawnShim(directory: string, name: string): Promise<ShimSession>;
  /** Opens a session with a shim that runs already. Throws unavailable when none listens there. */
  connectShim(directory: string): Promise<ShimSession>;
  /** Removes a tree, also one that is not there. Never crosses into another mount. */
  removeTree(path: string): Promise<void>;
  diskUsage(path: string): Promise<number>;
  close(): Promise<void>;
}

export interface UnpackResult {
  /** Sum of the sizes of the layer's regular files. */
  readonly sizeBytes: number;
  /** `sha256:…` of the uncompressed tar, all of it, also what comes after its end mark. */
  readonly diffId: string;
  /** Of the input as it came: the blob's digest, or the diffId where it is not compressed. */
  readonly inputDigest: string;
}

/** A file that holds a layer's tar, plain or compressed with gzip or zstd. Nobody writes to it meanwhile. */
export interface LayerFile {
  readonly path: string;
}

/** Unpacks one layer in a process of its own that is confined to the target. */
export interface LayerUnpacker {
  /**
   * `target` exists and is empty. `layer`: a file, or the uncompressed tar as a stream. Whiteouts become overlayfs whiteouts and
   * opaque marks. `onProgress` is told how many bytes of a file were read. The files are not on the disk yet: see `sync`.
   * Throws invalid for a hostile or broken archive; the caller removes the target then.
   */
  unpack(
    target: string,
    layer: LayerFile | AsyncIterable<Uint8Array>,
    signal?: AbortSignal,
    onProgress?: (inputBytes: number) => void,
  ): Promise<UnpackResult>;
  /** Writes all of the file system that `directory` is on to the disk. */
  sync(directory: string): Promise<void>;
}
