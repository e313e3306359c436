import { describe, expect, test } from "bun:test";
import type { PlanOperation } from "../../kernel/plan.ts";
import { IGNORE_ABSENCE, Op } from "../../kernel/protocol.ts";
import { DEFAULT_DEVICE_RULES } from "../spec/devices.ts";
import { V1_MACHINE, V2_MACHINE } from "../spec/spec-fixture.ts";
import { CgroupsV1 } from "./v1.ts";
import { CgroupsV2, cpuWeight, swapMax } from "./v2.ts";

const facts1 = V1_MACHINE.cgroups;
const facts2 = V2_MACHINE.cgroups;
if (facts1.version !== 1 || facts2.version !== 2) throw new Error("fixtures exchanged");
const v1 = new CgroupsV1(facts1);
const v2 = new CgroupsV2(facts2);

const writes = (operations: PlanOperation[]) =>
  operations.filter(({ op }) => op === Op.CGROUP_WRITE).map(({ args }) => `${args[0]}=${args[1]}`);
const limits = {
  memory: { limit: 100, swap: 150, reservation: 50, swappiness: 10 },
  cpu: { shares: 1024, quota: 50_000, period: 100_000 },
  pids: { limit: 9 },
};

describe("v1", () => {
  test("joins what every container needs, and a cpuset only when it is asked for", () => {
    expect(v1.directories("/berth/x", {})).toEqual([
      ...[
        "/sys/fs/cgroup/memory/berth/x",
        "/sys/fs/cgroup/cpu,cpuacct/berth/x",
        "/sys/fs/cgroup/pids/berth/x",
      ],
      ...["/sys/fs/cgroup/devices/berth/x", "/sys/fs/cgroup/unified/berth/x"],
    ]);
    const create = v1.create("/berth/x", { cpu: { cpus: "1" } });
    expect(writes(create).filter((write) => write.includes("/cpuset/"))).toEqual([
      "/sys/fs/cgroup/cpuset/berth/x/cpuset.cpus=1",
      "/sys/fs/cgroup/cpuset/berth/x/cpuset.mems=0",
    ]);
    const order = create.filter(({ args }) => String(args[0]).includes("/cpuset/")).map(({ op }) => op);
    expect(order).toEqual([Op.CGROUP_CREATE, Op.CGROUP_WRITE, Op.CGROUP_WRITE, Op.CGROUP_ENTER]);
  });

  test("without a v2 tree the freezer takes its place", () => {
    const { unified, ...rest } = facts1;
    expect(new CgroupsV1(rest).directories("/berth/x", {})).toContain("/sys/fs/cgroup/freezer/berth/x");
  });

  test("limits, memory before memory and swap", () => {
    expect(writes(v1.limit("/b", limits))).toEqual([
      "/sys/fs/cgroup/memory/b/memory.limit_in_bytes=100",
      "/sys/fs/cgroup/memory/b/memory.memsw.limit_in_bytes=150",
      "/sys/fs/cgroup/memory/b/memory.soft_limit_in_bytes=50",
      "/sys/fs/cgroup/memory/b/memory.swappiness=10",
      "/sys/fs/cgroup/cpu,cpuacct/b/cpu.shares=1024",
      "/sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_period_us=100000",
      "/sys/fs/cgroup/cpu,cpuacct/b/cpu.cfs_quota_us=50000",
      "/sys/fs/cgroup/pids/b/pids.max=9",
    ]);
  });

  test("the default device rules are written beforehand, at the launch only what is added to them", () => {
    const path = "/sys/fs/cgroup/devices/b";
    expect(writes(v1.create("/b", {}))[0]).toBe(`${path}/devices.deny=a`);
    expect(v1.limit("/b", { devices: [...DEFAULT_DEVICE_RULES] })).toEqual([]);
    const added = { allow: true, type: "c" as const, major: 10, minor: 200, access: "rw" };
    expect(writes(v1.limit("/b", { devices: [...DEFAULT_DEVICE_RULES, added] }))).toEqual([
      `${path}/devices.allow=c 10:200 rw`,
    ]);
    const all = { allow: true, type: "a" as const, access: "rwm" };
    expect(writes(v1.limit("/b", { devices: [all] }))).toEqual([`${path}/devices.allow=a`]);
  });

  test("a swap limit that the kernel refuses is an error, a kernel without one is not", () => {
    const swap = v1.limit("/b", limits).find(({ args }) => String(args[0]).includes("memsw"));
    expect(swap?.args[2]).toBe(IGNORE_ABSENCE);
  });

  test("device rules: the controller, else a program on the v2 tree, else no container", () => {
    const resources = { devices: [{ allow: false, type: "a" as const, access: "rwm" }] };
    expect(writes(v1.limit("/b", resources))).toEqual(["/sys/fs/cgroup/devices/b/devices.deny=a"]);
    const controllers = new Map([...facts1.controllers].filter(([name]) => name !== "devices"));
    const [operation] = new CgroupsV1({ ...facts1, controllers }).limit("/b", resources);
    expect([operation?.op, operation?.args[0]]).toEqual([Op.CGROUP_DEVICES, "/sys/fs/cgroup/unified/b"]);
    expect(() => new CgroupsV1({ version: 1, controllers }).limit("/b", resources)).toThrow("every device");
  });

  test("a limit whose controller is not there is refused", () => {
    expect(() =>
      new CgroupsV1({ version: 1, controllers: new Map() }).limit("/b", { pids: { limit: 1 } }),
    ).toThrow("the pids cgroup is not mounted");
  });

  test("the container's view: mounts in an own namespace, else its directories", () => {
    expect(v1.view("/b", {}, true)).toContainEqual({
      kind: "mount",
      type: "cgroup",
      target: "/sys/fs/cgroup/cpu,cpuacct",
      options: ["cpu", "cpuacct"],
    });
    expect(v1.view("/b", {}, false)).toContainEqual({
      kind: "bind",
      source: "/sys/fs/cgroup/pids/b",
      target: "/sys/fs/cgroup/pids",
    });
    expect(v1.view("/b", {}, false)).toContainEqual({
      kind: "symlink",
      text: "cpu,cpuacct",
      path: "/sys/fs/cgroup/cpu",
    });
  });
});

