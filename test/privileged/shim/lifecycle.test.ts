/** Needs root: namespaces, cgroups. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseExitRecord } from "../../../src/kernel/exit-record.ts";
import { encodePlan } from "../../../src/kernel/plan.ts";
import { Op, Stdio } from "../../../src/kernel/protocol.ts";
import { connectShim } from "../../../src/kernel/shim-connection.ts";
import { LaunchError } from "../../../src/kernel/shim-session.ts";
import {
  BUSYBOX,
  collect,
  exitOf,
  launchPlan,
  OUTPUT,
  prepare,
  readText,
  run,
  SANITIZED,
  shell,
  withShims,
} from "./shim-fixture.ts";

const fixture = withShims();

describe("a container's end", () => {
  test.each([
    ["exit 0", 0, 0],
    ["exit 3", 3, 0],
    ["kill -15 $$; exit 5", 5, 0],
  ])("%s", async (script, code, signal) => {
    const { shim, stream } = await run(fixture, 0, shell(script));
    const status = await shim.exited;
    expect({ code: status.code, signal: status.signal, oom: status.oomKilled }).toEqual({
      code,
      signal,
      oom: false,
    });
    expect(await collect(stream)).toEqual({ stdout: "", stderr: "" });

    const record = parseExitRecord(readText(shim.path("exit")));
    expect(record.status).toEqual(status);
    const state = await shim.session.state();
    expect(state).toMatchObject({ phase: "exited", startedAtNs: record.startedAtNs });
    expect(status.finishedAtNs).toBeGreaterThanOrEqual(state.startedAtNs);
    expect(Number(status.finishedAtNs / 1_000_000n)).toBeGreaterThan(Date.now() - 60_000);

    await shim.session.abandon();
    expect(await shim.ended).toBe(0);
  });

  test("PID 1 is ended by the host's SIGKILL", async () => {
    const { shim } = await run(fixture, 0, shell("exec sleep 1000"));
    expect(await shim.session.state()).toMatchObject({ phase: "running" });
    await shim.session.signal(0, 9);
    expect(await shim.exited).toMatchObject({ code: 137, signal: 9 });
    await expect(shim.session.signal(0, 9)).rejects.toMatchObject({ kind: "notFound" });
  });

  test("the oom counter is read before the cgroups go", async () => {
    const shim = await fixture.start();
    writeFileSync(shim.path("events"), "low 0\noom 4\noom_kill 2\noom_group_kill 0\n");
    await prepare(shim, [{ op: Op.OOM_COUNTER, args: [shim.path("events"), "oom_kill"] }]);
    await shim.session.launch(launchPlan(0, shell("true")));
    expect(await shim.exited).toMatchObject({ code: 0, oomKilled: true });
  });

  test("a counter of 0 is no oom", async () => {
    const shim = await fixture.start();
    writeFileSync(shim.path("events"), "oom_kill_disable 1\nunder_oom 0\noom_kill 0\n");
    await prepare(shim, [{ op: Op.OOM_COUNTER, args: [shim.path("events"), "oom_kill"] }]);
    await shim.session.launch(launchPlan(0, shell("true")));
    expect(await shim.exited).toMatchObject({ code: 0, oomKilled: false });
  });
});

describe("a launch that fails", () => {
  test("names operation, step, errno and path, and leaves no exit record", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    const stream = await shim.session.attach(0, OUTPUT);
    const failure = await shim.session.launch(launchPlan(0, ["/no/such/program"])).catch((error) => error);
    expect(failure).toBeInstanceOf(LaunchError);
    expect(failure).toMatchObject({ operation: "EXEC", errno: "ENOENT", path: "/no/such/program" });
    expect(await collect(stream)).toEqual({ stdout: "", stderr: "" });
    await shim.session.abandon();
    expect(await shim.ended).toBe(0);
    expect(existsSync(shim.path("exit"))).toBe(false);
  });

  test("an operation of the shim", async () => {
    const shim = await fixture.start();
    const plan = encodePlan([{ op: Op.CGROUP_WRITE, args: ["/no/such/file", "1", 0] }]);
    const failure = await shim.session.prepare(plan).catch((error) => error);
    expect(failure).toMatchObject({ operation: "CGROUP_WRITE", step: "write", errno: "ENOENT" });
    expect(await shim.session.state()).toMatchObject({ phase: "exited" });
    await expect(shim.session.launch(launchPlan(0, shell("true")))).rejects.toMatchObject({
      kind: "notFound",
    });
  });

  test("a write that may fail is no failure", async () => {
    const shim = await fixture.start();
    await prepare(shim, [{ op: Op.CGROUP_WRITE, args: ["/no/such/file", "1", 1] }]);
    expect(await shim.session.state()).toMatchObject({ phase: "prepared" });
  });

  test("a log that cannot be opened", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    const log = { op: Op.LOG, args: ["/no/such/directory/log", 0, 1] };
    await expect(shim.session.launch(launchPlan(0, shell("true"), [log]))).rejects.toMatchObject({
      operation: "LOG",
      errno: "ENOENT",
    });
  });

  test("bytes that are no plan", async () => {
    const shim = await fixture.start();
    await expect(shim.session.prepare(new Uint8Array(100))).rejects.toMatchObject({ kind: "internal" });
    expect(await shim.session.state()).toMatchObject({ phase: "empty" });
  });

  test("a plan larger than the socket's buffer arrives whole", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    const stream = await shim.session.attach(0, OUTPUT);
    // Many variables, since the kernel allows 128 KiB for a single one; the sum is below the stack's quarter.
    const names = Array.from({ length: 1200 }, (_, i) => `V${i}=${"x".repeat(1000)}`);
    const plan = encodePlan([
      { op: Op.STDIO, args: [0, 0, 0] },
      { op: Op.ENVIRONMENT, args: ["PATH=/bin", ...names] },
      { op: Op.EXEC, args: [BUSYBOX, "sh", "-c", "env | wc -c"] },
    ]);
    await shim.session.launch(plan);
    expect(Number((await collect(stream)).stdout)).toBeGreaterThan(1_200_000);
  });
});

/** Where v2 is mounted, and the hierarchy that limits processes: the same one on a machine without v1. */
const [UNIFIED, HIERARCHY] = existsSync("/sys/fs/cgroup/cgroup.controllers")
  ? ["/sys/fs/cgroup", "/sys/fs/cgroup"]
  : ["/sys/fs/cgroup/unified", "/sys/fs/cgroup/pids"];

