/* The programs of berth-kernel on whole trees: list.c, compare.c, copy.c. Each returns the program's exit code, see refuse.h. */
#ifndef BERTH_TREES_H
#define BERTH_TREES_H

/* Writes a record for each entry below `directory`, siblings in the order of their names' bytes, a directory before what is in it. */
int tree_list(const char *directory);

/* Prints, a line for each directory, the bytes that it takes on the disk, with all below it: as du(1), each inode once. */
int tree_space(int count, char **directories);

/*
 * Compares two trees: types, modes, owners, sizes, link targets, devices, extended attributes, contents, and the times of all but
 * directories. Writes "<path>\0<what>\0" for each of the first `most` differences. The tops' own attributes are left out.
 */
int tree_compare(const char *left, const char *right, unsigned long long most);

/* Copies everything below `source` into the empty directory `target`, sharing blocks where the file system can. */
int tree_copy(const char *source, const char *target);

/*
 * Moves a layer as overlayfs keeps it over the whole tree `target`: whiteouts remove, opaque directories replace. `layer` is left
 * with rubbish. With `keep_root` the top keeps its own attributes.
 */
int tree_merge(const char *layer, const char *target, int keep_root);

#endif