describe("v2", () => {
  test("limits in v2's terms", () => {
    expect(writes(v2.limit("/b", limits))).toEqual([
      "/sys/fs/cgroup/b/memory.max=100",
      "/sys/fs/cgroup/b/memory.swap.max=50",
      "/sys/fs/cgroup/b/memory.low=50",
      `/sys/fs/cgroup/b/cpu.weight=${cpuWeight(1024)}`,
      "/sys/fs/cgroup/b/cpu.max=50000 100000",
      "/sys/fs/cgroup/b/pids.max=9",
    ]);
    expect(writes(v2.limit("/b", { cpu: { period: 5000 } }))).toEqual(["/sys/fs/cgroup/b/cpu.max=max 5000"]);
    expect(writes(v2.limit("/b", {}))).toEqual([]);
  });

  test("conversions", () => {
    expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262_144), cpuWeight(1)]).toEqual([1, 39, 10_000, 1]);
    expect([
      swapMax({ limit: 100, swap: 200 }),
      swapMax({ swap: -1 }),
      swapMax({ limit: 5, swap: 5 }),
    ]).toEqual(["100", "max", "0"]);
    expect(swapMax({ limit: 5 })).toBeUndefined();
  });

  test("device rules become a program", () => {
    const [operation] = v2.limit("/b", { devices: [{ allow: false, type: "a", access: "rwm" }] });
    expect(operation?.op).toBe(Op.CGROUP_DEVICES);
    expect(v2.limit("/b", { devices: [{ allow: true, type: "a", access: "rwm" }] })).toEqual([]);
  });
});
