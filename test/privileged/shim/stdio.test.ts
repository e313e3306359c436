/** Needs root: namespaces, a devpts. */
import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { encodePlan, type PlanOperation } from "../../../src/kernel/plan.ts";
import { Op, Stdio } from "../../../src/kernel/protocol.ts";
import type { ProcessStream } from "../../../src/kernel/shim-session.ts";
import {
  ALL,
  BUSYBOX,
  collect,
  environment,
  exitOf,
  launchPlan,
  NEW_MOUNT,
  NEW_PID,
  OUTPUT,
  prepare,
  type RunningShim,
  run,
  SANITIZED,
  shell,
  withShims,
} from "./shim-fixture.ts";

const fixture = withShims();
const MIB = 1024 * 1024;

/** Reads until `text` was seen; the rest of the output is left for others. */
function reader(stream: ProcessStream): (text: string) => Promise<string> {
  const chunks = stream.output[Symbol.asyncIterator]();
  let seen = "";
  return async (text) => {
    while (!seen.includes(text)) {
      const next = await chunks.next();
      if (next.done === true) throw new Error(`the output ended before ${JSON.stringify(text)}: ${seen}`);
      seen += Buffer.from(next.value.data).toString();
    }
    const end = seen.indexOf(text) + text.length;
    const taken = seen.slice(0, end);
    seen = seen.slice(end);
    return taken;
  };
}

describe("pipes", () => {
  test("stdout and stderr come apart, and whole", async () => {
    const { stream } = await run(fixture, 0, shell("echo out; echo err >&2; printf end"));
    expect(await collect(stream)).toEqual({ stdout: "out\nend", stderr: "err\n" });
  });

  test("without an open stdin the process reads an end of file", async () => {
    const { shim, stream } = await run(fixture, 0, shell("cat; echo read nothing"));
    expect((await collect(stream)).stdout).toBe("read nothing\n");
    expect(await shim.exited).toMatchObject({ code: 0 });
  });

  test("100 MiB go through stdin, and its end arrives", async () => {
    const { shim, stream } = await run(fixture, Stdio.STDIN_OPEN, shell("sha256sum"));
    const hash = createHash("sha256");
    const block = new Uint8Array(MIB);
    for (let i = 0; i < 100; i++) {
      crypto.getRandomValues(block.subarray(0, 65536));
      block.fill(i, 65536);
      hash.update(block);
      await stream.write(block);
    }
    stream.endInput();
    expect((await collect(stream)).stdout).toBe(`${hash.digest("hex")}  -\n`);
    expect(await shim.exited).toMatchObject({ code: 0 });
  }, 60_000);

  test("input before the launch waits for the process", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    const stream = await shim.session.attach(0, ALL);
    await stream.write(Buffer.from("early\n"));
    stream.endInput();
    await shim.session.launch(launchPlan(Stdio.STDIN_OPEN, [BUSYBOX, "cat"]));
    expect((await collect(stream)).stdout).toBe("early\n");
  });

  test("input for a process that reads no more is dropped", async () => {
    const { shim, stream } = await run(
      fixture,
      Stdio.STDIN_OPEN,
      shell("exec <&-; echo closed; read x; sleep 0.1; exit 5"),
    );
    for (let i = 0; i < 50; i++) await stream.write(new Uint8Array(65536));
    expect((await collect(stream)).stdout).toBe("closed\n");
    expect(await shim.exited).toMatchObject({ code: 5 });
  });

  test("a client that goes leaves stdin open for the next", async () => {
    const { shim, stream } = await run(fixture, Stdio.STDIN_OPEN, shell("read a; echo $a; read b; echo $b"));
    const until = reader(stream);
    await stream.write(Buffer.from("one\n"));
    await until("one\n");
    stream.close();
    const second = await shim.session.attach(0, ALL);
    await second.write(Buffer.from("two\n"));
    expect((await collect(second)).stdout).toBe("two\n");
    expect(await shim.exited).toMatchObject({ code: 0 });
  });

  test("discarded output goes nowhere", async () => {
    const { shim, stream } = await run(fixture, Stdio.DISCARD, shell("echo lost; exit 2"));
    expect(await collect(stream)).toEqual({ stdout: "", stderr: "" });
    expect(await shim.exited).toMatchObject({ code: 2 });
  });

  test("held output waits for the first client, also beyond the end", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    await shim.session.launch(launchPlan(Stdio.HOLD, shell("echo patience; echo errors >&2")));
    const stream = await shim.session.attach(0, OUTPUT);
    expect(await collect(stream)).toEqual({ stdout: "patience\n", stderr: "errors\n" });
    expect(await shim.exited).toMatchObject({ code: 0 });
  });

  test("held output of a container whose daemon went is given up, and the log has it", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    const log = { op: Op.LOG, args: [shim.path("log"), 0, 1] };
    await shim.session.launch(launchPlan(Stdio.HOLD, shell("echo kept"), [log]));
    shim.session.close();
    expect(await shim.ended).toBe(0);
    expect(readFileSync(shim.path("log"), "utf8")).toContain('"log":"kept\\n"');
  });

  test("whoever attaches to an ended container gets the end", async () => {
    const { shim } = await run(fixture, 0, shell("true"));
    await shim.exited;
    expect(await collect(await shim.session.attach(0, OUTPUT))).toEqual({ stdout: "", stderr: "" });
  });
});

