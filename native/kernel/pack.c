#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "file-attributes.h"
#include "names.h"
#include "refuse.h"
#include "tree-errors.h"

/* OCI image-spec layer.md, "Whiteouts". */
#define WHITEOUT ".wh."
#define OPAQUE_MARK ".wh..wh..opq"
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
/* Somebody else's running program may put a FIFO or terminal in a file's place: opening it must neither wait nor take it. */
#define FILE_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* An inode with several names: the first that was written. Open addressing, a free slot has no name. */
struct first_name {
	dev_t dev;
	ino_t ino;
	char *name;
};

struct packing {
	struct tar_writer *writer;
	const struct pack_options *options;
	struct first_name *links;
	size_t links_count, links_capacity;
	size_t prefix_length; /* of `path`: what is not the tree's own */
	size_t length;
	char path[TAR_NAME_MAX + 2]; /* with a slash behind directories */
	char link[TAR_NAME_MAX + 1];
	struct tar_entry entry;
	struct attribute_space attributes;
};

/* A directory on the way down. */
struct level {
	struct level *up;
	int fd, below;
	struct stat st;
	size_t length; /* of its own path */
	int written;
};

static struct first_name *find_link(struct first_name *table, size_t capacity, dev_t dev, ino_t ino)
{
	size_t at = (size_t)((ino ^ dev) * 0x9e3779b97f4a7c15u) & (capacity - 1);

	while (table[at].name && (table[at].ino != ino || table[at].dev != dev))
		at = (at + 1) & (capacity - 1);
	return &table[at];
}

/* The name under which this inode was written before; NULL: it is noted under the current one now. */
static const char *earlier_name(struct packing *packing, const struct stat *st)
{
	struct first_name *slot;
	size_t i;

	if (packing->links_count * 2 >= packing->links_capacity) {
		size_t capacity = packing->links_capacity ? packing->links_capacity * 2 : 256;
		struct first_name *table = calloc(capacity, sizeof *table);

		if (!table)
			tree_fail("note a link");
		for (i = 0; i < packing->links_capacity; i++)
			if (packing->links[i].name)
				*find_link(table, capacity, packing->links[i].dev, packing->links[i].ino) = packing->links[i];
		free(packing->links);
		packing->links = table;
		packing->links_capacity = capacity;
	}
	slot = find_link(packing->links, packing->links_capacity, st->st_dev, st->st_ino);
	if (slot->name)
		return slot->name;
	*slot = (struct first_name){ st->st_dev, st->st_ino, strdup(packing->path) };
	if (!slot->name)
		tree_fail("note a link");
	packing->links_count++;
	return NULL;
}

static void set_path(struct packing *packing, size_t at, const char *name, const char *end)
{
	size_t length = strlen(name), end_length = strlen(end);

	packing->length = at + length + end_length;
	if (packing->length > TAR_NAME_MAX) {
		errno = ENAMETOOLONG;
		tree_fail("pack %s", shown(name));
	}
	memcpy(packing->path + at, name, length);
	memcpy(packing->path + at + length, end, end_length + 1);
}

static void cut_path(struct packing *packing, size_t length)
{
	packing->length = length;
	packing->path[length] = 0;
}

static struct tar_entry *describe(struct packing *packing, const struct stat *st, char type)
{
	struct tar_entry *entry = &packing->entry;

	entry->name = packing->path;
	entry->link = NULL;
	entry->type = type;
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = st->st_mtim;
	entry->size = 0;
	entry->major = major(st->st_rdev);
	entry->minor = minor(st->st_rdev);
	entry->xattr_count = 0;
	return entry;
}

static void read_attributes(struct packing *packing, int fd)
{
	if (attributes_read(fd, &packing->attributes, &packing->entry) < 0)
		tree_fail("read attributes of %s", shown(packing->path));
}

/* An empty file of this name beside the current path: what says in a layer that something is gone. */
static void write_mark(struct packing *packing, size_t at, const char *mark, const char *name)
{
	struct tar_entry entry = { .type = TAR_REGULAR, .mode = 0600 };

	set_path(packing, at, mark, name);
	entry.name = packing->path;
	tar_write_member(packing->writer, &entry);
	cut_path(packing, at);
}

/* Writes the directories on the way that are not written yet: something in them is. The path is the current one again after. */
static void write_level(struct packing *packing, struct level *level)
{
	char saved, *end = packing->path + level->length;

	if (level->written)
		return;
	if (level->up)
		write_level(packing, level->up);
	level->written = 1;
	saved = *end;
	*end = 0;
	describe(packing, &level->st, TAR_DIRECTORY);
	if (level->length == 0)
		packing->entry.name = "./";
	read_attributes(packing, level->fd);
	tar_write_member(packing->writer, &packing->entry);
	*end = saved;
}

