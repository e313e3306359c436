import { join } from "node:path";
import type { PlanOperation } from "../../kernel/plan.ts";
import { IGNORE_FAILURE, Op, Stdio } from "../../kernel/protocol.ts";
import type { OciDevice, OciNamespace, OciRuntimeConfig } from "../../oci/runtime-config.ts";
import type { Cgroups } from "../cgroups/cgroups.ts";
import type { LaunchSpec } from "../container-runtime.ts";
import { DEFAULT_MOUNTS } from "../spec/mounts.ts";
import { sysctlPath } from "../spec/sysctls.ts";
import { Ms, NAMESPACE_FLAGS, NODE_TYPES } from "./kernel-flags.ts";
import { mountOperations } from "./mount-operations.ts";
import { overlayOperations } from "./overlay.ts";
import { privilegeOperations, rlimitOperations } from "./security-operations.ts";

/** Where a container's own files are on the host. */
export interface RunPlaces {
  /** Its run directory; `rootfs` in it exists and gets the overlay, inside the container's mount namespace only. */
  readonly directory: string;
  /** The mount that the run directory is on. */
  readonly mountPoint: string;
}

/** Docker's and runc's: programs that set no umask of their own expect this one. */
const UMASK = 0o022;

export const ROOT_NAME = "rootfs";
export const EXIT_RECORD_NAME = "exit";

const own = (namespaces: readonly OciNamespace[], type: OciNamespace["type"]): boolean =>
  namespaces.some((namespace) => namespace.type === type && namespace.path === undefined);

/** The part of a configuration that is carried out before the program is known. */
export type PreparedLinux = Pick<
  OciRuntimeConfig["linux"],
  "namespaces" | "cgroupsPath" | "resources" | "uidMappings" | "gidMappings"
>;

/**
 * What a shim does for a container before its program is known: the cgroup, then a first process in fresh namespaces. It
 * has no value that differs from one plain container to the next but its id.
 */
export function preparePlan(linux: PreparedLinux, cgroups: Cgroups, runDirectory: string): PlanOperation[] {
  const { namespaces, cgroupsPath, resources, uidMappings = [], gidMappings = [] } = linux;
  const created = namespaces.filter(({ path }) => path === undefined);
  const flags = created.reduce((bits, { type }) => bits | NAMESPACE_FLAGS[type], 0);
  const maps = [uidMappings, gidMappings].map((mappings) =>
    mappings.map(({ containerID, hostID, size }) => `${containerID} ${hostID} ${size}\n`).join(""),
  );
  const counter = cgroups.oomCounter(cgroupsPath);
  return [
    ...cgroups.create(cgroupsPath, resources),
    { op: Op.NAMESPACES, args: [flags] },
    ...namespaces.flatMap(({ type, path }): PlanOperation[] =>
      path === undefined ? [] : [{ op: Op.JOIN_NAMESPACE, args: [path, NAMESPACE_FLAGS[type]] }],
    ),
    ...maps.flatMap((text, which): PlanOperation[] =>
      text === "" ? [] : [{ op: Op.USER_MAP, args: [which, text] }],
    ),
    { op: Op.EXIT_RECORD, args: [join(runDirectory, EXIT_RECORD_NAME)] },
    ...(counter === undefined ? [] : [{ op: Op.OOM_COUNTER, args: [counter.file, counter.key] }]),
    ...mountsAhead(linux, cgroups),
  ];
}

/** All of a configuration that a PREPARE plan depends on: two with the same key have the same plan. Cheaper than the plan. */
export function preparationKey(linux: PreparedLinux): string {
  const { namespaces, cgroupsPath, resources, uidMappings = [], gidMappings = [] } = linux;
  const { cpus, mems } = resources.cpu ?? {};
  return JSON.stringify([namespaces, cgroupsPath, cpus, mems, uidMappings, gidMappings]);
}

const NEEDED_FOR_MOUNTS = ["mount", "pid", "network", "ipc"] as const;

