import { AARCH64_RUNS, COMMON_RUNS } from "./syscalls-generic.ts";
import { I386_RUNS, X86_64_RUNS } from "./syscalls-x86.ts";

/** First number and the names from there on, separated by white space; `-` stands for a number without a name. */
export type SyscallRun = readonly [first: number, names: string];

/** An ABI for which programs can be filtered; libseccomp's names, as OCI and Docker profiles use them. */
export type SeccompArchitecture = "SCMP_ARCH_X86_64" | "SCMP_ARCH_X86" | "SCMP_ARCH_AARCH64";

/** AUDIT_ARCH_* of linux/audit.h: what `seccomp_data.arch` holds. */
export const AUDIT_ARCH: Readonly<Record<SeccompArchitecture, number>> = {
  SCMP_ARCH_X86_64: 0xc000003e,
  SCMP_ARCH_X86: 0x40000003,
  SCMP_ARCH_AARCH64: 0xc00000b7,
};

/** x32 shares AUDIT_ARCH_X86_64 and marks its calls by this bit (__X32_SYSCALL_BIT). */
export const X32_SYSCALL_BIT = 0x40000000;

function tableOf(runs: readonly SyscallRun[]): ReadonlyMap<string, number> {
  const table = new Map<string, number>();
  for (const [first, names] of [...runs, ...COMMON_RUNS]) {
    for (const [index, name] of names.split(/\s+/).entries()) {
      if (name !== "-") table.set(name, first + index);
    }
  }
  return table;
}

/** Numbers by name for each ABI. */
export const SYSCALL_NUMBERS: Readonly<Record<SeccompArchitecture, ReadonlyMap<string, number>>> = {
  SCMP_ARCH_X86_64: tableOf(X86_64_RUNS),
  SCMP_ARCH_X86: tableOf(I386_RUNS),
  SCMP_ARCH_AARCH64: tableOf(AARCH64_RUNS),
};

export function isSeccompArchitecture(name: string): name is SeccompArchitecture {
  return Object.hasOwn(AUDIT_ARCH, name);
}
