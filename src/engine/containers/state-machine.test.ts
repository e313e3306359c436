import { describe, expect, test } from "bun:test";
import type { ContainerStatus } from "../../api/container-views.ts";
import { EngineError } from "../../base/errors.ts";
import type { ContainerState } from "./container-record.ts";
import { INITIAL_STATE, isRunning, type LifecycleEvent, nextState } from "./state-machine.ts";

const SUBJECT = { id: "c0ffee", name: "web", removing: false };
const stateOf = (status: ContainerStatus): ContainerState => ({ ...INITIAL_STATE, status });

/** `kind: message` of a refusal, or the status that follows. */
function outcome(status: ContainerStatus, event: LifecycleEvent, removing = false): string {
  try {
    return nextState(stateOf(status), event, { ...SUBJECT, removing }).status;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return `${error.kind}: ${error.message}`;
  }
}

const PAUSED_START = "conflict: cannot start a paused container, try unpause instead";
const MARKED = "conflict: container is marked for removal and cannot be started";
const NOT_RUNNING = "conflict: container c0ffee is not running";
const STOPPED = "notModified: container is already stopped";
const NOT_PAUSED = "internal: Container c0ffee is not paused";

describe("requests, in every state", () => {
  test.each<
    [LifecycleEvent["type"] & ("start" | "stop" | "kill" | "pause" | "unpause"), Record<string, string>]
  >([
    [
      "start",
      {
        created: "created",
        running: "notModified: container is already running",
        paused: PAUSED_START,
        restarting: "notModified: container is already running",
        exited: "exited",
        removing: MARKED,
        dead: MARKED,
      },
    ],
    [
      "stop",
      {
        created: STOPPED,
        running: "running",
        paused: "paused",
        restarting: "restarting",
        exited: STOPPED,
        removing: STOPPED,
        dead: STOPPED,
      },
    ],
    [
      "kill",
      {
        created: NOT_RUNNING,
        running: "running",
        paused: "paused",
        restarting: "restarting",
        exited: NOT_RUNNING,
        removing: NOT_RUNNING,
        dead: NOT_RUNNING,
      },
    ],
    [
      "pause",
      {
        created: NOT_RUNNING,
        running: "paused",
        paused: "conflict: container c0ffee is already paused",
        restarting: "conflict: Container c0ffee is restarting, wait until the container is running",
        exited: NOT_RUNNING,
        removing: NOT_RUNNING,
        dead: NOT_RUNNING,
      },
    ],
    [
      "unpause",
      {
        created: NOT_PAUSED,
        running: NOT_PAUSED,
        paused: "running",
        restarting: NOT_PAUSED,
        exited: NOT_PAUSED,
        removing: NOT_PAUSED,
        dead: NOT_PAUSED,
      },
    ],
  ])("%s", (type, expected) => {
    const found = Object.fromEntries(
      Object.keys(expected).map((status) => [status, outcome(status as ContainerStatus, { type })]),
    );
    expect(found).toEqual(expected);
  });
});

describe("remove", () => {
  const remove = (force: boolean): LifecycleEvent => ({ type: "remove", force });

  test("of one that runs needs force", () => {
    expect(outcome("running", remove(false))).toBe(
      'conflict: cannot remove container "/web": container is running: stop the container before removing or force remove',
    );
    expect(outcome("paused", remove(false))).toBe(
      'conflict: cannot remove container "/web": container is paused and must be unpaused first',
    );
    expect(outcome("running", remove(true))).toBe("running");
  });

  test.each(["created", "exited", "dead"] as const)("of one that is %s is allowed", (status) => {
    expect(outcome(status, remove(false))).toBe(status);
  });

  test("twice is refused, and so is a start in between", () => {
    expect(outcome("running", remove(true), true)).toBe(
      "conflict: removal of container web is already in progress",
    );
    expect(outcome("running", { type: "start" }, true)).toBe(MARKED);
    expect(outcome("created", { type: "start" }, true)).toBe(MARKED);
  });
});

describe("news", () => {
  test("a start clears what the run before has left, except when that ended", () => {
    const before = { ...stateOf("exited"), exitCode: 3, error: "x", oomKilled: true, finishedAtNs: 9n };
    expect(nextState(before, { type: "started", pid: 7, atNs: 10n }, SUBJECT)).toEqual({
      status: "running",
      pid: 7,
      exitCode: 0,
      error: "",
      oomKilled: false,
      startedAtNs: 10n,
      finishedAtNs: 9n,
    });
  });

  test("a failed start leaves the status alone", () => {
    const failed = { type: "start-failed", exitCode: 127, error: "no such program" } as const;
    expect(nextState(stateOf("created"), failed, SUBJECT)).toMatchObject({
      status: "created",
      exitCode: 127,
      error: "no such program",
    });
  });

  test("an exit ends running and paused alike", () => {
    const exited = { type: "exited", exitCode: 137, oomKilled: true, atNs: 5n } as const;
    for (const status of ["running", "paused"] as const) {
      expect(nextState({ ...stateOf(status), pid: 4 }, exited, SUBJECT)).toMatchObject({
        status: "exited",
        pid: 0,
        exitCode: 137,
        oomKilled: true,
        finishedAtNs: 5n,
      });
    }
    expect(nextState(stateOf("dead"), exited, SUBJECT).status).toBe("dead");
  });

  test("paused counts as running", () => {
    expect(
      (["running", "paused", "restarting", "created", "exited"] as const).map((s) => isRunning(stateOf(s))),
    ).toEqual([true, true, true, false, false]);
  });
});
