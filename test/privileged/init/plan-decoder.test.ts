import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePlan } from "../../../src/kernel/plan.ts";
import { Op } from "../../../src/kernel/protocol.ts";
import { compileDriver, op } from "./container.ts";

describe("the decoder, with sanitizers,", () => {
  const argument = (bytes: number[]) => [bytes.length, 0, 0, 0, ...bytes];
  const plan = (operations: number, body: number[], length = 16 + body.length) =>
    new Uint8Array([0x42, 0x50, 0x4c, 0x4e, 1, 0, 0, 0, operations, 0, 0, 0, length, 0, 0, 0, ...body]);
  const operation = (argc: number, length: number, args: number[]) => [
    92,
    0,
    argc,
    0,
    length,
    0,
    0,
    0,
    ...args,
  ];
  let build: string;
  let sanitized: string;

  afterAll(() => rmSync(build, { recursive: true }));

  beforeAll(() => {
    build = mkdtempSync(join(tmpdir(), "berth-plan-"));
    sanitized = compileDriver(build, "sanitized", [
      "-g",
      "-fsanitize=address,undefined",
      "-fno-sanitize-recover=all",
    ]);
  });

  /** One line for each. */
  function decode(plans: readonly Uint8Array[]): string[] {
    const files = plans.map((bytes, number) => {
      const file = join(build, `plan-${number}`);
      writeFileSync(file, bytes);
      return file;
    });
    const result = spawnSync(sanitized, ["--decode", ...files], { encoding: "utf8" });
    expect(result.stderr).toBe("");
    expect(result.status).toBe(0);
    return result.stdout.trim().split("\n");
  }

  test.each([
    ["an empty plan", plan(0, []), "ok 0 0"],
    ["one operation", plan(1, operation(1, 6, argument([65, 0]))), "ok 1 67"],
    ["a string without its NUL", plan(1, operation(1, 5, argument([65]))), "ok 1 65"],
    ["no bytes", new Uint8Array(0), "EPROTO"],
    ["a truncated header", plan(0, []).subarray(0, 15), "EPROTO"],
    ["another magic number", plan(0, []).fill(0, 0, 1), "EPROTO"],
    ["another version", plan(0, []).fill(2, 4, 5), "EPROTO"],
    ["more length than bytes", plan(0, [], 17), "EPROTO"],
    ["bytes after the last operation", plan(0, [0]), "EPROTO"],
    ["more operations than bytes", plan(2, operation(0, 0, [])), "EPROTO"],
    ["four thousand million operations", plan(0, operation(0, 0, [])).fill(255, 8, 12), "EPROTO"],
    ["arguments longer than the plan", plan(1, operation(1, 100, argument([0]))), "EPROTO"],
    ["an argument longer than its operation", plan(1, operation(1, 5, [2, 0, 0, 0, 0])), "EPROTO"],
    ["an argument of 4 GiB", plan(1, operation(1, 5, [255, 255, 255, 255, 0])), "EPROTO"],
    ["fewer arguments than counted", plan(1, operation(2, 5, argument([0]))), "EPROTO"],
    ["more arguments than counted", plan(1, operation(0, 5, argument([0]))), "EPROTO"],
    ["half an argument's length", plan(1, operation(1, 2, [0, 0])), "EPROTO"],
  ])("%s", (_, bytes, expected) => {
    expect(decode([bytes])).toEqual([expected]);
  });

  test("takes no single byte of a plan for granted", () => {
    const good = encodePlan([
      op(Op.ENVIRONMENT, "A=b", "", "C=d"),
      op(Op.RLIMIT, 7, 8, 9),
      op(Op.EXEC, "true"),
    ]);
    const changed = [0, 1, 0x7f, 0xff].flatMap((value) =>
      Array.from(good, (_, at) => Uint8Array.from(good).fill(value, at, at + 1)),
    );
    const verdicts = decode(changed);
    expect(verdicts).toHaveLength(changed.length);
    expect(verdicts.filter((line) => line !== "EPROTO" && !line.startsWith("ok 3"))).toEqual([]);
    const cut = decode(Array.from(good, (_, length) => good.subarray(0, length)));
    expect(new Set(cut)).toEqual(new Set(["EPROTO"]));
  });
});
