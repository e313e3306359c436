/** One instruction of classic BPF: `struct sock_filter` of linux/filter.h. */
export interface BpfInstruction {
  readonly code: number;
  /** Instructions to skip when a conditional jump's test holds, and when it does not. */
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** BPF_LD|BPF_W|BPF_ABS, BPF_ALU|BPF_AND|BPF_K, BPF_JMP|…|BPF_K, BPF_RET|BPF_K. */
export const Bpf = {
  LOAD: 0x20,
  AND: 0x54,
  JUMP: 0x05,
  JUMP_EQUAL: 0x15,
  JUMP_GREATER: 0x25,
  JUMP_GREATER_EQUAL: 0x35,
  RETURN: 0x06,
} as const;

/** The kernel's limit for one program (BPF_MAXINSNS). */
export const BPF_MAX_INSTRUCTIONS = 4096;
const LONGEST_CONDITIONAL_JUMP = 255;

export function instruction(code: number, k: number, jt = 0, jf = 0): BpfInstruction {
  return { code, jt, jf, k: k >>> 0 };
}

/**
 * Tests the accumulator and goes on with one of two blocks, neither of which may run off its end. Conditional jumps
 * reach 255 instructions only; beyond that an unconditional one, which has 32 bits, takes over.
 */
export function branch(
  code: number,
  k: number,
  whenTrue: readonly BpfInstruction[],
  whenFalse: readonly BpfInstruction[],
): BpfInstruction[] {
  const far = whenFalse.length > LONGEST_CONDITIONAL_JUMP;
  const test = far
    ? [instruction(code, k, 0, 1), instruction(Bpf.JUMP, whenFalse.length)]
    : [instruction(code, k, whenFalse.length, 0)];
  return [...test, ...whenFalse, ...whenTrue];
}

/** The bytes that prctl(2) and seccomp(2) take as `struct sock_filter[]`, little-endian. */
export function encodeClassicBpf(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  }
  return bytes;
}
