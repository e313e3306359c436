#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Directories nearest to the top stay open; deeper ones are opened again through "..", so that no depth runs out of descriptors. */
#define KEPT_OPEN 64
#define BATCH (32 << 10)

/* One directory on the way down. */
struct level {
	int fd; /* -1: closed, see KEPT_OPEN */
	dev_t dev;
	ino_t ino;
	off_t next;   /* where the next batch is read */
	char *names;  /* subdirectories of the current batch, each with its NUL */
	size_t length, at;
	const char *name; /* its own, in the `names` of the level above */
};

struct inode {
	dev_t dev;
	ino_t ino;
};

struct walk {
	int removing;
	struct tree_budget *budget;
	struct tree_failure *failure;
	struct level *levels;
	size_t depth, capacity;
	uint64_t bytes;
	struct inode *seen; /* inodes with several links; open addressing, ino 0 is free */
	size_t seen_count, seen_capacity;
	char batch[BATCH] __attribute__((aligned(8)));
};

static int fail(struct walk *walk, const char *step, const char *name)
{
	int error = errno;

	walk->failure->step = step;
	snprintf(walk->failure->name, sizeof walk->failure->name, "%s", name);
	errno = error;
	return -1;
}

/* RESOLVE_NO_XDEV sees bind mounts of the same file system too, which a comparison of st_dev does not. */
static int open_directory(int dirfd, const char *name)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	return (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);
}

static int push(struct walk *walk, int dirfd, const char *name)
{
	struct level *level;
	struct stat st;

	if (walk->depth == walk->capacity) {
		size_t capacity = walk->capacity ? walk->capacity * 2 : 16;
		struct level *levels = reallocarray(walk->levels, capacity, sizeof *levels);

		if (!levels)
			return fail(walk, "allocate", name);
		walk->levels = levels;
		walk->capacity = capacity;
	}
	level = &walk->levels[walk->depth];
	*level = (struct level){ .name = name, .fd = open_directory(dirfd, name) };
	if (level->fd < 0)
		return errno == ENOENT ? 0 : fail(walk, "open", name);
	if (fstat(level->fd, &st) < 0) {
		fail(walk, "stat", name);
		close(level->fd);
		return -1;
	}
	level->dev = st.st_dev;
	level->ino = st.st_ino;
	if (walk->depth > KEPT_OPEN) {
		close(level[-1].fd);
		level[-1].fd = -1;
	}
	walk->depth++;
	return 0;
}

static int is_level(int fd, const struct level *level)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_dev == level->dev && st.st_ino == level->ino;
}

/*
 * Opens the level above the last again. "..", since it is one step whatever the depth, but believed only if it is the inode that
 * was left: somebody may have moved the directory. Then the way is walked again from the top by name.
 */
static int reopen(struct walk *walk, int child)
{
	struct level *level = &walk->levels[walk->depth - 2];
	size_t at;
	int fd = openat(child, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && is_level(fd, level)) {
		level->fd = fd;
		return 0;
	}
	if (fd >= 0)
		close(fd);
	fd = dup(walk->levels[KEPT_OPEN - 1].fd);
	for (at = KEPT_OPEN; fd >= 0 && at <= walk->depth - 2; at++) {
		int next = open_directory(fd, walk->levels[at].name);

		close(fd);
		fd = next;
	}
	if (fd >= 0 && !is_level(fd, level)) {
		close(fd);
		fd = -1;
		errno = ESTALE;
	}
	level->fd = fd;
	return fd < 0 ? fail(walk, "open again", level->name) : 0;
}

