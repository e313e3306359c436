import type { OciSeccomp, OciSeccompArg, OciSeccompRule } from "../../oci/runtime-config.ts";
import type { MachineFacts } from "../container-runtime.ts";
import { ALLOWED_SYSCALLS } from "./allowed-syscalls.ts";

/** Calls that a capability unlocks: without it the kernel would refuse them in most uses anyway. */
const UNLOCKED_BY: Readonly<Record<string, readonly string[]>> = {
  CAP_BPF: ["bpf"],
  CAP_DAC_READ_SEARCH: ["open_by_handle_at"],
  CAP_PERFMON: ["perf_event_open"],
  CAP_SYSLOG: ["syslog"],
  CAP_SYS_ADMIN: [
    ...["clone", "clone3", "unshare", "setns"],
    ...["mount", "umount", "umount2", "move_mount", "mount_setattr", "open_tree"],
    ...[
      "fsopen",
      "fsconfig",
      "fsmount",
      "fspick",
      "fanotify_init",
      "lookup_dcookie",
      "quotactl",
      "quotactl_fd",
    ],
    ...["lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr"],
    ...["bpf", "perf_event_open", "syslog", "sethostname", "setdomainname"],
  ],
  CAP_SYS_BOOT: ["reboot"],
  CAP_SYS_CHROOT: ["chroot"],
  CAP_SYS_MODULE: ["delete_module", "init_module", "finit_module"],
  CAP_SYS_NICE: ["get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"],
  CAP_SYS_PACCT: ["acct"],
  CAP_SYS_PTRACE: ["kcmp", "pidfd_getfd", "process_madvise"],
  CAP_SYS_RAWIO: ["iopl", "ioperm"],
  CAP_SYS_TIME: ["settimeofday", "stime", "clock_settime", "clock_settime64"],
  CAP_SYS_TTY_CONFIG: ["vhangup"],
};

const ONLY_ON: Readonly<Record<MachineFacts["architecture"], readonly string[]>> = {
  x64: ["arch_prctl", "modify_ldt"],
  arm64: [
    "arm_fadvise64_64",
    "arm_sync_file_range",
    "sync_file_range2",
    "breakpoint",
    "cacheflush",
    "set_tls",
  ],
};

const ARCHITECTURES: Readonly<Record<MachineFacts["architecture"], readonly string[]>> = {
  // x32 is missing on purpose: hardly a program uses it, and its calls are a second door to the same kernel code.
  x64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  arm64: ["SCMP_ARCH_AARCH64"],
};

/** CLONE_NEW{NS,CGROUP,UTS,IPC,USER,PID,NET} (linux/sched.h). */
const NAMESPACE_FLAGS = 0x7e020000n;
const ENOSYS = 38;
const EPERM = 1;

/** PER_LINUX, PER_LINUX32, each also with UNAME26, and the query that changes nothing. */
const PERSONALITIES = [0n, 8n, 0x20000n, 0x20008n, 0xffffffffn];

/**
 * Address families that containers may use (linux/socket.h). What is missing: protocols that the kernel has dropped or
 * that nobody audits, AF_ALG (38: the kernel's crypto, a source of privilege escalations) and AF_VSOCK (40: it is
 * not tied to a network namespace and reaches the hypervisor).
 */
const FAMILIES_BELOW = 12n;
const FAMILIES = [
  13, 14, 15, 16, 17, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45,
];

const allow = (names: readonly string[], arg?: OciSeccompArg): OciSeccompRule => ({
  names: [...names],
  action: "SCMP_ACT_ALLOW",
  ...(arg === undefined ? {} : { args: [arg] }),
});

const equals = (index: number, value: bigint): OciSeccompArg => ({ index, value, op: "SCMP_CMP_EQ" });

/** Processes and threads may be made, namespaces not: these are a container's way to fresh kernel attack surface. */
function cloneRules(): OciSeccompRule[] {
  return [
    allow(["clone"], { index: 0, value: NAMESPACE_FLAGS, valueTwo: 0n, op: "SCMP_CMP_MASKED_EQ" }),
    // Its flags lie in memory where a filter cannot look; ENOSYS makes every C library fall back to clone.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS },
  ];
}

function buildPolicy(
  architecture: MachineFacts["architecture"],
  capabilities: ReadonlySet<string>,
): OciSeccomp {
  const unlocked = Object.entries(UNLOCKED_BY).flatMap(([capability, names]) =>
    capabilities.has(capability) ? names : [],
  );
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: EPERM,
    architectures: [...ARCHITECTURES[architecture]],
    syscalls: [
      allow([...ALLOWED_SYSCALLS, ...ONLY_ON[architecture], ...unlocked]),
      ...(capabilities.has("CAP_SYS_ADMIN") ? [] : cloneRules()),
      ...PERSONALITIES.map((value) => allow(["personality"], equals(0, value))),
      allow(["socket"], { index: 0, value: FAMILIES_BELOW, op: "SCMP_CMP_LT" }),
      ...FAMILIES.map((family) => allow(["socket"], equals(0, BigInt(family)))),
    ],
  };
}

const made = new Map<string, OciSeccomp>();

/**
 * The filter of a container that asked for none, equal in effect to Docker's default profile (moby/profiles) on kernels
 * from 4.8 on, except that x32 is refused. The same arguments give the same object, so that its compiled form can
 * be kept; callers do not change it.
 */
export function defaultSeccompPolicy(
  architecture: MachineFacts["architecture"],
  capabilities: readonly string[],
): OciSeccomp {
  const relevant = capabilities.filter((name) => Object.hasOwn(UNLOCKED_BY, name)).sort();
  const key = `${architecture} ${relevant.join(" ")}`;
  let policy = made.get(key);
  if (policy === undefined) {
    policy = buildPolicy(architecture, new Set(relevant));
    made.set(key, policy);
  }
  return policy;
}
