/* Single values of the kernel: files, names, limits, the loopback link, sysctls, the working directory. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "kernel-calls.h"
#include "launch.h"

#define KEYCTL_JOIN_SESSION_KEYRING 1
#define IGNORE_FAILURE 1
#define PROC_SYS "/proc/sys"

/* Kernel files take a value in one write; a part of it would be another value. */
static int write_value(int file, const char *value)
{
	size_t length = strlen(value);
	ssize_t written = write(file, value, length);

	if (written >= 0 && (size_t)written != length)
		errno = EIO;
	return written == (ssize_t)length ? 0 : -1;
}

int op_write_file(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *path = plan_string(op, 0), *value = plan_string(op, 1);
	uint64_t flags = plan_number(op, 2, &ok);

	if (!path || !value || !ok)
		return refuse_plan(launch);
	int AUTOCLOSE file = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	if (file >= 0 && write_value(file, value) == 0)
		return 0;
	return flags & IGNORE_FAILURE ? 0 : refuse(launch, file < 0 ? "open" : "write", path);
}

int op_chdir(struct launch *launch, const struct plan_op *op)
{
	const char *path = plan_string(op, 0);

	if (!path)
		return refuse_plan(launch);
	return chdir(path) < 0 ? refuse(launch, "chdir", path) : 0;
}

int op_workdir(struct launch *launch, const struct plan_op *op)
{
	const char *path = plan_string(op, 0);
	char current[PATH_MAX];

	if (!path)
		return refuse_plan(launch);
	/* One more process finds the directory or fails, as Docker's does. */
	int AUTOCLOSE directory = launch->inside ? root_open(launch, path, O_PATH | O_DIRECTORY, 0)
						 : root_make_directory(launch, path, 0755);
	if (directory < 0)
		return refuse(launch, launch->inside ? "chdir" : "mkdir", path);
	if (fchdir(directory) < 0)
		return refuse(launch, "chdir", path);
	/* The C library answers ENOENT for a directory that the kernel calls "(unreachable)": both end the launch. A host's
	 * directory reached through a leaked descriptor is such a one (CVE-2024-21626). */
	long length = syscall(SYS_getcwd, current, sizeof current);
	if (length >= 0 && current[0] != '/') {
		errno = ENOENT;
		length = -1;
	}
	return length < 0 ? refuse(launch, "getcwd", path) : 0;
}

int op_hostname(struct launch *launch, const struct plan_op *op)
{
	const char *name = plan_string(op, 0);

	if (!name)
		return refuse_plan(launch);
	return sethostname(name, strlen(name)) < 0 ? refuse(launch, "sethostname", name) : 0;
}

int op_domainname(struct launch *launch, const struct plan_op *op)
{
	const char *name = plan_string(op, 0);

	if (!name)
		return refuse_plan(launch);
	return setdomainname(name, strlen(name)) < 0 ? refuse(launch, "setdomainname", name) : 0;
}

/* The kernel gives the link its addresses when it comes up. */
int op_loopback_up(struct launch *launch)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};

	int AUTOCLOSE link = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (link < 0)
		return refuse(launch, "socket", "lo");
	return ioctl(link, SIOCSIFFLAGS, &request) < 0 ? refuse(launch, "SIOCSIFFLAGS", "lo") : 0;
}

int op_sysctl(struct launch *launch, const struct plan_op *op)
{
	const char *name = plan_string(op, 0), *value = plan_string(op, 1);

	if (!name || !value)
		return refuse_plan(launch);
	int AUTOCLOSE directory = root_open(launch, PROC_SYS, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (directory < 0)
		return refuse(launch, "openat2", PROC_SYS);
	/* A volume on /proc could answer our writes, or lead them to a sysctl of the host. */
	if (!is_on(directory, PROCFS_MAGIC)) {
		errno = EPERM;
		return refuse(launch, "procfs", PROC_SYS);
	}
	if (strstr(name, "..")) {
		errno = EINVAL;
		return refuse(launch, "openat2", name);
	}
	int AUTOCLOSE file = kernel_openat2(directory, name, O_WRONLY | O_CLOEXEC,
					    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	if (file < 0)
		return refuse(launch, "openat2", name);
	return write_value(file, value) < 0 ? refuse(launch, "write", name) : 0;
}

int op_rlimit(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	uint64_t resource = plan_number(op, 0, &ok);
	struct rlimit limit = {.rlim_cur = plan_number(op, 1, &ok), .rlim_max = plan_number(op, 2, &ok)};

	if (!ok || resource >= RLIM_NLIMITS)
		return refuse_plan(launch);
	return setrlimit((__rlimit_resource_t)resource, &limit) < 0 ? refuse(launch, "setrlimit", "") : 0;
}

int op_new_keyring(struct launch *launch, const struct plan_op *op)
{
	const char *name = plan_string(op, 0);

	if (!name)
		return refuse_plan(launch);
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS)
		return refuse(launch, "keyctl", name);
	return 0;
}

int op_umask(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	uint64_t mask = plan_number(op, 0, &ok);

	if (!ok)
		return refuse_plan(launch);
	/* Taken at the end: until then modes are meant as they are written. */
	launch->mask = (mode_t)mask & 0777;
	return 0;
}
