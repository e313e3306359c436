/* Mounting in the new root, and moving into it. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kernel-calls.h"
#include "launch.h"

int op_propagation(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *path = plan_string(op, 0);
	uint64_t flags = plan_number(op, 1, &ok);

	if (!path || !ok)
		return refuse_plan(launch);
	return mount(NULL, path, NULL, flags, NULL) < 0 ? refuse(launch, "mount", path) : 0;
}

int op_mount(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *type = plan_string(op, 0), *source = plan_string(op, 1), *target = plan_string(op, 2);
	uint64_t flags = plan_number(op, 3, &ok);
	const char *data = plan_string(op, 4);

	if (!type || !source || !target || !ok || !data)
		return refuse_plan(launch);
	return mount(source, target, type, flags, data) < 0 ? refuse(launch, "mount", target) : 0;
}

int op_root(struct launch *launch, const struct plan_op *op)
{
	const char *path = plan_string(op, 0);

	if (!path || launch->root >= 0 || launch->inside)
		return refuse_plan(launch);
	launch->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return launch->root < 0 ? refuse(launch, "open", path) : 0;
}

/* Hands the options to a file system context: "k=v" as a string, "flag" as a flag. `options` is changed. */
static int configure(struct launch *launch, int context, const char *source, char *options)
{
	char *rest = options;

	if (*source && kernel_fsconfig(context, FSCONFIG_SET_STRING, "source", source) < 0)
		return refuse(launch, "fsconfig", source);
	for (char *option; (option = strsep(&rest, ",")) != NULL;) {
		if (*option == '\0')
			continue;
		char *value = strchr(option, '=');
		if (value)
			*value++ = '\0';
		if (kernel_fsconfig(context, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, option, value) < 0)
			return refuse(launch, "fsconfig", option);
	}
	return 0;
}

int make_mount(struct launch *launch, const char *type, const char *source, unsigned attributes, const char *options)
{
	int AUTOCLOSE context = kernel_fsopen(type);
	if (context < 0)
		return refuse(launch, "fsopen", type);
	char *copy = strdup(options);
	if (!copy)
		return refuse(launch, "malloc", "");
	int configured = configure(launch, context, source, copy);
	free(copy);
	if (configured < 0)
		return -1;
	if (kernel_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
		return refuse(launch, "fsconfig", type);
	int made = kernel_fsmount(context, attributes);
	return made < 0 ? refuse(launch, "fsmount", type) : made;
}

/*
 * The kernel's own file systems go onto a plain directory only, at no symbolic link's end: an image must not choose where
 * the /proc is that masks and read-only paths are then laid over (CVE-2019-16884, CVE-2019-19921).
 */
static int open_target(struct launch *launch, const char *type, const char *path)
{
	bool plain = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;

	if (plain) {
		int fd = root_open(launch, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
		if (fd >= 0 || errno != ENOENT)
			return fd;
	}
	int made = root_make_directory(launch, path, 0755);
	if (made < 0 || !plain)
		return made;
	close(made);
	return root_open(launch, path, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
}

int op_mount_in(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	const char *type = plan_string(op, 0), *source = plan_string(op, 1), *path = plan_string(op, 2);
	uint64_t attributes = plan_number(op, 3, &ok);
	const char *options = plan_string(op, 4);

	if (!type || !source || !path || !ok || !options)
		return refuse_plan(launch);
	int AUTOCLOSE made = mounts_take(launch, type, source, attributes, options);
	if (made < 0)
		made = make_mount(launch, type, source, (unsigned)attributes, options);
	if (made < 0)
		return -1;
	int AUTOCLOSE target = open_target(launch, type, path);
	if (target < 0)
		return refuse(launch, "openat2", path);
	return attach_mount(launch, made, target, path, false);
}

int op_pivot(struct launch *launch)
{
	if (launch->root < 0 || launch->inside)
		return refuse_plan(launch);
	int AUTOCLOSE old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (old < 0)
		return refuse(launch, "open", "/");
	if (fchdir(launch->root) < 0)
		return refuse(launch, "fchdir", "");
	/* pivot_root(2), "pivot_root(".", ".")": the old root then lies on top of the new one. */
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return refuse(launch, "pivot_root", "");
	if (fchdir(old) < 0)
		return refuse(launch, "fchdir", "/");
	/* Detaching must not travel to the host through a mount that is still shared. */
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return refuse(launch, "mount", "/");
	if (umount2(".", MNT_DETACH) < 0)
		return refuse(launch, "umount2", "/");
	return chdir("/") < 0 ? refuse(launch, "chdir", "/") : 0;
}

int op_readonly_root(struct launch *launch)
{
	struct mount_change change = {.set = MOUNT_ATTR_RDONLY};

	if (launch->root < 0 || launch->inside)
		return refuse_plan(launch);
	if (kernel_mount_setattr(launch->root, AT_EMPTY_PATH, &change) < 0)
		return refuse(launch, "mount_setattr", "/");
	return 0;
}
