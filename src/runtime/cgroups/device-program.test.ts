import { describe, expect, test } from "bun:test";
import type { OciDeviceRule } from "../../oci/runtime-config.ts";
import { deviceRulesOf } from "../spec/devices.ts";
import { specInput } from "../spec/spec-fixture.ts";
import { deviceLines } from "./device-lines.ts";
import {
  accessBits,
  allowsAllDevices,
  deviceProgram,
  type EbpfInstruction,
  encodeEbpf,
} from "./device-program.ts";

interface Request {
  readonly type: "b" | "c";
  readonly major: number;
  readonly minor: number;
  readonly access: string;
}

/** The few instructions that these programs use, on 32 bits. */
function interpret(program: readonly EbpfInstruction[], request: Request): boolean {
  const context = [
    (accessBits(request.access) << 16) | (request.type === "b" ? 1 : 2),
    request.major,
    request.minor,
  ];
  const registers = new Array<number>(11).fill(0);
  const get = (register: number) => registers[register] ?? 0;
  for (let at = 0; ; at++) {
    const step = program[at];
    if (step === undefined) throw new Error("ran off the program");
    const { code, dst, src, offset, immediate } = step;
    if (code === 0x61) registers[dst] = (context[offset / 4] ?? 0) >>> 0;
    else if (code === 0xbc) registers[dst] = get(src);
    else if (code === 0xb4) registers[dst] = immediate;
    else if (code === 0x54) registers[dst] = (get(dst) & immediate) >>> 0;
    else if (code === 0x74) registers[dst] = get(dst) >>> immediate;
    else if (code === 0x16) at += get(dst) === immediate ? offset : 0;
    else if (code === 0x56) at += get(dst) === immediate ? 0 : offset;
    else if (code === 0x95) return get(0) === 1;
    else throw new Error(`unknown code ${code}`);
  }
}

/** Rule by rule, the last that covers the request winning. */
function evaluate(rules: readonly OciDeviceRule[], request: Request): boolean {
  let allowed = false;
  for (const rule of rules) {
    const typed = rule.type === "b" || rule.type === "c";
    if (typed && rule.type !== request.type) continue;
    if (rule.major !== undefined && rule.major !== request.major) continue;
    if (rule.minor !== undefined && rule.minor !== request.minor) continue;
    const access = rule.access ?? "rwm";
    if (rule.allow && [...request.access].every((letter) => access.includes(letter))) allowed = true;
    if (!rule.allow && [...request.access].some((letter) => access.includes(letter))) allowed = false;
  }
  return allowed;
}

describe("deviceProgram", () => {
  const extra: OciDeviceRule[] = [
    { allow: true, type: "c", major: 10, minor: 229, access: "r" },
    { allow: true, type: "b", major: 8, access: "rw" },
    { allow: false, type: "b", major: 8, minor: 3, access: "w" },
    { allow: true, type: "a", major: 99, access: "m" },
  ];
  for (const [label, rules] of [
    ["the defaults", deviceRulesOf(specInput())],
    ["with further rules", [...deviceRulesOf(specInput()), ...extra]],
    ["everything", deviceRulesOf(specInput({ hostConfig: { Privileged: true } }))],
    ["nothing", []],
  ] as const) {
    test(`decides as the rules do: ${label}`, () => {
      const program = deviceProgram(rules);
      const seen = { yes: 0, no: 0 };
      for (const type of ["b", "c"] as const) {
        for (const access of ["r", "w", "m", "rw", "rwm"]) {
          for (const major of [0, 1, 5, 8, 10, 99, 136]) {
            for (const minor of [0, 1, 2, 3, 5, 7, 9, 229]) {
              const request = { type, major, minor, access };
              const expected = evaluate(rules, request);
              if (interpret(program, request) !== expected)
                throw new Error(JSON.stringify({ request, expected }));
              seen[expected ? "yes" : "no"]++;
            }
          }
        }
      }
      expect(seen.yes > 0).toBe(label !== "nothing");
      expect(seen.no > 0).toBe(label !== "everything");
    });
  }

  test("is written as struct bpf_insn", () => {
    const bytes = encodeEbpf([{ code: 0x56, dst: 2, src: 1, offset: 5, immediate: -2 }]);
    expect([...bytes]).toEqual([0x56, 0x12, 5, 0, 0xfe, 0xff, 0xff, 0xff]);
  });

  test("knows rules that restrict nothing", () => {
    expect(allowsAllDevices([{ allow: true, type: "a", access: "rwm" }])).toBe(true);
    expect(allowsAllDevices(deviceRulesOf(specInput()))).toBe(false);
    expect(allowsAllDevices([])).toBe(false);
  });
});

test("deviceLines: v1's a is everything, so that a narrower rule is spelled for both types", () => {
  expect(deviceLines({ allow: false, type: "a", access: "rwm" })).toEqual([
    { file: "devices.deny", value: "a" },
  ]);
  expect(deviceLines({ allow: true, type: "c", major: 136, access: "rwm" })).toEqual([
    { file: "devices.allow", value: "c 136:* rwm" },
  ]);
  expect(
    deviceLines({ allow: true, type: "a", major: 1, minor: 3, access: "r" }).map(({ value }) => value),
  ).toEqual(["b 1:3 r", "c 1:3 r"]);
});
