/* Where on the disk a layer's files go. */
#ifndef BERTH_SPREAD_H
#define BERTH_SPREAD_H

/*
 * Puts an empty directory, with its owner and mode, where making files in it is fast; on other file systems than ext4 it stays as
 * it is. A new directory takes its place at once, so whoever has it open keeps the old one.
 */
void spread(const char *target);

#endif
