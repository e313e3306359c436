import { describe, expect, test } from "bun:test";
import type { OciSeccomp, OciSeccompArg } from "../../oci/runtime-config.ts";
import { compileSeccomp, compileSeccompProgram, seccompReturn } from "./bpf-compiler.ts";
import type { BpfInstruction } from "./classic-bpf.ts";
import { defaultSeccompPolicy } from "./default-policy.ts";
import { AUDIT_ARCH, type SeccompArchitecture, SYSCALL_NUMBERS } from "./syscall-numbers.ts";

interface Call {
  readonly arch: number;
  readonly number: number;
  readonly args: readonly bigint[];
}

/** What the kernel would do with the program: steps counted, every jump checked to stay inside. */
function interpret(program: readonly BpfInstruction[], call: Call): { result: number; steps: number } {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, call.number, true);
  data.setUint32(4, call.arch, true);
  for (const [index, value] of call.args.entries()) data.setBigUint64(16 + index * 8, value, true);
  let accumulator = 0;
  let steps = 0;
  for (let at = 0; ; at++) {
    const step = program[at];
    if (step === undefined) throw new Error(`ran off the program at ${at}`);
    if (step.jt > 255 || step.jf > 255) throw new Error(`jump too far at ${at}`);
    steps++;
    if (step.code === 0x06) return { result: step.k, steps };
    else if (step.code === 0x20) accumulator = data.getUint32(step.k, true);
    else if (step.code === 0x54) accumulator = (accumulator & step.k) >>> 0;
    else if (step.code === 0x05) at += step.k;
    else if (step.code === 0x15) at += accumulator === step.k ? step.jt : step.jf;
    else if (step.code === 0x25) at += accumulator > step.k ? step.jt : step.jf;
    else if (step.code === 0x35) at += accumulator >= step.k ? step.jt : step.jf;
    else throw new Error(`unknown code ${step.code}`);
  }
}

function holds({ index, value, valueTwo = 0n, op }: OciSeccompArg, args: readonly bigint[]): boolean {
  const actual = args[index] ?? 0n;
  const answers: Record<OciSeccompArg["op"], boolean> = {
    SCMP_CMP_EQ: actual === value,
    SCMP_CMP_NE: actual !== value,
    SCMP_CMP_LT: actual < value,
    SCMP_CMP_LE: actual <= value,
    SCMP_CMP_GT: actual > value,
    SCMP_CMP_GE: actual >= value,
    SCMP_CMP_MASKED_EQ: (actual & value) === valueTwo,
  };
  return answers[op];
}

const ENOSYS = seccompReturn("SCMP_ACT_ERRNO", 38);
const EPERM = seccompReturn("SCMP_ACT_ERRNO", 1);
const ALLOW = seccompReturn("SCMP_ACT_ALLOW");
const KILL = seccompReturn("SCMP_ACT_KILL_PROCESS");

/** The policy read rule by rule, without any of the compiler's machinery. */
function evaluate(policy: OciSeccomp, call: Call): number {
  const architecture = policy.architectures.find(
    (name) => AUDIT_ARCH[name as SeccompArchitecture] === call.arch,
  );
  if (architecture === undefined) return KILL;
  if (architecture === "SCMP_ARCH_X86_64" && call.number >= 0x40000000) return ENOSYS;
  const numbers = SYSCALL_NUMBERS[architecture as SeccompArchitecture];
  let highest = -1;
  for (const rule of policy.syscalls) {
    for (const name of rule.names) {
      highest = Math.max(highest, numbers.get(name) ?? -1);
      if (numbers.get(name) !== call.number) continue;
      const args = rule.args ?? [];
      const anyOf = new Set(args.map(({ index }) => index)).size < args.length;
      const matches = anyOf
        ? args.some((arg) => holds(arg, call.args))
        : args.every((arg) => holds(arg, call.args));
      if (matches) return seccompReturn(rule.action, rule.errnoRet);
    }
  }
  const permissive = policy.defaultAction === "SCMP_ACT_ALLOW" || policy.defaultAction === "SCMP_ACT_LOG";
  if (!permissive && highest >= 0 && call.number > highest) return ENOSYS;
  return seccompReturn(policy.defaultAction, policy.defaultErrnoRet);
}

