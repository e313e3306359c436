import { describe, expect, test } from "bun:test";
import { deviceRulesOf, devicesOf } from "./devices.ts";
import { resourcesOf } from "./resources.ts";
import { RLIMIT_UNLIMITED, rlimitsOf } from "./rlimits.ts";
import { specInput, V1_MACHINE } from "./spec-fixture.ts";

describe("resourcesOf", () => {
  const of = (hostConfig: object) => {
    const { devices, ...rest } = resourcesOf(hostConfig, []);
    return rest;
  };

  test("asks for nothing by itself", () => {
    expect(
      of({
        Memory: 0,
        PidsLimit: null,
        CpuShares: 0,
        OomKillDisable: false,
        BlkioWeight: 0,
        DeviceRequests: null,
      }),
    ).toEqual({});
    expect(of({ PidsLimit: -1 })).toEqual({});
  });

  test("memory and swap as Docker counts them", () => {
    expect(of({ Memory: 100 })).toEqual({ memory: { limit: 100, swap: 200 } });
    expect(of({ Memory: 100, MemorySwap: -1 })).toEqual({ memory: { limit: 100, swap: -1 } });
    expect(of({ Memory: 100, MemorySwap: 100, MemorySwappiness: 0 })).toEqual({
      memory: { limit: 100, swap: 100, swappiness: 0 },
    });
    expect(of({ MemoryReservation: 50, MemorySwappiness: -1 })).toEqual({ memory: { reservation: 50 } });
  });

  test("processors", () => {
    expect(of({ NanoCpus: 1_500_000_000 })).toEqual({ cpu: { quota: 150_000, period: 100_000 } });
    expect(of({ CpuQuota: 20_000, CpuPeriod: 50_000, CpuShares: 512, CpusetCpus: "0-1" })).toEqual({
      cpu: { shares: 512, quota: 20_000, period: 50_000, cpus: "0-1" },
    });
  });

  test("what is missing is said, not ignored", () => {
    expect(() => of({ BlkioWeight: 100 })).toThrow("BlkioWeight is not implemented");
    expect(() => of({ BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1 }] })).toThrow("not implemented");
    expect(() => of({ DeviceRequests: [{ Driver: "", Capabilities: [["gpu"]] }] })).toThrow(
      'could not select device driver "" with capabilities: [[gpu]]',
    );
  });
});

describe("rlimitsOf", () => {
  const unable = { ...V1_MACHINE, canRaiseLimits: false };

  test("numbers, and -1 for no limit", () => {
    expect(rlimitsOf([{ Name: "core", Soft: 0, Hard: -1 }], V1_MACHINE)).toEqual([
      { type: "RLIMIT_CORE", soft: 0n, hard: RLIMIT_UNLIMITED },
    ]);
  });

  test("above the daemon's own limit only with the capability", () => {
    const ulimits = [{ Name: "nofile", Soft: 1024, Hard: 65_536 }];
    expect(rlimitsOf(ulimits, V1_MACHINE)).toHaveLength(1);
    expect(() => rlimitsOf(ulimits, unable)).toThrow("hard limit of 20000");
    expect(rlimitsOf([{ Name: "nofile", Soft: 1, Hard: 20_000 }], unable)).toHaveLength(1);
  });

  test("refusals", () => {
    expect(() => rlimitsOf([{ Name: "wings", Soft: 1, Hard: 1 }], V1_MACHINE)).toThrow(
      "invalid ulimit type: wings",
    );
    expect(() => rlimitsOf([{ Name: "nproc", Soft: 2, Hard: 1 }], V1_MACHINE)).toThrow(
      "soft limit must be less",
    );
    expect(() => rlimitsOf([{ Name: "nproc", Soft: -1, Hard: 1 }], V1_MACHINE)).toThrow(
      "soft limit must be less",
    );
  });
});

describe("devices", () => {
  const node = { type: "c" as const, major: 10, minor: 229, mode: 0o20666, uid: 0, gid: 7, access: "rw" };
  const device = { ...node, path: "/dev/fuse" };

  test("the default nodes and rules", () => {
    expect(devicesOf(specInput()).map(({ path, major, minor }) => `${path} ${major}:${minor}`)).toEqual([
      ...[
        "/dev/null 1:3",
        "/dev/zero 1:5",
        "/dev/full 1:7",
        "/dev/random 1:8",
        "/dev/urandom 1:9",
        "/dev/tty 5:0",
      ],
    ]);
    expect(deviceRulesOf(specInput())[0]).toEqual({ allow: false, type: "a", access: "rwm" });
    expect(deviceRulesOf(specInput())).toHaveLength(12);
  });

  test("one that was asked for", () => {
    const input = specInput({ devices: [device] });
    expect(devicesOf(input).at(-1)).toEqual({
      path: "/dev/fuse",
      type: "c",
      major: 10,
      minor: 229,
      fileMode: 0o666,
      uid: 0,
      gid: 7,
    });
    expect(deviceRulesOf(input).at(-1)).toEqual({
      allow: true,
      type: "c",
      major: 10,
      minor: 229,
      access: "rw",
    });
  });

  test("cgroup rules", () => {
    const of = (rule: string) =>
      deviceRulesOf(specInput({ hostConfig: { DeviceCgroupRules: [rule] } })).at(-1);
    expect(of("b 8:* rw")).toEqual({ allow: true, type: "b", major: 8, access: "rw" });
    expect(of("a *:* rwm")).toEqual({ allow: true, type: "a", access: "rwm" });
    expect(() => of("c 1:3")).toThrow("invalid device cgroup rule format: 'c 1:3'");
    expect(() => of("c 99999999999:1 r")).toThrow("invalid device cgroup rule");
  });

  test("privileged: the host's nodes but not its terminals, and no rules", () => {
    const hostDevices = ["/dev/sda", "/dev/pts/0", "/dev/console", "/dev/ptmx"].map((path) => ({
      ...node,
      path,
    }));
    const input = specInput({ hostConfig: { Privileged: true }, hostDevices });
    expect(
      devicesOf(input)
        .slice(6)
        .map(({ path }) => path),
    ).toEqual(["/dev/sda"]);
    expect(deviceRulesOf(input)).toEqual([{ allow: true, type: "a", access: "rwm" }]);
    expect(devicesOf(specInput({ hostDevices }))).toHaveLength(6);
  });
});
