/*
 * Reading tar archives: V7, ustar (POSIX.1-1988), pax (POSIX.1-2001), star, and GNU's long names and binary numbers.
 * Sparse files (GNU's 'S' and pax "GNU.sparse.*") are refused. Whatever is wrong ends the process: see refuse.h.
 */
#ifndef BERTH_TAR_H
#define BERTH_TAR_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define TAR_REGULAR '0'
#define TAR_HARD_LINK '1'
#define TAR_SYMLINK '2'
#define TAR_CHARACTER '3'
#define TAR_BLOCK '4'
#define TAR_DIRECTORY '5'
#define TAR_FIFO '6'

/* Longest name and link target: what a system call takes, without the NUL. */
#define TAR_NAME_MAX 4095

struct tar_xattr {
	const char *name;
	const void *value;
	size_t length;
};

#define TAR_XATTRS_MAX 128

/* One member. Names and xattrs point into the reader and last until the next tar_next(). */
struct tar_entry {
	const char *name, *link;
	char type; /* one of TAR_* */
	mode_t mode; /* permission bits, set-id and sticky only */
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	uint64_t size; /* of data; 0 for all but regular files */
	unsigned major, minor;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	unsigned xattr_count;
};

struct tar;

struct input;

struct tar *tar_open(int fd);
/* Of bytes that are hashed or inflated on their way: see input.h. */
struct tar *tar_open_input(struct input *input);
/* 1: *entry is the next member, any data of the one before that was not read being skipped; 0: the archive has ended. */
int tar_next(struct tar *tar, struct tar_entry *entry);
/* The next piece of the member's data: returns its length, 0 at the end. It lies in the reader until the next call. */
size_t tar_data(struct tar *tar, const unsigned char **bytes);
/* Reads input to its end, so that the writer of padding gets no broken pipe. */
void tar_drain(struct tar *tar);

#endif
