/* Things of the host shown in the new root, and things of the root hidden or made read-only. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel-calls.h"
#include "launch.h"
#include "protocol.h"

/*
 * Files of /proc that one may lay a file over: what lxcfs and its like provide. Anything else there (sys, self, a pid) is
 * read by this process and by the host's tools, who must find the kernel's.
 */
static const char *const PROC_FILES[] = {
	"/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/slabinfo",
	"/proc/stat", "/proc/swaps", "/proc/uptime", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
};

static bool same_file(int a, int b)
{
	struct stat one, other;
	return fstat(a, &one) == 0 && fstat(b, &other) == 0 && one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

int attach_mount(struct launch *launch, int mount, int target, const char *path, bool allow_procfs)
{
	/* A link in the image can make any path mean "/" or something in /proc. */
	if (same_file(target, launch->root)) {
		errno = EINVAL;
		return refuse(launch, "move_mount", path);
	}
	if (!allow_procfs && is_on(target, PROCFS_MAGIC)) {
		errno = EPERM;
		return refuse(launch, "procfs", path);
	}
	return kernel_move_mount(mount, target) < 0 ? refuse(launch, "move_mount", path) : 0;
}

int clone_tree(int directory, const char *path, bool recursive)
{
	return kernel_open_tree(directory, path,
				OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (*path ? 0 : AT_EMPTY_PATH) |
					(recursive ? AT_RECURSIVE : 0));
}

/* /proc itself may be replaced by another procfs (the host's, with its pid namespace), some files by others. */
static bool may_cover_procfs(struct launch *launch, int tree, int target, const char *path)
{
	if (strcmp(path, "/proc") == 0)
		return is_on(tree, PROCFS_MAGIC);
	for (size_t i = 0; i < sizeof PROC_FILES / sizeof *PROC_FILES; i++) {
		if (strcmp(path, PROC_FILES[i]) != 0)
			continue;
		int AUTOCLOSE plain = root_open(launch, path, O_PATH, RESOLVE_NO_SYMLINKS);
		return plain >= 0 && same_file(plain, target);
	}
	return false;
}

static int set_attributes(struct launch *launch, int tree, uint64_t flags, uint64_t propagation, const char *path)
{
	struct mount_change top = {
		.set = (flags & BIND_READONLY ? MOUNT_ATTR_RDONLY : 0) | (flags & BIND_NOSUID ? MOUNT_ATTR_NOSUID : 0) |
		       (flags & BIND_NODEV ? MOUNT_ATTR_NODEV : 0) | (flags & BIND_NOEXEC ? MOUNT_ATTR_NOEXEC : 0),
	};
	struct mount_change all = {
		.set = flags & BIND_READONLY_RECURSIVE ? MOUNT_ATTR_RDONLY : 0,
		.propagation = propagation & MS_REC ? propagation & ~(uint64_t)MS_REC : 0,
	};

	if (!(propagation & MS_REC))
		top.propagation = propagation;
	if ((top.set || top.propagation) && kernel_mount_setattr(tree, AT_EMPTY_PATH, &top) < 0)
		return refuse(launch, "mount_setattr", path);
	if ((all.set || all.propagation) && kernel_mount_setattr(tree, AT_EMPTY_PATH | AT_RECURSIVE, &all) < 0)
		return refuse(launch, "mount_setattr", path);
	return 0;
}

int op_bind_in(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *source = plan_string(op, 0), *path = plan_string(op, 1);
	uint64_t flags = plan_number(op, 2, &ok), propagation = plan_number(op, 3, &ok);
	struct stat info;

	if (!source || !path || !ok)
		return refuse_plan(launch);
	int AUTOCLOSE tree = clone_tree(AT_FDCWD, source, flags & (BIND_RECURSIVE | BIND_READONLY_RECURSIVE));
	if (tree < 0)
		return refuse(launch, "open_tree", source);
	if (fstat(tree, &info) < 0)
		return refuse(launch, "fstat", source);
	if (set_attributes(launch, tree, flags, propagation, source) < 0)
		return -1;
	int AUTOCLOSE target = S_ISDIR(info.st_mode) ? root_make_directory(launch, path, 0755)
						     : root_make_file(launch, path, 0644);
	if (target < 0)
		return refuse(launch, "openat2", path);
	bool allowed = is_on(target, PROCFS_MAGIC) && may_cover_procfs(launch, tree, target, path);
	return attach_mount(launch, tree, target, path, allowed);
}

/* A detached bind of the null device, which is the kernel's and not something that the image calls so. */
static int clone_null_device(struct launch *launch)
{
	struct stat info;

	if (launch->null_device < 0) {
		int AUTOCLOSE found = open("/dev/null", O_PATH | O_CLOEXEC);
		if (found < 0 || fstat(found, &info) < 0)
			return -1;
		if (!S_ISCHR(info.st_mode) || info.st_rdev != makedev(1, 3)) {
			errno = ENODEV;
			return -1;
		}
		launch->null_device = found;
		found = -1;
	}
	return clone_tree(launch->null_device, "", false);
}

/*
 * An empty, read-only tmpfs: made once, then cloned from where it was attached first (a mount that is still detached
 * cannot be cloned before Linux 6.15). Nothing can be written through any of them.
 */
static int clone_empty_tree(struct launch *launch)
{
	if (launch->empty_tree >= 0)
		return clone_tree(launch->empty_tree, "", false);
	int AUTOCLOSE context = kernel_fsopen("tmpfs");
	if (context < 0 || kernel_fsconfig(context, FSCONFIG_SET_FLAG, "ro", NULL) < 0 ||
	    kernel_fsconfig(context, FSCONFIG_SET_STRING, "mode", "755") < 0 ||
	    kernel_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return -1;
	return kernel_fsmount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int op_mask(struct launch *launch, const struct plan_op *op)
{
	const char *path = plan_string(op, 0);
	struct stat info;

	if (!path)
		return refuse_plan(launch);
	int AUTOCLOSE target = root_open(launch, path, O_PATH, 0);
	if (target < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : refuse(launch, "openat2", path);
	if (fstat(target, &info) < 0)
		return refuse(launch, "fstat", path);
	bool directory = S_ISDIR(info.st_mode);
	int AUTOCLOSE cover = directory ? clone_empty_tree(launch) : clone_null_device(launch);
	if (cover < 0)
		return refuse(launch, directory ? "fsmount" : "open_tree", path);
	if (attach_mount(launch, cover, target, path, true) < 0)
		return -1;
	if (directory && launch->empty_tree < 0) {
		launch->empty_tree = cover;
		cover = -1;
	}
	return 0;
}

static bool is_mount_root(int target)
{
	struct statx info;

	return statx(target, "", AT_EMPTY_PATH, 0, &info) == 0 && (info.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

int op_readonly(struct launch *launch, const struct plan_op *op)
{
	const char *path = plan_string(op, 0);
	struct mount_change change = {.set = MOUNT_ATTR_RDONLY};

	if (!path)
		return refuse_plan(launch);
	int AUTOCLOSE target = root_open(launch, path, O_PATH, 0);
	if (target < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : refuse(launch, "openat2", path);
	if (is_mount_root(target)) {
		if (kernel_mount_setattr(target, AT_EMPTY_PATH | AT_RECURSIVE, &change) < 0)
			return refuse(launch, "mount_setattr", path);
		return 0;
	}
	/* The kernel has no read-only part of a mount: the path becomes a mount of itself. */
	int AUTOCLOSE tree = clone_tree(target, "", true);
	if (tree < 0)
		return refuse(launch, "open_tree", path);
	if (kernel_mount_setattr(tree, AT_EMPTY_PATH | AT_RECURSIVE, &change) < 0)
		return refuse(launch, "mount_setattr", path);
	return attach_mount(launch, tree, target, path, true);
}
