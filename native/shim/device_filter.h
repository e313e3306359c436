/* Which devices a container may open, on cgroup v2: there is no devices controller, a BPF program decides. */
#ifndef BERTH_SHIM_DEVICE_FILTER_H
#define BERTH_SHIM_DEVICE_FILTER_H

#include <stddef.h>

/*
 * Loads a program (struct bpf_insn[], `length` bytes, any alignment) and attaches it to the v2 directory, where it stays
 * until that is removed: an attached program needs no descriptor. Programs of the directory and of those above all have
 * to agree. Returns 0, or -1 with errno (EPERM and EINVAL also mean a kernel without CONFIG_CGROUP_BPF).
 */
int device_filter_attach(const char *cgroup_dir, const void *insns, size_t length);

#endif
