/**
 * The numbers of `native/include/protocol.h`, which describes each of them. `protocol.test.ts` compares the two.
 */
export const PROTOCOL_VERSION = 1;
export const FRAME_HEADER_BYTES = 12;
export const FRAME_MAX_BYTES = 4 << 20;

export const Frame = {
  HELLO: 1,
  OK: 2,
  ERROR: 3,
  PREPARE: 16,
  LAUNCH: 17,
  EXEC: 18,
  SIGNAL: 19,
  RESIZE: 20,
  STATE: 21,
  ABANDON: 22,
  EXITED: 32,
  ATTACH: 48,
  STDIN: 49,
  STDIN_EOF: 50,
  STDOUT: 51,
  STDERR: 52,
  END: 53,
  SPAWN_SHIM: 64,
  REMOVE_TREE: 65,
  DISK_USAGE: 66,
} as const;

export const Role = { CONTROL: 1, STREAM: 2, KERNEL: 3 } as const;
export const Phase = { EMPTY: 0, PREPARED: 1, RUNNING: 2, EXITED: 3 } as const;
export const Attach = { STDIN: 1, STDOUT: 2, STDERR: 4 } as const;

export const PLAN_MAGIC = 0x4e4c5042;
export const PLAN_HEADER_BYTES = 16;
export const PLAN_MAX_BYTES = 2 << 20;
export const PLAN_FIRST_CHILD_OP = 64;

export const Op = {
  CGROUP_CREATE: 1,
  CGROUP_WRITE: 2,
  CGROUP_ENTER: 3,
  NAMESPACES: 4,
  JOIN_NAMESPACE: 5,
  USER_MAP: 6,
  EXIT_RECORD: 7,
  OOM_COUNTER: 8,
  CGROUP_DEVICES: 9,
  MOUNT_AHEAD: 10,
  STDIO: 16,
  LOG: 17,
  WRITE_FILE: 64,
  PROPAGATION: 65,
  CHDIR: 66,
  MOUNT: 67,
  ROOT: 68,
  MKDIR: 69,
  SYMLINK: 70,
  DEVICE: 71,
  MOUNT_IN: 72,
  BIND_IN: 73,
  MASK: 74,
  READONLY: 75,
  CONSOLE: 76,
  HOSTNAME: 77,
  DOMAINNAME: 78,
  LOOPBACK_UP: 79,
  SYSCTL: 80,
  PIVOT: 81,
  READONLY_ROOT: 82,
  RLIMIT: 83,
  NEW_KEYRING: 84,
  USER: 85,
  WORKDIR: 86,
  CREDENTIALS: 87,
  NO_NEW_PRIVS: 88,
  SECCOMP: 89,
  ENVIRONMENT: 90,
  INIT: 91,
  EXEC: 92,
  UMASK: 93,
} as const;
export type OpCode = (typeof Op)[keyof typeof Op];

export const Stdio = { TTY: 1, STDIN_OPEN: 2, DISCARD: 4, HOLD: 8 } as const;
export const Bind = {
  RECURSIVE: 1,
  READONLY: 2,
  READONLY_RECURSIVE: 4,
  NOSUID: 8,
  NODEV: 16,
  NOEXEC: 32,
} as const;

/** Set in the flags of CGROUP_WRITE and WRITE_FILE: a failure is no error. */
export const IGNORE_FAILURE = 1;
/** Likewise for CGROUP_WRITE: a kernel without the file is no error, a refused value is one. */
export const IGNORE_ABSENCE = 2;
