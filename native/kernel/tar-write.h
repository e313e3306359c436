/*
 * Writing tar archives: ustar headers, with pax records (POSIX.1-2001) for what does not fit in them: names of any length,
 * times to the nanosecond, large sizes and ids, extended attributes (SCHILY.xattr.*). A failed write ends the process.
 */
#ifndef BERTH_TAR_WRITE_H
#define BERTH_TAR_WRITE_H

#include "tar.h"

struct tar_writer;

struct tar_writer *tar_writer_open(int fd);
/* The header; entry->size bytes of data are to follow. Owners have numbers only, so that no machine's names are told. */
void tar_write_member(struct tar_writer *writer, const struct tar_entry *entry);
/* All of what is left of the member's data, from `fd`: a file that has shrunk is filled up with zeros, growth is left out. */
void tar_write_file(struct tar_writer *writer, int fd, const char *name);
/* The end mark, and whatever is not written yet. */
void tar_writer_finish(struct tar_writer *writer);

#endif
