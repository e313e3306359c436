/** What this machine offers: the only place that asks it. Sources: proc(5), cgroups(7), capabilities(7). */
import { readdir, readFile, stat } from "node:fs/promises";
import { release } from "node:os";
import { join } from "node:path";
import { EngineError } from "../base/errors.ts";
import type { MachineFacts } from "./container-runtime.ts";
import { capabilityMask } from "./spec/capabilities.ts";
import { RLIMIT_UNLIMITED } from "./spec/rlimits.ts";

/** A line of /proc/<pid>/mountinfo. */
export interface MountInfo {
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly superOptions: readonly string[];
}

/** mountinfo writes blanks and backslashes as three octal digits. */
const unescapeOctal = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

export function parseMountInfo(text: string): MountInfo[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ", 2);
      const fields = before.split(" ");
      const [type = "", , superOptions = ""] = after.split(" ");
      return {
        root: unescapeOctal(fields[3] ?? ""),
        mountPoint: unescapeOctal(fields[4] ?? ""),
        type,
        superOptions: superOptions.split(","),
      };
    });
}

/** The mount that a path (absolute, without links) is on: of several at one place the last is on top. */
export function mountPointOf(path: string, mounts: readonly MountInfo[]): string {
  let found = "/";
  for (const { mountPoint } of mounts) {
    const holds = mountPoint === "/" || path === mountPoint || path.startsWith(`${mountPoint}/`);
    if (holds && mountPoint.length >= found.length) found = mountPoint;
  }
  return found;
}

export async function readMounts(): Promise<MountInfo[]> {
  return parseMountInfo(await readFile("/proc/self/mountinfo", "utf8"));
}

const readOr = (path: string, fallback: string): Promise<string> =>
  readFile(path, "utf8").catch(() => fallback);

/** v1 hierarchies by controller, from the mount table; `known` are the names in /proc/cgroups. */
export function v1Controllers(mounts: readonly MountInfo[], known: ReadonlySet<string>): Map<string, string> {
  const controllers = new Map<string, string>();
  for (const { type, mountPoint, superOptions } of mounts) {
    if (type !== "cgroup") continue;
    for (const option of superOptions) {
      const isController = known.has(option) || option.startsWith("name=");
      if (isController && !controllers.has(option)) controllers.set(option, mountPoint);
    }
  }
  return controllers;
}

async function readCgroups(mounts: readonly MountInfo[]): Promise<MachineFacts["cgroups"]> {
  const table = await readOr("/proc/cgroups", "");
  const known = new Set(table.split("\n").map((line) => line.split("\t", 1)[0] ?? ""));
  const controllers = v1Controllers(mounts, known);
  const unified = mounts.find(({ type }) => type === "cgroup2")?.mountPoint;
  if ([...controllers.keys()].some((name) => !name.startsWith("name="))) {
    const cpuset = controllers.get("cpuset");
    const read = async (name: string) =>
      cpuset === undefined ? "" : (await readOr(join(cpuset, name), "")).trim();
    const [cpus, mems] = await Promise.all([read("cpuset.cpus"), read("cpuset.mems")]);
    return {
      version: 1,
      controllers,
      ...(unified === undefined ? {} : { unified }),
      ...(cpus === "" || mems === "" ? {} : { cpusetDefaults: { cpus, mems } }),
    };
  }
  if (unified === undefined) {
    throw new EngineError(
      "failedPrecondition",
      "no cgroup file system is mounted: mount cgroup2 on /sys/fs/cgroup (systemd and cgroupfs-mount do)",
    );
  }
  const available = await readOr(join(unified, "cgroup.controllers"), "");
  return {
    version: 2,
    mountPoint: unified,
    controllers: available.split(/\s+/).filter((name) => name !== ""),
  };
}

/** The line's hexadecimal mask in /proc/self/status, 0 without it. */
export function statusMask(status: string, name: string): bigint {
  const digits = new RegExp(`^${name}:\\s*([0-9a-f]+)$`, "m").exec(status)?.[1];
  return digits === undefined ? 0n : BigInt(`0x${digits}`);
}

const LIMIT_NAMES: Readonly<Record<string, string>> = {
  "Max cpu time": "RLIMIT_CPU",
  "Max file size": "RLIMIT_FSIZE",
  "Max data size": "RLIMIT_DATA",
  "Max stack size": "RLIMIT_STACK",
  "Max core file size": "RLIMIT_CORE",
  "Max resident set": "RLIMIT_RSS",
  "Max processes": "RLIMIT_NPROC",
  "Max open files": "RLIMIT_NOFILE",
  "Max locked memory": "RLIMIT_MEMLOCK",
  "Max address space": "RLIMIT_AS",
  "Max file locks": "RLIMIT_LOCKS",
  "Max pending signals": "RLIMIT_SIGPENDING",
  "Max msgqueue size": "RLIMIT_MSGQUEUE",
  "Max nice priority": "RLIMIT_NICE",
  "Max realtime priority": "RLIMIT_RTPRIO",
  "Max realtime timeout": "RLIMIT_RTTIME",
};

/** Hard limits of /proc/self/limits: name, soft, hard and unit in columns. */
export function parseHardLimits(text: string): Map<string, bigint> {
  const limits = new Map<string, bigint>();
  for (const line of text.split("\n")) {
    const [, name = "", hard = ""] = /^(.+?)\s{2,}\S+\s+(\S+)/.exec(line) ?? [];
    const type = LIMIT_NAMES[name];
    if (type !== undefined) limits.set(type, hard === "unlimited" ? RLIMIT_UNLIMITED : BigInt(hard));
  }
  return limits;
}

async function thermalThrottlePaths(): Promise<string[]> {
  const directory = "/sys/devices/system/cpu";
  const names = (await readdir(directory).catch(() => [])).filter((name) => /^cpu\d+$/.test(name));
  const paths = names.map((name) => join(directory, name, "thermal_throttle"));
  const found = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}

function architecture(): MachineFacts["architecture"] {
  if (process.arch === "x64" || process.arch === "arm64") return process.arch;
  throw new EngineError("unimplemented", `containers on ${process.arch} are not implemented`);
}

/** Reads all of it; once, at the daemon's start. Throws failedPrecondition for a machine that cannot run containers. */
export async function readMachineFacts(): Promise<MachineFacts> {
  const [status, limits, mounts, apparmor, throttles] = await Promise.all([
    readFile("/proc/self/status", "utf8"),
    readFile("/proc/self/limits", "utf8"),
    readMounts(),
    readOr("/sys/module/apparmor/parameters/enabled", "N"),
    thermalThrottlePaths(),
  ]);
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return {
    architecture: architecture(),
    cgroups: await readCgroups(mounts),
    capabilityBounds: statusMask(status, "CapBnd"),
    hardLimits: parseHardLimits(limits),
    canRaiseLimits: (statusMask(status, "CapEff") & capabilityMask(["CAP_SYS_RESOURCE"])) !== 0n,
    apparmor: apparmor.trim() === "Y",
    kernelVersion: [major, minor],
    thermalThrottlePaths: throttles,
  };
}
