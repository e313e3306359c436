/** Limits that hold: memory, processes, processors, descriptors; and what a container costs. */
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { BUSYBOX, NONE, withDaemon } from "../support/fixture.ts";
import { machineState } from "../support/machine.ts";
import { isAlive, until } from "../support/until.ts";

const { daemon } = withDaemon();
const V2 = existsSync("/sys/fs/cgroup/cgroup.controllers");
/** A kernel without swap accounting has nothing to set; on v2 its file is missing in the root, so one is asked for. */
const HAS_SWAP_LIMIT = V2 || existsSync("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes");
const STATUS = readFileSync("/proc/self/status", "utf8");
const CAN_RAISE = (BigInt(`0x${/^CapEff:\s+(\w+)$/m.exec(STATUS)?.[1]}`) & (1n << 24n)) !== 0n;

const run = (...args: readonly string[]) => daemon.docker("run", "--rm", ...NONE, ...args);
const sh = (flags: readonly string[], script: string) => run(...flags, BUSYBOX, "sh", "-c", script);
const start = (flags: readonly string[], ...command: readonly string[]) =>
  daemon.mustDocker("run", "-d", ...NONE, ...flags, BUSYBOX, ...command);
const state = (id: string, fields: string) => daemon.mustDocker("inspect", "-f", fields, id);

/** The container's own view of one of its limits, under its name on v1 and on v2. */
async function limit(flags: readonly string[], v1: string, v2: string): Promise<string> {
  return (await sh(flags, `cat /sys/fs/cgroup/${V2 ? v2 : v1}`)).stdout.trim();
}

/** Takes more memory than a container with 16 MiB has. */
const GREEDY = "dd if=/dev/zero of=/dev/null bs=64M count=1 2> /dev/null";
const SMALL = ["--memory", "16m", "--memory-swap", "16m"] as const;

describe("memory", () => {
  test("who takes more than the limit is killed, and the state says why", async () => {
    const id = await daemon.mustDocker(
      "create",
      ...NONE,
      ...SMALL,
      BUSYBOX,
      ...GREEDY.split(" ").slice(0, 5),
    );
    await daemon.docker("start", "-a", id);
    expect(await state(id, "{{.State.ExitCode}} {{.State.OOMKilled}} {{.State.Status}}")).toBe(
      "137 true exited",
    );
    // A run that ends well says so.
    await daemon.mustDocker("rm", "-f", id);
  });

  test("a child that is killed leaves the program running, and the state says so too", async () => {
    const id = await start(SMALL, "sh", "-c", `${GREEDY}; echo $?`);
    expect(await daemon.mustDocker("wait", id)).toBe("0");
    expect((await daemon.docker("logs", id)).stdout).toBe("137\n");
    expect(await state(id, "{{.State.OOMKilled}}")).toBe("true");
    await daemon.mustDocker("rm", id);
  });

  test("files on a tmpfs count", async () => {
    const { code } = await sh(SMALL, "exec dd if=/dev/zero of=/dev/shm/f bs=1M count=60");
    expect(code).toBe(137);
  });

  test("another kill is no lack of memory", async () => {
    const id = await start(SMALL, "sleep", "1000");
    await daemon.mustDocker("kill", id);
    expect(await daemon.mustDocker("wait", id)).toBe("137");
    expect(await state(id, "{{.State.OOMKilled}}")).toBe("false");
    await daemon.mustDocker("rm", id);
  });

  test("a process that joins is limited too", async () => {
    const id = await start(SMALL, "sleep", "1000");
    expect((await daemon.docker("exec", id, ...GREEDY.split(" ").slice(0, 5))).code).toBe(137);
    expect(await state(id, "{{.State.Running}}")).toBe("true");
    await daemon.mustDocker("rm", "-f", id);
  });

  test("the values are the ones asked for", async () => {
    const flags = ["--memory", "64m", "--memory-reservation", "32m"];
    expect(await limit(flags, "memory/memory.limit_in_bytes", "memory.max")).toBe(String(64 << 20));
    expect(await limit(flags, "memory/memory.soft_limit_in_bytes", "memory.low")).toBe(String(32 << 20));
  });

  test.skipIf(!HAS_SWAP_LIMIT)("swap: twice the memory by default, none, or a value", async () => {
    const swap = (...flags: string[]) =>
      limit(["--memory", "64m", ...flags], "memory/memory.memsw.limit_in_bytes", "memory.swap.max");
    // v1 counts both together, v2 swap alone.
    const mib = (together: number) => String((V2 ? together - 64 : together) << 20);
    expect(await swap()).toBe(mib(128));
    expect(await swap("--memory-swap", "64m")).toBe(mib(64));
    expect(await swap("--memory-swap", "100m")).toBe(mib(100));
    expect(await swap("--memory-swap", "-1")).toMatch(V2 ? /^max$/ : /^\d{19}$/);
  });

  test.skipIf(V2)("swappiness", async () => {
    expect(await limit(["--memory-swappiness", "17"], "memory/memory.swappiness", "")).toBe("17");
  });

  test.skipIf(!V2)("swappiness, which v2 does not have, is told to be dropped", async () => {
    const { code, stderr } = await run("--memory-swappiness", "17", BUSYBOX, "true");
    expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining("swappiness") });
  });
});