static int is_made_by_us(const struct packing *packing, const struct stat *st)
{
	const struct pack_options *options = packing->options;
	const char *path = packing->path + packing->prefix_length;
	size_t length = packing->length - packing->prefix_length;
	unsigned i;

	if (!S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_size > 0))
		return 0;
	length -= length > 0 && path[length - 1] == '/';
	for (i = 0; i < options->made_by_us_count; i++)
		if (strlen(options->made_by_us[i]) == length && !memcmp(options->made_by_us[i], path, length))
			return 1;
	return 0;
}

static void pack_level(struct packing *packing, struct level *level);

/* What lies below in the lower layers; -1: nothing that is a directory. */
static int open_below(const struct level *level, const char *name)
{
	return level->below < 0 ? -1 : openat(level->below, name, DIRECTORY_FLAGS);
}

/* Whether a directory is written whatever is in it. */
static int is_change(const struct packing *packing, const struct level *level, int mark)
{
	struct stat st;

	if (level->below < 0)
		return !is_made_by_us(packing, &level->st);
	if (fstat(level->below, &st) < 0)
		tree_fail("stat %s", shown(packing->path));
	return mark == OVERLAY_OPAQUE || attributes_differ(&level->st, &st);
}

/* The descriptor is this function's. */
static void pack_directory(struct packing *packing, struct level *up, int fd, const struct stat *st, const char *name)
{
	struct level level = { .up = up, .fd = fd, .below = -1, .st = *st };
	const struct pack_options *options = packing->options;
	int mark = OVERLAY_PLAIN;

	set_path(packing, up->length, name, "/");
	level.length = packing->length;
	if (options->layer) {
		mark = attributes_overlay_mark(fd);
		if (mark < 0)
			tree_fail("read attributes of %s", shown(packing->path));
		if (mark == OVERLAY_UNREADABLE)
			tree_refuse("unreadable", "%s refers to another layer's directory and cannot be packed", shown(packing->path));
		level.below = open_below(up, name);
	}
	if (is_change(packing, &level, mark))
		write_level(packing, &level);
	if (mark == OVERLAY_OPAQUE) {
		if (options->below < 0 || level.below >= 0)
			write_mark(packing, level.length, OPAQUE_MARK, "");
		if (level.below >= 0)
			close(level.below);
		level.below = -1;
	}
	pack_level(packing, &level);
	if (level.below >= 0)
		close(level.below);
	close(fd);
}

/* 1: it is another name of what was written before, and is written as that. */
static int pack_as_link(struct packing *packing, const struct stat *st)
{
	const char *earlier = st->st_nlink > 1 ? earlier_name(packing, st) : NULL;

	if (!earlier)
		return 0;
	describe(packing, st, TAR_HARD_LINK)->link = earlier;
	tar_write_member(packing->writer, &packing->entry);
	return 1;
}

static void pack_regular(struct packing *packing, struct level *up, const char *name)
{
	int fd = openat(up->fd, name, FILE_FLAGS);
	struct stat st;

	if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO || errno == EACCES))
		return;
	if (fd < 0 || fstat(fd, &st) < 0)
		tree_fail("open %s", shown(packing->path));
	/* It has become something else since it was looked at. */
	if (!S_ISREG(st.st_mode)) {
		close(fd);
		return;
	}
	if (packing->options->layer && attributes_overlay_mark(fd) == OVERLAY_UNREADABLE)
		tree_refuse("unreadable", "%s has its contents in another layer and cannot be packed", shown(packing->path));
	write_level(packing, up);
	if (!pack_as_link(packing, &st)) {
		describe(packing, &st, TAR_REGULAR)->size = (uint64_t)st.st_size;
		read_attributes(packing, fd);
		tar_write_member(packing->writer, &packing->entry);
		tar_write_file(packing->writer, fd, packing->path);
	}
	close(fd);
}

static void pack_symlink(struct packing *packing, struct level *up, const char *name, const struct stat *st)
{
	ssize_t length = readlinkat(up->fd, name, packing->link, sizeof packing->link);

	if (length < 0 && (errno == ENOENT || errno == EINVAL))
		return;
	if (length < 0 || length == sizeof packing->link)
		tree_fail("read link %s", shown(packing->path));
	packing->link[length] = 0;
	write_level(packing, up);
	if (pack_as_link(packing, st))
		return;
	describe(packing, st, TAR_SYMLINK)->link = packing->link;
	tar_write_member(packing->writer, &packing->entry);
}

static void pack_whiteout(struct packing *packing, struct level *up, const char *name)
{
	struct stat st;

	/* A mark for what is not there says nothing. */
	if (packing->options->below >= 0 &&
	    (up->below < 0 || fstatat(up->below, name, &st, AT_SYMLINK_NOFOLLOW) < 0))
		return;
	write_level(packing, up);
	write_mark(packing, up->length, WHITEOUT, name);
}

