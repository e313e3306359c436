#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "attributes.h"
#include "refuse.h"
#include "tree.h"
#include "walk.h"

/* Where the first name of an inode with several went. */
struct first_name {
	dev_t dev;
	ino_t ino;
	char *path; /* relative to the top of the copy */
};

struct copying {
	struct walk_path path;
	int top; /* of the target */
	struct first_name *names;
	size_t count, capacity;
};

static struct first_name *find_name(struct first_name *table, size_t capacity, const struct stat *st)
{
	size_t at = (size_t)((st->st_ino ^ st->st_dev) * 0x9e3779b97f4a7c15u) & (capacity - 1);

	while (table[at].path && (table[at].ino != st->st_ino || table[at].dev != st->st_dev))
		at = (at + 1) & (capacity - 1);
	return &table[at];
}

static void grow_names(struct copying *copying)
{
	size_t larger = copying->capacity ? copying->capacity * 2 : 256, i;
	struct first_name *table = calloc(larger, sizeof *table);

	if (!table)
		fail_with_errno("allocate");
	for (i = 0; i < copying->capacity; i++) {
		struct first_name *name = &copying->names[i];
		struct stat st = { .st_dev = name->dev, .st_ino = name->ino };

		if (name->path)
			*find_name(table, larger, &st) = *name;
	}
	free(copying->names);
	copying->names = table;
	copying->capacity = larger;
}

/* Makes a hard link when another name of the inode was copied already: 1. Else notes this one: 0. */
static int link_to_first(struct copying *copying, const struct stat *st, int to, const char *name)
{
	struct first_name *first;

	if (st->st_nlink < 2)
		return 0;
	if (copying->count * 2 >= copying->capacity)
		grow_names(copying);
	first = find_name(copying->names, copying->capacity, st);
	if (first->path) {
		if (linkat(copying->top, first->path, to, name, 0) < 0)
			fail_with_errno("link %s", shown(copying->path.bytes));
		return 1;
	}
	*first = (struct first_name){ st->st_dev, st->st_ino, strdup(copying->path.bytes + 1) };
	if (!first->path)
		fail_with_errno("allocate");
	copying->count++;
	return 0;
}

static void copy_by_hand(int from, int to, off_t offset, off_t end, const char *path)
{
	static char buffer[256 << 10];

	while (offset < end) {
		size_t wanted = (size_t)(end - offset) < sizeof buffer ? (size_t)(end - offset) : sizeof buffer;
		ssize_t got = pread(from, buffer, wanted, offset), put;

		if (got < 0)
			fail_with_errno("read %s", shown(path));
		if (got == 0)
			return;
		put = pwrite(to, buffer, (size_t)got, offset);
		if (put < 0)
			fail_with_errno("write %s", shown(path));
		offset += put;
	}
}

static void copy_range(int from, int to, off_t offset, off_t end, const char *path)
{
	while (offset < end) {
		off_t in = offset, out = offset;
		ssize_t copied = copy_file_range(from, &in, to, &out, (size_t)(end - offset), 0);

		if (copied < 0 && errno != EINTR) {
			if (errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP && errno != EPERM)
				fail_with_errno("copy %s", shown(path));
			copy_by_hand(from, to, offset, end, path);
			return;
		}
		if (copied == 0)
			return;
		if (copied > 0)
			offset += copied;
	}
}

/* Shares the blocks where the file system can, else copies them, holes staying holes. */
static void copy_contents(int from, int to, off_t size, const char *path)
{
	off_t data = 0, hole;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return;
	while (data < size) {
		data = lseek(from, data, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			break;
		/* A file system that knows no holes. */
		hole = data < 0 ? size : lseek(from, data, SEEK_HOLE);
		if (data < 0)
			data = 0;
		copy_range(from, to, data, hole < 0 ? size : hole, path);
		data = hole < 0 ? size : hole;
	}
	if (ftruncate(to, size) < 0)
		fail_with_errno("set the size of %s", shown(path));
}

static void copy_regular(struct copying *copying, int from, int to, const char *name, const struct stat *st)
{
	const char *path = copying->path.bytes;
	int source, target;

	if (link_to_first(copying, st, to, name))
		return;
	source = walk_open(from, name, O_RDONLY, path);
	target = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target < 0)
		fail_with_errno("create %s", shown(path));
	copy_contents(source, target, st->st_size, path);
	close(source);
	close(target);
	attributes_copy(from, name, st, to, name, path);
}