/** Resident private memory of the shim in bytes. */
function residentBytes(shim: RunningShim): number {
  const rollup = readFileSync(`/proc/${shim.pid}/smaps_rollup`, "utf8");
  return Number(/^Pss_Anon:\s+(\d+) kB/m.exec(rollup)?.[1]) * 1024;
}

describe("backpressure", () => {
  const script = `head -c ${64 * MIB} /dev/zero | tr '\\0' x; echo done >&2`;

  test("a slow client slows the process down, and loses nothing", async () => {
    const { shim, stream } = await run(fixture, 0, shell(script));
    const chunks = stream.output[Symbol.asyncIterator]();
    let bytes = (await chunks.next()).value?.data.length ?? 0;
    // Nothing is read here. What the process could write is bounded by the buffers on the way: it cannot have ended.
    const { pid } = await shim.session.state();
    for (let before = "", same = 0; same < 200; ) {
      const now = activity(childrenOf(pid));
      same = now === before && !now.includes("R") ? same + 1 : 0;
      before = now;
      await shim.session.state();
    }
    expect(await shim.session.state()).toMatchObject({ phase: "running" });
    if (!SANITIZED) expect(residentBytes(shim)).toBeLessThan(2 * MIB);
    let errors = "";
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) break;
      if (next.value.stream === "stdout") bytes += next.value.data.length;
      else errors += Buffer.from(next.value.data).toString();
    }
    expect(bytes).toBe(64 * MIB);
    expect(errors).toBe("done\n");
    expect(await shim.exited).toMatchObject({ code: 0 });
  }, 60_000);

  test("a slow client holds up neither the exit nor what it still has to read", async () => {
    const { shim, stream } = await run(fixture, 0, shell("head -c 300000 /dev/zero | tr '\\0' x"));
    expect(await shim.exited).toMatchObject({ code: 0 });
    shim.session.close();
    const { stdout } = await collect(stream);
    expect(stdout.length).toBe(300_000);
    expect(await shim.ended).toBe(0);
  });

  test("a slow client that goes frees the process", async () => {
    const { shim, stream } = await run(fixture, 0, shell(script));
    await stream.output[Symbol.asyncIterator]().next();
    stream.close();
    expect(await shim.exited).toMatchObject({ code: 0 });
  }, 60_000);

  test("a client without output does not hold it up", async () => {
    const shim = await fixture.start();
    await prepare(shim);
    await shim.session.attach(0, { stdin: true, stdout: false, stderr: false });
    await shim.session.launch(launchPlan(Stdio.STDIN_OPEN, shell(script)));
    expect(await shim.exited).toMatchObject({ code: 0 });
  }, 60_000);
});