/** xorshift: the same calls in every run. */
function randomSource(seed: number): () => number {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

/** Argument values where decisions change: around each constant of the policy, in both halves. */
function interestingValues(policy: OciSeccomp): bigint[] {
  const constants = policy.syscalls.flatMap(({ args = [] }) =>
    args.flatMap((arg) => [arg.value, arg.valueTwo ?? 0n]),
  );
  const around = constants.flatMap((value) => [
    value - 1n,
    value,
    value + 1n,
    value | (1n << 32n),
    value << 32n,
  ]);
  return [...new Set([0n, 1n, 40n, 0xffffffffn, (1n << 64n) - 1n, ...around])].map((value) =>
    BigInt.asUintN(64, value),
  );
}

function compareOn(policy: OciSeccomp, arch: number, count: number): { allowed: number; refused: number } {
  const program = compileSeccompProgram(policy);
  const random = randomSource(arch ^ 0x5eed);
  const values = interestingValues(policy);
  const seen = { allowed: 0, refused: 0 };
  for (let round = 0; round < count; round++) {
    const args = Array.from({ length: 6 }, () => values[random() % values.length] ?? 0n);
    const number = round < 600 ? round : random() % 16 === 0 ? random() : random() % 480;
    const call: Call = { arch, number, args };
    const expected = evaluate(policy, call);
    const { result } = interpret(program, call);
    if (result !== expected)
      throw new Error(`${JSON.stringify({ arch, number, args: args.map(String), expected, result })}`);
    if (expected === ALLOW) seen.allowed++;
    else seen.refused++;
  }
  return seen;
}

const DEFAULT_CAPS = ["CAP_CHOWN", "CAP_SYS_CHROOT", "CAP_MKNOD"];

describe("the default policy, compiled", () => {
  for (const [label, capabilities] of [
    ["default capabilities", DEFAULT_CAPS],
    ["CAP_SYS_ADMIN", [...DEFAULT_CAPS, "CAP_SYS_ADMIN"]],
  ] as const) {
    for (const arch of [AUDIT_ARCH.SCMP_ARCH_X86_64, AUDIT_ARCH.SCMP_ARCH_X86]) {
      test(`agrees with the rules, ${label}, arch ${arch.toString(16)}`, () => {
        const seen = compareOn(defaultSeccompPolicy("x64", capabilities), arch, 20_000);
        expect(seen.allowed).toBeGreaterThan(5000);
        expect(seen.refused).toBeGreaterThan(500);
      });
    }
  }

  test("agrees with the rules on arm64", () => {
    expect(
      compareOn(defaultSeccompPolicy("arm64", DEFAULT_CAPS), AUDIT_ARCH.SCMP_ARCH_AARCH64, 20_000).allowed,
    ).toBeGreaterThan(5000);
  });

  const program = compileSeccompProgram(defaultSeccompPolicy("x64", DEFAULT_CAPS));
  const ask = (name: string, args: bigint[] = []) => {
    const number = SYSCALL_NUMBERS.SCMP_ARCH_X86_64.get(name);
    if (number === undefined) throw new Error(`no ${name}`);
    return interpret(program, { arch: AUDIT_ARCH.SCMP_ARCH_X86_64, number, args }).result;
  };

  test("decides as Docker's documentation says", () => {
    expect(ask("read")).toBe(ALLOW);
    expect(ask("ptrace")).toBe(ALLOW);
    expect(ask("chroot")).toBe(ALLOW);
    for (const name of [
      "mount",
      "setns",
      "unshare",
      "bpf",
      "add_key",
      "keyctl",
      "kexec_load",
      "io_uring_setup",
      "userfaultfd",
      "open_by_handle_at",
      "swapon",
    ]) {
      expect([name, ask(name)]).toEqual([name, EPERM]);
    }
    expect(ask("clone3")).toBe(ENOSYS);
    expect(ask("clone", [0x01200011n])).toBe(ALLOW);
    expect(ask("clone", [0x10000000n | 17n])).toBe(EPERM);
    expect(ask("socket", [2n])).toBe(ALLOW);
    expect(ask("socket", [16n])).toBe(ALLOW);
    expect(ask("socket", [38n])).toBe(EPERM);
    expect(ask("socket", [40n])).toBe(EPERM);
    // The kernel looks at the low half only: garbage above it must not open the door.
    expect(ask("socket", [40n | (1n << 32n)])).toBe(EPERM);
    expect(ask("personality", [0xffffffffn])).toBe(ALLOW);
    expect(ask("personality", [0x40000n])).toBe(EPERM);
  });

  test("refuses x32 and unknown ABIs, and says ENOSYS for calls younger than the policy", () => {
    const decide = (arch: number, number: number) => interpret(program, { arch, number, args: [] }).result;
    expect(decide(AUDIT_ARCH.SCMP_ARCH_X86_64, 0x40000000)).toBe(ENOSYS);
    expect(decide(AUDIT_ARCH.SCMP_ARCH_AARCH64, 0)).toBe(KILL);
    expect(decide(AUDIT_ARCH.SCMP_ARCH_X86_64, 5000)).toBe(ENOSYS);
  });

  test("is shallow: no call without arguments to check takes more than 18 steps", () => {
    let most = 0;
    for (const number of SYSCALL_NUMBERS.SCMP_ARCH_X86_64.values()) {
      const { result, steps } = interpret(program, {
        arch: AUDIT_ARCH.SCMP_ARCH_X86_64,
        number,
        args: [0n, 0n],
      });
      if (result === ALLOW) most = Math.max(most, steps);
    }
    expect(most).toBeLessThanOrEqual(18);
    expect(compileSeccomp(defaultSeccompPolicy("x64", DEFAULT_CAPS)).length).toBe(program.length * 8);
  });
});

describe("other policies", () => {
  const operators: OciSeccompArg["op"][] = [
    "SCMP_CMP_EQ",
    "SCMP_CMP_NE",
    "SCMP_CMP_LT",
    "SCMP_CMP_LE",
    "SCMP_CMP_GT",
    "SCMP_CMP_GE",
    "SCMP_CMP_MASKED_EQ",
  ];

  test("every comparison, on 64 bits", () => {
    const names = [...SYSCALL_NUMBERS.SCMP_ARCH_X86_64.keys()];
    const random = randomSource(7);
    for (const op of operators) {
      const syscalls = names.slice(0, 60).map((name) => ({
        names: [name],
        action: "SCMP_ACT_ALLOW" as const,
        args: [
          {
            index: random() % 3,
            value: (BigInt(random() % 4) << 32n) | BigInt(random() % 4),
            valueTwo: BigInt(random() % 3),
            op,
          },
          {
            index: 3 + (random() % 3),
            value: BigInt(random() % 8),
            valueTwo: 0n,
            op: "SCMP_CMP_NE" as const,
          },
        ],
      }));
      const policy: OciSeccomp = {
        defaultAction: "SCMP_ACT_TRAP",
        architectures: ["SCMP_ARCH_X86_64"],
        syscalls,
      };
      expect(compareOn(policy, AUDIT_ARCH.SCMP_ARCH_X86_64, 6000).refused).toBeGreaterThan(0);
    }
  });

  test("jumps beyond 255 instructions, a permissive default, and one argument named twice", () => {
    const names = [...SYSCALL_NUMBERS.SCMP_ARCH_X86_64.keys()].slice(0, 150);
    const policy: OciSeccomp = {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
      syscalls: names.map((name, index) => ({
        names: [name],
        action: "SCMP_ACT_ERRNO" as const,
        errnoRet: 1 + (index % 3),
        args: [
          { index: 0, value: BigInt(index % 5), op: "SCMP_CMP_EQ" as const },
          { index: index % 2, value: 0xffffffffn, op: "SCMP_CMP_GT" as const },
        ],
      })),
    };
    expect(compileSeccompProgram(policy).length).toBeGreaterThan(1000);
    expect(compareOn(policy, AUDIT_ARCH.SCMP_ARCH_X86_64, 20_000).refused).toBeGreaterThan(1000);
    expect(compareOn(policy, AUDIT_ARCH.SCMP_ARCH_X86, 20_000).allowed).toBeGreaterThan(1000);
  });

  test("a program above the kernel's limit is refused", () => {
    const args = Array.from({ length: 6 }, (_, index) => ({ index, value: 3n, op: "SCMP_CMP_GE" as const }));
    const names = [...SYSCALL_NUMBERS.SCMP_ARCH_X86_64.keys()];
    const policy: OciSeccomp = {
      defaultAction: "SCMP_ACT_ERRNO",
      architectures: ["SCMP_ARCH_X86_64"],
      syscalls: [{ names, action: "SCMP_ACT_ALLOW", args }],
    };
    expect(() => compileSeccompProgram(policy)).toThrow("the kernel takes 4096");
  });
});
