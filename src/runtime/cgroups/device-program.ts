import type { OciDeviceRule } from "../../oci/runtime-config.ts";

/** One instruction of eBPF: `struct bpf_insn` of linux/bpf.h. */
export interface EbpfInstruction {
  readonly code: number;
  readonly dst: number;
  readonly src: number;
  readonly offset: number;
  readonly immediate: number;
}

/** Class, operation and source as linux/bpf.h composes them; jumps compare 32 bits (JMP32, Linux 5.1). */
const Code = {
  LOAD_WORD: 0x61,
  MOVE: 0xbc,
  MOVE_IMMEDIATE: 0xb4,
  AND_IMMEDIATE: 0x54,
  SHIFT_RIGHT_IMMEDIATE: 0x74,
  JUMP_IF_EQUAL: 0x16,
  JUMP_IF_NOT_EQUAL: 0x56,
  EXIT: 0x95,
} as const;

/** `struct bpf_cgroup_dev_ctx`: access_type holds the type in its low and the access in its high half. */
const CONTEXT = { accessType: 0, major: 4, minor: 8 } as const;
const TYPE = { b: 1, c: 2 } as const;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const ALL_ACCESS = 7;

const Register = { result: 0, scratch: 1, type: 2, access: 3, major: 4, minor: 5 } as const;

const op = (code: number, dst: number, immediate = 0, src = 0, offset = 0): EbpfInstruction => ({
  code,
  dst,
  src,
  offset,
  immediate,
});

/** BPF_DEVCG_ACC_* bits of `rwm`. */
export function accessBits(access: string | undefined): number {
  return [...(access ?? "rwm")].reduce((bits, letter) => bits | (ACCESS[letter] ?? 0), 0);
}

const load = (dst: number, offset: number) => op(Code.LOAD_WORD, dst, 0, Register.scratch, offset);

const PROLOGUE: readonly EbpfInstruction[] = [
  load(Register.type, CONTEXT.accessType),
  op(Code.MOVE, Register.access, 0, Register.type),
  op(Code.AND_IMMEDIATE, Register.type, 0xffff),
  op(Code.SHIFT_RIGHT_IMMEDIATE, Register.access, 16),
  load(Register.major, CONTEXT.major),
  load(Register.minor, CONTEXT.minor),
];

const answer = (allow: boolean): EbpfInstruction[] => [
  op(Code.MOVE_IMMEDIATE, Register.result, allow ? 1 : 0),
  op(Code.EXIT, 0),
];

/**
 * Answers when the rule covers the request: an allowing one has to cover all of the access, a denying one any of it.
 * Otherwise control goes on behind the block.
 */
function ruleBlock(rule: OciDeviceRule): EbpfInstruction[] {
  const access = accessBits(rule.access);
  const tests: EbpfInstruction[] = [];
  const unless = (code: number, register: number, value: number) => tests.push(op(code, register, value));
  if (rule.type === "b" || rule.type === "c") unless(Code.JUMP_IF_NOT_EQUAL, Register.type, TYPE[rule.type]);
  if (access !== ALL_ACCESS) {
    tests.push(op(Code.MOVE, Register.scratch, 0, Register.access));
    tests.push(op(Code.AND_IMMEDIATE, Register.scratch, rule.allow ? ALL_ACCESS & ~access : access));
    unless(rule.allow ? Code.JUMP_IF_NOT_EQUAL : Code.JUMP_IF_EQUAL, Register.scratch, 0);
  }
  if (rule.major !== undefined) unless(Code.JUMP_IF_NOT_EQUAL, Register.major, rule.major);
  if (rule.minor !== undefined) unless(Code.JUMP_IF_NOT_EQUAL, Register.minor, rule.minor);
  const block = [...tests, ...answer(rule.allow)];
  return block.map((step, at) =>
    step.code === Code.JUMP_IF_EQUAL || step.code === Code.JUMP_IF_NOT_EQUAL
      ? { ...step, offset: block.length - at - 1 }
      : step,
  );
}

const coversEverything = (rule: OciDeviceRule): boolean =>
  rule.type !== "b" &&
  rule.type !== "c" &&
  rule.major === undefined &&
  rule.minor === undefined &&
  accessBits(rule.access) === ALL_ACCESS;

/** True when the rules restrict nothing, so that no program is needed. */
export function allowsAllDevices(rules: readonly OciDeviceRule[]): boolean {
  const last = rules.at(-1);
  return last?.allow === true && coversEverything(last);
}

/**
 * The program that decides as the rules do: a later rule overrides an earlier one, and what none covers is denied.
 */
export function deviceProgram(rules: readonly OciDeviceRule[]): EbpfInstruction[] {
  const program = [...PROLOGUE];
  for (const rule of [...rules].reverse()) {
    if (coversEverything(rule)) return [...program, ...answer(rule.allow)];
    program.push(...ruleBlock(rule));
  }
  return [...program, ...answer(false)];
}

/** `struct bpf_insn[]`, little-endian. */
export function encodeEbpf(program: readonly EbpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, dst, src, offset, immediate }] of program.entries()) {
    view.setUint8(index * 8, code);
    view.setUint8(index * 8 + 1, dst | (src << 4));
    view.setInt16(index * 8 + 2, offset, true);
    view.setInt32(index * 8 + 4, immediate | 0, true);
  }
  return bytes;
}