describe("a terminal", () => {
  const operations: PlanOperation[] = [
    { op: Op.PROPAGATION, args: ["/", 0x44000] },
    { op: Op.ROOT, args: ["/"] },
    { op: Op.MOUNT_IN, args: ["devpts", "devpts", "/dev/pts", 0, "newinstance,ptmxmode=0666,mode=0620"] },
    { op: Op.CONSOLE, args: [] },
  ];

  async function runInTerminal(
    script: string,
    flags = 0,
  ): Promise<{ shim: RunningShim; stream: ProcessStream }> {
    const shim = await fixture.start();
    await shim.session.prepare(encodePlan([{ op: Op.NAMESPACES, args: [NEW_PID | NEW_MOUNT] }]));
    const stream = await shim.session.attach(0, ALL);
    await shim.session.launch(
      encodePlan([
        { op: Op.STDIO, args: [Stdio.TTY | Stdio.STDIN_OPEN | flags, 31, 97] },
        ...operations,
        environment,
        { op: Op.EXEC, args: shell(script) },
      ]),
    );
    return { shim, stream };
  }

  test("has the size that was asked for, then the one it is resized to, and echoes", async () => {
    const { shim, stream } = await runInTerminal("read a; stty size; read b; stty size; read c; exit 3");
    const until = reader(stream);
    await stream.write(Buffer.from("1\n"));
    expect(await until("31 97\r\n")).toBe("1\r\n31 97\r\n");
    await shim.session.resize(0, 50, 132);
    await stream.write(Buffer.from("2\n"));
    await until("50 132\r\n");
    // Without effect on a terminal.
    stream.endInput();
    await stream.write(Buffer.from("3\n"));
    expect(await shim.exited).toMatchObject({ code: 3 });
  });

  test("^C interrupts, and its output comes whole to the end", async () => {
    const { shim, stream } = await runInTerminal(
      "trap 'seq 1 2000; exit 7' INT; echo ready; while :; do sleep 0.01; done",
    );
    const chunks = stream.output[Symbol.asyncIterator]();
    let text = "";
    let interrupted = false;
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) break;
      expect(next.value.stream).toBe("stdout");
      text += Buffer.from(next.value.data).toString();
      if (!interrupted && text.includes("ready")) {
        interrupted = true;
        await stream.write(Uint8Array.of(3));
      }
    }
    expect(text.endsWith("1999\r\n2000\r\n")).toBe(true);
    expect(await shim.exited).toMatchObject({ code: 7 });
  });

  test("that no one has open for a while is not at its end", async () => {
    const { shim, stream } = await runInTerminal(
      "echo before; exec <&- >&- 2>&-; sleep 0.1; exec >/dev/console; echo after; exit 4",
    );
    expect((await collect(stream)).stdout).toBe("before\r\nafter\r\n");
    expect(await shim.exited).toMatchObject({ code: 4 });
  });
});

