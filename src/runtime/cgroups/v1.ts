import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { EngineError } from "../../base/errors.ts";
import type { PlanOperation } from "../../kernel/plan.ts";
import { IGNORE_ABSENCE, Op } from "../../kernel/protocol.ts";
import type { OciDeviceRule, OciResources } from "../../oci/runtime-config.ts";
import type { MachineFacts } from "../container-runtime.ts";
import { DEFAULT_DEVICE_RULES } from "../spec/devices.ts";
import { freezeAndWait, readProcesses, writeIfPresent } from "./cgroup-files.ts";
import type { Cgroups, CgroupView } from "./cgroups.ts";
import { deviceLines } from "./device-lines.ts";
import { allowsAllDevices, deviceProgram, encodeEbpf } from "./device-program.ts";

const DEFAULT_RULES_TEXT = JSON.stringify(DEFAULT_DEVICE_RULES);

type Facts = Extract<MachineFacts["cgroups"], { version: 1 }>;

/** Every container is in these: for limits, for counting and for the device rules. */
const ALWAYS = ["memory", "cpu", "cpuacct", "pids", "devices"];
/**
 * What an empty v2 tree does as well: stopping all processes, and keeping them apart from the daemon's own unit. Entering
 * either costs the same (mkdir, enter, rmdir: freezer 75 µs, v2 90 µs), but v2 freezes in a state in which kills still
 * work, tells when it is done, and kills a whole tree at once.
 */
const WITHOUT_UNIFIED = ["freezer", "name=systemd"];

