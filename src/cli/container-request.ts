import type {
  ContainerConfig,
  ContainerCreateRequest,
  HealthConfig,
  HostConfig,
} from "../api/container-config.ts";
import type { CONTAINER_FLAGS } from "./container-flags.ts";
import { type CallerEnvironment, readKeyValueFiles, withCallerValues } from "./environment-files.ts";
import { CliFailure } from "./failure.ts";
import type { FlagValues } from "./flags.ts";
import { endpointsOf, networkMode } from "./network-request.ts";
import { readSecurityOptions } from "./security-request.ts";
import { parseDevice } from "./values/devices.ts";
import { publishedPorts } from "./values/ports.ts";
import { parseRestartPolicy } from "./values/settings.ts";
import { keyValues, splitOnce } from "./values/words.ts";

export type ContainerFlagValues = FlagValues<typeof CONTAINER_FLAGS>;

/** Where a request's relative paths and unset variables are looked up. */
export interface Caller {
  readonly environment: CallerEnvironment;
  readonly workingDirectory: () => string;
}

/**
 * Flags of `run` and `create` → the body of `POST /containers/create`. Reads the files that --env-file, --label-file and
 * seccomp=<file> name. Throws CliFailure `hint` for what the daemon could not be asked.
 */
export function containerRequest(
  flags: ContainerFlagValues,
  [image = "", ...command]: readonly string[],
  caller: Caller,
): ContainerCreateRequest {
  checkModes(flags);
  const endpoints = endpointsOf(flags);
  return {
    ...containerConfig(flags, image, command, caller),
    HostConfig: hostConfig(flags, caller),
    NetworkingConfig: endpoints === undefined ? undefined : { EndpointsConfig: endpoints },
  };
}

/** Words that the client itself refuses; what a container or user is called only the daemon knows. */
function checkModes(flags: ContainerFlagValues): void {
  const modes = [
    ["pid", "PID", /^(?:|host|container:.+)$/],
    ["uts", "UTS", /^(?:|host)$/],
    ["userns", "USER", /^(?:|host)$/],
    ["cgroupns", "CGROUP", /^(?:|host|private)$/],
  ] as const;
  for (const [flag, name, valid] of modes) {
    if (!valid.test(flags[flag] ?? "")) throw new CliFailure(`--${flag}: invalid ${name} mode`, "hint");
  }
  for (const entry of flags.volume) {
    if (entry === "") throw new CliFailure("invalid empty volume spec", "hint");
    if (entry.split(":").length > 3) throw new CliFailure(`invalid spec: ${entry}: too many colons`, "hint");
  }
}

function containerConfig(
  flags: ContainerFlagValues,
  image: string,
  command: readonly string[],
  { environment }: Caller,
): ContainerConfig {
  const attached = attachedStreams(flags);
  const volumes = flags.volume.filter((entry) => !entry.includes(":"));
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    ExposedPorts: unlessEmpty(publishedPorts(flags.publish, flags.expose).exposed),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive === true && attached.stdin,
    Env: withCallerValues(readKeyValueFiles(flags["env-file"]), flags.env, environment),
    Cmd: command.length === 0 ? null : [...command],
    Healthcheck: healthConfig(flags),
    Image: image,
    Volumes: unlessEmpty(Object.fromEntries(volumes.map((path) => [path, {}]))),
    WorkingDir: flags.workdir,
    Entrypoint: flags.entrypoint === undefined ? null : [flags.entrypoint],
    Labels: keyValues([...readKeyValueFiles(flags["label-file"]), ...flags.label]),
    StopSignal: flags["stop-signal"],
    StopTimeout: flags["stop-timeout"],
  };
}

/** `-a` names streams; without it there are stdout and stderr. `-i` is stdin in both cases. */
export function attachedStreams({
  attach,
  interactive,
}: Pick<ContainerFlagValues, "attach" | "interactive">): {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
} {
  const unnamed = attach.length === 0;
  return {
    stdin: interactive === true || attach.includes("stdin"),
    stdout: unnamed || attach.includes("stdout"),
    stderr: unnamed || attach.includes("stderr"),
  };
}

