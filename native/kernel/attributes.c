#include "attributes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "refuse.h"

#define OVERLAY_MARKS "trusted.overlay."
/* XATTR_LIST_MAX and XATTR_SIZE_MAX of linux/limits.h. */
#define LIST_MOST 65536
#define VALUE_MOST 65536

/* There is no getxattrat(2) before Linux 6.13: the directory is entered instead. */
static void enter(int dirfd, const char *path)
{
	if (fchdir(dirfd) < 0)
		fail_with_errno("enter the directory of %s", shown(path));
}

static int by_name(const void *left, const void *right)
{
	return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void append(struct xattrs *xattrs, const void *bytes, size_t length)
{
	char *larger = realloc(xattrs->bytes, xattrs->length + length + 1);

	if (!larger)
		fail_with_errno("allocate");
	xattrs->bytes = larger;
	memcpy(larger + xattrs->length, bytes, length);
	xattrs->length += length;
}

static void append_value(const char *name, const char *xattr, const char *path, struct xattrs *xattrs)
{
	static char value[VALUE_MOST];
	ssize_t length = lgetxattr(name, xattr, value, sizeof value);
	size_t size;

	if (length < 0 && errno == ENODATA)
		return;
	if (length < 0)
		fail_with_errno("read %s of %s", shown(xattr), shown(path));
	size = (size_t)length;
	append(xattrs, xattr, strlen(xattr) + 1);
	append(xattrs, &size, sizeof size);
	append(xattrs, value, size);
	xattrs->count++;
}

void xattrs_read(int dirfd, const char *name, const char *path, struct xattrs *xattrs)
{
	static char list[LIST_MOST];
	char *sorted[LIST_MOST / 8];
	ssize_t length, at;
	size_t count = 0, i;

	*xattrs = (struct xattrs){ 0 };
	enter(dirfd, path);
	length = llistxattr(name, list, sizeof list);
	if (length < 0 && errno == ENOTSUP)
		return;
	if (length < 0)
		fail_with_errno("list the attributes of %s", shown(path));
	for (at = 0; at < length; at += (ssize_t)strlen(list + at) + 1)
		if (strncmp(list + at, OVERLAY_MARKS, strlen(OVERLAY_MARKS)) && count < sizeof sorted / sizeof *sorted)
			sorted[count++] = list + at;
	qsort(sorted, count, sizeof *sorted, by_name);
	for (i = 0; i < count; i++)
		append_value(name, sorted[i], path, xattrs);
}

void xattrs_free(struct xattrs *xattrs)
{
	free(xattrs->bytes);
	*xattrs = (struct xattrs){ 0 };
}

static void set_xattrs(const struct xattrs *xattrs, int to, const char *name, const char *path)
{
	const char *at = xattrs->bytes;
	unsigned i;

	if (xattrs->count > 0)
		enter(to, path);
	for (i = 0; i < xattrs->count; i++) {
		const char *xattr = at, *value = at + strlen(at) + 1;
		size_t size;

		memcpy(&size, value, sizeof size);
		value += sizeof size;
		if (lsetxattr(name, xattr, value, size, 0) < 0)
			fail_with_errno("set %s of %s", shown(xattr), shown(path));
		at = value + size;
	}
}

void attributes_copy(int from, const char *name, const struct stat *st, int to, const char *to_name, const char *path)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
	struct xattrs xattrs;

	/* A change of owner takes set-id bits and capabilities away: it comes first. */
	if (fchownat(to, to_name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("change owner of %s", shown(path));
	if (!S_ISLNK(st->st_mode) && fchmodat(to, to_name, st->st_mode & 07777, 0) < 0)
		fail_with_errno("change mode of %s", shown(path));
	xattrs_read(from, name, path, &xattrs);
	set_xattrs(&xattrs, to, to_name, path);
	xattrs_free(&xattrs);
	if (utimensat(to, to_name, times, AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("set the time of %s", shown(path));
}
