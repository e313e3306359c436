/* What the programs on whole trees (list.c, compare.c, copy.c) share: directories in the order of their names, never through a
 * symbolic link or into another mount. What fails ends the process: see refuse.h. */
#ifndef BERTH_WALK_H
#define BERTH_WALK_H

#include <stddef.h>
#include <sys/stat.h>

#include "names.h"

/* Takes as many descriptors as the limits allow: each level of a tree costs one for each tree. */
void walk_prepare(void);

/* Opens a directory of the daemon's own by its absolute path. */
int walk_open_top(const char *path);

/* Opens `name` in `dirfd`: flags as for open(2), never followed, never into another mount. `path` is for messages. */
int walk_open(int dirfd, const char *name, int flags, const char *path);

/* names_read() that ends the process when it fails. */
void walk_names(int dirfd, const char *path, struct names *names);

/* A path that grows and shrinks with the walk; "" is the top. */
struct walk_path {
	char *bytes;
	size_t length, capacity;
};

/* The functions that walk call themselves: from this many levels on a tree lies too deep for them. */
#define WALK_DEPTH_MOST 8192

void walk_path_start(struct walk_path *path);
/* Ends the process when `depth` is too deep. */
void walk_check_depth(unsigned depth, const char *path);

/* Appends "/name"; returns the length before, for walk_path_cut(). */
size_t walk_path_add(struct walk_path *path, const char *name);
void walk_path_cut(struct walk_path *path, size_t length);

/* Is it overlayfs's mark that the file is gone? */
int walk_is_whiteout(const struct stat *st);
/* Does the directory hide what lower layers have in it? */
int walk_is_opaque(int fd);

/* Sees each inode once: 1 the first time (always for one with a single link), 0 afterwards. */
int walk_first_sight(const struct stat *st);

#endif
