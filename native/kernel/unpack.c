#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "confine.h"
#include "input.h"
#include "place.h"
#include "refuse.h"
#include "spread.h"
#include "tar.h"

/* OCI image-spec layer.md, "Whiteouts". */
#define WHITEOUT ".wh."
#define WHITEOUT_META ".wh..wh."
#define OPAQUE_MARK ".wh..wh..opq"
/* From this size on the disk is started while the archive is still read, so that a final sync has little left to do. */
#define EARLY_WRITE (1 << 20)
/* What a member without data may take of the input at most: header, long names, attributes. Few have more than one block. */
#define MOST_HEADER 4096ull

struct unpacking {
	struct tar *tar;
	struct place *place;
	const struct unpack_options *options;
	unsigned long long entries, bytes;
	/* The current member: its clean path, the directory it lies in, its name there. */
	char path[TAR_NAME_MAX + 1];
	int parent;
	const char *base;
};

static int starts_with(const char *text, const char *start)
{
	return !strncmp(text, start, strlen(start));
}

/* File systems without them, and user.* on what is no file or directory, are no reason to refuse an image. */
static void check_xattr(int result, const struct unpacking *unpacking, const char *name)
{
	if (result == 0 || errno == ENOTSUP || (errno == EPERM && strcmp(name, "security.capability")))
		return;
	fail_with_errno("set %s of %s", name, shown(unpacking->path));
}

/*
 * First the owner, since a change of owner takes the set-id bits and capabilities away. Most files are root's and were made
 * with their mode: looking costs less than a change, which file systems write to their journal.
 */
static void set_attributes(const struct unpacking *unpacking, const struct tar_entry *entry, int fd)
{
	struct stat st;
	unsigned i;

	if (fstat(fd, &st) < 0)
		fail_with_errno("stat %s", shown(unpacking->path));
	if (st.st_uid != entry->uid || st.st_gid != entry->gid) {
		if (fchown(fd, entry->uid, entry->gid) < 0)
			fail_with_errno("change owner of %s", shown(unpacking->path));
		st.st_mode &= 01777;
	}
	if ((st.st_mode & 07777) != entry->mode && fchmod(fd, entry->mode) < 0)
		fail_with_errno("change mode of %s", shown(unpacking->path));
	for (i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];

		check_xattr(fsetxattr(fd, xattr->name, xattr->value, xattr->length, 0), unpacking, xattr->name);
	}
}

