/* Walking directory trees that somebody else filled: of any depth and size, never through a symbolic link or a mount. */
#ifndef BERTH_TREE_H
#define BERTH_TREE_H

#include <stdint.h>

/* Where a walk failed: a literal naming the call, and the entry's own name (the last component). */
struct tree_failure {
	const char *step;
	char name[256];
};

/* What a removal may cost before it gives up for now. */
struct tree_budget {
	unsigned entries;
	uint64_t bytes;
};

/*
 * Removes `name` in the directory `dirfd` with all that is below it; one that is not there is no error. A mount point in the
 * tree (also a bind mount of the same file system) ends the removal with EXDEV or EBUSY and is left as it is.
 * Returns 0, or -1 with errno and *failure; with a budget also 1: it was used up, and the rest of the tree stands.
 */
int tree_remove(int dirfd, const char *name, struct tree_budget *budget, struct tree_failure *failure);

/*
 * Sums st_size of everything but directories, each inode once: what Docker reports as a container's SizeRw. Entries that
 * vanish meanwhile are passed over. Returns 0, or -1 with errno and *failure.
 */
int tree_usage(int dirfd, const char *name, uint64_t *bytes, struct tree_failure *failure);

/*
 * Opens the directory that holds the last component of an absolute path and points *name at that component.
 * Returns an O_PATH descriptor, or -1 with errno (EINVAL: relative, or ends in "/", "." or "..").
 */
int tree_open_parent(const char *path, const char **name);

#endif
