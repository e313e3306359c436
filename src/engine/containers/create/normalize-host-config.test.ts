import { describe, expect, test } from "bun:test";
import type { ContainerConfig, HostConfig } from "../../../api/container-config.ts";
import { EngineError } from "../../../base/errors.ts";
import { FACTS } from "../testing/lifecycle.ts";
import { normalizeHostConfig } from "./normalize-host-config.ts";

const NONE = { NetworkMode: "none" };

function normalize(host: HostConfig, config: ContainerConfig = {}, facts = FACTS) {
  const warnings: string[] = [];
  const idOf = (ref: string) => (ref === "web" ? "c0ffee" : undefined);
  return { warnings, host: normalizeHostConfig(config, { ...NONE, ...host }, { facts, idOf, warnings }) };
}

function refusal(host: HostConfig, config: ContainerConfig = {}): string {
  try {
    normalize(host, config);
  } catch (error) {
    if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("defaults", () => {
  test("are Docker's", () => {
    expect(normalize({}).host).toMatchObject({
      IpcMode: "private",
      CgroupnsMode: "host",
      ShmSize: 67108864,
      LogConfig: { Type: "json-file", Config: {} },
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      Runtime: "berth",
      OomKillDisable: false,
      PidsLimit: null,
      MemorySwap: 0,
    });
    expect(normalize({}).host.MaskedPaths).toContain("/proc/kcore");
    expect(normalize({ Privileged: true }).host.MaskedPaths).toBeNull();
    expect(normalize({}, {}, { ...FACTS, cgroupVersion: 2 }).host.CgroupnsMode).toBe("private");
    expect(normalize({ Memory: 64 << 20 }).host.MemorySwap).toBe(128 << 20);
  });

  test("capabilities get one spelling, names of containers become ids", () => {
    const { host } = normalize({
      CapAdd: ["net_admin", "CAP_SYS_TIME"],
      CapDrop: ["all"],
      PidMode: "container:web",
    });
    expect([host.CapAdd, host.CapDrop, host.PidMode]).toEqual([
      ["CAP_NET_ADMIN", "CAP_SYS_TIME"],
      ["ALL"],
      "container:c0ffee",
    ]);
  });
});

describe("what does not exist yet is refused with a sentence that names it", () => {
  test.each<[HostConfig, string]>([
    [{ NetworkMode: "bridge" }, "bridge networks are not available yet"],
    [{ NetworkMode: "default" }, "bridge networks are not available yet"],
    [{ NetworkMode: "mynet" }, "bridge networks are not available yet"],
    [{ RestartPolicy: { Name: "always" } }, "restart policies"],
    [{ Links: ["a:b"] }, "links"],
    [{ VolumesFrom: ["a"] }, "volumes from other containers"],
    [{ DeviceRequests: [{}] }, "--gpus"],
    [{ DeviceCgroupRules: ["c 1:3 r"] }, "device cgroup rules"],
    [{ BlkioWeight: 100 }, "block I/O"],
    [{ BlkioDeviceReadBps: [{ Path: "/dev/sda", Rate: 1 }] }, "block I/O"],
    [{ CpuRealtimeRuntime: 1 }, "real-time CPU"],
    [{ StorageOpt: { size: "1G" } }, "--storage-opt"],
    [{ UsernsMode: "private" }, "--userns"],
    [{ LogConfig: { Type: "syslog" } }, 'the log driver "syslog"'],
    [{ SecurityOpt: ["apparmor=mine"] }, 'the AppArmor profile "mine"'],
    [{ ExtraHosts: ["h:host-gateway"] }, "host-gateway"],
  ])("%p", (host, sentence) => {
    expect(refusal(host)).toStartWith("unimplemented: ");
    expect(refusal(host)).toContain(sentence);
  });

  test("zero values of Go clients ask for nothing", () => {
    const zero: HostConfig = {
      Links: null,
      BlkioWeightDevice: [],
      StorageOpt: {},
      CpuRealtimePeriod: 0,
      VolumeDriver: "",
    };
    expect(
      refusal({ ...zero, RestartPolicy: { Name: "no" }, UsernsMode: "host", Isolation: "default" }),
    ).toBe("accepted");
  });
});

describe("Docker's refusals", () => {
  test.each<[HostConfig, string]>([
    [{ Memory: 1000 }, "Minimum memory limit allowed is 6MB"],
    [
      { Memory: 8 << 20, MemorySwap: 7 << 20 },
      "Minimum memoryswap limit should be larger than memory limit, see usage",
    ],
    [
      { MemorySwap: 8 << 20 },
      "You should always set the Memory limit when using Memoryswap limit, see usage",
    ],
    [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
    [{ MemoryReservation: 1 }, "Minimum memory reservation allowed is 6MB"],
    [
      { Memory: 8 << 20, MemoryReservation: 9 << 20 },
      "Minimum memory limit can not be less than memory reservation limit, see usage",
    ],
    [{ NanoCpus: 3e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
    [{ NanoCpus: 1e9, CpuPeriod: 5000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
    [{ NanoCpus: 1e9, CpuQuota: 5000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
    [
      { CpuPeriod: 999 },
      "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ],
    [{ CpuQuota: 999 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
    [{ CpuShares: -1 }, "invalid CPU shares (-1): value must be a positive integer"],
    [{ CpusetCpus: "0-x" }, "Invalid value 0-x for cpuset cpus"],
    [{ CpusetCpus: "1-2" }, "Requested CPUs are not available - requested 1-2, available: 0-1"],
    [{ CpusetMems: "1" }, "Requested memory nodes are not available - requested 1, available: 0"],
    [{ ShmSize: -1 }, "SHM size can not be less than 0"],
    [{ OomScoreAdj: 1001 }, "Invalid value 1001, range for oom score adj is [-1000, 1000]"],
    [{ Runtime: "runsc" }, "unknown or invalid runtime name: runsc"],
    [{ IpcMode: "x" }, "invalid IPC mode: x"],
    [{ PidMode: "container:" }, "invalid PID mode: container:"],
    [{ UTSMode: "x" }, "invalid UTS mode: x"],
    [{ CgroupnsMode: "x" }, "invalid cgroup namespace mode: x"],
    [{ CapAdd: ["NOPE"] }, 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
    [{ SecurityOpt: ["nonsense"] }, 'invalid --security-opt 1: "nonsense"'],
    [{ SecurityOpt: ["a=b"] }, 'invalid --security-opt 2: "a=b"'],
    [{ SecurityOpt: ["seccomp={"] }, "Decoding seccomp profile failed: it is no JSON document"],
    [{ Sysctls: { "vm.swappiness": "1" } }, 'sysctl "vm.swappiness" is not in a separate kernel namespace'],
    [{ Sysctls: { "net.a/../../vm.x": "1" } }, 'sysctl "net.a/../../vm.x" is not a name of a sysctl'],
    [
      { Sysctls: { "kernel.msgmax": "1" }, IpcMode: "host" },
      'sysctl "kernel.msgmax" not allowed in a shared ipc namespace',
    ],
    [{ Ulimits: [{ Name: "nofiles", Soft: 1, Hard: 1 }] }, "invalid ulimit type: nofiles"],
    [
      { Ulimits: [{ Name: "nofile", Soft: 5, Hard: 3 }] },
      "ulimit soft limit must be less than or equal to hard limit: soft: 5, hard: 3",
    ],
    [
      { LogConfig: { Type: "json-file", Config: { nope: "1" } } },
      "unknown log opt 'nope' for json-file log driver",
    ],
    [{ LogConfig: { Config: { "max-size": "0" } } }, "max-size must be a positive number"],
    [{ LogConfig: { Config: { "max-file": "0" } } }, "max-file cannot be less than 1"],
    [{ ExtraHosts: ["nope"] }, 'bad format for add-host: "nope"'],
    [{ ExtraHosts: ["h:1.2.3"] }, 'invalid IP address in add-host: "1.2.3"'],
    [{ PortBindings: { "x/tcp": null } }, 'invalid port specification: "x/tcp"'],
    [
      { Devices: [{ PathOnHost: "/dev/null", CgroupPermissions: "rx" }] },
      "invalid device mode: rx (of r, w and m)",
    ],
    [{ CgroupParent: "/a/../../b" }, 'invalid cgroup parent "/a/../../b": it must not contain ..'],
    [
      { Annotations: { "": "x" } },
      "invalid Annotations: the empty string is not permitted as an annotation key",
    ],
  ])("%p", (host, message) => expect(refusal(host)).toBe(`invalid: ${message}`));

  test("names and networks that exclude each other", () => {
    expect(refusal({ UTSMode: "host" }, { Hostname: "h" })).toContain("hostname and the UTS mode");
    expect(refusal({ NetworkMode: "container:web" }, { Hostname: "h" })).toContain(
      "hostname and the network mode",
    );
    expect(refusal({ NetworkMode: "container:web", PublishAllPorts: true })).toContain("port publishing");
    expect(refusal({ NetworkMode: "host", Sysctls: { "net.core.somaxconn": "1" } })).toContain(
      "host network",
    );
  });
});

describe("warnings", () => {
  test("for limits that this kernel does not have", () => {
    const facts = { ...FACTS, controllers: new Set<string>(), swapLimit: false, swappiness: false };
    const { host, warnings } = normalize(
      { Memory: 8 << 20, CpuShares: 5, CpusetCpus: "0", PidsLimit: 5 },
      {},
      facts,
    );
    expect(warnings).toHaveLength(4);
    expect([host.Memory, host.CpuShares, host.CpusetCpus, host.PidsLimit]).toEqual([0, 0, "", null]);
  });

  test("for a memory hog that nobody may kill, and ports that nobody publishes", () => {
    const { warnings } = normalize({
      OomKillDisable: true,
      NetworkMode: "host",
      PortBindings: { "80/tcp": [] },
    });
    expect(warnings).toEqual([
      "Published ports are discarded when using host network mode",
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    ]);
  });

  test("a capability that the daemon itself does not have is refused, dropping it is not", () => {
    const facts = { ...FACTS, capabilityBounds: 0n };
    expect(() => normalize({ CapAdd: ["SYS_RESOURCE"] }, {}, facts)).toThrow(
      "not available in the current environment",
    );
    expect(normalize({ CapDrop: ["SYS_RESOURCE"] }, {}, facts).host.CapDrop).toEqual(["CAP_SYS_RESOURCE"]);
  });
});
