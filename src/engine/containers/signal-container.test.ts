import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { EngineError } from "../../base/errors.ts";
import { TestLifecycle } from "./testing/lifecycle.ts";

let life: TestLifecycle;
beforeEach(() => {
  life = new TestLifecycle();
});
afterEach(() => life.dispose());

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (error instanceof EngineError) return `${error.kind}: ${error.message}`;
    throw error;
  }
  return "accepted";
}

describe("stop", () => {
  test("sends the stop signal and waits", async () => {
    const id = await life.run({ StopSignal: "SIGINT" });
    const process = life.runtime.process(id);
    process.onSignal = (signal) => process.end({ code: 128 + signal, signal });
    await life.backend.stop(id, {});
    expect(process.signals).toEqual([2]);
    expect(life.state(id)).toMatchObject({ status: "exited", exitCode: 130 });
    expect(life.actions).toEqual(["create", "start", "kill", "die", "stop"]);
    expect(await refusal(life.backend.stop(id, {}))).toBe("notModified: container is already stopped");
  });

  test("kills one that does not listen", async () => {
    const id = await life.run();
    const process = life.runtime.process(id);
    await life.backend.stop(id, { timeoutSeconds: 0, signal: "USR1" });
    expect(process.signals).toEqual([10, 9]);
  });

  test("without a limit waits until somebody kills it, who is not kept waiting", async () => {
    const id = await life.run();
    const stopped = life.backend.stop(id, { timeoutSeconds: -1 });
    await life.backend.kill(id, "KILL");
    await stopped;
    expect(life.state(id).exitCode).toBe(137);
  });

  test("thaws a paused one", async () => {
    const id = await life.run();
    const process = life.runtime.process(id);
    await life.backend.pause(id);
    await life.backend.stop(id, { timeoutSeconds: 0 });
    expect([process.frozen, life.state(id).status]).toEqual([false, "exited"]);
  });

  test("refuses what is no signal", async () => {
    const id = await life.run();
    expect(await refusal(life.backend.stop(id, { signal: "x" }))).toBe(
      `invalid: cannot stop container: ${id}: invalid signal: x`,
    );
  });
});

describe("kill", () => {
  test("delivers any signal, waits only for SIGKILL", async () => {
    const id = await life.run({}, "web");
    await life.backend.kill("web", "HUP");
    expect([life.runtime.process(id).signals, life.state(id).status]).toEqual([[1], "running"]);
    expect(life.events.at(-1)).toMatchObject({ action: "kill", attributes: { signal: "1" } });
    await life.backend.kill("web", undefined);
    expect(life.state(id).status).toBe("exited");
    expect(await refusal(life.backend.kill("web", undefined))).toBe(
      `conflict: container ${id} is not running`,
    );
    expect(await refusal(life.backend.kill("web", "NOPE"))).toBe("invalid: invalid signal: NOPE");
  });

  test("says so when it does not die", async () => {
    const id = await life.run();
    life.runtime.process(id).onSignal = () => undefined;
    expect(await refusal(life.backend.kill(id, "9"))).toBe(
      "internal: tried to kill container, but did not receive an exit event",
    );
  });

  test("waits for a start that is under way", async () => {
    const id = await life.create();
    const [, killed] = await Promise.all([life.backend.start(id), refusal(life.backend.kill(id, "TERM"))]);
    expect([killed, life.runtime.process(id).signals]).toEqual(["accepted", [15]]);
  });
});

describe("pause", () => {
  test("there and back", async () => {
    const id = await life.run();
    await life.backend.pause(id);
    expect([life.state(id).status, life.runtime.process(id).frozen]).toEqual(["paused", true]);
    expect(await refusal(life.backend.pause(id))).toBe(`conflict: container ${id} is already paused`);
    expect(await refusal(life.backend.start(id))).toContain("try unpause instead");
    await life.backend.unpause(id);
    expect([life.state(id).status, life.runtime.process(id).frozen]).toEqual(["running", false]);
    expect(life.actions.slice(2)).toEqual(["pause", "unpause"]);
  });
});
