import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, release, tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_REGISTRY_SETTINGS } from "../../registry/client/registry-settings.ts";
import type { HostFacts } from "../containers/create/host-facts.ts";
import {
  containerRecord,
  FixedContainer,
  FixedDirectory,
  STOPPED,
} from "../containers/testing/fixed-directory.ts";
import { EventBus } from "../events/event-bus.ts";
import { readOrMakeDaemonId } from "./daemon-id.ts";
import { osRelease } from "./host-description.ts";
import { createSystem } from "./system.ts";

const FACTS: HostFacts = {
  cpuCount: 2,
  onlineCpus: "0-1",
  onlineMems: "0",
  controllers: new Set(["memory", "cpu", "cpuset", "pids"]),
  swapLimit: true,
  swappiness: true,
  oomKillDisable: true,
  apparmor: false,
  capabilityBounds: 0n,
  architecture: "amd64",
  cgroupVersion: 1,
};
const BUILD = { version: "1.2.3", commit: "abc", buildTime: "2026-11-21T00:00:00Z" };

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "berth-system-"));
  for (const directory of ["etc", "proc/self/fd", "proc/sys/net/ipv4"])
    mkdirSync(join(root, directory), { recursive: true });
  writeFileSync(
    join(root, "etc/os-release"),
    'NAME=Debian\nPRETTY_NAME="Debian \\"12\\""\nVERSION_ID="12"\n',
  );
  writeFileSync(join(root, "proc/meminfo"), "MemTotal:        2048 kB\nMemFree: 1 kB\n");
  writeFileSync(join(root, "proc/sys/net/ipv4/ip_forward"), "1\n");
  writeFileSync(join(root, "proc/self/fd/0"), "");
});
afterEach(() => rmSync(root, { recursive: true }));

function system(facts: HostFacts = FACTS, events = new EventBus()) {
  const statuses = ["running", "restarting", "paused", "exited", "created", "dead"] as const;
  const containers = statuses.map(
    (status, at) => new FixedContainer(containerRecord(at + 1, { state: { ...STOPPED, status } })),
  );
  return createSystem({
    build: BUILD,
    daemonId: "the-id",
    dataRoot: root,
    debug: false,
    facts,
    directory: new FixedDirectory(...containers),
    images: { count: () => 3 },
    snapshots: { driver: "overlay" },
    events,
    registrySettings: () => DEFAULT_REGISTRY_SETTINGS,
    hostRoot: root,
  });
}

describe("version", () => {
  test("has all that clients read", () => {
    expect(system().version()).toEqual({
      Platform: { Name: "berth" },
      Components: [
        {
          Name: "Engine",
          Version: "1.2.3",
          Details: {
            ApiVersion: "1.50",
            MinAPIVersion: "1.24",
            GitCommit: "abc",
            GoVersion: `bun${process.versions.bun}`,
            Os: "linux",
            Arch: "amd64",
            KernelVersion: release(),
            BuildTime: "2026-11-21T00:00:00Z",
            Experimental: "false",
          },
        },
      ],
      Version: "1.2.3",
      ApiVersion: "1.50",
      MinAPIVersion: "1.24",
      GitCommit: "abc",
      GoVersion: `bun${process.versions.bun}`,
      Os: "linux",
      Arch: "amd64",
      KernelVersion: release(),
      BuildTime: "2026-11-21T00:00:00Z",
    });
  });
});

describe("info", () => {
  test("counts, names and sizes", async () => {
    const events = new EventBus();
    events.subscribe(
      { sinceNs: undefined, untilNs: undefined, filters: new Map() },
      new AbortController().signal,
    );
    expect(await system(FACTS, events).info()).toMatchObject({
      ID: "the-id",
      Containers: 6,
      ContainersRunning: 2,
      ContainersPaused: 1,
      ContainersStopped: 3,
      Images: 3,
      Driver: "overlay",
      NFd: 1,
      NEventsListener: 1,
      KernelVersion: release(),
      OperatingSystem: 'Debian "12"',
      OSVersion: "12",
      Architecture: "x86_64",
      NCPU: 2,
      MemTotal: 2048 * 1024,
      DockerRootDir: root,
      Name: hostname(),
      ServerVersion: "1.2.3",
      IPv4Forwarding: true,
      CgroupVersion: "1",
      LiveRestoreEnabled: true,
      SecurityOptions: ["name=seccomp,profile=builtin"],
      Warnings: [],
    });
  });

  test("limits are told as the machine has them", async () => {
    const info = await system({ ...FACTS, controllers: new Set(["cpu"]), oomKillDisable: false }).info();
    expect(info).toMatchObject({
      MemoryLimit: false,
      SwapLimit: false,
      CpuCfsQuota: true,
      PidsLimit: false,
      OomKillDisable: false,
    });
    expect(info.Warnings).toEqual([
      "WARNING: No memory limit support",
      "WARNING: No swap limit support",
      "WARNING: No oom kill disable support",
      "WARNING: No cpuset support",
      "WARNING: No pids limit support",
    ]);
  });

  test("cgroup v2 has no switch for the OOM killer, and private namespaces", async () => {
    const info = await system({ ...FACTS, cgroupVersion: 2, oomKillDisable: false }).info();
    expect(info).toMatchObject({ CgroupVersion: "2", Warnings: [] });
    expect(info.SecurityOptions).toEqual(["name=seccomp,profile=builtin", "name=cgroupns"]);
  });

  test("a machine whose files cannot be read is described all the same", async () => {
    rmSync(join(root, "proc"), { recursive: true });
    rmSync(join(root, "etc"), { recursive: true });
    expect(await system().info()).toMatchObject({
      OperatingSystem: "Linux",
      OSVersion: "",
      MemTotal: 0,
      NFd: 0,
    });
  });

  test.each([
    ["A=b", "A", "b"],
    ["A='b \"c'", "A", 'b "c'],
    ['A="$b \\$c \\\\"', "A", "$b $c \\"],
    ["# A=b", "A", undefined],
    ["a=b", "a", undefined],
  ])("os-release: %s", (line, key, value) => {
    expect(osRelease(line).get(key)).toBe(value as string);
  });
});

describe("the engine's id", () => {
  test("is made once", async () => {
    const path = join(root, "engine-id");
    const id = await readOrMakeDaemonId(path);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(readFileSync(path, "utf8")).toBe(`${id}\n`);
    expect(await readOrMakeDaemonId(path)).toBe(id);
  });

  test("is not made anew over a damaged one", async () => {
    const path = join(root, "engine-id");
    writeFileSync(path, "");
    await expect(readOrMakeDaemonId(path)).rejects.toMatchObject({ kind: "dataLoss" });
  });
});
