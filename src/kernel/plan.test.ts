import { describe, expect, test } from "bun:test";
import { BugError } from "../base/errors.ts";
import { encodePlan, operationName } from "./plan.ts";
import { Op, PLAN_HEADER_BYTES, PLAN_MAGIC, PLAN_MAX_BYTES, PROTOCOL_VERSION } from "./protocol.ts";

/** The layout once more, written from protocol.h's description and not from the encoder. */
function decode(plan: Uint8Array): { header: number[]; operations: { code: number; args: number[][] }[] } {
  const view = new DataView(plan.buffer, plan.byteOffset, plan.byteLength);
  const operations = [];
  let at = PLAN_HEADER_BYTES;
  while (at < plan.length) {
    const code = view.getUint16(at, true);
    const count = view.getUint16(at + 2, true);
    const end = at + 8 + view.getUint32(at + 4, true);
    at += 8;
    const args: number[][] = [];
    for (let i = 0; i < count; i++) {
      const length = view.getUint32(at, true);
      args.push([...plan.subarray(at + 4, at + 4 + length)]);
      at += 4 + length;
    }
    expect(at).toBe(end);
    operations.push({ code, args });
  }
  return { header: [0, 4, 8, 12].map((offset) => view.getUint32(offset, true)), operations };
}

const bytesOf = (text: string) => [...new TextEncoder().encode(text)];

describe("encodePlan", () => {
  test("writes header, operations and arguments", () => {
    const plan = encodePlan([
      { op: Op.CHDIR, args: ["/é"] },
      { op: Op.LOOPBACK_UP, args: [] },
      { op: Op.SECCOMP, args: [1, Uint8Array.of(1, 2, 3)] },
      { op: Op.EXEC, args: ["", "a"] },
    ]);
    expect(decode(plan)).toEqual({
      header: [PLAN_MAGIC, PROTOCOL_VERSION, 4, plan.length],
      operations: [
        { code: Op.CHDIR, args: [[...bytesOf("/é"), 0]] },
        { code: Op.LOOPBACK_UP, args: [] },
        {
          code: Op.SECCOMP,
          args: [
            [1, 0, 0, 0, 0, 0, 0, 0],
            [1, 2, 3],
          ],
        },
        { code: Op.EXEC, args: [[0], [97, 0]] },
      ],
    });
  });

  test.each([
    [-1, [255, 255, 255, 255, 255, 255, 255, 255]],
    [2 ** 40, [0, 0, 0, 0, 0, 1, 0, 0]],
    [0xffffffffffffffffn, [255, 255, 255, 255, 255, 255, 255, 255]],
  ])("writes the number %p in eight bytes", (number, bytes) => {
    expect(decode(encodePlan([{ op: Op.UMASK, args: [number] }])).operations[0]?.args).toEqual([bytes]);
  });

  test("an empty plan is a header", () => {
    expect(encodePlan([]).length).toBe(PLAN_HEADER_BYTES);
  });

  test("refuses a NUL inside a string and a plan that is too large", () => {
    expect(() => encodePlan([{ op: Op.EXEC, args: ["a\0b"] }])).toThrow(BugError);
    const fits = new Uint8Array(PLAN_MAX_BYTES - PLAN_HEADER_BYTES - 8 - 8 - 4 - 4);
    expect(encodePlan([{ op: Op.SECCOMP, args: [0, fits.subarray(8)] }]).length).toBeLessThanOrEqual(
      PLAN_MAX_BYTES,
    );
    expect(() => encodePlan([{ op: Op.SECCOMP, args: [0, new Uint8Array(PLAN_MAX_BYTES)] }])).toThrow(
      BugError,
    );
  });
});

test("operationName", () => {
  expect(operationName(Op.EXEC)).toBe("EXEC");
  expect(operationName(999)).toBe("operation 999");
});
