/* What a container has changed: its upper directory held against the layers below. */
#ifndef BERTH_CHANGES_H
#define BERTH_CHANGES_H

/*
 * Prints one record for each change, names sorted: '0' modified, '1' added or '2' deleted, the absolute path, a NUL. A directory
 * with a change in it counts as modified; below something deleted nothing more is told. `upper` is the upper directory,
 * `below` the merged lower layers, or -1. With `whole`, `upper` is no overlay's but a tree of its own that began as a copy of
 * `below`. What lies under `made_by_us` as an empty file or directory is passed over.
 */
void changes_print(int upper, int below, int whole, const char *const *made_by_us, unsigned made_by_us_count);

#endif
