/* Unpacking an archive over what is in a container, which may be running and change everything under our hands. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive.h"
#include "place.h"
#include "open-in-root.h"
#include "refuse.h"
#include "tar.h"
#include "tree-errors.h"
#include "tree.h"

/* What the times of an archive's directories may cost in memory. */
#define MOST_TIMES_BYTES (256u << 20)
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000u
#endif

struct noted_time {
	char *path;
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
};

struct putting {
	int root;
	const struct put_options *options;
	unsigned uid, gid;
	struct tar *tar;
	/* The target's path, with a slash at its end; a member's clean name follows it. */
	size_t target_length;
	char path[2 * PATH_MAX];
	/* The directory that the member lies in, its name there. */
	int parent;
	char *base;
	struct noted_time *times;
	size_t times_count, times_capacity, times_bytes;
};

static int make_parents(struct putting *putting, char *path)
{
	int at = open_in_root(putting->root, ".", O_PATH | O_DIRECTORY);
	char *slash = path;

	while (at >= 0 && slash) {
		char *name = slash + (*slash == '/');
		int next;

		slash = strchr(name, '/');
		if (slash)
			*slash = 0;
		if (*name) {
			next = open_in_root(putting->root, path, O_PATH | O_DIRECTORY);
			if (next < 0 && errno == ENOENT) {
				if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
					fail_with_errno("create directory %s", shown(path));
				next = open_in_root(putting->root, path, O_PATH | O_DIRECTORY);
			}
			close(at);
			at = next;
		}
		if (slash)
			*slash = '/';
	}
	return at;
}

/* Opens the directory of the current path; the path is whole again afterwards. */
static void open_parent(struct putting *putting)
{
	char *slash = strrchr(putting->path, '/');

	if (putting->parent >= 0)
		close(putting->parent);
	putting->base = slash + 1;
	*slash = 0;
	putting->parent = open_in_root(putting->root, *putting->path ? putting->path : "/", O_PATH | O_DIRECTORY);
	if (putting->parent < 0 && errno == ENOENT)
		putting->parent = make_parents(putting, putting->path);
	if (putting->parent < 0)
		fail_with_errno("open directory %s", shown(putting->path));
	*slash = '/';
}

static void set_owner_and_mode(const struct putting *putting, const struct tar_entry *entry, int fd)
{
	unsigned i;

	/* First the owner: its change takes the set-id bits and capabilities away. */
	if (fchown(fd, entry->uid, entry->gid) < 0 || fchmod(fd, entry->mode) < 0)
		fail_with_errno("change owner and mode of %s", shown(putting->path));
	for (i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];

		if (fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0) < 0 && errno != ENOTSUP && errno != EPERM)
			fail_with_errno("set %s of %s", xattr->name, shown(putting->path));
	}
}

