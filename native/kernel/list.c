#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "refuse.h"
#include "walk.h"

#define OPAQUE 1u
#define WHITEOUT 2u

/* One entry on standard output, little-endian, followed by the path's and the link's bytes. The reader is src/kernel/tree-list.ts. */
struct record {
	uint32_t path_length, link_length, mode, uid, gid, flags, major, minor;
	uint64_t size, allocated, mtime_seconds;
	uint32_t mtime_nanoseconds, links;
	uint64_t inode;
};

static void put(const void *bytes, size_t length)
{
	if (length > 0 && fwrite(bytes, length, 1, stdout) != 1)
		fail_with_errno("write the list");
}

static void list_entry(int dirfd, const char *name, const struct stat *st, const struct walk_path *path, unsigned flags)
{
	char link[PATH_MAX];
	ssize_t link_length = 0;
	struct record record;

	if (S_ISLNK(st->st_mode)) {
		link_length = readlinkat(dirfd, name, link, sizeof link);
		if (link_length < 0)
			fail_with_errno("read link %s", shown(path->bytes));
	}
	record = (struct record){
		.path_length = (uint32_t)path->length,
		.link_length = (uint32_t)link_length,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.flags = flags | (walk_is_whiteout(st) ? WHITEOUT : 0),
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.size = (uint64_t)st->st_size,
		.allocated = (uint64_t)st->st_blocks * 512,
		.mtime_seconds = (uint64_t)st->st_mtim.tv_sec,
		.mtime_nanoseconds = (uint32_t)st->st_mtim.tv_nsec,
		.links = (uint32_t)st->st_nlink,
		.inode = st->st_ino,
	};
	put(&record, sizeof record);
	put(path->bytes, path->length);
	put(link, (size_t)link_length);
}

/* `fd` is closed. */
static void list_directory(int fd, struct walk_path *path, unsigned depth)
{
	struct names names;
	size_t i;

	walk_check_depth(depth, path->bytes);
	walk_names(fd, path->bytes, &names);
	for (i = 0; i < names.count; i++) {
		const char *name = names.list[i];
		size_t before = walk_path_add(path, name);
		struct stat st;

		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			/* A running container's: it may go while we look. */
			if (errno != ENOENT)
				fail_with_errno("stat %s", shown(path->bytes));
		} else if (S_ISDIR(st.st_mode)) {
			int below = walk_open(fd, name, O_RDONLY | O_DIRECTORY, path->bytes);

			list_entry(fd, name, &st, path, walk_is_opaque(below) ? OPAQUE : 0);
			list_directory(below, path, depth + 1);
		} else {
			list_entry(fd, name, &st, path, 0);
		}
		walk_path_cut(path, before);
	}
	names_free(&names);
	close(fd);
}

int tree_list(const char *directory)
{
	struct walk_path path;

	walk_prepare();
	walk_path_start(&path);
	list_directory(walk_open_top(directory), &path, 0);
	return fflush(stdout) ? 2 : 0;
}

/* `fd` is closed. */
static void sum_directory(int fd, uint64_t *allocated, unsigned depth)
{
	struct names names;
	struct stat st;
	size_t i;

	walk_check_depth(depth, "a directory");
	if (fstat(fd, &st) < 0)
		fail_with_errno("stat a directory");
	*allocated += (uint64_t)st.st_blocks * 512;
	walk_names(fd, "a directory", &names);
	for (i = 0; i < names.count; i++) {
		const char *name = names.list[i];

		if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno != ENOENT)
				fail_with_errno("stat %s", shown(name));
		} else if (S_ISDIR(st.st_mode)) {
			sum_directory(walk_open(fd, name, O_RDONLY | O_DIRECTORY, name), allocated, depth + 1);
		} else if (walk_first_sight(&st)) {
			*allocated += (uint64_t)st.st_blocks * 512;
		}
	}
	names_free(&names);
	close(fd);
}

int tree_space(int count, char **directories)
{
	int i;

	walk_prepare();
	for (i = 0; i < count; i++) {
		int fd = open(directories[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		uint64_t allocated = 0;

		if (fd >= 0)
			sum_directory(fd, &allocated, 0);
		else if (errno != ENOENT)
			fail_with_errno("open directory %s", shown(directories[i]));
		/* One that is not there (any more) takes no room. */
		printf("%llu\n", (unsigned long long)allocated);
	}
	return fflush(stdout) ? 2 : 0;
}
