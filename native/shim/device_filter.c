#include "device_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own limit for privileged callers is far above; a list of device rules is far below. */
#define INSTRUCTIONS_MAX 65536

static long bpf(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static int load(const void *insns, size_t length)
{
	union bpf_attr attr;
	struct bpf_insn *copy;
	long program;
	int error;

	if (length == 0 || length % sizeof(*copy) || length / sizeof(*copy) > INSTRUCTIONS_MAX) {
		errno = EINVAL;
		return -1;
	}
	/* A plan's bytes lie anywhere; the kernel copies from any address, but the type says aligned. */
	copy = malloc(length);
	if (!copy)
		return -1;
	memcpy(copy, insns, length);
	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
	attr.insns = (uint64_t)(uintptr_t)copy;
	attr.insn_cnt = (uint32_t)(length / sizeof(*copy));
	attr.license = (uint64_t)(uintptr_t) "Apache-2.0";
	program = bpf(BPF_PROG_LOAD, &attr);
	error = errno;
	free(copy);
	errno = error;
	return (int)program;
}

int device_filter_attach(const char *cgroup_dir, const void *insns, size_t length)
{
	union bpf_attr attr;
	int directory, program, result = -1, error;

	directory = open(cgroup_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory < 0)
		return -1;
	/* BPF descriptors are born close-on-exec. */
	program = load(insns, length);
	if (program >= 0) {
		memset(&attr, 0, sizeof(attr));
		attr.target_fd = (uint32_t)directory;
		attr.attach_bpf_fd = (uint32_t)program;
		attr.attach_type = BPF_CGROUP_DEVICE;
		/* MULTI, as systemd and runc do: the container may delegate and attach stricter ones below. */
		attr.attach_flags = BPF_F_ALLOW_MULTI;
		result = bpf(BPF_PROG_ATTACH, &attr) < 0 ? -1 : 0;
	}
	error = errno;
	if (program >= 0)
		close(program);
	close(directory);
	errno = error;
	return result;
}