describe("the daemon goes and comes", () => {
  test("a prepared shim whose daemon is gone vanishes with its init and its cgroup", async () => {
    const cgroup = `${HIERARCHY}/berth/shim-test-${process.pid}`;
    const shim = await fixture.start();
    const init = await prepare(shim, [
      { op: Op.CGROUP_CREATE, args: [cgroup] },
      { op: Op.CGROUP_ENTER, args: [cgroup] },
    ]);
    expect(existsSync(cgroup)).toBe(true);
    shim.session.close();
    expect(await shim.ended).toBe(0);
    expect(existsSync(cgroup)).toBe(false);
    expect(existsSync(`/proc/${init}`)).toBe(false);
  });

  test("an empty shim too", async () => {
    const shim = await fixture.start();
    shim.session.close();
    expect(await shim.ended).toBe(0);
  });

  test("output goes into the log without a gap while no daemon is there", async () => {
    const log = { op: Op.LOG, args: ["", 0, 1] };
    const shim = await fixture.start();
    log.args[0] = shim.path("log");
    await prepare(shim);
    const script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; read x; exit 4";
    await shim.session.launch(launchPlan(Stdio.STDIN_OPEN, shell(script), [log]));
    shim.session.close();
    await shim.session.closed;
    await expect(shim.session.state()).rejects.toMatchObject({ kind: "unavailable" });

    const again = await connectShim(shim.directory);
    const exited = exitOf(again, 0);
    expect(await again.state()).toMatchObject({ phase: "running" });
    const stream = await again.attach(0, { stdin: true, stdout: false, stderr: false });
    await stream.write(Buffer.from("go\n"));
    expect((await exited).code).toBe(4);
    const lines = readFileSync(shim.path("log"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).log)).toEqual(
      Array.from({ length: 3000 }, (_, i) => `line ${i}\n`),
    );
    await again.abandon();
    expect(await shim.ended).toBe(0);
  });

  test("an exit that happened before is told to the next session, and a new session replaces the old one", async () => {
    const { shim } = await run(fixture, 0, shell("exit 9"));
    await shim.exited;
    const next = await connectShim(shim.directory);
    await shim.session.closed;
    expect(await exitOf(next, 0)).toMatchObject({ code: 9 });
    next.close();
    expect(await shim.ended).toBe(0);
    await expect(connectShim(shim.directory)).rejects.toMatchObject({ kind: "unavailable" });
  });

  test("a container that ends without a daemon leaves its record and the shim quits", async () => {
    const { shim } = await run(fixture, Stdio.STDIN_OPEN, shell("sleep 0.2; exit 6"));
    shim.session.close();
    expect(await shim.ended).toBe(0);
    expect(parseExitRecord(readText(shim.path("exit"))).status.code).toBe(6);
  });

  test("abandon ends what runs", async () => {
    const { shim } = await run(fixture, 0, shell("sleep 1000 & sleep 1000"));
    await shim.session.abandon();
    expect(await shim.ended).toBe(0);
  });
});

