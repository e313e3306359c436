/* What a file has besides its contents, and how two of them differ. */
#ifndef BERTH_FILE_ATTRIBUTES_H
#define BERTH_FILE_ATTRIBUTES_H

#include <stddef.h>
#include <sys/stat.h>

#include "tar.h"

/* Room for the xattrs of one file; the tar_entry's point into it. */
struct attribute_space {
	char names[64 << 10];
	char values[64 << 10];
};

/*
 * Reads into entry->xattrs what an archive is to carry: user.*, security.capability and ACLs, sorted by name. `fd` is a
 * regular file or directory opened for reading. Returns 0 or -1 with errno.
 */
int attributes_read(int fd, struct attribute_space *space, struct tar_entry *entry);

/* The marks that overlayfs left on a file of an upper directory. */
enum overlay_mark { OVERLAY_PLAIN, OVERLAY_OPAQUE, OVERLAY_UNREADABLE };
/* UNREADABLE: it refers to other layers' files (redirect, metacopy) and means nothing by itself. -1 with errno. */
int attributes_overlay_mark(int fd);

/* Docker's rule for a changed file: mode, owner, device number, and but for directories size and time. */
int attributes_differ(const struct stat *a, const struct stat *b);

/* Whether the regular files of one name in two directories have different file capabilities. */
int attributes_capabilities_differ(int one, int other, const char *name);

/* Is it overlayfs's mark for a deleted name? */
int attributes_is_whiteout(const struct stat *st);

#endif
