import { readFileSync } from "node:fs";
import type {
  ContainerCreateRequest,
  DeviceMapping,
  HostConfig,
  MountRequest,
  Ulimit,
} from "../api/container-config.ts";
import { parseSize } from "../base/units.ts";
import { type FlagValues, UsageError } from "./arguments.ts";
import type { CONTAINER_FLAGS } from "./container-flags.ts";

export type ContainerFlagValues = FlagValues<typeof CONTAINER_FLAGS>;
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Flags of `run` and `create` → the body of `POST /containers/create`. Reads the files that --env-file, --label-file and
 * seccomp=<file> name. Throws UsageError for what the daemon could not be asked.
 */
export function containerRequest(
  flags: ContainerFlagValues,
  positionals: readonly string[],
  environment: Environment,
): ContainerCreateRequest {
  const [image = "", ...command] = positionals;
  const attached = attachedStreams(flags);
  const { binds, volumes } = splitVolumes(flags.volume);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    Tty: flags.tty === true,
    OpenStdin: flags.interactive === true,
    StdinOnce: flags.interactive === true && attached.stdin,
    Env: [
      ...fileLines(flags["env-file"]).map((line) => fromEnvironment(line, environment)),
      ...flags.env.map((entry) => fromEnvironment(entry, environment)),
    ].filter((entry) => entry.includes("=")),
    Cmd: command.length === 0 ? null : command,
    Image: image,
    Volumes: volumes,
    WorkingDir: flags.workdir,
    Entrypoint: flags.entrypoint === undefined ? null : flags.entrypoint === "" ? [""] : [flags.entrypoint],
    Labels: keyValues([...fileLines(flags["label-file"]), ...flags.label]),
    StopSignal: flags["stop-signal"],
    StopTimeout: integer("stop-timeout", flags["stop-timeout"]),
    HostConfig: { ...limits(flags), ...isolation(flags), Binds: binds, AutoRemove: flags.rm === true },
  };
}

/** `-a` names streams; without it a foreground container has stdout and stderr, and stdin with `-i`. */
export function attachedStreams(flags: ContainerFlagValues): {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
} {
  const named = flags.attach.map((name) => name.toLowerCase());
  const wrong = named.find((name) => !["stdin", "stdout", "stderr"].includes(name));
  if (wrong !== undefined) throw new UsageError("valid streams are STDIN, STDOUT and STDERR");
  if (named.length === 0) return { stdin: flags.interactive === true, stdout: true, stderr: true };
  return {
    stdin: named.includes("stdin"),
    stdout: named.includes("stdout"),
    stderr: named.includes("stderr"),
  };
}

function limits(flags: ContainerFlagValues): HostConfig {
  return {
    CgroupParent: flags["cgroup-parent"],
    NanoCpus: flags.cpus === undefined ? undefined : Math.round(decimal("cpus", flags.cpus) * 1e9),
    CpuPeriod: integer("cpu-period", flags["cpu-period"]),
    CpuQuota: integer("cpu-quota", flags["cpu-quota"]),
    CpuShares: integer("cpu-shares", flags["cpu-shares"]),
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Memory: size(flags.memory),
    MemoryReservation: size(flags["memory-reservation"]),
    MemorySwap: flags["memory-swap"] === "-1" ? -1 : size(flags["memory-swap"]),
    MemorySwappiness: integer("memory-swappiness", flags["memory-swappiness"]),
    OomKillDisable: flags["oom-kill-disable"],
    OomScoreAdj: integer("oom-score-adj", flags["oom-score-adj"]),
    PidsLimit: integer("pids-limit", flags["pids-limit"]),
    ShmSize: size(flags["shm-size"]),
    Ulimits: flags.ulimit.map(parseUlimit),
  };
}

function isolation(flags: ContainerFlagValues): HostConfig {
  const security = flags["security-opt"].filter((option) => option !== "systempaths=unconfined");
  const unmasked = security.length < flags["security-opt"].length;
  return {
    Annotations: keyValues(flags.annotation),
    CapAdd: [...flags["cap-add"]],
    CapDrop: [...flags["cap-drop"]],
    CgroupnsMode: flags.cgroupns,
    Devices: flags.device.map(parseDevice),
    Dns: [...flags.dns],
    DnsOptions: [...flags["dns-option"]],
    DnsSearch: [...flags["dns-search"]],
    GroupAdd: [...flags["group-add"]],
    Init: flags.init,
    IpcMode: flags.ipc,
    LogConfig:
      flags["log-driver"] === undefined && flags["log-opt"].length === 0
        ? undefined
        : { Type: flags["log-driver"] ?? "", Config: keyValues(flags["log-opt"]) },
    MaskedPaths: unmasked ? [] : undefined,
    ReadonlyPaths: unmasked ? [] : undefined,
    Mounts: flags.mount.map(parseMount),
    NetworkMode: flags.network ?? flags.net ?? "default",
    PidMode: flags.pid,
    Privileged: flags.privileged,
    ReadonlyRootfs: flags["read-only"],
    Runtime: flags.runtime,
    SecurityOpt: security.map(readSeccompProfile),
    Sysctls: keyValues(flags.sysctl),
    Tmpfs: Object.fromEntries(flags.tmpfs.map((entry) => splitOnce(entry, ":"))),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
  };
}

