#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "confine.h"
#include "open-in-root.h"
#include "tree-errors.h"

#ifndef SYS_mount_setattr
#define SYS_mount_setattr 442
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#define OPEN_TREE_CLOEXEC 02000000
#define MOVE_MOUNT_F_EMPTY_PATH 0x04
#define MOVE_MOUNT_T_EMPTY_PATH 0x40
#endif
#ifndef MOUNT_ATTR_RDONLY
#define MOUNT_ATTR_RDONLY 1
#define MOUNT_ATTR_NOSUID 2
#define MOUNT_ATTR_NODEV 4
#define MOUNT_ATTR_NOEXEC 8
#endif

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
/* mount(2) takes one page. */
#define MOUNT_OPTIONS_MAX 4096

/* struct mount_attr of mount_setattr(2), Linux 5.12. */
struct mount_change {
	uint64_t set, clear, propagation, userns;
};

static void set_attributes(int mount, uint64_t attributes, unsigned flags)
{
	struct mount_change change = { .set = attributes };

	if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &change, sizeof change) < 0)
		tree_fail("set mount attributes");
}

static int clone_tree(int directory, const char *path, unsigned flags)
{
	int fd = (int)syscall(SYS_open_tree, directory, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | flags);

	if (fd < 0)
		tree_fail("open %s", path);
	return fd;
}

