#include "file-attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CAPABILITY_MAX 64

/* The same as tar-header.c takes: others are this machine's. */
static int is_carried(const char *name)
{
	return !strcmp(name, "security.capability") || !strncmp(name, "system.posix_acl_", 17) ||
	       (!strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct tar_xattr *)a)->name, ((const struct tar_xattr *)b)->name);
}

int attributes_read(int fd, struct attribute_space *space, struct tar_entry *entry)
{
	ssize_t length = flistxattr(fd, space->names, sizeof space->names);
	size_t used = 0;
	char *name;

	entry->xattr_count = 0;
	if (length < 0)
		return errno == ENOTSUP ? 0 : -1;
	for (name = space->names; name < space->names + length; name += strlen(name) + 1) {
		ssize_t got;

		if (!is_carried(name))
			continue;
		if (entry->xattr_count == TAR_XATTRS_MAX) {
			errno = E2BIG;
			return -1;
		}
		got = fgetxattr(fd, name, space->values + used, sizeof space->values - used);
		if (got < 0 && (errno == ENODATA || errno == ENOTSUP))
			continue;
		if (got < 0)
			return -1;
		entry->xattrs[entry->xattr_count++] = (struct tar_xattr){ name, space->values + used, (size_t)got };
		used += (size_t)got;
	}
	qsort(entry->xattrs, entry->xattr_count, sizeof *entry->xattrs, by_name);
	return 0;
}

static int has(int fd, const char *name)
{
	return fgetxattr(fd, name, NULL, 0) >= 0;
}

int attributes_overlay_mark(int fd)
{
	char value = 0;
	ssize_t got = fgetxattr(fd, "trusted.overlay.opaque", &value, 1);

	if (got < 0 && errno != ENODATA && errno != ENOTSUP && errno != ERANGE)
		return -1;
	if (has(fd, "trusted.overlay.redirect") || has(fd, "trusted.overlay.metacopy") || has(fd, "trusted.overlay.whiteout"))
		return OVERLAY_UNREADABLE;
	if (got == 1 && value == 'y')
		return OVERLAY_OPAQUE;
	/* "x": deleted names are marked in a way that only newer kernels know. */
	return got == 1 ? OVERLAY_UNREADABLE : OVERLAY_PLAIN;
}

int attributes_differ(const struct stat *a, const struct stat *b)
{
	if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid || a->st_rdev != b->st_rdev)
		return 1;
	if (S_ISDIR(a->st_mode))
		return 0;
	return a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static ssize_t capability_of(int directory, const char *name, char *value)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : fgetxattr(fd, "security.capability", value, CAPABILITY_MAX);

	if (fd >= 0)
		close(fd);
	return length;
}

int attributes_capabilities_differ(int one, int other, const char *name)
{
	char ours[CAPABILITY_MAX], theirs[CAPABILITY_MAX];
	ssize_t length = capability_of(one, name, ours);

	return length != capability_of(other, name, theirs) || (length > 0 && memcmp(ours, theirs, (size_t)length));
}

int attributes_is_whiteout(const struct stat *st)
{
	return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}
