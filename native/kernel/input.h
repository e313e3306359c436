/* A layer's bytes on their way in: read, hashed as they came, inflated where they are compressed, hashed again. */
#ifndef BERTH_INPUT_H
#define BERTH_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "sha256.h"

enum input_kind { INPUT_PLAIN, INPUT_GZIP };

struct input_options {
	enum input_kind kind;
	/* Tell on standard output every few megabytes how many bytes were read: "progress N\n". */
	int progress;
	/* More than so many uncompressed bytes are refused: a small file can hold terabytes. */
	uint64_t most_bytes;
};

struct input;

/* Reads from `fd`. */
struct input *input_open(int fd, const struct input_options *options);

/* Uncompressed bytes, one at least; 0 at the end. Refuses damaged gzip streams. */
size_t input_read(struct input *input, unsigned char *buffer, size_t size);

/* After the end: sha256 of the uncompressed bytes, and of those that were read. */
void input_digests(struct input *input, char plain[SHA256_HEX + 1], char raw[SHA256_HEX + 1]);

#endif
