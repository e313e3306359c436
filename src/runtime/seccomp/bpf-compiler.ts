import { EngineError } from "../../base/errors.ts";
import type { OciSeccomp, OciSeccompAction, OciSeccompArg } from "../../oci/runtime-config.ts";
import { ruleBlock } from "./argument-tests.ts";
import {
  BPF_MAX_INSTRUCTIONS,
  Bpf,
  type BpfInstruction,
  branch,
  encodeClassicBpf,
  instruction,
} from "./classic-bpf.ts";
import {
  AUDIT_ARCH,
  isSeccompArchitecture,
  type SeccompArchitecture,
  SYSCALL_NUMBERS,
  X32_SYSCALL_BIT,
} from "./syscall-numbers.ts";

/** SECCOMP_RET_* of linux/seccomp.h. */
const RETURN_OF: Readonly<Record<OciSeccompAction, number>> = {
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const EPERM = 1;
const ENOSYS = 38;
const RETURN_ENOSYS = RETURN_OF.SCMP_ACT_ERRNO | ENOSYS;

/** Offsets in `struct seccomp_data`. */
const DATA_NUMBER = 0;
const DATA_ARCH = 4;

/** The filter's 32-bit result for an action. Only ERRNO carries a value. */
export function seccompReturn(action: OciSeccompAction, errno: number = EPERM): number {
  return action === "SCMP_ACT_ERRNO" ? RETURN_OF.SCMP_ACT_ERRNO | (errno & 0xffff) : RETURN_OF[action];
}

interface NumberedRule {
  readonly args: readonly OciSeccompArg[];
  readonly result: number;
}

/**
 * runc's reading of a rule that names one argument twice: any of its tests suffices, as filters were written before
 * several arguments could be combined.
 */
function alternatives(args: readonly OciSeccompArg[]): readonly (readonly OciSeccompArg[])[] {
  const repeated = new Set(args.map(({ index }) => index)).size < args.length;
  return repeated ? args.map((arg) => [arg]) : [args];
}

/** The rules of each number, in the policy's order: the first that matches decides. */
function rulesByNumber(policy: OciSeccomp, architecture: SeccompArchitecture): Map<number, NumberedRule[]> {
  const byNumber = new Map<number, NumberedRule[]>();
  for (const { names, action, errnoRet, args = [] } of policy.syscalls) {
    const result = seccompReturn(action, errnoRet);
    for (const name of names) {
      const number = SYSCALL_NUMBERS[architecture].get(name);
      if (number === undefined) continue;
      const rules = byNumber.get(number) ?? [];
      byNumber.set(number, rules);
      for (const alternative of alternatives(args)) rules.push({ args: alternative, result });
    }
  }
  return byNumber;
}

function blockOf(rules: readonly NumberedRule[], fallback: number): BpfInstruction[] {
  const block: BpfInstruction[] = [];
  for (const { args, result } of rules) {
    block.push(...ruleBlock(args, result));
    if (args.length === 0) return block;
  }
  block.push(instruction(Bpf.RETURN, fallback));
  return block;
}

/** From this number on, up to the next segment's, the block decides. */
interface Segment {
  readonly start: number;
  readonly block: readonly BpfInstruction[];
}

/**
 * Cuts the numbers into segments of one decision each. Above the highest number that the policy names the answer is
 * ENOSYS rather than EPERM: such calls are younger than the policy, and libraries fall back on ENOSYS alone (runc does
 * the same). A policy that allows by default, or already says ENOSYS, needs no such border.
 */
function segmentsOf(policy: OciSeccomp, architecture: SeccompArchitecture): Segment[] {
  const fallback = seccompReturn(policy.defaultAction, policy.defaultErrnoRet);
  const permissive = policy.defaultAction === "SCMP_ACT_ALLOW" || policy.defaultAction === "SCMP_ACT_LOG";
  const rules = [...rulesByNumber(policy, architecture)].sort(([a], [b]) => a - b);
  const segments: Segment[] = [];
  const add = (start: number, block: readonly BpfInstruction[]) => {
    const last = segments.at(-1);
    if (last?.start === start) segments.pop();
    const before = segments.at(-1)?.block;
    const same = before?.length === 1 && block.length === 1 && before[0]?.k === block[0]?.k;
    if (!same) segments.push({ start, block });
  };
  add(0, [instruction(Bpf.RETURN, fallback)]);
  for (const [number, numbered] of rules) {
    add(number, blockOf(numbered, fallback));
    add(number + 1, [instruction(Bpf.RETURN, fallback)]);
  }
  const highest = rules.at(-1)?.[0];
  if (!permissive && highest !== undefined) add(highest + 1, [instruction(Bpf.RETURN, RETURN_ENOSYS)]);
  return segments;
}

/** A balanced tree of compares: every call of the container walks it, so its depth is what counts. */
function searchTree(segments: readonly Segment[]): readonly BpfInstruction[] {
  const middle = segments.length >> 1;
  const upper = segments[middle];
  if (segments.length <= 1 || upper === undefined) return segments[0]?.block ?? [];
  return branch(
    Bpf.JUMP_GREATER_EQUAL,
    upper.start,
    searchTree(segments.slice(middle)),
    searchTree(segments.slice(0, middle)),
  );
}

function architectureBlock(policy: OciSeccomp, architecture: SeccompArchitecture): BpfInstruction[] {
  const tree = searchTree(segmentsOf(policy, architecture));
  const load = instruction(Bpf.LOAD, DATA_NUMBER);
  if (architecture !== "SCMP_ARCH_X86_64") return [load, ...tree];
  // Where the kernel has x32, its calls arrive with the same arch and would otherwise pass as unknown high numbers.
  const refuse = [instruction(Bpf.RETURN, RETURN_ENOSYS)];
  return [load, ...branch(Bpf.JUMP_GREATER_EQUAL, X32_SYSCALL_BIT, refuse, tree)];
}

/**
 * Compiles a policy to the instructions of a seccomp filter. Calls of an ABI that the policy does not list end the
 * process, as with libseccomp; names that an ABI does not have are skipped. Throws invalid when the program would exceed
 * the kernel's limit of 4096 instructions.
 */
export function compileSeccompProgram(policy: OciSeccomp): BpfInstruction[] {
  let program: readonly BpfInstruction[] = [instruction(Bpf.RETURN, RETURN_OF.SCMP_ACT_KILL_PROCESS)];
  for (const architecture of policy.architectures.filter(isSeccompArchitecture).reverse()) {
    const block = architectureBlock(policy, architecture);
    program = branch(Bpf.JUMP_EQUAL, AUDIT_ARCH[architecture], block, program);
  }
  const whole = [instruction(Bpf.LOAD, DATA_ARCH), ...program];
  if (whole.length > BPF_MAX_INSTRUCTIONS) {
    throw new EngineError(
      "invalid",
      `the seccomp profile needs ${whole.length} BPF instructions, the kernel takes ${BPF_MAX_INSTRUCTIONS}`,
    );
  }
  return whole;
}

const compiled = new WeakMap<OciSeccomp, Uint8Array>();

/** The filter's bytes; kept for as long as the policy object lives, since starts share the default policies. */
export function compileSeccomp(policy: OciSeccomp): Uint8Array {
  let bytes = compiled.get(policy);
  if (bytes === undefined) {
    bytes = encodeClassicBpf(compileSeccompProgram(policy));
    compiled.set(policy, bytes);
  }
  return bytes;
}
