/* What `docker cp` does in a container's tree. All of them end the process when they fail (tree-errors.h, refuse.h). */
#ifndef BERTH_ARCHIVE_H
#define BERTH_ARCHIVE_H

/*
 * Prints what `path` is: "mode size seconds nanoseconds length\n" (decimal, st_mode as stat(2) has it) and `length` bytes: where a
 * symbolic link leads, followed to its end as far as there is one. The path is absolute and clean; with "/" or "/." at its
 * end a link is followed, else it is meant itself.
 */
void archive_stat(int root, const char *path);

/* The same and behind it a tar of what is there, its names beginning with `base` (a slash: the root's own). */
void archive_get(int root, const char *path, const char *base);

struct put_options {
	/* A directory is not replaced by a file, nor a file by a directory. */
	int keep_kinds;
	/* Everything is to belong to this user of the tree's own passwd, or number, or "user:group"; NULL: as the tar says. */
	const char *owner;
};

/* Unpacks the tar on standard input into the directory `path`, over what is there. */
void archive_put(int root, const char *path, const struct put_options *options);

/* "user", "uid", "user:group", … in the root's own /etc/passwd and /etc/group. Refuses an unknown name. */
void archive_find_owner(int root, const char *owner, unsigned *uid, unsigned *gid);

#endif
