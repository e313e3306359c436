import { describe, expect, test } from "bun:test";
import { mountPointOf, parseHardLimits, parseMountInfo, statusMask, v1Controllers } from "./machine-facts.ts";
import { RLIMIT_UNLIMITED } from "./spec/rlimits.ts";

const MOUNTS = parseMountInfo(`22 27 0:21 / / rw,relatime shared:1 - ext4 /dev/sda rw
23 22 0:22 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=1024k
24 22 0:23 / /run\\040dir rw - tmpfs tmpfs rw
25 22 0:24 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
26 22 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
27 22 0:26 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate
28 22 0:24 / /elsewhere rw - cgroup cgroup rw,cpu,cpuacct
`);

describe("mount tables", () => {
  test("fields behind optional ones, and escaped names", () => {
    expect(MOUNTS[0]).toEqual({ root: "/", mountPoint: "/", type: "ext4", superOptions: ["rw"] });
    expect(MOUNTS[2]?.mountPoint).toBe("/run dir");
  });

  test("the mount that a path is on", () => {
    expect(mountPointOf("/run/berth", MOUNTS)).toBe("/run");
    expect(mountPointOf("/running", MOUNTS)).toBe("/");
    expect(mountPointOf("/run dir/x", MOUNTS)).toBe("/run dir");
  });

  test("v1 hierarchies by controller, each at its first place", () => {
    const found = v1Controllers(MOUNTS, new Set(["cpu", "cpuacct", "memory"]));
    expect([...found]).toEqual([
      ["cpu", "/sys/fs/cgroup/cpu,cpuacct"],
      ["cpuacct", "/sys/fs/cgroup/cpu,cpuacct"],
      ["name=systemd", "/sys/fs/cgroup/systemd"],
    ]);
  });
});

test("hard limits", () => {
  const limits =
    parseHardLimits(`Limit                     Soft Limit           Hard Limit           Units     
Max cpu time              unlimited            unlimited            seconds   
Max open files            1024                 20000                files     
Max nice priority         0                    0                    
`);
  expect([...limits]).toEqual([
    ["RLIMIT_CPU", RLIMIT_UNLIMITED],
    ["RLIMIT_NOFILE", 20_000n],
    ["RLIMIT_NICE", 0n],
  ]);
});

test("masks of /proc/self/status", () => {
  const status = "CapPrm:\t000001fffeffffff\nCapBnd:\t00000000a80425fb\n";
  expect(statusMask(status, "CapBnd")).toBe(0xa80425fbn);
  expect(statusMask(status, "CapEff")).toBe(0n);
});