describe("exec", () => {
  async function start(): Promise<RunningShim> {
    const { shim } = await run(fixture, 0, shell("exec sleep 1000"));
    return shim;
  }

  test("a process of its own with streams, exit code and signals", async () => {
    const shim = await start();
    const exited = exitOf(shim.session, 5);
    // Attached before there is such a process.
    const stream = await shim.session.attach(5, ALL);
    await stream.write(Buffer.from("first "));
    const { pid } = await shim.session.exec(
      5,
      launchPlan(Stdio.STDIN_OPEN, shell("cat; echo errors >&2; exit 12")),
    );
    expect(pid).toBeGreaterThan(1);
    await stream.write(Buffer.from("second"));
    stream.endInput();
    expect(await collect(stream)).toEqual({ stdout: "first second", stderr: "errors\n" });
    expect(await exited).toMatchObject({ code: 12, signal: 0 });
    await expect(shim.session.signal(5, 15)).rejects.toMatchObject({ kind: "notFound" });
    expect(await collect(await shim.session.attach(5, OUTPUT))).toEqual({ stdout: "", stderr: "" });
    expect(await shim.session.state()).toMatchObject({ phase: "running" });
  });

  test("is in the container's pid namespace", async () => {
    const shim = await start();
    const init = await shim.session.state();
    const stream = await shim.session.attach(1, OUTPUT);
    await shim.session.exec(1, launchPlan(Stdio.HOLD, shell("echo pid $$; sleep 1000 & wait")));
    expect(await reader(stream)("\n")).toMatch(/^pid \d{1,2}\n$/);
    const exited = exitOf(shim.session, 1);
    await shim.session.signal(0, 9);
    expect(await exited).toMatchObject({ code: 137, signal: 9 });
    expect(await shim.exited).toMatchObject({ code: 137 });
    expect(init.phase).toBe("running");
  });

  test("one that fails ends those who waited for it, and says why", async () => {
    const shim = await start();
    const stream = await shim.session.attach(2, OUTPUT);
    await expect(shim.session.exec(2, launchPlan(0, ["nonesuch"]))).rejects.toMatchObject({
      operation: "EXEC",
      errno: "ENOENT",
      path: "nonesuch",
    });
    expect(await collect(stream)).toEqual({ stdout: "", stderr: "" });
  });

  test("whoever waits for one that never comes gets the end with the container's", async () => {
    const shim = await start();
    const waiting = await shim.session.attach(77, ALL);
    await waiting.write(Buffer.from("nobody reads this"));
    await shim.session.signal(0, 9);
    expect(await collect(waiting)).toEqual({ stdout: "", stderr: "" });
    expect(await collect(await shim.session.attach(78, OUTPUT))).toEqual({ stdout: "", stderr: "" });
  });

  test("a child that keeps the pipe open does not keep the exec alive", async () => {
    const shim = await start();
    const exited = exitOf(shim.session, 3);
    const stream = await shim.session.attach(3, OUTPUT);
    await shim.session.exec(3, launchPlan(0, shell("(sleep 0.02; echo late; sleep 1000) & echo now")));
    expect((await collect(stream)).stdout).toBe("now\nlate\n");
    expect(await exited).toMatchObject({ code: 0 });
  });

  test("many at once", async () => {
    const shim = await start();
    const codes = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const exited = exitOf(shim.session, 100 + i);
        const stream = await shim.session.attach(100 + i, OUTPUT);
        await shim.session.exec(100 + i, launchPlan(0, shell(`echo ${i}; exit ${i}`)));
        expect((await collect(stream)).stdout).toBe(`${i}\n`);
        return (await exited).code;
      }),
    );
    expect(codes).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  test("none without a running container, none twice", async () => {
    const idle = await fixture.start();
    await expect(idle.session.exec(1, launchPlan(0, shell("true")))).rejects.toMatchObject({
      kind: "notFound",
    });
    const shim = await start();
    await shim.session.exec(1, launchPlan(0, shell("sleep 1000")));
    await expect(shim.session.exec(1, launchPlan(0, shell("true")))).rejects.toMatchObject({
      kind: "conflict",
    });
  });
});

function childrenOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8")
    .split(" ")
    .filter((child) => child !== "");
}

/** States of these processes and how often they were switched to: the same again and again for those that are stuck. */
function activity(pids: readonly string[]): string {
  const wanted = /^State:\s+(.)|^\w*voluntary_ctxt_switches:\s+(\d+)/gm;
  const statusOf = (pid: string) => readFileSync(`/proc/${pid}/status`, "utf8");
  return pids
    .flatMap((pid) => [...statusOf(pid).matchAll(wanted)].map(([, state, count]) => state ?? count))
    .join(" ");
}