static void put_regular(struct putting *putting, const struct tar_entry *entry)
{
	struct timespec times[2] = { entry->mtime, entry->mtime };
	int fd = openat(putting->parent, putting->base, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const unsigned char *bytes;
	size_t got;

	if (fd < 0)
		fail_with_errno("create %s", shown(putting->path));
	while ((got = tar_data(putting->tar, &bytes)) > 0) {
		while (got > 0) {
			ssize_t put = write(fd, bytes, got);

			if (put < 0 && errno != EINTR)
				fail_with_errno("write %s", shown(putting->path));
			if (put > 0) {
				bytes += put;
				got -= (size_t)put;
			}
		}
	}
	set_owner_and_mode(putting, entry, fd);
	if (futimens(fd, times) < 0)
		fail_with_errno("set the time of %s", shown(putting->path));
	close(fd);
}

static void note_time(struct putting *putting, const struct tar_entry *entry, int fd)
{
	struct noted_time *noted;
	struct stat st;

	if (putting->times_count == putting->times_capacity) {
		putting->times_capacity = putting->times_capacity ? putting->times_capacity * 2 : 256;
		putting->times = reallocarray(putting->times, putting->times_capacity, sizeof *putting->times);
		if (!putting->times)
			fail_with_errno("note a directory's time");
	}
	putting->times_bytes += sizeof *noted + strlen(putting->path) + 1;
	if (putting->times_bytes > MOST_TIMES_BYTES)
		refuse("the archive has too many directories");
	noted = &putting->times[putting->times_count++];
	if (fstat(fd, &st) < 0 || !(noted->path = strdup(putting->path)))
		fail_with_errno("note a directory's time");
	noted->dev = st.st_dev;
	noted->ino = st.st_ino;
	noted->mtime = entry->mtime;
}

static void set_times(struct putting *putting)
{
	size_t i;

	for (i = 0; i < putting->times_count; i++) {
		struct noted_time *noted = &putting->times[i];
		struct timespec times[2] = { noted->mtime, noted->mtime };
		struct stat st;
		int fd = open_in_root(putting->root, noted->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		/* Somebody may have replaced it. */
		if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == noted->dev && st.st_ino == noted->ino)
			futimens(fd, times);
		if (fd >= 0)
			close(fd);
		free(noted->path);
	}
	free(putting->times);
}

static void put_directory(struct putting *putting, const struct tar_entry *entry)
{
	int fd;

	if (mkdirat(putting->parent, putting->base, 0700) < 0 && errno != EEXIST)
		fail_with_errno("create directory %s", shown(putting->path));
	fd = openat(putting->parent, putting->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail_with_errno("open directory %s", shown(putting->path));
	set_owner_and_mode(putting, entry, fd);
	note_time(putting, entry, fd);
	close(fd);
}

/* Made with its mode: a later change by name might meet something else. */
static void put_special(struct putting *putting, const struct tar_entry *entry)
{
	static const mode_t types[] = {
		[TAR_CHARACTER - '0'] = S_IFCHR, [TAR_BLOCK - '0'] = S_IFBLK, [TAR_FIFO - '0'] = S_IFIFO,
	};
	struct timespec times[2] = { entry->mtime, entry->mtime };
	dev_t device = entry->type == TAR_FIFO ? 0 : makedev(entry->major, entry->minor);
	int result = entry->type == TAR_SYMLINK
			     ? symlinkat(entry->link, putting->parent, putting->base)
			     : mknodat(putting->parent, putting->base, types[entry->type - '0'] | entry->mode, device);

	if (result < 0)
		fail_with_errno("create %s", shown(putting->path));
	if (fchownat(putting->parent, putting->base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("change owner of %s", shown(putting->path));
	if (utimensat(putting->parent, putting->base, times, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("set the time of %s", shown(putting->path));
}

/* The target is a name in the archive, so below the directory that it is unpacked to. */
static void put_hard_link(struct putting *putting, const struct tar_entry *entry)
{
	char clean[TAR_NAME_MAX + 1], target[2 * PATH_MAX], *slash;
	int parent;

	place_clean(entry->link, clean);
	snprintf(target, sizeof target, "%.*s%s", (int)putting->target_length, putting->path, clean);
	slash = strrchr(target, '/');
	*slash = 0;
	parent = open_in_root(putting->root, *target ? target : "/", O_PATH | O_DIRECTORY);
	if (parent < 0 || linkat(parent, slash + 1, putting->parent, putting->base, 0) < 0)
		fail_with_errno("link %s to %s", shown(putting->path), shown(clean));
	close(parent);
}

/* Docker's rules: a directory on a directory is merged, all else is replaced, unless that is forbidden. */
static void clear_place(const struct putting *putting, const struct tar_entry *entry)
{
	int is_directory = entry->type == TAR_DIRECTORY;
	struct tree_failure failure;
	struct stat st;

	if (fstatat(putting->parent, putting->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (putting->options->keep_kinds && S_ISDIR(st.st_mode) && !is_directory)
		refuse("cannot overwrite directory %s with non-directory %s", shown(putting->path), shown(entry->name));
	if (putting->options->keep_kinds && !S_ISDIR(st.st_mode) && is_directory)
		refuse("cannot overwrite non-directory %s with directory %s", shown(putting->path), shown(entry->name));
	if (S_ISDIR(st.st_mode) && is_directory)
		return;
	if (tree_remove(putting->parent, putting->base, NULL, &failure) < 0)
		fail_with_errno("replace %s", shown(putting->path));
}

static void put_entry(struct putting *putting, struct tar_entry *entry)
{
	char clean[TAR_NAME_MAX + 1];

	place_clean(entry->name, clean);
	/* The target itself keeps what it has. */
	if (!strcmp(clean, ".") && entry->type == TAR_DIRECTORY)
		return;
	if (!strcmp(clean, "."))
		refuse("cannot overwrite directory %s with non-directory %s", shown(putting->path), shown(entry->name));
	if (putting->target_length + strlen(clean) >= PATH_MAX)
		refuse("the name %s is too long", shown(clean));
	strcpy(putting->path + putting->target_length, clean);
	open_parent(putting);
	clear_place(putting, entry);
	if (putting->options->owner) {
		entry->uid = putting->uid;
		entry->gid = putting->gid;
	}
	if (entry->type == TAR_REGULAR)
		put_regular(putting, entry);
	else if (entry->type == TAR_DIRECTORY)
		put_directory(putting, entry);
	else if (entry->type == TAR_HARD_LINK)
		put_hard_link(putting, entry);
	else
		put_special(putting, entry);
}

static unsigned long long mount_of(int fd)
{
	struct statx st;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		tree_fail("look at a mount");
	return st.stx_mnt_id;
}

/* The target has to be a directory that can be written to. */
static void check_target(int root, const char *path)
{
	int fd = open_in_root(root, path, O_PATH);
	struct statfs info;
	struct stat st;

	if (fd < 0 && errno == ENOENT)
		tree_refuse("missing", "%s", path);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		tree_refuse("invalid", "extraction point is not a directory");
	if (fd < 0 || fstat(fd, &st) < 0 || fstatfs(fd, &info) < 0)
		tree_fail("open %s", shown(path));
	if (!S_ISDIR(st.st_mode))
		tree_refuse("invalid", "extraction point is not a directory");
	if (info.f_flags & ST_RDONLY)
		tree_refuse("read-only", "%s is marked read-only", mount_of(fd) == mount_of(root) ? "container rootfs" : "mounted volume");
	close(fd);
}

void archive_put(int root, const char *path, const struct put_options *options)
{
	struct putting *putting = calloc(1, sizeof *putting);
	struct tar_entry entry;
	size_t length = strlen(path);

	if (!putting)
		tree_fail("start");
	if (length >= PATH_MAX)
		tree_refuse("invalid", "the path is too long");
	check_target(root, path);
	putting->root = root;
	putting->options = options;
	putting->parent = -1;
	if (options->owner)
		archive_find_owner(root, options->owner, &putting->uid, &putting->gid);
	memcpy(putting->path, path, length);
	if (length == 0 || path[length - 1] != '/')
		putting->path[length++] = '/';
	putting->target_length = length;
	putting->tar = tar_open(STDIN_FILENO);
	while (tar_next(putting->tar, &entry))
		put_entry(putting, &entry);
	tar_drain(putting->tar);
	set_times(putting);
	free(putting);
}
