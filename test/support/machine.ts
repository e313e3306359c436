/** What a test may not leave behind: compared before and after each privileged file. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export interface MachineState {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  readonly descriptors: number;
}

export function machineState(): MachineState {
  return {
    mounts: readFileSync("/proc/self/mountinfo", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[4] ?? "")
      .filter((mountPoint) => mountPoint !== "")
      .sort(),
    links: readdirSync("/sys/class/net").sort(),
    cgroups: berthCgroups("/sys/fs/cgroup", 2).sort(),
    processes: berthProcesses().sort(),
    descriptors: readdirSync("/proc/self/fd").length,
  };
}

/**
 * Directories below a `berth` cgroup of any hierarchy; the `berth` directory itself is shared and stays. Those with
 * processes of another run's are not ours to miss.
 */
function berthCgroups(directory: string, depth: number): string[] {
  const found: string[] = [];
  for (const entry of list(directory)) {
    const path = join(directory, entry);
    if (entry === "berth") found.push(...list(path).map((child) => join(path, child)));
    else if (depth > 0) found.push(...berthCgroups(path, depth - 1));
  }
  return found.filter((path) => !read(join(path, "cgroup.procs")).split("\n").some(isOfAnother));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Gone between two reads, or a threaded cgroup, which lists none.
    return "";
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    // Gone between two reads: then nothing of it is left.
    return [];
  }
}

/**
 * True for what a living engine or test run other than this one has started: people run engines on the machine where they
 * test. What has lost its parents stays ours.
 */
function isOfAnother(pid: string): boolean {
  let other = false;
  for (let at = pid; Number(at) > 1; ) {
    if (at === String(process.pid)) return false;
    const [, name = "", parent = ""] = /^\d+ \((.*)\) . (\d+) /s.exec(read(`/proc/${at}/stat`)) ?? [];
    if (/^(berth(?!-shim|-kernel)|bun$)/.test(name)) other = true;
    at = parent;
  }
  return other;
}

/** `pid exe` of every process that runs one of our binaries. */
function berthProcesses(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      if (!name.startsWith("berth") || isOfAnother(pid)) continue;
      found.push(`${pid} ${name} ${readlinkSync(`/proc/${pid}/exe`)}`);
    } catch {
      // It ended while we looked.
    }
  }
  return found;
}

/** Lines that say what is there now and was not before. Descriptors may shrink, not grow. */
export function leftBehind(before: MachineState, after: MachineState): string[] {
  const added = (kind: "mounts" | "links" | "cgroups" | "processes") =>
    after[kind].filter((entry) => !before[kind].includes(entry)).map((entry) => `${kind}: ${entry}`);
  const lines = [...added("mounts"), ...added("links"), ...added("cgroups"), ...added("processes")];
  if (after.descriptors > before.descriptors)
    lines.push(`descriptors: ${before.descriptors} → ${after.descriptors}`);
  return lines;
}