/** The daemon never reads the client's files: a profile's text is sent. */
function readSeccompProfile(option: string): string {
  const [key, value] = splitOnce(option.replace(/^seccomp:/, "seccomp="), "=");
  if (key !== "seccomp" || value === "unconfined" || value === "builtin") return option;
  try {
    return `seccomp=${JSON.stringify(JSON.parse(readFileSync(value, "utf8")))}`;
  } catch (error) {
    throw new UsageError(`opening seccomp profile (${value}) failed: ${(error as Error).message}`);
  }
}

/** `-v /path` alone asks for an anonymous volume; with a colon it is a bind or a named volume. */
function splitVolumes(entries: readonly string[]): { binds: string[]; volumes: Record<string, object> } {
  const binds = entries.filter((entry) => entry.includes(":"));
  const volumes = entries.filter((entry) => !entry.includes(":")).map((entry) => [entry, {}] as const);
  return { binds, volumes: Object.fromEntries(volumes) };
}

function parseDevice(text: string): DeviceMapping {
  const [host = "", second, third] = text.split(":");
  const isMode = (word: string | undefined) => word !== undefined && /^[rwm]+$/.test(word);
  const inContainer = second === undefined || isMode(second) ? host : second;
  return {
    PathOnHost: host,
    PathInContainer: inContainer,
    CgroupPermissions: isMode(second) ? second : (third ?? "rwm"),
  };
}

function parseUlimit(text: string): Ulimit {
  const [name, value] = splitOnce(text, "=");
  const [soft = "", hard = soft] = value.split(":");
  if (!/^-?\d+$/.test(soft) || !/^-?\d+$/.test(hard))
    throw new UsageError(`invalid ulimit argument: ${text}`);
  return { Name: name, Soft: Number(soft), Hard: Number(hard) };
}

/** `type=bind,source=/a,target=/b,readonly`: the keys of Docker's --mount for bind and tmpfs. */
function parseMount(text: string): MountRequest {
  const mount: MountRequest = { Type: "volume" };
  for (const field of text.split(",")) {
    const [key, value] = splitOnce(field, "=");
    const flag = value === "" || value === "true" || value === "1";
    if (key === "type") mount.Type = value as MountRequest["Type"];
    else if (key === "source" || key === "src") mount.Source = value;
    else if (key === "target" || key === "dst" || key === "destination") mount.Target = value;
    else if (key === "readonly" || key === "ro") mount.ReadOnly = flag;
    else if (key === "bind-propagation") mount.BindOptions = { ...mount.BindOptions, Propagation: value };
    else if (key === "bind-nonrecursive") mount.BindOptions = { ...mount.BindOptions, NonRecursive: flag };
    else if (key === "bind-create-src") mount.BindOptions = { ...mount.BindOptions, CreateMountpoint: flag };
    else if (key === "tmpfs-size")
      mount.TmpfsOptions = { ...mount.TmpfsOptions, SizeBytes: parseSize(value) };
    else if (key === "tmpfs-mode")
      mount.TmpfsOptions = { ...mount.TmpfsOptions, Mode: Number.parseInt(value, 8) };
    else throw new UsageError(`unexpected key '${key}' in '${field}'`);
  }
  return mount;
}

function fileLines(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      return readFileSync(path, "utf8")
        .split(/\r?\n/)
        .map((line) => line.trimStart())
        .filter((line) => line !== "" && !line.startsWith("#"));
    } catch (error) {
      throw new UsageError(
        `open ${path}: ${(error as NodeJS.ErrnoException).code === "ENOENT" ? "no such file or directory" : (error as Error).message}`,
      );
    }
  });
}

/** `NAME` alone takes the caller's value, and nothing when there is none. */
function fromEnvironment(entry: string, environment: Environment): string {
  if (entry.includes("=")) return entry;
  const value = environment[entry];
  return value === undefined ? entry : `${entry}=${value}`;
}

const keyValues = (entries: readonly string[]) =>
  Object.fromEntries(entries.map((entry) => splitOnce(entry, "=")));

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + separator.length)];
}

const size = (text: string | undefined) => (text === undefined ? undefined : parseSize(text));

function integer(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^-?\d+$/.test(text)) {
    throw new UsageError(
      `invalid argument "${text}" for "--${name}" flag: strconv.ParseInt: parsing "${text}": invalid syntax`,
    );
  }
  return Number(text);
}

function decimal(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || text.trim() === "")
    throw new UsageError(
      `invalid argument "${text}" for "--${name}" flag: failed to parse ${text} as a rational number`,
    );
  return value;
}