static void copy_special(struct copying *copying, int from, int to, const char *name, const struct stat *st)
{
	const char *path = copying->path.bytes;
	char link[PATH_MAX];

	if (link_to_first(copying, st, to, name))
		return;
	if (S_ISLNK(st->st_mode)) {
		ssize_t length = readlinkat(from, name, link, sizeof link - 1);

		if (length < 0)
			fail_with_errno("read link %s", shown(path));
		link[length] = 0;
		if (symlinkat(link, to, name) < 0)
			fail_with_errno("create %s", shown(path));
	} else if (mknodat(to, name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0) {
		fail_with_errno("create %s", shown(path));
	}
	attributes_copy(from, name, st, to, name, path);
}

static void copy_directory(struct copying *copying, int from, int to, unsigned depth);

static void copy_entry(struct copying *copying, int from, int to, const char *name, unsigned depth)
{
	const char *path = copying->path.bytes;
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("stat %s", shown(path));
	if (S_ISREG(st.st_mode)) {
		copy_regular(copying, from, to, name, &st);
	} else if (!S_ISDIR(st.st_mode)) {
		copy_special(copying, from, to, name, &st);
	} else {
		int source = walk_open(from, name, O_RDONLY | O_DIRECTORY, path), target;

		if (mkdirat(to, name, 0700) < 0)
			fail_with_errno("create directory %s", shown(path));
		target = walk_open(to, name, O_RDONLY | O_DIRECTORY, path);
		copy_directory(copying, source, target, depth + 1);
		/* Its time is set when nothing is made in it any more. */
		attributes_copy(from, name, &st, to, name, path);
		close(source);
		close(target);
	}
}

static void copy_directory(struct copying *copying, int from, int to, unsigned depth)
{
	struct names names;
	size_t i;

	walk_check_depth(depth, copying->path.bytes);
	walk_names(from, copying->path.bytes, &names);
	for (i = 0; i < names.count; i++) {
		size_t before = walk_path_add(&copying->path, names.list[i]);

		copy_entry(copying, from, to, names.list[i], depth);
		walk_path_cut(&copying->path, before);
	}
	names_free(&names);
}

int tree_copy(const char *source, const char *target)
{
	struct copying copying = { .top = walk_open_top(target) };
	int from = walk_open_top(source);
	struct stat st;

	umask(0);
	walk_prepare();
	walk_path_start(&copying.path);
	if (fstat(from, &st) < 0)
		fail_with_errno("stat %s", shown(source));
	copy_directory(&copying, from, copying.top, 0);
	attributes_copy(from, ".", &st, copying.top, ".", "/");
	return 0;
}

/* ---- Merging ---- */

static void remove_target(int to, const char *name, const char *path)
{
	struct tree_failure failure;

	if (tree_remove(to, name, NULL, &failure) < 0)
		fail_with_errno("replace %s: %s %s", shown(path), failure.step, shown(failure.name));
}

static void merge_directory(struct walk_path *path, int layer, int to, unsigned depth);

static void merge_subdirectory(struct walk_path *path, int layer, int to, const char *name, const struct stat *st, unsigned depth)
{
	int source = walk_open(layer, name, O_RDONLY | O_DIRECTORY, path->bytes), target;
	struct stat below;
	int is_there = fstatat(to, name, &below, AT_SYMLINK_NOFOLLOW) == 0;

	if (is_there && (!S_ISDIR(below.st_mode) || walk_is_opaque(source))) {
		remove_target(to, name, path->bytes);
		is_there = 0;
	}
	if (!is_there && mkdirat(to, name, 0700) < 0)
		fail_with_errno("create directory %s", shown(path->bytes));
	target = walk_open(to, name, O_RDONLY | O_DIRECTORY, path->bytes);
	merge_directory(path, source, target, depth + 1);
	attributes_copy(layer, name, st, to, name, path->bytes);
	close(source);
	close(target);
}

static void merge_entry(struct walk_path *path, int layer, int to, const char *name, unsigned depth)
{
	struct stat st, below;

	if (fstatat(layer, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("stat %s", shown(path->bytes));
	if (S_ISDIR(st.st_mode)) {
		merge_subdirectory(path, layer, to, name, &st, depth);
		return;
	}
	if (walk_is_whiteout(&st)) {
		remove_target(to, name, path->bytes);
		return;
	}
	if (fstatat(to, name, &below, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(below.st_mode))
		remove_target(to, name, path->bytes);
	if (renameat(layer, name, to, name) < 0)
		fail_with_errno("move %s", shown(path->bytes));
}

static void merge_directory(struct walk_path *path, int layer, int to, unsigned depth)
{
	struct names names;
	size_t i;

	walk_check_depth(depth, path->bytes);
	walk_names(layer, path->bytes, &names);
	for (i = 0; i < names.count; i++) {
		size_t before = walk_path_add(path, names.list[i]);

		merge_entry(path, layer, to, names.list[i], depth);
		walk_path_cut(path, before);
	}
	names_free(&names);
}

int tree_merge(const char *layer, const char *target, int keep_root)
{
	int from = walk_open_top(layer), to = walk_open_top(target);
	struct walk_path path;
	struct stat st, kept;

	umask(0);
	walk_prepare();
	walk_path_start(&path);
	if (fstat(from, &st) < 0 || fstat(to, &kept) < 0)
		fail_with_errno("stat %s", shown(layer));
	if (walk_is_opaque(from))
		refuse("the layer deletes its root");
	merge_directory(&path, from, to, 0);
	if (!keep_root)
		attributes_copy(from, ".", &st, to, ".", "/");
	return 0;
}
