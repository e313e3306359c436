/* Writing directory trees as tar archives: every name, kind of file, owner, time, link and attribute that tar can carry. */
#ifndef BERTH_PACK_H
#define BERTH_PACK_H

#include "tar-write.h"

struct pack_options {
	/*
	 * The tree is the upper directory of an overlay: whiteouts and opaque directories become those of layers (OCI image-spec
	 * layer.md), overlayfs's own attributes are left out.
	 */
	int layer;
	/* With `layer`: what lies below the upper directory, or -1. Directories that are the same there and hold no change are
	 * left out, and so are marks that hide nothing. */
	int below;
	/* With `layer` and `below`: the tree is no overlay's, but began as a copy of what is below. */
	int whole;
	/* With `layer`: paths that the engine itself made as mount points. Empty files and directories there are left out. */
	const char *const *made_by_us;
	unsigned made_by_us_count;
	/* Begin with the tree's own directory, "./" for an empty prefix; with `below` only where it differs. */
	int with_root;
};

/*
 * The directory `root` and all below it, names sorted; each name begins with `prefix`, which ends in a slash or is empty.
 * Sockets are left out, as by every tar; so is what vanishes meanwhile. Does not write the end of the archive.
 */
void pack_tree(struct tar_writer *writer, int root, const char *prefix, const struct pack_options *options);

/* What `name` in `parent` is, under that name; a directory with all below it. */
void pack_entry(struct tar_writer *writer, int parent, const char *name);

#endif
