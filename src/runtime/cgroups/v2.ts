import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PlanOperation } from "../../kernel/plan.ts";
import { IGNORE_ABSENCE, Op } from "../../kernel/protocol.ts";
import type { OciResources } from "../../oci/runtime-config.ts";
import type { MachineFacts } from "../container-runtime.ts";
import { readProcesses, writeIfPresent } from "./cgroup-files.ts";
import type { Cgroups, CgroupView } from "./cgroups.ts";
import { allowsAllDevices, deviceProgram, encodeEbpf } from "./device-program.ts";
import { freezeUnified } from "./v1.ts";

type Facts = Extract<MachineFacts["cgroups"], { version: 2 }>;

/** v1's 2…262144 on v2's 1…10000, as runc and systemd convert. */
export function cpuWeight(shares: number): number {
  const bounded = Math.min(Math.max(shares, 2), 262_144);
  return 1 + Math.floor(((bounded - 2) * 9999) / 262_142);
}

/** v2 limits swap alone where Docker's option counts memory and swap together. */
export function swapMax(memory: NonNullable<OciResources["memory"]>): string | undefined {
  const { swap, limit = 0 } = memory;
  if (swap === undefined) return undefined;
  return swap < 0 ? "max" : String(Math.max(swap - limit, 0));
}

/** cgroup v2. */
export class CgroupsV2 implements Cgroups {
  readonly #facts: Facts;
  readonly #madeParents = new Set<string>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  #directory(path: string): string {
    return join(this.#facts.mountPoint, path);
  }

  directories(path: string): string[] {
    return [this.#directory(path)];
  }

  /**
   * A controller is there for a child only when each level above hands it down. One that cannot be (the tree is another
   * one's, or holds processes) is no error here: a limit that needs it fails by name at the launch.
   */
  async ensureParent(path: string): Promise<void> {
    const parts = path.split("/").filter((part) => part !== "");
    const key = parts.slice(0, -1).join("/");
    if (this.#madeParents.has(key)) return;
    let directory = this.#facts.mountPoint;
    for (const part of ["", ...parts.slice(0, -1)]) {
      directory = join(directory, part);
      await mkdir(directory, { recursive: true });
      await this.#handDown(directory);
    }
    this.#madeParents.add(key);
  }

  async #handDown(directory: string): Promise<void> {
    const file = join(directory, "cgroup.subtree_control");
    const given = new Set((await readFile(file, "utf8")).trim().split(/\s+/));
    for (const controller of this.#facts.controllers) {
      if (!given.has(controller)) await writeIfPresent(file, `+${controller}`).catch(() => false);
    }
  }

  create(path: string): PlanOperation[] {
    return [
      { op: Op.CGROUP_CREATE, args: [this.#directory(path)] },
      { op: Op.CGROUP_ENTER, args: [this.#directory(path)] },
    ];
  }

  /** Swappiness and the switch for the OOM killer do not exist on v2: Docker warns when such a container is created. */
  limit(path: string, { memory, cpu, pids, devices = [] }: OciResources): PlanOperation[] {
    const directory = this.#directory(path);
    const write = (file: string, value: string | number | undefined, flags = 0): PlanOperation[] =>
      value === undefined
        ? []
        : [{ op: Op.CGROUP_WRITE, args: [join(directory, file), String(value), flags] }];
    const timed = cpu?.quota !== undefined || cpu?.period !== undefined;
    const quota = cpu?.quota === undefined || cpu.quota < 0 ? "max" : cpu.quota;
    return [
      ...write("memory.max", memory?.limit),
      // Kernels without swap accounting have no such file.
      ...write("memory.swap.max", memory === undefined ? undefined : swapMax(memory), IGNORE_ABSENCE),
      ...write("memory.low", memory?.reservation),
      ...write("cpu.weight", cpu?.shares === undefined ? undefined : cpuWeight(cpu.shares)),
      ...write("cpu.max", timed ? `${quota} ${cpu?.period ?? 100_000}` : undefined),
      ...write("cpuset.cpus", cpu?.cpus),
      ...write("cpuset.mems", cpu?.mems),
      ...write("pids.max", pids?.limit),
      ...(allowsAllDevices(devices)
        ? []
        : [{ op: Op.CGROUP_DEVICES, args: [directory, encodeEbpf(deviceProgram(devices))] }]),
    ];
  }

  oomCounter(path: string): { file: string; key: string } {
    return { file: join(this.#directory(path), "memory.events"), key: "oom_kill" };
  }

  view(): CgroupView[] {
    return [{ kind: "mount", type: "cgroup2", target: "/sys/fs/cgroup", options: [] }];
  }

  freeze(path: string, frozen: boolean): Promise<void> {
    return freezeUnified(this.#directory(path), frozen);
  }

  processes(path: string): Promise<number[]> {
    return readProcesses(this.#directory(path));
  }
}
