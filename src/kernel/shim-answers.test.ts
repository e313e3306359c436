import { describe, expect, test } from "bun:test";
import { PayloadWriter } from "./frames.ts";
import { Frame, Op, PROTOCOL_VERSION } from "./protocol.ts";
import { errnoName, readExited, readHello, readState, requestFailure } from "./shim-answers.ts";
import { LaunchError } from "./shim-session.ts";

const failure = (op: number, errno: number, step: string, path: string) =>
  requestFailure(new PayloadWriter().u32(op).u32(3).u32(errno).string(step).string(path).finish());

describe("requestFailure", () => {
  test("is a LaunchError for an operation", () => {
    const error = failure(Op.EXEC, 2, "lookup", "nonesuch");
    expect(error).toBeInstanceOf(LaunchError);
    expect(error).toMatchObject({
      kind: "failedPrecondition",
      operation: "EXEC",
      step: "lookup",
      errno: "ENOENT",
      path: "nonesuch",
    });
  });

  test.each([
    [3, "notFound"],
    [17, "conflict"],
    [16, "failedPrecondition"],
    [11, "exhausted"],
    [71, "internal"],
  ])("of errno %d without an operation is %s", (errno, kind) => {
    const error = failure(0, errno, "signal", "");
    expect(error).not.toBeInstanceOf(LaunchError);
    expect(error.kind as string).toBe(kind);
  });
});

test("errnoName", () => {
  expect(errnoName(11)).toBe("EAGAIN");
  expect(errnoName(4095)).toBe("errno 4095");
});

test("readHello refuses another version and another frame", () => {
  const payload = (version: number) => new PayloadWriter().u32(version).u32(1).finish();
  readHello({ type: Frame.HELLO, id: 0, payload: payload(PROTOCOL_VERSION) });
  expect(() => readHello({ type: Frame.HELLO, id: 0, payload: payload(PROTOCOL_VERSION + 1) })).toThrow(
    "version",
  );
  expect(() => readHello({ type: Frame.OK, id: 0, payload: payload(PROTOCOL_VERSION) })).toThrow("greeting");
});

test("readExited", () => {
  const payload = new PayloadWriter().u32(7).u32(137).u32(9).u32(1).u64(5n).finish();
  expect(readExited(payload)).toEqual({
    process: 7,
    status: { code: 137, signal: 9, oomKilled: true, finishedAtNs: 5n },
  });
});

test("readState refuses a phase that does not exist", () => {
  const payload = (phase: number) => new PayloadWriter().u32(phase).u32(42).u64(9n).finish();
  expect(readState(payload(2))).toEqual({ phase: "running", pid: 42, startedAtNs: 9n });
  expect(() => readState(payload(4))).toThrow("phase");
});
