/* Directories, links and device nodes in the new root. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "kernel-calls.h"
#include "launch.h"

int op_mkdir(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *path = plan_string(op, 0);
	uint64_t mode = plan_number(op, 1, &ok);

	if (!path || !ok)
		return refuse_plan(launch);
	int AUTOCLOSE made = root_make_directory(launch, path, (mode_t)mode & 07777);
	return made < 0 ? refuse(launch, "mkdir", path) : 0;
}

int op_symlink(struct launch *launch, const struct plan_op *op)
{
	const char *text = plan_string(op, 0), *path = plan_string(op, 1);
	char name[NAME_MAX + 1];

	if (!text || !path)
		return refuse_plan(launch);
	int AUTOCLOSE parent = root_make_parent(launch, path, name);
	if (parent < 0)
		return refuse(launch, "openat2", path);
	if (symlinkat(text, parent, name) < 0 && errno != EEXIST)
		return refuse(launch, "symlink", path);
	return 0;
}

struct device {
	mode_t mode;
	dev_t number;
	uid_t uid;
	gid_t gid;
};

static bool is_device(const struct stat *info, const struct device *device)
{
	return (info->st_mode & S_IFMT) == (device->mode & S_IFMT) && (S_ISFIFO(info->st_mode) || info->st_rdev == device->number);
}

/* The host's node of that number: by the same name, or by udev's index of numbers. Detached, -1 with EPERM if there is none. */
static int clone_host_device(const struct device *device, const char *path)
{
	char indexed[64];
	const char *places[] = {path, indexed};

	snprintf(indexed, sizeof indexed, "/dev/%s/%u:%u", S_ISBLK(device->mode) ? "block" : "char", major(device->number),
		 minor(device->number));
	for (size_t i = 0; i < 2; i++) {
		struct stat info;
		int AUTOCLOSE found = open(places[i], O_PATH | O_CLOEXEC);
		if (found >= 0 && fstat(found, &info) == 0 && is_device(&info, device))
			return clone_tree(found, "", false);
	}
	errno = EPERM;
	return -1;
}

static int bind_device(struct launch *launch, const struct device *device, const char *path)
{
	int AUTOCLOSE node = clone_host_device(device, path);
	if (node < 0)
		return refuse(launch, "mknod", path);
	int AUTOCLOSE target = root_make_file(launch, path, 0666);
	if (target < 0)
		return refuse(launch, "openat2", path);
	return attach_mount(launch, node, target, path, false);
}

int op_device(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *path = plan_string(op, 0);
	struct device device = {.mode = (mode_t)plan_number(op, 1, &ok)};
	char name[NAME_MAX + 1];
	struct stat info;

	device.number = makedev((unsigned)plan_number(op, 2, &ok), (unsigned)plan_number(op, 3, &ok));
	device.uid = (uid_t)plan_number(op, 4, &ok);
	device.gid = (gid_t)plan_number(op, 5, &ok);
	if (!path || !ok || !(S_ISCHR(device.mode) || S_ISBLK(device.mode) || S_ISFIFO(device.mode)))
		return refuse_plan(launch);
	int AUTOCLOSE parent = root_make_parent(launch, path, name);
	if (parent < 0)
		return refuse(launch, "openat2", path);
	if (mknodat(parent, name, device.mode, device.number) < 0) {
		if (errno == EPERM)
			return bind_device(launch, &device, path);
		/* The same node twice is no fault; another thing of that name is (a volume on /dev could hold one). */
		if (errno != EEXIST || fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
			return refuse(launch, "mknod", path);
		if (is_device(&info, &device))
			return 0;
		errno = EEXIST;
		return refuse(launch, "mknod", path);
	}
	if ((device.uid != 0 || device.gid != 0) && fchownat(parent, name, device.uid, device.gid, AT_SYMLINK_NOFOLLOW) < 0)
		return refuse(launch, "chown", path);
	return 0;
}