/** cgroup v1, also in the hybrid layout. */
export class CgroupsV1 implements Cgroups {
  readonly #facts: Facts;
  readonly #madeParents = new Set<string>();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  #mountOf(controller: string): string | undefined {
    return this.#facts.controllers.get(controller);
  }

  /** Mount points of the hierarchies that a container with these resources is in, each once. */
  #hierarchies({ cpu }: OciResources): string[] {
    const named = [
      ...ALWAYS,
      ...(this.#facts.unified === undefined ? WITHOUT_UNIFIED : []),
      ...(cpu?.cpus === undefined && cpu?.mems === undefined ? [] : ["cpuset"]),
    ];
    const mounts = named.flatMap((name) => this.#mountOf(name) ?? []);
    return [...new Set(mounts)];
  }

  directories(path: string, resources: OciResources): string[] {
    const all = [
      ...this.#hierarchies(resources),
      ...(this.#facts.unified === undefined ? [] : [this.#facts.unified]),
    ];
    return all.map((mount) => join(mount, path));
  }

  /** A new cpuset is empty and cannot be entered; one level after the other has to get its parent's values. */
  async ensureParent(path: string, resources: OciResources): Promise<void> {
    const mount = this.#mountOf("cpuset");
    const parts = path.split("/").filter((part) => part !== "");
    const key = parts.slice(0, -1).join("/");
    const needed = resources.cpu?.cpus !== undefined || resources.cpu?.mems !== undefined;
    if (!needed || mount === undefined || this.#madeParents.has(key)) return;
    let directory = mount;
    for (const part of parts.slice(0, -1)) {
      const parent = directory;
      directory = join(directory, part);
      await mkdir(directory, { recursive: true });
      for (const file of ["cpuset.cpus", "cpuset.mems"]) {
        const own = await readFile(join(directory, file), "utf8");
        if (own.trim() === "")
          await writeIfPresent(join(directory, file), await readFile(join(parent, file), "utf8"));
      }
    }
    this.#madeParents.add(key);
  }

  create(path: string, resources: OciResources): PlanOperation[] {
    const cpuset = this.#mountOf("cpuset");
    return [
      ...this.directories(path, resources).flatMap((directory): PlanOperation[] => [
        { op: Op.CGROUP_CREATE, args: [directory] },
        ...(cpuset !== undefined && directory === join(cpuset, path)
          ? this.#cpusetWrites(directory, resources)
          : []),
        { op: Op.CGROUP_ENTER, args: [directory] },
      ]),
      ...(this.#mountOf("devices") === undefined ? [] : this.#deviceWrites(path, DEFAULT_DEVICE_RULES)),
    ];
  }

  /** Both files need a value before the first process; the one that was not asked for gets all there is. */
  #cpusetWrites(directory: string, { cpu }: OciResources): PlanOperation[] {
    const { cpus, mems } = this.#cpusetDefaults();
    return [
      { op: Op.CGROUP_WRITE, args: [join(directory, "cpuset.cpus"), cpu?.cpus ?? cpus, 0] },
      { op: Op.CGROUP_WRITE, args: [join(directory, "cpuset.mems"), cpu?.mems ?? mems, 0] },
    ];
  }

  #cpusetDefaults(): { cpus: string; mems: string } {
    const { cpusetDefaults } = this.#facts;
    if (cpusetDefaults === undefined) {
      throw new EngineError(
        "unimplemented",
        "a cpuset needs this machine's own one, which could not be read",
      );
    }
    return cpusetDefaults;
  }

  limit(path: string, resources: OciResources): PlanOperation[] {
    return [
      ...this.#memory(path, resources.memory),
      ...this.#cpu(path, resources.cpu),
      ...(resources.pids === undefined ? [] : [this.#write("pids", path, "pids.max", resources.pids.limit)]),
      ...this.#devices(path, resources),
    ];
  }

  /** Throws failedPrecondition where the controller of a limit that was asked for is not mounted. */
  #write(controller: string, path: string, file: string, value: string | number, flags = 0): PlanOperation {
    const mount = this.#mountOf(controller);
    if (mount === undefined) {
      throw new EngineError(
        "failedPrecondition",
        `the ${controller} cgroup is not mounted, but ${file} is asked for`,
      );
    }
    return { op: Op.CGROUP_WRITE, args: [join(mount, path, file), String(value), flags] };
  }

  /** Bytes. The limit comes before that of memory and swap together, which must not be the smaller. */
  #memory(path: string, memory: OciResources["memory"]): PlanOperation[] {
    if (memory === undefined) return [];
    const write = (file: string, value: number | undefined, flags = 0) =>
      value === undefined ? [] : [this.#write("memory", path, `memory.${file}`, value, flags)];
    return [
      ...write("limit_in_bytes", memory.limit),
      // Kernels booted without swap accounting have no such file; Docker then warns and goes on.
      ...write("memsw.limit_in_bytes", memory.swap, IGNORE_ABSENCE),
      ...write("soft_limit_in_bytes", memory.reservation),
      ...write("swappiness", memory.swappiness),
      ...write("oom_control", memory.disableOOMKiller === true ? 1 : undefined),
    ];
  }

  #cpu(path: string, cpu: OciResources["cpu"]): PlanOperation[] {
    const write = (file: string, value: number | undefined) =>
      value === undefined ? [] : [this.#write("cpu", path, `cpu.${file}`, value)];
    return [
      ...write("shares", cpu?.shares),
      ...write("cfs_period_us", cpu?.period),
      ...write("cfs_quota_us", cpu?.quota),
    ];
  }

  /** What differs from the default rules, which `create` has written: a container without wishes of its own has none. */
  #devices(path: string, { devices = [] }: OciResources): PlanOperation[] {
    const allowsAll = allowsAllDevices(devices);
    if (this.#mountOf("devices") !== undefined) {
      if (allowsAll) return this.#deviceWrites(path, [{ allow: true, type: "a", access: "rwm" }]);
      const isAddition = JSON.stringify(devices.slice(0, DEFAULT_DEVICE_RULES.length)) === DEFAULT_RULES_TEXT;
      return this.#deviceWrites(path, isAddition ? devices.slice(DEFAULT_DEVICE_RULES.length) : devices);
    }
    if (allowsAll) return [];
    // The v2 tree can carry the rules; without both, no container may run.
    if (this.#facts.unified !== undefined) {
      const directory = join(this.#facts.unified, path);
      return [{ op: Op.CGROUP_DEVICES, args: [directory, encodeEbpf(deviceProgram(devices))] }];
    }
    throw new EngineError(
      "failedPrecondition",
      "neither the devices cgroup nor a v2 tree is mounted: a container could open every device of this machine",
    );
  }

  #deviceWrites(path: string, rules: readonly OciDeviceRule[]): PlanOperation[] {
    return rules.flatMap(deviceLines).map(({ file, value }) => this.#write("devices", path, file, value));
  }

  oomCounter(path: string): { file: string; key: string } | undefined {
    const mount = this.#mountOf("memory");
    return mount === undefined
      ? undefined
      : { file: join(mount, path, "memory.oom_control"), key: "oom_kill" };
  }

  view(path: string, resources: OciResources, ownNamespace: boolean): CgroupView[] {
    return this.#hierarchies(resources).flatMap((mount): CgroupView[] => {
      const name = basename(mount);
      const controllers = [...this.#facts.controllers].flatMap(([controller, at]) =>
        at === mount ? [controller] : [],
      );
      const target = `/sys/fs/cgroup/${name}`;
      const options = controllers.flatMap((each) => (each.startsWith("name=") ? ["none", each] : [each]));
      const shown: CgroupView = ownNamespace
        ? { kind: "mount", type: "cgroup", target, options }
        : { kind: "bind", source: join(mount, path), target };
      // Hierarchies of two controllers are looked up by either name.
      const links = controllers.filter(
        (each) => name.includes(",") && each !== name && !each.startsWith("name="),
      );
      return [
        shown,
        ...links.map((each): CgroupView => ({ kind: "symlink", text: name, path: `/sys/fs/cgroup/${each}` })),
      ];
    });
  }

  async freeze(path: string, frozen: boolean): Promise<void> {
    if (this.#facts.unified !== undefined) return freezeUnified(join(this.#facts.unified, path), frozen);
    const mount = this.#mountOf("freezer");
    if (mount === undefined) throw new EngineError("failedPrecondition", "the freezer cgroup is not mounted");
    const file = join(mount, path, "freezer.state");
    const value = frozen ? "FROZEN" : "THAWED";
    await freezeAndWait({ file, value }, { file, isDone: (text) => text.trim() === value });
  }

  processes(path: string): Promise<number[]> {
    const mount = this.#facts.unified ?? this.#mountOf("pids") ?? this.#mountOf("memory");
    return mount === undefined ? Promise.resolve([]) : readProcesses(join(mount, path));
  }
}

/** v2's freezer, which an empty tree has as well: cgroup.events says when all of it stands still. */
export async function freezeUnified(directory: string, frozen: boolean): Promise<void> {
  const wanted = `frozen ${frozen ? 1 : 0}`;
  await freezeAndWait(
    { file: join(directory, "cgroup.freeze"), value: frozen ? "1" : "0" },
    { file: join(directory, "cgroup.events"), isDone: (text) => text.split("\n").includes(wanted) },
  );
}
