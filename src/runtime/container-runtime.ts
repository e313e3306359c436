/** The port of this folder: a container as a process. `engine/` is its only user. */
import type { ContainerConfig, HostConfig } from "../api/container-config.ts";
import type { ContainerId } from "../base/ids.ts";
import type { ExitStatus, ProcessStream, StreamSelection } from "../kernel/shim-session.ts";
import type { OciRuntimeConfig } from "../oci/runtime-config.ts";

/** Where the container's files come from; all paths are absolute and the engine's own. */
export interface RootFilesystem {
  /** Topmost first. */
  readonly lowerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
}

/** A mount of the user, checked and resolved by the engine. */
export type ResolvedMount =
  | {
      readonly type: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      /** Read-only also what is mounted below the source, where the kernel can (5.12). */
      readonly readOnlyRecursive: boolean;
      readonly recursive: boolean;
      readonly propagation: "private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave";
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      /** As for mount(8), already checked: `size=64m`, `mode=1777`, `noexec`. */
      readonly options: readonly string[];
    };

/** All that `buildRuntimeConfig` needs to know; it reads no file and asks nobody. */
export interface SpecInput {
  readonly id: ContainerId;
  /** Merged with the image's: Env, Cmd, Entrypoint, User and WorkingDir are final. */
  readonly config: ContainerConfig;
  /** Checked and filled with defaults. */
  readonly hostConfig: HostConfig;
  readonly mounts: readonly ResolvedMount[];
  /** Host paths of the files that are bound over /etc/hostname, /etc/hosts, /etc/resolv.conf. */
  readonly files: { readonly hostname: string; readonly hosts: string; readonly resolvConf: string };
  /** Host pids of the containers named by `container:<id>` modes. */
  readonly sharedWith: { readonly network?: number; readonly pid?: number; readonly ipc?: number };
  /** Host device nodes named by `--device`, found by the engine with stat. */
  readonly devices: readonly {
    readonly path: string;
    readonly type: "c" | "b";
    readonly major: number;
    readonly minor: number;
    readonly mode: number;
    readonly uid: number;
    readonly gid: number;
    readonly access: string;
  }[];
  /** Parsed `seccomp=<json>`; undefined: the default policy, null: unconfined. */
  readonly seccompProfile?: object | null;
  /** What `--privileged` shows of /dev: every device node of the host. Empty otherwise. */
  readonly hostDevices: SpecInput["devices"];
}

/** What this machine offers, read once at the daemon's start. */
export interface MachineFacts {
  readonly architecture: "x64" | "arm64";
  /** v1 also stands for the hybrid layout, where the controllers are v1's and an empty v2 tree is at `unified`. */
  readonly cgroups:
    | {
        readonly version: 1;
        readonly controllers: ReadonlyMap<string, string>;
        readonly unified?: string;
        /** The root cpuset's processors and memory nodes ("0-3", "0"): a v1 cpuset has to name both. */
        readonly cpusetDefaults?: { readonly cpus: string; readonly mems: string };
      }
    | { readonly version: 2; readonly mountPoint: string; readonly controllers: readonly string[] };
  /** Bits of the daemon's own bounding set: nothing can be given that is not in it. */
  readonly capabilityBounds: bigint;
  /** The daemon's own hard limits by `RLIMIT_*` name; without CAP_SYS_RESOURCE they cannot be raised. */
  readonly hardLimits: ReadonlyMap<string, bigint>;
  readonly canRaiseLimits: boolean;
  readonly apparmor: boolean;
  /** For conditions of seccomp profiles; absent: as new as any of them asks for. */
  readonly kernelVersion?: readonly [major: number, minor: number];
  /** `/sys/devices/system/cpu/cpu<n>/thermal_throttle` of the processors that have one: masked like Docker does. */
  readonly thermalThrottlePaths?: readonly string[];
}

export interface LogFile {
  readonly path: string;
  readonly maxBytes: number;
  readonly maxFiles: number;
}

export interface LaunchSpec {
  readonly id: ContainerId;
  readonly config: OciRuntimeConfig;
  readonly root: RootFilesystem;
  /** Docker's `--user` and `--group-add`, resolved inside the container. */
  readonly user: { readonly spec: string; readonly additionalGroups: readonly string[] };
  readonly stdio: {
    readonly tty: boolean;
    readonly openStdin: boolean;
    readonly rows: number;
    readonly columns: number;
  };
  readonly log: LogFile | undefined;
  /** `--init`. */
  readonly init: boolean;
}

export interface ExecSpec {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: { readonly spec: string; readonly additionalGroups: readonly string[] };
  readonly tty: boolean;
  readonly rows: number;
  readonly columns: number;
  readonly openStdin: boolean;
  /** Nobody will attach: output is thrown away. */
  readonly detached: boolean;
  readonly privileged: boolean;
}

export interface ExecProcess {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  /** The client that came with the start; undefined for a detached one. */
  readonly stream: ProcessStream | undefined;
  resize(rows: number, columns: number): Promise<void>;
  signal(signal: number): Promise<void>;
}

/** A container whose shim is known. The same before its program runs, while it runs and until it is forgotten. */
export interface ContainerProcess {
  readonly id: ContainerId;
  readonly pid: number;
  readonly startedAtNs: bigint;
  /** Resolves once; rejects with `unavailable` when the shim was lost without an exit record. */
  readonly exited: Promise<ExitStatus>;
  attach(streams: StreamSelection): Promise<ProcessStream>;
  /**
   * `container` is what it was launched with: its capabilities, seccomp filter and limits are inherited. `streams`: what to
   * attach to; the program's output waits for that. Throws LaunchError when the program could not be started.
   */
  exec(
    container: OciRuntimeConfig,
    spec: ExecSpec,
    streams: StreamSelection | undefined,
  ): Promise<ExecProcess>;
  resize(rows: number, columns: number): Promise<void>;
  /** Throws notFound when it has ended. */
  signal(signal: number): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Host pids of everything in the container's cgroup. */
  processes(): Promise<number[]>;
}

export interface ContainerRuntime {
  /** An id for a new container: one for which a shim stands ready, if there is one. */
  reserve(): ContainerId;
  /** Does what `start` with this very object will need and what touches nothing. Never throws: the start will say what is wrong. */
  anticipate(spec: LaunchSpec): Promise<void>;
  /**
   * Launches. `beforeProgram` runs when everything but the program's execution is done: streams attached there miss
   * nothing. Throws LaunchError, having cleaned up, when the kernel refused an operation.
   */
  start(
    spec: LaunchSpec,
    beforeProgram: (process: ContainerProcess) => Promise<void>,
  ): Promise<ContainerProcess>;
  /**
   * Finds a container again after a daemon's restart: its live process, the status it ended with, or undefined when
   * nothing is known (the machine was restarted).
   */
  adopt(id: ContainerId): Promise<ContainerProcess | { readonly exit: ExitStatus } | undefined>;
  /** Ends and cleans up what remains of a container that has ended or never ran: shim, cgroup, run directory. */
  forget(id: ContainerId): Promise<void>;
  /** Ends every shim of a container that `isKnown` does not know: what a crash left between create and record. */
  sweep(isKnown: (runDirectoryName: string) => boolean): Promise<void>;
  /** Ends idle prepared shims; containers go on. */
  close(): Promise<void>;
}
