#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crc32.h"
#include "inflate.h"
#include "refuse.h"

#define PROGRESS_STEP (2u << 20)

/* RFC 1952, 2.3. */
#define GZIP_HCRC 2
#define GZIP_EXTRA 4
#define GZIP_NAME 8
#define GZIP_COMMENT 16
#define GZIP_RESERVED 0xe0

/* Of a file's cached pages that are let go, and how far behind the reading. */
#define DROP_STEP (4u << 20)

struct input {
	int fd, is_file;
	struct input_options options;
	uint64_t read, told, given, wanted, written, dropped;
	struct sha256 raw, plain;
	/* gzip only */
	enum { MEMBER_NONE, MEMBER_OPEN, MEMBERS_ENDED } state;
	uint32_t crc, size; /* of the member so far */
	const unsigned char *piece;
	size_t piece_left;
	struct inflate inflate;
};

/*
 * Nobody reads a layer's file again soon, but its pages would stay and the files that are made of it take new ones. Memory that was
 * used a moment ago is handed out again first, and it is much cheaper where the machine is a virtual one: the first touch of a page
 * goes through the host. So pages that were read are written to the disk, which they have to be anyway, and dropped.
 */
static void drop_behind(struct input *input, int at_end)
{
	const unsigned to_disk = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;

	if (!input->is_file)
		return;
	if (input->read + DROP_STEP > input->wanted) {
		posix_fadvise(input->fd, (off_t)input->wanted, 2 * DROP_STEP, POSIX_FADV_WILLNEED);
		input->wanted += 2 * DROP_STEP;
	}
	for (; input->read - input->written >= DROP_STEP; input->written += DROP_STEP)
		sync_file_range(input->fd, (off_t)input->written, DROP_STEP, SYNC_FILE_RANGE_WRITE);
	for (; input->written - input->dropped > DROP_STEP; input->dropped += DROP_STEP) {
		sync_file_range(input->fd, (off_t)input->dropped, DROP_STEP, to_disk);
		posix_fadvise(input->fd, (off_t)input->dropped, DROP_STEP, POSIX_FADV_DONTNEED);
	}
	if (at_end) {
		sync_file_range(input->fd, (off_t)input->dropped, 0, to_disk);
		posix_fadvise(input->fd, (off_t)input->dropped, 0, POSIX_FADV_DONTNEED);
	}
}

static size_t read_raw(void *context, unsigned char *buffer, size_t size)
{
	struct input *input = context;
	ssize_t got;

	do
		got = read(input->fd, buffer, size);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		fail_with_errno("read the archive");
	sha256_add(&input->raw, buffer, (size_t)got);
	input->read += (uint64_t)got;
	drop_behind(input, got == 0);
	if (input->options.progress && (input->read - input->told >= PROGRESS_STEP || (got == 0 && input->told != input->read))) {
		input->told = input->read;
		printf("progress %llu\n", (unsigned long long)input->read);
		fflush(stdout);
	}
	return (size_t)got;
}

struct input *input_open(int fd, const struct input_options *options)
{
	struct input *input = malloc(sizeof *input);
	struct stat st;

	if (!input)
		fail_with_errno("start");
	memset(input, 0, offsetof(struct input, inflate));
	input->fd = fd;
	input->is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	input->options = *options;
	sha256_start(&input->raw);
	sha256_start(&input->plain);
	inflate_open(&input->inflate, read_raw, input);
	return input;
}

static unsigned header_byte(struct input *input)
{
	int byte = inflate_byte(&input->inflate);

	if (byte < 0)
		refuse("the gzip stream is damaged: unexpected EOF");
	return (unsigned)byte;
}

static uint32_t number(struct input *input, unsigned bytes)
{
	uint32_t value = 0;
	unsigned i;

	for (i = 0; i < bytes; i++)
		value |= (uint32_t)header_byte(input) << 8 * i;
	return value;
}

static void skip_text(struct input *input)
{
	while (header_byte(input) != 0)
		;
}

/* `first` is the header's first byte. */
static void start_member(struct input *input, int first)
{
	unsigned flags, extra;

	if (first != 0x1f || header_byte(input) != 0x8b)
		refuse("the gzip stream is damaged: invalid header");
	if (header_byte(input) != 8)
		refuse("the gzip stream is damaged: unknown compression method");
	flags = header_byte(input);
	if (flags & GZIP_RESERVED)
		refuse("the gzip stream is damaged: unknown header flags");
	number(input, 4);
	number(input, 2);
	extra = flags & GZIP_EXTRA ? number(input, 2) : 0;
	while (extra-- > 0)
		header_byte(input);
	if (flags & GZIP_NAME)
		skip_text(input);
	if (flags & GZIP_COMMENT)
		skip_text(input);
	if (flags & GZIP_HCRC)
		number(input, 2);
	input->crc = 0;
	input->size = 0;
	input->state = MEMBER_OPEN;
	inflate_start(&input->inflate);
}

static void end_member(struct input *input)
{
	if (number(input, 4) != input->crc)
		refuse("the gzip stream is damaged: incorrect data check");
	if (number(input, 4) != input->size)
		refuse("the gzip stream is damaged: incorrect length check");
	input->state = MEMBER_NONE;
}

/* Zeros fill up tapes and blocks; anything else behind a member must be one. */
static void next_member(struct input *input)
{
	int first = inflate_byte(&input->inflate);

	while (first == 0)
		first = inflate_byte(&input->inflate);
	if (first < 0)
		input->state = MEMBERS_ENDED;
	else
		start_member(input, first);
}

static size_t read_inflated(struct input *input, unsigned char *buffer, size_t size)
{
	while (input->piece_left == 0 && input->state != MEMBERS_ENDED) {
		if (input->state == MEMBER_NONE) {
			next_member(input);
			continue;
		}
		input->piece_left = inflate_next(&input->inflate, &input->piece);
		input->crc = crc32_add(input->crc, input->piece, input->piece_left);
		input->size += (uint32_t)input->piece_left;
		if (input->piece_left == 0)
			end_member(input);
	}
	if (size > input->piece_left)
		size = input->piece_left;
	memcpy(buffer, input->piece, size);
	input->piece += size;
	input->piece_left -= size;
	return size;
}

size_t input_read(struct input *input, unsigned char *buffer, size_t size)
{
	if (input->options.kind == INPUT_GZIP) {
		size = read_inflated(input, buffer, size);
		sha256_add(&input->plain, buffer, size);
	} else {
		size = read_raw(input, buffer, size);
	}
	input->given += size;
	if (input->given > input->options.most_bytes)
		refuse("the layer is larger than %llu bytes", (unsigned long long)input->options.most_bytes);
	return size;
}

void input_digests(struct input *input, char plain[SHA256_HEX + 1], char raw[SHA256_HEX + 1])
{
	sha256_finish(&input->raw, raw);
	if (input->options.kind == INPUT_GZIP)
		sha256_finish(&input->plain, plain);
	else
		memcpy(plain, raw, SHA256_HEX + 1);
}
