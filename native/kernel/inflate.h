/*
 * DEFLATE (RFC 1951) as a stream. Input comes through `source`, output is taken in pieces; whatever is wrong ends the process:
 * see refuse.h. Written for layers: hostile, large, and read once.
 */
#ifndef BERTH_INFLATE_H
#define BERTH_INFLATE_H

#include <stddef.h>
#include <stdint.h>

#define INFLATE_WINDOW (32u << 10)
/* Output that is decoded before it is given away. */
#define INFLATE_PIECE (256u << 10)
/* Copies of matches may write so many bytes too many. */
#define INFLATE_SLACK 320
#define INFLATE_INPUT (128u << 10)
/* Bytes before the buffered input that may be given back to it, and bytes after its end that may be looked at. */
#define INFLATE_BEFORE 8
#define INFLATE_BEYOND 16

#define LENGTH_BITS 11
#define DISTANCE_BITS 8
#define CODE_BITS_MAX 15
/* A first table, and at worst one second table for each of the codes that are longer. */
#define LENGTH_ENTRIES ((1 << LENGTH_BITS) + 288 * (1 << (CODE_BITS_MAX - LENGTH_BITS)))
#define DISTANCE_ENTRIES ((1 << DISTANCE_BITS) + 32 * (1 << (CODE_BITS_MAX - DISTANCE_BITS)))

struct inflate {
	/* Fills a buffer with at least one byte; 0: input has ended. */
	size_t (*source)(void *context, unsigned char *buffer, size_t size);
	void *context;

	const unsigned char *in, *in_end; /* in_end: of the real bytes */
	int in_ended;
	uint64_t bits; /* lowest first */
	unsigned bit_count;

	enum { BLOCK_NONE, BLOCK_STORED, BLOCK_CODED } block;
	int is_last;
	uint32_t stored_left;

	unsigned char *out; /* next byte */
	unsigned char *given; /* up to here it was given away */
	unsigned char *oldest; /* matches reach back to here */

	uint32_t lengths[LENGTH_ENTRIES], distances[DISTANCE_ENTRIES];
	unsigned char input[INFLATE_BEFORE + INFLATE_INPUT + INFLATE_BEYOND];
	unsigned char output[INFLATE_WINDOW + INFLATE_PIECE + INFLATE_SLACK];
};

/* Begins to read from `source`. The structure is some 400 KiB: static or allocated, not on the stack. */
void inflate_open(struct inflate *inflate, size_t (*source)(void *, unsigned char *, size_t), void *context);

/* The next byte of input as it is, -1 at its end. Only before a stream and after its end. */
int inflate_byte(struct inflate *inflate);

/* Begins a deflate stream at the next byte of input. */
void inflate_start(struct inflate *inflate);

/* The next piece of output, valid until the next call; 0 at the stream's end. Input stands then at the byte behind it. */
size_t inflate_next(struct inflate *inflate, const unsigned char **bytes);

#endif