describe("cgroups", () => {
  test("without a pid namespace of its own what the init leaves is killed, and nested groups are removed", async () => {
    // On v2 a file that is there whatever controllers were handed down.
    const [file, value] = HIERARCHY === UNIFIED ? ["cgroup.max.depth", "5"] : ["pids.max", "50"];
    const cgroup = `${HIERARCHY}/berth/shim-nest-${process.pid}`;
    const shim = await fixture.start();
    await shim.session.prepare(
      encodePlan([
        { op: Op.CGROUP_CREATE, args: [cgroup] },
        { op: Op.CGROUP_WRITE, args: [join(cgroup, file), value, 0] },
        { op: Op.CGROUP_ENTER, args: [cgroup] },
      ]),
    );
    const stream = await shim.session.attach(0, OUTPUT);
    // The orphan holds stdout open: the end of the output must not wait for its thousand seconds.
    await shim.session.launch(
      launchPlan(
        0,
        shell(`mkdir -p ${cgroup}/a/b; sleep 1000 & echo $! > ${cgroup}/a/b/cgroup.procs; echo $!`),
      ),
    );
    const orphan = Number((await collect(stream)).stdout);
    expect(orphan).toBeGreaterThan(1);
    expect(await shim.exited).toMatchObject({ code: 0 });
    shim.session.close();
    expect(await shim.ended).toBe(0);
    expect(existsSync(`/proc/${orphan}`)).toBe(false);
    expect(existsSync(cgroup)).toBe(false);
  });

  test("a v2 directory", async () => {
    const cgroup = `${UNIFIED}/berth/shim-v2-${process.pid}`;
    const shim = await fixture.start();
    await shim.session.prepare(
      encodePlan([
        { op: Op.CGROUP_CREATE, args: [cgroup] },
        { op: Op.CGROUP_ENTER, args: [cgroup] },
      ]),
    );
    await shim.session.launch(launchPlan(0, shell("sleep 1000 & sleep 1000")));
    expect(readFileSync(join(cgroup, "cgroup.procs"), "utf8").trim().split("\n").length).toBeGreaterThan(0);
    await shim.session.abandon();
    expect(await shim.ended).toBe(0);
    expect(existsSync(cgroup)).toBe(false);
  });
});

test.skipIf(SANITIZED)("an idle shim with a container has less than 1 MiB of its own", async () => {
  const { shim } = await run(fixture, Stdio.STDIN_OPEN, shell("head -c 3000000 /dev/zero; exec sleep 1000"));
  const rollup = readFileSync(`/proc/${shim.pid}/smaps_rollup`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(rollup)?.[1]);
  if (process.env.BERTH_SHOW === "1") process.stderr.write(rollup);
  expect(kib("Pss")).toBeGreaterThan(0);
  expect(kib("Pss")).toBeLessThan(1024);
});
