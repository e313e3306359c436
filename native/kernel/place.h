/*
 * Where a layer's members go. All paths are resolved by the kernel inside the root (RESOLVE_IN_ROOT): symbolic links that the
 * archive brought lead nowhere else, whatever they say. What fails ends the process: see refuse.h.
 */
#ifndef BERTH_PLACE_H
#define BERTH_PLACE_H

#include <sys/types.h>
#include <time.h>

#include "tar.h"

struct place;

/* `root` is a descriptor of the root directory. */
struct place *place_open(int root);

/*
 * Cleans a member's name without looking at any file, as Docker does: "/a/./b/../c/" is "a/c", the root is ".".
 * `clean` has TAR_NAME_MAX + 1 bytes. Refuses a name that leads above the root.
 */
void place_clean(const char *name, char *clean);

/*
 * Opens the directory that holds the last component of a clean path (not "."), points *base at that component. Symbolic
 * links on the way are followed inside the root. With `make`, missing directories are made: root's, 0755. Without, or when
 * something else is in the way, it refuses. The descriptor (O_PATH) belongs to the place and is valid until the next call.
 */
int place_parent(struct place *place, const char *path, const char **base, int make);

/* Removes whatever `base` in `parent` is. */
void place_clear(struct place *place, int parent, const char *base, const char *path);

/* Is there an overlayfs whiteout? */
int place_is_whiteout(int parent, const char *base);

/* Makes a directory, 0755, that hides what lower layers have there when `opaque`. */
void place_mkdir(int parent, const char *base, const char *path, int opaque);

/* Marks the directory so that nothing of the lower layers shows in it. */
void place_set_opaque(int fd, const char *path);

/* Notes a directory's time, to be set when all its contents are there. */
void place_note_time(struct place *place, int fd, const char *path, struct timespec mtime);
void place_set_times(struct place *place);

#endif