/* Mounts of this process's own from here on; what it does to them reaches nobody. */
static void leave_mount_namespace(void)
{
	if (unshare(CLONE_NEWNS) < 0)
		tree_fail("make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		tree_fail("make mounts private");
}

/* /proc/<pid>/cgroup is a few lines "number:controllers:path". */
static int is_in_cgroup(int process, const char *name)
{
	int fd = openat(process, "cgroup", O_RDONLY | O_CLOEXEC), found = 0;
	size_t length = strlen(name);
	char text[16 << 10], *at;
	ssize_t got = 0, part;

	if (fd < 0)
		return 0;
	while ((part = read(fd, text + got, sizeof text - 1 - (size_t)got)) > 0)
		got += part;
	close(fd);
	text[got] = 0;
	for (at = text; !found && (at = strstr(at, name)) != NULL; at += length)
		found = at > text && at[-1] == '/' && (at[length] == '\n' || at[length] == '/' || at[length] == 0);
	return found;
}

static int is_own_namespace(int other)
{
	struct stat ours, theirs;

	if (stat("/proc/self/ns/mnt", &ours) < 0 || fstat(other, &theirs) < 0)
		tree_fail("compare mount namespaces");
	return ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/*
 * Goes where a container's process is. The directory in /proc stays that process's, whatever its number is used for later.
 * Nothing of the container is run or loaded here, and its processes cannot see this one (CVE-2019-14271).
 */
static void join_process(const struct root_source *source)
{
	char path[64];
	int process, namespace;

	snprintf(path, sizeof path, "/proc/%s", source->process);
	process = open(path, DIRECTORY_FLAGS);
	if (process < 0 || !is_in_cgroup(process, source->cgroup))
		tree_refuse("gone", "the container's process has ended");
	namespace = openat(process, "ns/mnt", O_RDONLY | O_CLOEXEC);
	if (namespace < 0)
		tree_refuse("gone", "the container's process has ended");
	if (is_own_namespace(namespace)) {
		errno = EPERM;
		tree_fail("enter the container: it has the host's mounts");
	}
	if (setns(namespace, CLONE_NEWNS) < 0)
		tree_fail("enter the container");
	close(namespace);
	close(process);
	leave_mount_namespace();
}

static void add_option(char *options, size_t *length, const char *text)
{
	size_t more = strlen(text);

	if (*length + more >= MOUNT_OPTIONS_MAX) {
		errno = E2BIG;
		tree_fail("mount the layers: there are too many");
	}
	memcpy(options + *length, text, more + 1);
	*length += more;
}

/* `:` parts lower directories, `,` options; overlayfs takes both literally behind a backslash. */
static void add_name(char *options, size_t *length, const char *name)
{
	char escaped[2 * 256 + 1];
	size_t at = 0;

	for (; *name && at < sizeof escaped - 2; name++) {
		if (strchr("\\:,", *name))
			escaped[at++] = '\\';
		escaped[at++] = *name;
	}
	escaped[at] = 0;
	add_option(options, length, escaped);
}

/*
 * Mounts the layers over the upper directory's own name. With `with_upper` as the runtime does it, to be changed; else the
 * upper directory is one more to read from. index=off: it may be in use by a container's own mount.
 */
static int mount_layers(const struct root_source *source, int with_upper, int upper_is_lower)
{
	char options[MOUNT_OPTIONS_MAX];
	size_t length = 0;
	unsigned i;
	int fd;

	add_option(options, &length, "lowerdir=");
	if (upper_is_lower)
		add_name(options, &length, source->upper);
	for (i = 0; i < source->lower_count; i++) {
		if (i > 0 || upper_is_lower)
			add_option(options, &length, ":");
		add_name(options, &length, source->lower[i]);
	}
	if (with_upper) {
		add_option(options, &length, ",upperdir=");
		add_name(options, &length, source->upper);
		add_option(options, &length, ",workdir=");
		add_name(options, &length, source->work);
	}
	add_option(options, &length, ",index=off");
	/* What the layers are is looked up before the mount covers one of their names. */
	if (mount("overlay", source->upper, "overlay", with_upper ? 0 : MS_RDONLY, options) < 0)
		tree_fail("mount the layers");
	fd = open(source->upper, DIRECTORY_FLAGS);
	if (fd < 0)
		tree_fail("open the layers");
	return fd;
}

/* Opens a mount point; makes it, and directories on the way, as a start of the container would. */
static int open_mount_point(int root, const char *path, int is_directory)
{
	char copy[4096], *slash;
	int at = open_in_root(root, path, O_PATH);

	if (at >= 0 || errno != ENOENT || strlen(path) >= sizeof copy)
		return at;
	strcpy(copy, path);
	at = open_in_root(root, ".", O_PATH | O_DIRECTORY);
	for (slash = copy; at >= 0 && slash;) {
		char *name = slash + (*slash == '/');
		int next;

		slash = strchr(name, '/');
		if (slash)
			*slash = 0;
		next = open_in_root(root, copy, O_PATH);
		if (next < 0 && errno == ENOENT) {
			if (slash || is_directory)
				mkdirat(at, name, 0755);
			else
				close(openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
			next = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		}
		close(at);
		at = next;
		if (slash)
			*slash = '/';
	}
	return at;
}

static void mount_bind(int root, const struct root_bind *bind)
{
	int tree = clone_tree(AT_FDCWD, bind->source, bind->recursive ? AT_RECURSIVE : 0), target;
	struct stat st;

	if (fstat(tree, &st) < 0)
		tree_fail("stat %s", bind->source);
	if (bind->read_only)
		set_attributes(tree, MOUNT_ATTR_RDONLY, 0);
	target = open_mount_point(root, bind->target, S_ISDIR(st.st_mode));
	if (target < 0)
		tree_fail("open mount point %s", bind->target);
	if (syscall(SYS_move_mount, tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		tree_fail("mount %s", bind->target);
	close(target);
	close(tree);
}

/*
 * What shows the kernel and its devices is nobody's files: a copy of "/" would never end in /proc/kcore. Docker's view has only
 * the container's file system and its volumes.
 */
static void hide_kernel(void)
{
	static const struct {
		const char *path;
		long magic;
	} shown[] = { { "/proc", PROC_SUPER_MAGIC }, { "/sys", SYSFS_MAGIC }, { "/dev", TMPFS_MAGIC } };
	struct statfs info;
	size_t i;

	for (i = 0; i < sizeof shown / sizeof *shown; i++) {
		int fd = open(shown[i].path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

		if (fd >= 0 && fstatfs(fd, &info) == 0 && info.f_type == shown[i].magic)
			umount2(shown[i].path, MNT_DETACH | UMOUNT_NOFOLLOW);
		if (fd >= 0)
			close(fd);
	}
}

static int open_process(const struct root_source *source, enum root_use use)
{
	int root;

	join_process(source);
	/* Not recursive: the container's own file system, as if nothing had ever been mounted on it. */
	if (use == ROOT_BARE)
		return clone_tree(AT_FDCWD, "/", 0);
	hide_kernel();
	root = open("/", DIRECTORY_FLAGS);
	if (root < 0)
		tree_fail("open the container's root");
	return root;
}

static void enter_base(const struct root_source *source)
{
	leave_mount_namespace();
	if (chdir(source->base) < 0)
		tree_fail("enter %s", source->base);
}

static int open_layers(const struct root_source *source, enum root_use use)
{
	unsigned i;
	int root;

	enter_base(source);
	if (source->lower_count == 0) {
		root = clone_tree(AT_FDCWD, source->upper, 0);
		if (use != ROOT_BARE &&
		    syscall(SYS_move_mount, root, "", AT_FDCWD, source->upper, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			tree_fail("mount the container's directory");
	} else {
		root = mount_layers(source, use != ROOT_BARE, use == ROOT_BARE);
	}
	for (i = 0; use != ROOT_BARE && i < source->bind_count; i++)
		mount_bind(root, &source->binds[i]);
	if (source->read_only)
		set_attributes(root, MOUNT_ATTR_RDONLY, 0);
	return root;
}

int root_open(const struct root_source *source, enum root_use use)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	int root;

	if (source->directory)
		root = clone_tree(AT_FDCWD, source->directory, source->one_file_system ? 0 : AT_RECURSIVE);
	else
		root = source->process ? open_process(source, use) : open_layers(source, use);
	set_attributes(root, use == ROOT_WRITE ? attributes : attributes | MOUNT_ATTR_RDONLY, AT_RECURSIVE);
	return root;
}

int root_open_lower(const struct root_source *source)
{
	int root;

	if (source->lower_count == 0)
		return -1;
	enter_base(source);
	if (source->lower_count == 1) {
		root = open(source->lower[0], DIRECTORY_FLAGS);
		if (root < 0)
			tree_fail("open the layer below");
		return root;
	}
	return mount_layers(source, 0, 0);
}

int root_open_other(const char *directory)
{
	int fd = open(directory, DIRECTORY_FLAGS);

	if (fd < 0)
		tree_fail("open %s", directory);
	return fd;
}

void root_enter(int root)
{
	const char *step;
	int directory = openat(root, ".", DIRECTORY_FLAGS);

	if (directory < 0 || confine_to(directory, &step) < 0)
		tree_fail("enter the tree");
	close(directory);
}
