#include "confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* SYS_ADMIN: trusted.overlay.opaque can be set by nobody else. The filter below takes away what else it is good for. */
#define KEPT_CAPABILITIES \
	(1u << CAP_CHOWN | 1u << CAP_DAC_OVERRIDE | 1u << CAP_FOWNER | 1u << CAP_FSETID | 1u << CAP_MKNOD | 1u << CAP_SYS_ADMIN | \
	 1u << CAP_SETFCAP)

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct have[2], keep[2] = { { 0 } };

	if (syscall(SYS_capget, &header, have) < 0)
		return -1;
	keep[0].permitted = keep[0].effective = have[0].permitted & KEPT_CAPABILITIES;
	return (int)syscall(SYS_capset, &header, keep);
}

#if defined __x86_64__
#define FILTER_ARCH AUDIT_ARCH_X86_64
#elif defined __aarch64__
#define FILTER_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call filter for this machine"
#endif

#define ALLOW(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/*
 * Everything else fails with ENOSYS, which the C library takes for an old kernel: a forgotten call is an error message.
 * Calls of another architecture (32 bits) end the process.
 */
static int filter_system_calls(void)
{
	static struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FILTER_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		ALLOW(read), ALLOW(write), ALLOW(writev), ALLOW(openat), ALLOW(openat2), ALLOW(close), ALLOW(dup), ALLOW(lseek),
		ALLOW(fstat), ALLOW(newfstatat), ALLOW(statx), ALLOW(getdents64), ALLOW(fchdir), ALLOW(mkdirat), ALLOW(mknodat),
		ALLOW(symlinkat), ALLOW(linkat), ALLOW(unlinkat), ALLOW(fchown), ALLOW(fchownat), ALLOW(fchmod), ALLOW(fchmodat),
		ALLOW(utimensat), ALLOW(fsetxattr), ALLOW(lsetxattr), ALLOW(sync_file_range), ALLOW(fadvise64), ALLOW(syncfs), ALLOW(brk),
		ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn),
		ALLOW(restart_syscall), ALLOW(exit_group), ALLOW(readlinkat), ALLOW(flistxattr), ALLOW(fgetxattr), ALLOW(fstatfs),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
	};
	struct sock_fprog program = { .len = sizeof filter / sizeof *filter, .filter = filter };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int confine_to(int directory, const char **step)
{
	*step = "chroot";
	if (fchdir(directory) < 0 || chroot(".") < 0)
		return -1;
	*step = "capset";
	if (drop_capabilities() < 0)
		return -1;
	*step = "prctl";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
#ifndef __SANITIZE_ADDRESS__
	*step = "seccomp";
	if (filter_system_calls() < 0)
		return -1;
#endif
	return 0;
}

int confine(const char *directory, const char **step)
{
	int root;

	/* Whatever the parent forgot to close. */
	*step = "close_range";
	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0) < 0)
		return -1;
	*step = "open";
	root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return -1;
	return confine_to(root, step) < 0 ? -1 : root;
}