describe("processes", () => {
  test("a fork bomb stops at the limit, and is gone with its container", async () => {
    const bomb = "f() { f | f & }; f; while :; do sleep 1; done";
    const id = await start(["--pids-limit", "30"], "sh", "-c", bomb);
    const file = V2 ? "pids.max" : "pids/pids.max";
    // The container may have no room for one more: then its limit works.
    const joined = await daemon.docker("exec", id, "cat", `/sys/fs/cgroup/${file}`);
    if (joined.code === 0) expect(joined.stdout).toBe("30\n");
    await daemon.mustDocker("rm", "-f", id);
    expect((await run(BUSYBOX, "echo", "well")).stdout).toBe("well\n");
  });

  test("exactly so many as were asked for", async () => {
    const script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 100 & done; echo all";
    expect((await sh(["--pids-limit", "13"], script)).stdout).toBe("all\n");
    const { stdout, stderr, code } = await sh(["--pids-limit", "12"], script);
    expect({ stdout, code: code === 0 }).toEqual({ stdout: "", code: false });
    expect(stderr).toContain("can't fork");
  });
});

describe("processors", () => {
  const BUSY = "i=0; while [ $i -lt 400000 ]; do i=$((i+1)); done";

  test("--cpus is visible, and holds a busy program back", async () => {
    const file = V2 ? "cpu.max" : "cpu/cpu.cfs_quota_us";
    const stat = V2 ? "cpu.stat" : "cpu/cpu.stat";
    const { stdout } = await sh(
      ["--cpus", "0.2"],
      `cat /sys/fs/cgroup/${file}; ${BUSY}; grep nr_throttled /sys/fs/cgroup/${stat}`,
    );
    const [quota, throttled = ""] = stdout.trim().split("\n");
    expect(quota).toBe(V2 ? "20000 100000" : "20000");
    expect(Number(throttled.split(" ")[1])).toBeGreaterThan(0);
  });

  test("quota and period, shares", async () => {
    const flags = ["--cpu-period", "50000", "--cpu-quota", "25000"];
    expect(await limit(flags, "cpu/cpu.cfs_period_us", "cpu.max")).toBe(V2 ? "25000 50000" : "50000");
    const shares = await limit(["--cpu-shares", "512"], "cpu/cpu.shares", "cpu.weight");
    expect(shares).toBe(V2 ? "20" : "512");
  });

  test("--cpuset-cpus", async () => {
    const script = "nproc; grep Cpus_allowed_list /proc/self/status";
    expect((await sh(["--cpuset-cpus", "0"], script)).stdout).toBe("1\nCpus_allowed_list:\t0\n");
    const { code, stderr } = await run("--cpuset-cpus", "900", BUSYBOX, "true");
    expect(code).toBe(125);
    expect(stderr).toContain("Requested CPUs are not available - requested 900, available: 0");
  });

  test("--cpuset-mems", async () => {
    expect((await sh(["--cpuset-mems", "0"], "grep Mems_allowed_list /proc/self/status")).stdout).toBe(
      "Mems_allowed_list:\t0\n",
    );
  });
});

describe("ulimits", () => {
  test("are set for the program and those that join", async () => {
    const id = await start(["--ulimit", "nofile=100:200"], "sleep", "1000");
    const both = "ulimit -Sn; ulimit -Hn";
    expect((await daemon.docker("exec", id, "sh", "-c", both)).stdout).toBe("100\n200\n");
    await daemon.mustDocker("rm", "-f", id);
    expect(
      (await sh(["--ulimit", "nofile=100:200", "--ulimit", "core=0"], `${both}; ulimit -Hc`)).stdout,
    ).toBe("100\n200\n0\n");
  });

  test("a soft limit above the hard one is refused", async () => {
    const { code, stderr } = await run("--ulimit", "nofile=300:200", BUSYBOX, "true");
    expect(code).toBe(125);
    expect(stderr).toContain("ulimit soft limit must be less than or equal to hard limit: 300 > 200");
  });

  test.skipIf(CAN_RAISE)(
    "one that this daemon may not set is refused by name, before anything exists",
    async () => {
      const { code, stderr } = await run("--ulimit", "nofile=99999999:99999999", BUSYBOX, "true");
      expect(code).toBe(125);
      expect(stderr).toMatch(/ulimit nofile=99999999 is above the daemon's own hard limit of \d+/);
      expect(stderr).toContain("CAP_SYS_RESOURCE");
      expect(await daemon.mustDocker("ps", "-aq", "--filter", "status=created")).toBe("");
    },
  );

  test.skipIf(!CAN_RAISE)("one above the daemon's own is set where it may be", async () => {
    expect((await sh(["--ulimit", "memlock=-1:-1"], "ulimit -Hl")).stdout).toBe("unlimited\n");
  });

  test("--privileged runs also where limits cannot be raised", async () => {
    const { stdout, code } = await sh(["--privileged", "--ulimit", "nofile=64:64"], "ulimit -n");
    expect({ stdout, code }).toEqual({ stdout: "64\n", code: 0 });
  });
});

/** Parent of a process. */
const parentOf = (pid: number) =>
  Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);