/**
 * The file systems of a container that asks for nothing special, which belong to its namespaces and not to the host's tree:
 * made before its launch. One that the launch does not want after all is dropped by the new process. Not with a user
 * namespace, whose ids are taken only when the plan comes.
 */
function mountsAhead(linux: PreparedLinux, cgroups: Cgroups): PlanOperation[] {
  const { namespaces, cgroupsPath, resources } = linux;
  if (!NEEDED_FOR_MOUNTS.every((type) => own(namespaces, type))) return [];
  if (namespaces.some(({ type }) => type === "user")) return [];
  const view = cgroups.view(cgroupsPath, resources, own(namespaces, "cgroup"));
  return mountOperations(DEFAULT_MOUNTS, view).flatMap(({ op, args }) => {
    const [type, source, , attributes, options] = args;
    const isMount = op === Op.MOUNT_IN && type !== undefined && source !== undefined;
    if (!isMount || attributes === undefined || options === undefined) return [];
    return [{ op: Op.MOUNT_AHEAD, args: [type, source, attributes, options] }];
  });
}

/** The shim's part of a launch: limits, while nothing of the container runs yet, and where its output goes. */
function shimOperations({ config, stdio, log }: LaunchSpec, cgroups: Cgroups): PlanOperation[] {
  const flags = (stdio.tty ? Stdio.TTY : 0) | (stdio.openStdin ? Stdio.STDIN_OPEN : 0);
  return [
    ...cgroups.limit(config.linux.cgroupsPath, config.linux.resources),
    { op: Op.STDIO, args: [flags, stdio.rows, stdio.columns] },
    ...(log === undefined ? [] : [{ op: Op.LOG, args: [log.path, log.maxBytes, log.maxFiles] }]),
  ];
}

/**
 * Keeps the container's mounts from the host's. Where a volume is to be shared with the host, its mount must stay in
 * the host's peer group, so that only the mount below which the root appears is cut off.
 */
function propagationOperations(config: OciRuntimeConfig, places: RunPlaces): PlanOperation[] {
  if (config.linux.rootfsPropagation === "shared") {
    return [{ op: Op.PROPAGATION, args: [places.mountPoint, Ms.PRIVATE] }];
  }
  return [
    { op: Op.PROPAGATION, args: ["/", Ms.SLAVE | Ms.RECURSIVE] },
    { op: Op.PROPAGATION, args: [places.mountPoint, Ms.PRIVATE] },
  ];
}

/** Links that programs take for granted; each stands in the tmpfs on /dev. */
const DEVICE_LINKS: readonly (readonly [text: string, path: string])[] = [
  ["/proc/self/fd", "/dev/fd"],
  ["/proc/self/fd/0", "/dev/stdin"],
  ["/proc/self/fd/1", "/dev/stdout"],
  ["/proc/self/fd/2", "/dev/stderr"],
  ["/proc/kcore", "/dev/core"],
  ["pts/ptmx", "/dev/ptmx"],
];

function deviceOperation({ path, type, major, minor, fileMode, uid, gid }: OciDevice): PlanOperation {
  return { op: Op.DEVICE, args: [path, NODE_TYPES[type] | (fileMode & 0o777), major, minor, uid, gid] };
}

/** Fills /dev, unless it is a directory of the host: nothing is made there. */
function deviceOperations(config: OciRuntimeConfig): PlanOperation[] {
  const bound = config.mounts.some(({ destination, type }) => destination === "/dev" && type === "bind");
  const links = DEVICE_LINKS.map(([text, path]): PlanOperation => ({ op: Op.SYMLINK, args: [text, path] }));
  return [
    ...(bound ? [] : [...config.linux.devices.map(deviceOperation), ...links]),
    ...(config.process.terminal ? [{ op: Op.CONSOLE, args: [] }] : []),
  ];
}

