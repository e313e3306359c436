/* The container's log in the format of Docker's json-file driver. */
#ifndef BERTH_SHIM_LOG_H
#define BERTH_SHIM_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "frame.h"

#define LOG_STDOUT 0
#define LOG_STDERR 1

struct log {
	char *path;
	int fd;
	/* Bytes in the current file; most of them, 0: no limit. */
	uint64_t size, max_bytes;
	/* Files in all, the current one included; at least 1. */
	unsigned max_files;
	/* The unterminated line of each stream. */
	struct buffer line[2];
	/* Entries that are not written yet: none between calls. */
	struct buffer batch;
};

/* Opens (appends to) the file. -1 with errno. */
int log_open(struct log *log, const char *path, uint64_t max_bytes, unsigned max_files);
/* Takes what was read from one stream. Never fails: what cannot be written is lost, and the container goes on. */
void log_data(struct log *log, int stream, const unsigned char *bytes, size_t length);
/* Writes unterminated lines and closes. */
void log_close(struct log *log);

#endif
