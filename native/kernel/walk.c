#include "walk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "refuse.h"

/* A path that no system call takes in one piece can still be walked to; this is where it becomes an attack. */
#define PATH_MOST (1u << 20)

void walk_prepare(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int walk_open_top(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail_with_errno("open directory %s", shown(path));
	return fd;
}

int walk_open(int dirfd, const char *name, int flags, const char *path)
{
	struct open_how how = {
		.flags = (unsigned)flags | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH,
	};
	int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof how);

	if (fd < 0 && errno == EMFILE)
		refuse("%s lies too deep", shown(path));
	if (fd < 0)
		fail_with_errno("open %s", shown(path));
	return fd;
}

/* Makes room for one more of `size` bytes behind `used`; *capacity counts bytes. */
static void *grown(void *block, size_t used, size_t more, size_t *capacity)
{
	if (used + more <= *capacity)
		return block;
	*capacity = (used + more) * 2;
	block = realloc(block, *capacity);
	if (!block)
		fail_with_errno("allocate");
	return block;
}

void walk_names(int dirfd, const char *path, struct names *names)
{
	if (names_read(dirfd, names) < 0)
		fail_with_errno("read directory %s", shown(path));
}

void walk_path_start(struct walk_path *path)
{
	*path = (struct walk_path){ .bytes = calloc(1, 1), .capacity = 1 };
	if (!path->bytes)
		fail_with_errno("allocate");
}

void walk_check_depth(unsigned depth, const char *path)
{
	if (depth > WALK_DEPTH_MOST)
		refuse("%s lies too deep", shown(path));
}

size_t walk_path_add(struct walk_path *path, const char *name)
{
	size_t before = path->length, size = strlen(name);

	if (path->length + size + 2 > PATH_MOST)
		refuse("%s lies too deep", shown(path->bytes));
	path->bytes = grown(path->bytes, path->length, size + 2, &path->capacity);
	path->bytes[path->length] = '/';
	memcpy(path->bytes + path->length + 1, name, size + 1);
	path->length += size + 1;
	return before;
}

void walk_path_cut(struct walk_path *path, size_t length)
{
	path->length = length;
	path->bytes[length] = 0;
}

int walk_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

int walk_is_opaque(int fd)
{
	char value;

	return fgetxattr(fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

struct inode {
	dev_t dev;
	ino_t ino;
};

static struct inode *find_inode(struct inode *table, size_t capacity, struct inode inode)
{
	size_t at = (size_t)((inode.ino ^ inode.dev) * 0x9e3779b97f4a7c15u) & (capacity - 1);

	while (table[at].ino && (table[at].ino != inode.ino || table[at].dev != inode.dev))
		at = (at + 1) & (capacity - 1);
	return &table[at];
}

int walk_first_sight(const struct stat *st)
{
	/* Open addressing, ino 0 is free. Lives as long as the process. */
	static struct inode *seen;
	static size_t count, capacity;
	struct inode inode = { st->st_dev, st->st_ino }, *slot;
	size_t i;

	if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return 1;
	if (count * 2 >= capacity) {
		size_t larger = capacity ? capacity * 2 : 256;
		struct inode *table = calloc(larger, sizeof *table);

		if (!table)
			fail_with_errno("allocate");
		for (i = 0; i < capacity; i++)
			if (seen[i].ino)
				*find_inode(table, larger, seen[i]) = seen[i];
		free(seen);
		seen = table;
		capacity = larger;
	}
	slot = find_inode(seen, capacity, inode);
	if (slot->ino)
		return 0;
	*slot = inode;
	count++;
	return 1;
}
