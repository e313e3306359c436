import type { OciNamespace } from "../../oci/runtime-config.ts";

/** CLONE_NEW* of linux/sched.h. */
export const NAMESPACE_FLAGS: Readonly<Record<OciNamespace["type"], number>> = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
};

/** MS_* of linux/mount.h. */
export const Ms = {
  BIND: 0x1000,
  RECURSIVE: 0x4000,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
} as const;

/** MOUNT_ATTR_* of linux/mount.h, by the options of mount(8) that they stand for; what is 0 is the default. */
export const MOUNT_ATTRIBUTES: Readonly<Record<string, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  noatime: 0x10,
  strictatime: 0x20,
  nodiratime: 0x80,
  ...{ rw: 0, suid: 0, dev: 0, exec: 0, atime: 0, relatime: 0, diratime: 0, defaults: 0, async: 0 },
  ...{ norelatime: 0, nostrictatime: 0 },
};

/** By the option of a bind that asks for it. */
export const PROPAGATION: Readonly<Record<string, number>> = {
  private: Ms.PRIVATE,
  rprivate: Ms.PRIVATE | Ms.RECURSIVE,
  slave: Ms.SLAVE,
  rslave: Ms.SLAVE | Ms.RECURSIVE,
  shared: Ms.SHARED,
  rshared: Ms.SHARED | Ms.RECURSIVE,
};

/** SECCOMP_FILTER_FLAG_* of linux/seccomp.h. */
export const SECCOMP_FLAGS: Readonly<Record<string, number>> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
};

/** Type bits of a node's mode (inode(7)). */
export const NODE_TYPES = { c: 0o020000, b: 0o060000, p: 0o010000 } as const;
