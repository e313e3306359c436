import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { newContainerId } from "../../base/ids.ts";
import { TestLifecycle } from "./testing/lifecycle.ts";

let life: TestLifecycle;
beforeEach(() => {
  life = new TestLifecycle();
});
afterEach(() => life.dispose());

const never = new AbortController().signal;
const REMOVED = { HostConfig: { AutoRemove: true } };

/** The daemon dies, what `meanwhile` says happens, and a new one starts. */
async function restart(meanwhile: () => void = () => undefined): Promise<void> {
  life.crash();
  life.events.length = 0;
  meanwhile();
  await Promise.resolve();
  await life.containers.reconcile();
  await life.containers.idle();
}

describe("containers that go on without a daemon", () => {
  test("are found again, and their end is recorded", async () => {
    const id = await life.run({}, "web");
    const process = life.runtime.process(id);
    await restart();
    expect(life.containers.directory.get("web").process).toBe(process);
    expect(life.state(id)).toMatchObject({ status: "running", pid: process.pid });
    const { result } = await life.backend.wait("web", "next-exit", never);
    process.end({ code: 4 });
    expect(await result).toEqual({ StatusCode: 4 });
    expect(life.actions).toEqual(["die"]);
  });

  test("can be attached to, executed in and stopped", async () => {
    const id = await life.run();
    await restart();
    const client = await life.backend.attach(id, {
      stdin: false,
      stdout: true,
      stderr: true,
      logs: false,
      stream: true,
    });
    const config = await life.containers.runtimeConfigOf(life.containers.directory.get(id));
    expect(config.ociVersion).toBe("1.2.0");
    await life.backend.stop(id, { timeoutSeconds: 0 });
    for await (const _chunk of client.output) expect.unreachable();
    expect(life.state(id)).toMatchObject({ status: "exited", exitCode: 137 });
  });

  test("are frozen or not as their record says", async () => {
    const paused = await life.run({}, "paused");
    await life.backend.pause("paused");
    const running = await life.run({}, "running");
    const [a, b] = [life.runtime.process(paused), life.runtime.process(running)];
    // Killed between the freezer's change and the row's.
    await restart(() => {
      a.frozen = false;
      b.frozen = true;
    });
    expect([a.frozen, b.frozen]).toEqual([true, false]);
    expect([life.state(paused).status, life.state(running).status]).toEqual(["paused", "running"]);
  });
});

describe("a row that is one step behind", () => {
  test("the program was launched, the row not written", async () => {
    const id = await life.create();
    const process = await life.runtime.start({ id } as never, async () => undefined);
    await restart();
    expect(life.state(id)).toMatchObject({ status: "running", pid: process.pid });
  });

  test("it ended while nobody looked: without an event, as in Docker", async () => {
    const id = await life.run();
    const process = life.runtime.process(id);
    await restart(() => process.end({ code: 9, oomKilled: true }));
    expect(life.state(id)).toMatchObject({
      status: "exited",
      exitCode: 9,
      oomKilled: true,
      finishedAtNs: process.ended?.finishedAtNs,
    });
    expect([life.actions, life.runtime.forgotten]).toEqual([[], [id]]);
  });

  test("the end was written, the run directory not cleaned up", async () => {
    const id = await life.run();
    const process = life.runtime.process(id);
    process.end({ code: 9 });
    await life.until(id, (status) => status === "exited");
    const before = life.state(id);
    const { ended } = process;
    await restart(() => {
      if (ended !== undefined) life.runtime.records.set(id, ended);
    });
    expect(life.state(id)).toEqual(before);
    expect(life.runtime.records.size).toBe(0);
  });

  test("it ran, and the machine was switched off", async () => {
    const id = await life.run();
    await restart(() => life.runtime.processes.clear());
    expect(life.state(id)).toMatchObject({ status: "exited", exitCode: 255, finishedAtNs: life.nowNs });
  });
});

describe("--rm", () => {
  test("holds for those that ended or never started, not for those that run", async () => {
    const ended = await life.run(REMOVED, "ended");
    await life.create(REMOVED, "created");
    const running = await life.run(REMOVED, "running");
    const process = life.runtime.process(ended);
    await restart(() => process.end());
    expect(life.containers.directory.all().map(({ record }) => record.name)).toEqual(["running"]);
    expect([...life.snapshots.keys.keys()]).toEqual([running]);
  });
});

describe("the sweep", () => {
  test("takes what a crash left without a row, and nothing else", async () => {
    const kept = await life.create();
    const orphan = newContainerId();
    await life.snapshots.prepare(orphan, undefined);
    await life.snapshots.prepare("a-builder's", undefined);
    life.runtime.known.add(orphan);
    for (const id of [kept, orphan]) mkdirSync(join(life.dataRoot, "containers", id), { recursive: true });
    await restart();
    expect([...life.snapshots.keys.keys()]).toEqual([kept, "a-builder's"]);
    expect([...life.runtime.known]).toEqual([kept]);
    const left = [kept, orphan].map((id) => existsSync(join(life.dataRoot, "containers", id)));
    expect(left).toEqual([true, false]);
  });

  test("finishes a removal whose files were still there", async () => {
    const id = await life.create();
    life.snapshots.remove = () => Promise.reject(new Error("killed here"));
    await life.backend.remove(id, { force: false, volumes: false, link: false });
    await life.containers.idle();
    expect(life.snapshots.keys.has(id)).toBe(true);
    Object.assign(life.snapshots, { remove: Object.getPrototypeOf(life.snapshots).remove });
    await restart();
    expect(life.snapshots.keys.has(id)).toBe(false);
  });
});
