import { EngineError } from "../../base/errors.ts";
import type { OciMount } from "../../oci/runtime-config.ts";
import type { ResolvedMount, SpecInput } from "../container-runtime.ts";

const DEFAULT_SHM_BYTES = 64 << 20;

/** What every container has, in the order in which it is mounted. */
function defaultMounts(shmBytes: number): OciMount[] {
  const mount = (destination: string, type: string, source: string, options: string): OciMount => ({
    destination,
    type,
    source,
    options: options.split(" "),
  });
  return [
    mount("/proc", "proc", "proc", "nosuid noexec nodev"),
    mount("/dev", "tmpfs", "tmpfs", "nosuid strictatime mode=755 size=65536k"),
    mount("/dev/pts", "devpts", "devpts", "nosuid noexec newinstance ptmxmode=0666 mode=0620 gid=5"),
    mount("/sys", "sysfs", "sysfs", "nosuid noexec nodev ro"),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro nosuid noexec nodev"),
    mount("/dev/mqueue", "mqueue", "mqueue", "nosuid noexec nodev"),
    mount("/dev/shm", "tmpfs", "shm", `nosuid noexec nodev mode=1777 size=${shmBytes}`),
  ];
}

/** The mounts of a container that asks for nothing special. */
export const DEFAULT_MOUNTS: readonly OciMount[] = defaultMounts(DEFAULT_SHM_BYTES);

/** Options that cancel one another, and the word that each group is about. */
const TOPICS: Readonly<Record<string, string>> = {
  ...{ ro: "write", rw: "write", suid: "suid", nosuid: "suid", dev: "dev", nodev: "dev" },
  ...{
    exec: "exec",
    noexec: "exec",
    sync: "sync",
    async: "sync",
    diratime: "diratime",
    nodiratime: "diratime",
  },
  ...{ atime: "atime", noatime: "atime", relatime: "atime", norelatime: "atime" },
  ...{ strictatime: "atime", nostrictatime: "atime" },
};

/** The last option on each topic wins, as for mount(8): `exec` takes Docker's default `noexec` back. */
function mergeTmpfsOptions(options: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const option of options) {
    const topic = TOPICS[option] ?? option.split("=", 1)[0] ?? option;
    merged.delete(topic);
    merged.set(topic, option);
  }
  return [...merged.values()];
}

function tmpfsMount(destination: string, options: readonly string[]): OciMount {
  const shared = options.find((option) => /^r?(shared|slave)$/.test(option));
  if (shared !== undefined) {
    throw new EngineError(
      "unimplemented",
      `a tmpfs with ${shared} propagation (${destination}) is not implemented`,
    );
  }
  // Nothing can propagate from a new mount below a private root, so that the private forms say what is so anyway.
  const own = options.filter((option) => option !== "" && !/^r?private$/.test(option));
  return {
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: mergeTmpfsOptions(["noexec", "nosuid", "nodev", ...own]),
  };
}

function toOciMount(mount: ResolvedMount): OciMount {
  if (mount.type === "tmpfs") return tmpfsMount(mount.target, mount.options);
  const readOnly = mount.readOnlyRecursive ? ["rro"] : mount.readOnly ? ["ro"] : [];
  return {
    destination: mount.target,
    type: "bind",
    source: mount.source,
    options: [mount.recursive ? "rbind" : "bind", ...readOnly, mount.propagation],
  };
}

/** `--tmpfs` of clients that the engine did not list among the mounts already. */
function remainingTmpfs({ hostConfig, mounts }: SpecInput): OciMount[] {
  const listed = new Set(mounts.map(({ target }) => target));
  return Object.entries(hostConfig.Tmpfs ?? {})
    .filter(([target]) => !listed.has(target))
    .map(([target, options]) => tmpfsMount(target, options.split(",")));
}

/** The engine's own files, each giving way to a mount of the user on the same place. */
function fileMounts({ files, hostConfig }: SpecInput, taken: ReadonlySet<string>): OciMount[] {
  const sources = {
    "/etc/resolv.conf": files.resolvConf,
    "/etc/hostname": files.hostname,
    "/etc/hosts": files.hosts,
  };
  const access = hostConfig.ReadonlyRootfs === true ? ["ro"] : [];
  return Object.entries(sources)
    .filter(([destination]) => !taken.has(destination))
    .map(([destination, source]) => ({
      destination,
      type: "bind",
      source,
      options: ["rbind", ...access, "rprivate"],
    }));
}

/** /dev/shm belongs to the IPC namespace in users' eyes, yet it is a mount and has to be shared as one. */
function sharedMemory({ hostConfig }: SpecInput): OciMount[] | undefined {
  const mode = hostConfig.IpcMode ?? "";
  if (mode === "none") return [];
  if (mode === "host") {
    return [{ destination: "/dev/shm", type: "bind", source: "/dev/shm", options: ["rbind", "rprivate"] }];
  }
  if (mode.startsWith("container:")) {
    throw new EngineError(
      "unimplemented",
      `IPC mode ${mode} is not implemented: /dev/shm of a running container cannot be mounted in another one yet`,
    );
  }
  return undefined;
}

const depthOf = (path: string): number => path.split("/").filter((part) => part !== "").length;

/** Writable in Docker also below a read-only root. */
const WRITABLE_UNDER_READONLY_ROOT = new Set(["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"]);

function adjustDefault(mount: OciMount, { hostConfig }: SpecInput): OciMount {
  const privileged = hostConfig.Privileged === true;
  if (privileged && (mount.destination === "/sys" || mount.type === "cgroup")) {
    return { ...mount, options: mount.options.filter((option) => option !== "ro") };
  }
  const lock = hostConfig.ReadonlyRootfs === true && !WRITABLE_UNDER_READONLY_ROOT.has(mount.destination);
  return lock && !mount.options.includes("ro") ? { ...mount, options: [...mount.options, "ro"] } : mount;
}

/**
 * All mounts in the order in which they are made: the default ones that no mount of the user replaces, then the user's and
 * the engine's files by depth, so that a mount never hides one below it. With a /dev of the user nothing is put
 * into it.
 */
export function mountsOf(input: SpecInput): OciMount[] {
  const asked = [...input.mounts.map(toOciMount), ...remainingTmpfs(input)];
  const taken = new Set(asked.map(({ destination }) => destination));
  const shm = taken.has("/dev/shm") ? [] : sharedMemory(input);
  const given = [...asked, ...fileMounts(input, taken), ...(shm ?? [])].sort(
    (a, b) => depthOf(a.destination) - depthOf(b.destination),
  );
  const shmBytes = input.hostConfig.ShmSize || DEFAULT_SHM_BYTES;
  const defaults = defaultMounts(shmBytes).filter(({ destination }) => {
    if (taken.has(destination)) return false;
    if (taken.has("/dev") && destination.startsWith("/dev/")) return false;
    return !(destination === "/dev/shm" && shm !== undefined);
  });
  return [...defaults.map((mount) => adjustDefault(mount, input)), ...given];
}