/* Leaves the last level; `dirfd` is what the first one lies in. */
static int pop(struct walk *walk, int dirfd)
{
	struct level *level = &walk->levels[walk->depth - 1];
	int above = walk->depth > 1 ? level[-1].fd : dirfd;
	int result = 0;

	if (above < 0 && walk->depth > 1) {
		result = reopen(walk, level->fd);
		above = level[-1].fd;
	}
	close(level->fd);
	free(level->names);
	walk->depth--;
	if (result == 0 && walk->removing && unlinkat(above, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		result = fail(walk, "rmdir", level->name);
	return result;
}

static int unlink_entry(struct walk *walk, int fd, const char *name)
{
	struct stat st;

	if (walk->budget) {
		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			return errno == ENOENT ? 0 : fail(walk, "stat", name);
		/* Giving back the blocks of a large file takes long, also when it is a single one. */
		if (walk->budget->entries == 0 || (uint64_t)st.st_blocks * 512 > walk->budget->bytes)
			return 1;
		walk->budget->entries--;
		walk->budget->bytes -= (uint64_t)st.st_blocks * 512;
	}
	if (unlinkat(fd, name, 0) < 0 && errno != ENOENT)
		return fail(walk, "unlink", name);
	return 0;
}

static struct inode *find_inode(struct inode *table, size_t capacity, struct inode inode)
{
	size_t at = (size_t)((inode.ino ^ inode.dev) * 0x9e3779b97f4a7c15u) & (capacity - 1);

	while (table[at].ino && (table[at].ino != inode.ino || table[at].dev != inode.dev))
		at = (at + 1) & (capacity - 1);
	return &table[at];
}

/* 1: not seen before; 0: seen; -1 with errno ENOMEM. */
static int first_sight(struct walk *walk, struct inode inode)
{
	struct inode *slot;

	if (walk->seen_count * 2 >= walk->seen_capacity) {
		size_t capacity = walk->seen_capacity ? walk->seen_capacity * 2 : 256, i;
		struct inode *table = calloc(capacity, sizeof *table);

		if (!table)
			return -1;
		for (i = 0; i < walk->seen_capacity; i++)
			if (walk->seen[i].ino)
				*find_inode(table, capacity, walk->seen[i]) = walk->seen[i];
		free(walk->seen);
		walk->seen = table;
		walk->seen_capacity = capacity;
	}
	slot = find_inode(walk->seen, walk->seen_capacity, inode);
	if (slot->ino)
		return 0;
	*slot = inode;
	walk->seen_count++;
	return 1;
}

static int count_entry(struct walk *walk, int fd, const char *name)
{
	struct stat st;
	int first = 1;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(walk, "stat", name);
	if (st.st_nlink > 1)
		first = first_sight(walk, (struct inode){ st.st_dev, st.st_ino });
	if (first < 0)
		return fail(walk, "allocate", name);
	if (first)
		walk->bytes += (uint64_t)st.st_size;
	return 0;
}

static int is_directory(int fd, const struct dirent64 *entry)
{
	struct stat st;

	if (entry->d_type != DT_UNKNOWN)
		return entry->d_type == DT_DIR;
	return fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static int note_directory(struct walk *walk, struct level *level, const char *name, size_t batch_size)
{
	size_t length = strlen(name) + 1;

	/* A name is shorter than its entry: the batch's size is always enough. */
	if (level->length == 0) {
		char *names = realloc(level->names, batch_size);

		if (!names)
			return fail(walk, "allocate", name);
		level->names = names;
	}
	memcpy(level->names + level->length, name, length);
	level->length += length;
	return 0;
}

/* Reads on in the last level: deals with its files, notes its directories. 0, with *end set after the last; else as fail(). */
static int read_batch(struct walk *walk, int *end)
{
	struct level *level = &walk->levels[walk->depth - 1];
	size_t found = 0;
	long size, at;
	int result = 0;

	level->length = level->at = 0;
	*end = 1;
	/* A directory that somebody removed meanwhile has no positions (EINVAL on ext4) and no entries (ENOENT). */
	if (lseek(level->fd, level->next, SEEK_SET) < 0)
		return errno == EINVAL ? 0 : fail(walk, "seek", level->name);
	size = syscall(SYS_getdents64, level->fd, walk->batch, sizeof walk->batch);
	if (size < 0)
		return errno == ENOENT ? 0 : fail(walk, "read", level->name);
	for (at = 0; at < size && result == 0;) {
		struct dirent64 *entry = (struct dirent64 *)(walk->batch + at);

		at += entry->d_reclen;
		/* What was removed is gone: the next batch begins at the front again. */
		level->next = walk->removing ? 0 : entry->d_off;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		found++;
		if (is_directory(level->fd, entry))
			result = note_directory(walk, level, entry->d_name, (size_t)size);
		else if (walk->removing)
			result = unlink_entry(walk, level->fd, entry->d_name);
		else
			result = count_entry(walk, level->fd, entry->d_name);
	}
	*end = walk->removing ? found == 0 : size == 0;
	return result;
}

static int run(struct walk *walk, int dirfd, const char *name)
{
	int result = push(walk, dirfd, name), end;

	while (result == 0 && walk->depth > 0) {
		struct level *level = &walk->levels[walk->depth - 1];

		if (level->at < level->length) {
			const char *next = level->names + level->at;

			level->at += strlen(next) + 1;
			if (walk->budget && walk->budget->entries-- == 0)
				result = 1;
			else
				result = push(walk, level->fd, next);
			continue;
		}
		result = read_batch(walk, &end);
		if (result == 0 && end)
			result = pop(walk, dirfd);
	}
	return result;
}

static int run_and_free(struct walk *walk, int dirfd, const char *name)
{
	int result = run(walk, dirfd, name);
	int error = errno;

	while (walk->depth > 0) {
		struct level *level = &walk->levels[--walk->depth];

		if (level->fd >= 0)
			close(level->fd);
		free(level->names);
	}
	free(walk->levels);
	free(walk->seen);
	errno = error;
	return result;
}

int tree_remove(int dirfd, const char *name, struct tree_budget *budget, struct tree_failure *failure)
{
	struct walk walk;
	struct stat st;

	/* Not `= { }`: the batch need not be cleared. */
	memset(&walk, 0, offsetof(struct walk, batch));
	walk.removing = 1;
	walk.budget = budget;
	walk.failure = failure;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(&walk, "stat", name);
	if (!S_ISDIR(st.st_mode))
		return unlink_entry(&walk, dirfd, name);
	return run_and_free(&walk, dirfd, name);
}

int tree_usage(int dirfd, const char *name, uint64_t *bytes, struct tree_failure *failure)
{
	struct walk walk;
	struct stat st;
	int result;

	memset(&walk, 0, offsetof(struct walk, batch));
	walk.failure = failure;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(&walk, "stat", name);
	if (!S_ISDIR(st.st_mode)) {
		*bytes = (uint64_t)st.st_size;
		return 0;
	}
	result = run_and_free(&walk, dirfd, name);
	*bytes = walk.bytes;
	return result;
}

int tree_open_parent(const char *path, const char **name)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(path, '/');

	errno = EINVAL;
	if (path[0] != '/' || !slash[1] || !strcmp(slash, "/.") || !strcmp(slash, "/.."))
		return -1;
	errno = ENAMETOOLONG;
	if ((size_t)(slash - path) + 2 > sizeof parent || strlen(slash + 1) > NAME_MAX)
		return -1;
	memcpy(parent, path, (size_t)(slash - path) + 1);
	parent[slash - path + 1] = 0;
	*name = slash + 1;
	return open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
}
