import { access, readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import type { MachineFacts } from "../../../runtime/container-runtime.ts";

/** What limits can be asked of this machine. */
export interface HostFacts {
  readonly cpuCount: number;
  /** In cpuset's list format: `0-3`. */
  readonly onlineCpus: string;
  readonly onlineMems: string;
  /** Controllers that are there, by their v1 names. */
  readonly controllers: ReadonlySet<string>;
  readonly swapLimit: boolean;
  readonly swappiness: boolean;
  readonly oomKillDisable: boolean;
  readonly apparmor: boolean;
  readonly capabilityBounds: bigint;
  /** Docker's name of the machine's architecture. */
  readonly architecture: string;
  readonly cgroupVersion: 1 | 2;
}

/** Reads them once, at the daemon's start. */
export async function readHostFacts(machine: MachineFacts): Promise<HostFacts> {
  const { cgroups } = machine;
  const memory = cgroups.version === 1 ? cgroups.controllers.get("memory") : undefined;
  const has = (file: string) => (memory === undefined ? Promise.resolve(false) : exists(join(memory, file)));
  return {
    cpuCount: cpus().length,
    onlineCpus: await readLine("/sys/devices/system/cpu/online", `0-${cpus().length - 1}`),
    onlineMems: await readLine("/sys/devices/system/node/online", "0"),
    controllers: new Set(cgroups.version === 1 ? cgroups.controllers.keys() : cgroups.controllers),
    // v2 has memory.swap.max wherever the kernel has swap accounting, which nobody builds without since 5.8.
    swapLimit: cgroups.version === 2 || (await has("memory.memsw.limit_in_bytes")),
    swappiness: await has("memory.swappiness"),
    oomKillDisable: await has("memory.oom_control"),
    apparmor: machine.apparmor,
    capabilityBounds: machine.capabilityBounds,
    architecture: machine.architecture === "x64" ? "amd64" : "arm64",
    cgroupVersion: cgroups.version,
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function readLine(path: string, fallback: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trim();
  } catch {
    return fallback;
  }
}
