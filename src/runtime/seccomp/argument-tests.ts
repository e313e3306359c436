import type { OciSeccompArg } from "../../oci/runtime-config.ts";
import { Bpf, type BpfInstruction, instruction } from "./classic-bpf.ts";

/** A jump whose target is the end of the rule that it belongs to: the next rule, or the default. */
const FAIL = "fail";
interface OpenInstruction {
  readonly code: number;
  readonly k: number;
  readonly jt: number | typeof FAIL;
  readonly jf: number | typeof FAIL;
}

const open = (
  code: number,
  k: number,
  jt: OpenInstruction["jt"] = 0,
  jf: OpenInstruction["jf"] = 0,
): OpenInstruction => ({ code, k, jt, jf });

/** Offsets in `struct seccomp_data`: `args` begins at 16, each is 64 bits, little-endian here. */
const lowHalf = (index: number) => open(Bpf.LOAD, 16 + index * 8);
const highHalf = (index: number) => open(Bpf.LOAD, 20 + index * 8);
const LOW_MASK = 0xffffffffn;

/** Falls through when the argument passes. The accumulator has 32 bits, hence two halves for each 64-bit compare. */
function testOf({ index, value, valueTwo = 0n, op }: OciSeccompArg): OpenInstruction[] {
  const high = Number((value >> 32n) & LOW_MASK);
  const low = Number(value & LOW_MASK);
  const { JUMP_EQUAL, JUMP_GREATER, JUMP_GREATER_EQUAL } = Bpf;
  switch (op) {
    case "SCMP_CMP_EQ":
      return [
        ...[highHalf(index), open(JUMP_EQUAL, high, 0, FAIL)],
        ...[lowHalf(index), open(JUMP_EQUAL, low, 0, FAIL)],
      ];
    case "SCMP_CMP_NE":
      return [
        ...[highHalf(index), open(JUMP_EQUAL, high, 0, 2)],
        ...[lowHalf(index), open(JUMP_EQUAL, low, FAIL, 0)],
      ];
    case "SCMP_CMP_GT":
    case "SCMP_CMP_GE":
      return [
        ...[highHalf(index), open(JUMP_GREATER, high, 3, 0), open(JUMP_EQUAL, high, 0, FAIL)],
        ...[lowHalf(index), open(op === "SCMP_CMP_GT" ? JUMP_GREATER : JUMP_GREATER_EQUAL, low, 0, FAIL)],
      ];
    case "SCMP_CMP_LT":
    case "SCMP_CMP_LE":
      return [
        ...[highHalf(index), open(JUMP_GREATER, high, FAIL, 0), open(JUMP_EQUAL, high, 0, 2)],
        ...[lowHalf(index), open(op === "SCMP_CMP_LT" ? JUMP_GREATER_EQUAL : JUMP_GREATER, low, FAIL, 0)],
      ];
    case "SCMP_CMP_MASKED_EQ": {
      const masked = (load: OpenInstruction, mask: number, wanted: number) => [
        ...[load, open(Bpf.AND, mask), open(JUMP_EQUAL, wanted, 0, FAIL)],
      ];
      return [
        ...masked(highHalf(index), high, Number((valueTwo >> 32n) & LOW_MASK)),
        ...masked(lowHalf(index), low, Number(valueTwo & LOW_MASK)),
      ];
    }
  }
}

/**
 * Returns `result` when all arguments pass; otherwise control reaches the instruction after the block. Rules have at
 * most six tests of six instructions, so that the jumps always fit.
 */
export function ruleBlock(args: readonly OciSeccompArg[], result: number): BpfInstruction[] {
  const body = [...args.flatMap(testOf), open(Bpf.RETURN, result)];
  return body.map(({ code, k, jt, jf }, at) => {
    const toEnd = body.length - at - 1;
    return instruction(code, k, jt === FAIL ? toEnd : jt, jf === FAIL ? toEnd : jf);
  });
}
