/* What a file has beside its contents, taken from one tree to another. What fails ends the process: see refuse.h. */
#ifndef BERTH_ATTRIBUTES_H
#define BERTH_ATTRIBUTES_H

#include <stddef.h>
#include <sys/stat.h>

/* The extended attributes of one file: "name\0" and value, one after the other. */
struct xattrs {
	char *bytes;
	size_t length;
	unsigned count;
};

/* Sorted by name; overlayfs's own marks are left out. `name` in `dirfd` is not followed. */
void xattrs_read(int dirfd, const char *name, const char *path, struct xattrs *xattrs);
void xattrs_free(struct xattrs *xattrs);

/* Gives `to_name` in `to` the owner, mode, extended attributes and times of `name` in `from`, whose stat is `st`. */
void attributes_copy(int from, const char *name, const struct stat *st, int to, const char *to_name, const char *path);

#endif
