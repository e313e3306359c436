/** Inputs for this folder's tests: a machine like Docker's usual one, and a request that asks for nothing. */
import { type ContainerId, isHex64 } from "../../base/ids.ts";
import type { MachineFacts, SpecInput } from "../container-runtime.ts";
import { CAPABILITIES } from "./capabilities.ts";

const ID = "0123456789abcdef".repeat(4);
if (!isHex64(ID)) throw new Error("not an id");
export const TEST_ID = ID as ContainerId;

const V1_CONTROLLERS = ["memory", "cpu,cpuacct", "cpuset", "pids", "devices", "freezer", "blkio"];

export const V1_MACHINE: MachineFacts = {
  architecture: "x64",
  cgroups: {
    version: 1,
    controllers: new Map(
      V1_CONTROLLERS.flatMap((names) => names.split(",").map((name) => [name, `/sys/fs/cgroup/${names}`])),
    ),
    unified: "/sys/fs/cgroup/unified",
    cpusetDefaults: { cpus: "0-1", mems: "0" },
  },
  capabilityBounds: (1n << BigInt(CAPABILITIES.length)) - 1n,
  hardLimits: new Map([["RLIMIT_NOFILE", 20_000n]]),
  canRaiseLimits: true,
  apparmor: false,
};

export const V2_MACHINE: MachineFacts = {
  ...V1_MACHINE,
  cgroups: { version: 2, mountPoint: "/sys/fs/cgroup", controllers: ["cpu", "memory", "pids"] },
};

export function specInput(over: Partial<SpecInput> = {}): SpecInput {
  return {
    id: TEST_ID,
    config: { Hostname: "box", Cmd: ["true"] },
    hostConfig: {},
    mounts: [],
    files: { hostname: "/d/hostname", hosts: "/d/hosts", resolvConf: "/d/resolv.conf" },
    sharedWith: {},
    devices: [],
    hostDevices: [],
    ...over,
  };
}