static void pack_special(struct packing *packing, struct level *up, const char *name, const struct stat *st)
{
	if (packing->options->layer && attributes_is_whiteout(st)) {
		pack_whiteout(packing, up, name);
		return;
	}
	if (S_ISSOCK(st->st_mode))
		return;
	write_level(packing, up);
	if (pack_as_link(packing, st))
		return;
	describe(packing, st, S_ISFIFO(st->st_mode) ? TAR_FIFO : S_ISCHR(st->st_mode) ? TAR_CHARACTER : TAR_BLOCK);
	tar_write_member(packing->writer, &packing->entry);
}

/* In a tree that began as a copy: nobody has changed it since. */
static int is_copy(const struct packing *packing, const struct level *up, const char *name, const struct stat *st)
{
	struct stat below;

	if (!packing->options->whole || up->below < 0 || fstatat(up->below, name, &below, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return !attributes_differ(st, &below) &&
	       !(S_ISREG(st->st_mode) && attributes_capabilities_differ(up->fd, up->below, name));
}

static void pack_name(struct packing *packing, struct level *up, const char *name)
{
	struct stat st;
	int fd;

	set_path(packing, up->length, name, "");
	if (fstatat(up->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return;
		tree_fail("stat %s", shown(packing->path));
	}
	if (packing->options->layer && !strncmp(name, WHITEOUT, strlen(WHITEOUT)))
		tree_refuse("unreadable", "%s cannot be put into a layer: such names mark deleted files there", shown(packing->path));
	if (!S_ISDIR(st.st_mode) && is_copy(packing, up, name, &st))
		return;
	if (S_ISDIR(st.st_mode)) {
		fd = openat(up->fd, name, DIRECTORY_FLAGS);
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			return;
		if (fd < 0 || fstat(fd, &st) < 0)
			tree_fail("open directory %s", shown(packing->path));
		pack_directory(packing, up, fd, &st, name);
	} else if (S_ISREG(st.st_mode)) {
		if (!is_made_by_us(packing, &st))
			pack_regular(packing, up, name);
	} else if (S_ISLNK(st.st_mode)) {
		pack_symlink(packing, up, name, &st);
	} else {
		pack_special(packing, up, name, &st);
	}
}

/* What a copy had and has no more. */
static void pack_deletions(struct packing *packing, struct level *level, const struct names *names)
{
	struct names below;
	size_t i;

	if (names_read(level->below, &below) < 0)
		tree_fail("read directory %s", shown(packing->path));
	for (i = 0; i < below.count; i++) {
		if (names_has(names, below.list[i]))
			continue;
		write_level(packing, level);
		write_mark(packing, level->length, WHITEOUT, below.list[i]);
	}
	names_free(&below);
}

static void pack_level(struct packing *packing, struct level *level)
{
	struct names names;
	size_t i;

	if (names_read(level->fd, &names) < 0)
		tree_fail("read directory %s", shown(packing->path));
	for (i = 0; i < names.count; i++) {
		pack_name(packing, level, names.list[i]);
		cut_path(packing, level->length);
	}
	if (packing->options->whole && level->below >= 0)
		pack_deletions(packing, level, &names);
	names_free(&names);
}

static struct packing *start(struct tar_writer *writer, const struct pack_options *options)
{
	struct packing *packing = calloc(1, sizeof *packing);

	if (!packing)
		tree_fail("start");
	packing->writer = writer;
	packing->options = options;
	return packing;
}

static void finish(struct packing *packing)
{
	size_t i;

	for (i = 0; i < packing->links_capacity; i++)
		free(packing->links[i].name);
	free(packing->links);
	free(packing);
}

void pack_tree(struct tar_writer *writer, int root, const char *prefix, const struct pack_options *options)
{
	struct packing *packing = start(writer, options);
	struct level level = {
		.fd = openat(root, ".", DIRECTORY_FLAGS), .below = options->layer ? options->below : -1, .written = 1,
	};

	if (level.fd < 0 || fstat(level.fd, &level.st) < 0)
		tree_fail("open the tree");
	set_path(packing, 0, prefix, "");
	level.length = packing->prefix_length = packing->length;
	if (options->with_root && is_change(packing, &level, OVERLAY_PLAIN)) {
		level.written = 0;
		write_level(packing, &level);
	}
	pack_level(packing, &level);
	close(level.fd);
	finish(packing);
}

void pack_entry(struct tar_writer *writer, int parent, const char *name)
{
	static const struct pack_options plain = { .below = -1 };
	struct packing *packing = start(writer, &plain);
	struct level level = { .fd = parent, .below = -1, .written = 1 };

	pack_name(packing, &level, name);
	finish(packing);
}