/** Names, the loopback link and sysctls: all in namespaces of the container's own. */
function namespaceOperations({ hostname, domainname, linux }: OciRuntimeConfig): PlanOperation[] {
  return [
    ...(hostname === undefined ? [] : [{ op: Op.HOSTNAME, args: [hostname] }]),
    ...(domainname === undefined ? [] : [{ op: Op.DOMAINNAME, args: [domainname] }]),
    ...(own(linux.namespaces, "network") ? [{ op: Op.LOOPBACK_UP, args: [] }] : []),
    ...Object.entries(linux.sysctl).map(([name, value]) => ({
      op: Op.SYSCTL,
      args: [sysctlPath(name), value],
    })),
  ];
}

function restrictionOperations({ root, process, linux }: OciRuntimeConfig): PlanOperation[] {
  return [
    ...linux.maskedPaths.map((path) => ({ op: Op.MASK, args: [path] })),
    ...linux.readonlyPaths.map((path) => ({ op: Op.READONLY, args: [path] })),
    // A working directory that the image does not have is made in time.
    ...(root.readonly
      ? [
          { op: Op.MKDIR, args: [process.cwd, 0o755] },
          { op: Op.READONLY_ROOT, args: [] },
        ]
      : []),
  ];
}

/** A lower score than the daemon's needs a capability: the default 0 is set where it can be, another must be. */
function oomScoreOperation(score: number): PlanOperation {
  const flags = score === 0 ? IGNORE_FAILURE : 0;
  return { op: Op.WRITE_FILE, args: ["/proc/self/oom_score_adj", String(score), flags] };
}

/** The program with its rights, the order of which `privilegeOperations` explains. */
function programOperations({ id, config, user, init }: LaunchSpec): PlanOperation[] {
  const { process, linux } = config;
  return [
    ...rlimitOperations(process.rlimits),
    { op: Op.NEW_KEYRING, args: [`_ses.${id}`] },
    // Resolved and made with root's rights, before these are gone.
    { op: Op.USER, args: [user.spec, ...user.additionalGroups] },
    { op: Op.WORKDIR, args: [process.cwd] },
    ...privilegeOperations(process.capabilities, process.noNewPrivileges, linux.seccomp),
    { op: Op.UMASK, args: [UMASK] },
    { op: Op.ENVIRONMENT, args: process.env },
    // As somebody else's child a program needs no init: there is one.
    ...(init && own(linux.namespaces, "pid") ? [{ op: Op.INIT, args: [] }] : []),
    { op: Op.EXEC, args: process.args },
  ];
}

/**
 * What happens between a prepared process and a running program. The order:
 *
 * 1. the shim: limits, log and stdio, before anything of the container runs;
 * 2. on the host's tree: the OOM score, propagation cut, the overlay mounted and taken as the root;
 * 3. in the root, while the host's paths can still be named: mounts from the outside in, devices, console;
 * 4. namespaces' own values, for which /proc has to be there and still writable;
 * 5. masks and read-only paths, last of all the root itself, since nothing more is made in it; before the pivot,
 *    because the null device that hides a file has to be the host's, whatever the container has on /dev;
 * 6. the pivot, after which nothing of the host has a name;
 * 7. limits, user and directory, rights, the program.
 */
export function launchPlan(spec: LaunchSpec, cgroups: Cgroups, places: RunPlaces): PlanOperation[] {
  const { config, root } = spec;
  const { linux, process } = config;
  const rootPath = join(places.directory, ROOT_NAME);
  const view = cgroups.view(linux.cgroupsPath, linux.resources, own(linux.namespaces, "cgroup"));
  return [
    ...shimOperations(spec, cgroups),
    oomScoreOperation(process.oomScoreAdj ?? 0),
    ...propagationOperations(config, places),
    ...overlayOperations(root, rootPath),
    { op: Op.ROOT, args: [rootPath] },
    ...mountOperations(config.mounts, view),
    ...deviceOperations(config),
    ...namespaceOperations(config),
    ...restrictionOperations(config),
    { op: Op.PIVOT, args: [] },
    ...programOperations(spec),
  ];
}