/* The same for what cannot be opened: links, devices, FIFOs. It has just been made, nobody else works here. */
static void set_attributes_at(const struct unpacking *unpacking, const struct tar_entry *entry)
{
	struct timespec times[2] = { entry->mtime, entry->mtime };
	unsigned i;

	if (fchownat(unpacking->parent, unpacking->base, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("change owner of %s", shown(unpacking->path));
	if (entry->type != TAR_SYMLINK && fchmodat(unpacking->parent, unpacking->base, entry->mode, 0) < 0)
		fail_with_errno("change mode of %s", shown(unpacking->path));
	if (entry->xattr_count > 0 && fchdir(unpacking->parent) < 0)
		fail_with_errno("enter the directory of %s", shown(unpacking->path));
	for (i = 0; i < entry->xattr_count; i++) {
		const struct tar_xattr *xattr = &entry->xattrs[i];

		check_xattr(lsetxattr(unpacking->base, xattr->name, xattr->value, xattr->length, 0), unpacking, xattr->name);
	}
	if (utimensat(unpacking->parent, unpacking->base, times, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("set the time of %s", shown(unpacking->path));
}

static void write_all(const struct unpacking *unpacking, int fd, const unsigned char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t put = write(fd, bytes, length);

		if (put < 0 && errno != EINTR)
			fail_with_errno("write %s", shown(unpacking->path));
		if (put > 0) {
			bytes += put;
			length -= (size_t)put;
		}
	}
}

static void unpack_regular(struct unpacking *unpacking, const struct tar_entry *entry)
{
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	struct timespec times[2] = { entry->mtime, entry->mtime };
	int fd = openat(unpacking->parent, unpacking->base, flags, entry->mode);
	const unsigned char *bytes;
	size_t got;

	if (fd < 0 && errno == EEXIST) {
		place_clear(unpacking->place, unpacking->parent, unpacking->base, unpacking->path);
		fd = openat(unpacking->parent, unpacking->base, flags, entry->mode);
	}
	if (fd < 0)
		fail_with_errno("create %s", shown(unpacking->path));
	if (entry->size > unpacking->options->most_bytes - unpacking->bytes)
		refuse("the layer's files are larger than %llu bytes", unpacking->options->most_bytes);
	unpacking->bytes += entry->size;
	while ((got = tar_data(unpacking->tar, &bytes)) > 0)
		write_all(unpacking, fd, bytes, got);
	set_attributes(unpacking, entry, fd);
	if (futimens(fd, times) < 0)
		fail_with_errno("set the time of %s", shown(unpacking->path));
	if (entry->size >= EARLY_WRITE)
		sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	close(fd);
}

static void unpack_directory(struct unpacking *unpacking, const struct tar_entry *entry)
{
	int fd;

	if (mkdirat(unpacking->parent, unpacking->base, 0755) < 0) {
		struct stat st;

		if (errno != EEXIST || fstatat(unpacking->parent, unpacking->base, &st, AT_SYMLINK_NOFOLLOW) < 0)
			fail_with_errno("create directory %s", shown(unpacking->path));
		if (!S_ISDIR(st.st_mode)) {
			int whiteout = place_is_whiteout(unpacking->parent, unpacking->base);

			place_clear(unpacking->place, unpacking->parent, unpacking->base, unpacking->path);
			place_mkdir(unpacking->parent, unpacking->base, unpacking->path, whiteout);
		}
	}
	fd = openat(unpacking->parent, unpacking->base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail_with_errno("open directory %s", shown(unpacking->path));
	set_attributes(unpacking, entry, fd);
	place_note_time(unpacking->place, fd, unpacking->path, entry->mtime);
	close(fd);
}

/* Tries to make a symbolic link, device or FIFO; as the system calls. */
static int make_special(const struct unpacking *unpacking, const struct tar_entry *entry)
{
	static const mode_t types[] = {
		[TAR_CHARACTER - '0'] = S_IFCHR, [TAR_BLOCK - '0'] = S_IFBLK, [TAR_FIFO - '0'] = S_IFIFO,
	};
	dev_t device = entry->type == TAR_FIFO ? 0 : makedev(entry->major, entry->minor);

	if (entry->type == TAR_SYMLINK)
		return symlinkat(entry->link, unpacking->parent, unpacking->base);
	return mknodat(unpacking->parent, unpacking->base, types[entry->type - '0'] | 0600, device);
}

static void unpack_special(struct unpacking *unpacking, const struct tar_entry *entry)
{
	int result = make_special(unpacking, entry);

	if (result < 0 && errno == EEXIST) {
		place_clear(unpacking->place, unpacking->parent, unpacking->base, unpacking->path);
		result = make_special(unpacking, entry);
	}
	if (result < 0)
		fail_with_errno("create %s", shown(unpacking->path));
	set_attributes_at(unpacking, entry);
}

/*
 * Owner, mode and time are the first name's: they are the inode's, and taking the same owner again would take its
 * capabilities. The target's last component is not followed, and what is on the way to it stays inside the root.
 */
static void unpack_hard_link(struct unpacking *unpacking, const struct tar_entry *entry)
{
	char target[TAR_NAME_MAX + 1];
	const char *target_base;
	struct stat target_st, st;
	int parent, target_parent;

	place_clean(entry->link, target);
	if (!strcmp(target, "."))
		refuse("%s is a hard link to the root", shown(unpacking->path));
	parent = dup(unpacking->parent); /* place_parent() ends the one that we have */
	if (parent < 0)
		fail_with_errno("link %s", shown(unpacking->path));
	target_parent = place_parent(unpacking->place, target, &target_base, 0);
	if (fstatat(target_parent, target_base, &target_st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("link %s to %s", shown(unpacking->path), shown(target));
	if (S_ISDIR(target_st.st_mode))
		refuse("%s is a hard link to a directory", shown(unpacking->path));
	if (fstatat(parent, unpacking->base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (st.st_ino == target_st.st_ino) {
			close(parent);
			return;
		}
		place_clear(unpacking->place, parent, unpacking->base, unpacking->path);
	}
	if (linkat(target_parent, target_base, parent, unpacking->base, 0) < 0)
		fail_with_errno("link %s to %s", shown(unpacking->path), shown(target));
	close(parent);
}

/*
 * "Whiteouts apply to lower layers only": what this layer itself brought under that name stays; a directory of its own then
 * hides the lower one.
 */
static void unpack_whiteout(struct unpacking *unpacking)
{
	const char *name = unpacking->base + strlen(WHITEOUT);
	int fd;

	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		refuse("%s deletes no file", shown(unpacking->path));
	if (mknodat(unpacking->parent, name, S_IFCHR, 0) == 0)
		return;
	if (errno != EEXIST)
		fail_with_errno("create whiteout %s", shown(unpacking->path));
	fd = openat(unpacking->parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	place_set_opaque(fd, unpacking->path);
	close(fd);
}

static void unpack_opaque(struct unpacking *unpacking)
{
	int fd = openat(unpacking->parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail_with_errno("open the directory of %s", shown(unpacking->path));
	place_set_opaque(fd, unpacking->path);
	close(fd);
}

static void unpack_root(struct unpacking *unpacking, const struct tar_entry *entry, int root)
{
	if (entry->type != TAR_DIRECTORY)
		refuse("%s would replace the root", shown(entry->name));
	set_attributes(unpacking, entry, root);
	place_note_time(unpacking->place, root, ".", entry->mtime);
}

static void unpack_entry(struct unpacking *unpacking, const struct tar_entry *entry, int root)
{
	const char *last;

	if (!entry->name[0])
		refuse("archive/tar: invalid tar header: a member without a name");
	place_clean(entry->name, unpacking->path);
	if (!strcmp(unpacking->path, ".")) {
		unpack_root(unpacking, entry, root);
		return;
	}
	last = strrchr(unpacking->path, '/');
	last = last ? last + 1 : unpacking->path;
	/* AUFS kept its own data in such files and directories of the root. */
	if (strcmp(last, OPAQUE_MARK) && (starts_with(last, WHITEOUT_META) || starts_with(unpacking->path, WHITEOUT_META)))
		return;
	unpacking->parent = place_parent(unpacking->place, unpacking->path, &unpacking->base, 1);
	if (!strcmp(last, OPAQUE_MARK))
		unpack_opaque(unpacking);
	else if (starts_with(last, WHITEOUT))
		unpack_whiteout(unpacking);
	else if (entry->type == TAR_REGULAR)
		unpack_regular(unpacking, entry);
	else if (entry->type == TAR_DIRECTORY)
		unpack_directory(unpacking, entry);
	else if (entry->type == TAR_HARD_LINK)
		unpack_hard_link(unpacking, entry);
	else
		unpack_special(unpacking, entry);
}

/* Of all that comes out of the input: the files, and a header with a long name for each. */
static uint64_t most_input(const struct unpack_options *options)
{
	uint64_t headers, all;

	if (__builtin_mul_overflow(options->most_entries, MOST_HEADER, &headers) ||
	    __builtin_add_overflow(options->most_bytes, headers, &all))
		return UINT64_MAX;
	return all;
}

static int report(struct input *input, unsigned long long bytes)
{
	char plain[SHA256_HEX + 1], raw[SHA256_HEX + 1];

	input_digests(input, plain, raw);
	printf("%llu %s %s\n", bytes, plain, raw);
	return fflush(stdout) ? 2 : 0;
}

int unpack(const char *target, const struct unpack_options *options)
{
	struct unpacking unpacking = { .options = options, .parent = -1 };
	struct input_options how = { .kind = options->gzip ? INPUT_GZIP : INPUT_PLAIN, .progress = options->progress };
	struct input *input;
	struct tar_entry entry;
	const char *step;
	int root;

	umask(0);
	/* Its input is a file, which does not end with the daemon. The next one removes what this one would go on to make. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (options->spread)
		spread(target);
	root = confine(target, &step);
	if (root < 0) {
		fprintf(stderr, "%s: %s %s: %s\n", strerrorname_np(errno), step, target, strerrordesc_np(errno));
		return 2;
	}
	how.most_bytes = most_input(options);
	input = input_open(STDIN_FILENO, &how);
	unpacking.tar = tar_open_input(input);
	unpacking.place = place_open(root);
	while (tar_next(unpacking.tar, &entry)) {
		if (++unpacking.entries > options->most_entries)
			refuse("the layer has more than %llu files", options->most_entries);
		unpack_entry(&unpacking, &entry, root);
	}
	tar_drain(unpacking.tar);
	place_set_times(unpacking.place);
	if (options->sync && syncfs(root) < 0)
		fail_with_errno("write to the disk");
	return report(input, unpacking.bytes);
}

int sync_disk(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail_with_errno("open %s", directory);
	if (syncfs(fd) < 0)
		fail_with_errno("write to the disk");
	return 0;
}