async function startedPids(id: string): Promise<{ init: number; shim: number }> {
  const init = Number(await state(id, "{{.State.Pid}}"));
  return { init, shim: parentOf(init) };
}

describe("a shim that is killed", () => {
  const cgroupsOf = (id: string) => machineState().cgroups.filter((path) => path.endsWith(id));

  test("takes its container with it, which can be started again", async () => {
    const id = await start(["--name", "shimless"], "sh", "-c", "sleep 1000 & sleep 1000");
    const { init, shim } = await startedPids(id);
    process.kill(shim, "SIGKILL");
    expect(await daemon.mustDocker("wait", id)).toBe("137");
    expect(await state(id, "{{.State.Status}} {{.State.ExitCode}}")).toBe("exited 137");
    await daemon.mustDocker("start", id);
    expect(isAlive(init)).toBe(false);
    expect(await state(id, "{{.State.Running}}")).toBe("true");
    expect((await daemon.docker("exec", id, "echo", "again")).stdout).toBe("again\n");
    await daemon.mustDocker("rm", "-f", id);
    await until("its cgroups are gone", () => cgroupsOf(id).length === 0);
  });

  test("wakes who is attached or has joined", async () => {
    const id = await start([], "sleep", "1000");
    const attached = daemon.docker("attach", "--sig-proxy=false", id);
    const joined = daemon.docker("exec", id, "sh", "-c", "echo in; exec sleep 1000");
    const processes = async () => (await daemon.mustDocker("top", id)).split("\n").length - 1;
    await until("the second process is there", async () => (await processes()) === 2);
    const { shim } = await startedPids(id);
    process.kill(shim, "SIGKILL");
    expect((await attached).code).not.toBe(0);
    expect((await joined).code).not.toBe(0);
    await daemon.mustDocker("rm", "-f", id);
  });

  test("is noticed by a daemon that was not there", async () => {
    const id = await start([], "sleep", "1000");
    const { init, shim } = await startedPids(id);
    await daemon.stop("SIGKILL");
    process.kill(shim, "SIGKILL");
    await daemon.start();
    expect(await state(id, "{{.State.Status}}")).toBe("exited");
    expect(isAlive(init)).toBe(false);
    expect(cgroupsOf(id)).toEqual([]);
    await daemon.mustDocker("start", id);
    await daemon.mustDocker("rm", "-f", id);
  });
});

/** A process's memory in KiB, what it shares counted in parts (proc_pid_smaps(5)). */
const pssKib = (pid: number) =>
  Number(/^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);

describe("20 containers", () => {
  test("cost less than 1 MiB each, and leave nothing", async () => {
    const before = readdirSync(join(daemon.root, "x/containers")).length;
    const ids = await Promise.all(Array.from({ length: 20 }, () => start([], "sleep", "1000")));
    const shims = await Promise.all(ids.map(async (id) => (await startedPids(id)).shim));
    expect(new Set(shims).size).toBe(20);
    const each = shims.map(pssKib);
    expect(Math.max(...each)).toBeLessThan(1024);
    await daemon.mustDocker("rm", "-f", ...ids);
    // The client is answered before the last of it is gone. Prepared ones may come and go.
    await until("shims are gone", () => !shims.some(isAlive));
    const left = () => readdirSync(join(daemon.root, "x/containers")).length;
    await until("run directories are gone", () => left() < before + 5);
  });

  test("ten with --init cost no more", async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => start(["--init"], "sleep", "1000")));
    const pids = await Promise.all(ids.map(startedPids));
    for (const { init, shim } of pids) expect(pssKib(init) + pssKib(shim)).toBeLessThan(1024);
    await daemon.mustDocker("rm", "-f", ...ids);
  });
});