function healthConfig(flags: ContainerFlagValues): HealthConfig | undefined {
  const settings = {
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
  const command = flags["health-cmd"] || undefined;
  const some = command !== undefined || Object.values(settings).some(Boolean);
  if (flags["no-healthcheck"] === true) {
    if (some) throw new CliFailure("--no-healthcheck conflicts with --health-* options", "hint");
    return { Test: ["NONE"] };
  }
  if (!some) return undefined;
  for (const name of [
    "health-interval",
    "health-timeout",
    "health-retries",
    "health-start-period",
    "health-start-interval",
  ] as const) {
    if ((flags[name] ?? 0) < 0) throw new CliFailure(`--${name} cannot be negative`, "hint");
  }
  return { ...settings, Test: command === undefined ? undefined : ["CMD-SHELL", command] };
}

function hostConfig(flags: ContainerFlagValues, caller: Caller): HostConfig {
  const restart = flags.restart === undefined ? undefined : parseRestartPolicy(flags.restart);
  if (flags.rm === true && restart !== undefined && restart.Name !== "" && restart.Name !== "no") {
    throw new CliFailure("conflicting options: cannot specify both --restart and --rm", "hint");
  }
  return {
    ...limits(flags),
    ...isolation(flags),
    ...files(flags, caller),
    AutoRemove: flags.rm,
    ContainerIDFile: flags.cidfile,
    Dns: list(flags.dns),
    DnsOptions: list([...flags["dns-option"], ...flags["dns-opt"]]),
    DnsSearch: list(flags["dns-search"]),
    ExtraHosts: list(flags["add-host"]),
    Init: flags.init,
    Links: list(flags.link),
    LogConfig: logConfig(flags),
    NetworkMode: networkMode(flags),
    PortBindings: unlessEmpty(publishedPorts(flags.publish, []).bindings),
    PublishAllPorts: flags["publish-all"],
    RestartPolicy: restart,
    Runtime: flags.runtime,
  };
}

function limits(flags: ContainerFlagValues): HostConfig {
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== undefined && (swappiness < -1 || swappiness > 100)) {
    throw new CliFailure(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`, "hint");
  }
  return {
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: list(flags["blkio-weight-device"]),
    BlkioDeviceReadBps: list(flags["device-read-bps"]),
    BlkioDeviceReadIOps: list(flags["device-read-iops"]),
    BlkioDeviceWriteBps: list(flags["device-write-bps"]),
    BlkioDeviceWriteIOps: list(flags["device-write-iops"]),
    CgroupParent: flags["cgroup-parent"],
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpuShares: flags["cpu-shares"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Memory: flags.memory,
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: swappiness,
    NanoCpus: flags.cpus,
    OomKillDisable: flags["oom-kill-disable"],
    OomScoreAdj: flags["oom-score-adj"],
    PidsLimit: flags["pids-limit"],
    ShmSize: flags["shm-size"],
    Ulimits: list([...new Map(flags.ulimit.map((limit) => [limit.Name, limit])).values()]),
  };
}

function isolation(flags: ContainerFlagValues): HostConfig {
  return {
    ...readSecurityOptions(flags["security-opt"]),
    Annotations: unlessEmpty(keyValues(flags.annotation)),
    CapAdd: list(flags["cap-add"]),
    CapDrop: list(flags["cap-drop"]),
    CgroupnsMode: flags.cgroupns,
    DeviceCgroupRules: list(flags["device-cgroup-rule"]),
    DeviceRequests: list(flags.gpus),
    Devices: list(flags.device.map(parseDevice)),
    GroupAdd: list(flags["group-add"]),
    IpcMode: flags.ipc,
    Isolation: flags.isolation,
    PidMode: flags.pid,
    Privileged: flags.privileged,
    Sysctls: unlessEmpty(keyValues(flags.sysctl)),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
  };
}

function files(flags: ContainerFlagValues, { workingDirectory }: Caller): HostConfig {
  const storage = flags["storage-opt"];
  if (storage.some((option) => !option.includes("="))) throw new CliFailure("invalid storage option", "hint");
  // The daemon has another working directory: what is relative to ours is made absolute here.
  const absolute = (path: string) =>
    path.startsWith(".") ? process.getBuiltinModule("node:path").join(workingDirectory(), path) : path;
  return {
    Binds: list(flags.volume.filter((entry) => entry.includes(":")).map(absolute)),
    Mounts: list(
      flags.mount.map((mount) => ({
        ...mount,
        Source: mount.Source === undefined ? undefined : absolute(mount.Source),
      })),
    ),
    ReadonlyRootfs: flags["read-only"],
    StorageOpt: unlessEmpty(keyValues(storage)),
    Tmpfs: unlessEmpty(Object.fromEntries(flags.tmpfs.map((entry) => splitOnce(entry, ":").slice(0, 2)))),
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: list(flags["volumes-from"]),
  };
}

function logConfig(flags: ContainerFlagValues): HostConfig["LogConfig"] {
  const driver = flags["log-driver"];
  const options = flags["log-opt"];
  if (driver === "none" && options.length > 0) {
    throw new CliFailure("invalid logging opts for driver none", "hint");
  }
  if (driver === undefined && options.length === 0) return undefined;
  return { Type: driver ?? "", Config: keyValues(options) };
}

/** Nothing is sent for what was not asked: the shorter the request, the sooner it is read. */
const list = <T>(items: readonly T[]): T[] | undefined => (items.length === 0 ? undefined : [...items]);
const unlessEmpty = <T extends object>(map: T): T | undefined =>
  Object.keys(map).length === 0 ? undefined : map;
