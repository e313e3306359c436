#include "tar.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "input.h"
#include "refuse.h"
#include "tar-header.h"

#define BUFFER_SIZE (256 << 10)
/* Of one pax header or GNU long name, as Go's archive/tar has it. */
#define SPECIAL_MAX (1 << 20)

struct tar {
	struct input *input;
	int ended; /* input, not archive */
	size_t start, end;
	uint64_t data_left; /* of the current member */
	unsigned padding_left;
	char name[TAR_NAME_MAX + 1], link[TAR_NAME_MAX + 1];
	/* The special members before the current one; each allocated, NUL-terminated. */
	char *pax, *gnu_name, *gnu_link;
	struct pax_overrides overrides;
	struct header_names names;
	unsigned char buffer[BUFFER_SIZE];
};

struct tar *tar_open(int fd)
{
	return tar_open_input(input_open(fd, &(struct input_options){ .kind = INPUT_PLAIN, .most_bytes = UINT64_MAX }));
}

struct tar *tar_open_input(struct input *input)
{
	struct tar *tar = malloc(sizeof *tar);

	if (!tar)
		fail_with_errno("start");
	memset(tar, 0, offsetof(struct tar, buffer));
	tar->input = input;
	return tar;
}

/* Reads until `wanted` bytes are there (BUFFER_SIZE at most) or input has ended; returns how many are. */
static size_t fill(struct tar *tar, size_t wanted)
{
	if (tar->end - tar->start >= wanted)
		return tar->end - tar->start;
	if (tar->start + wanted > BUFFER_SIZE || tar->start == tar->end) {
		memmove(tar->buffer, tar->buffer + tar->start, tar->end - tar->start);
		tar->end -= tar->start;
		tar->start = 0;
	}
	while (tar->end - tar->start < wanted && !tar->ended) {
		size_t got = input_read(tar->input, tar->buffer + tar->end, BUFFER_SIZE - tar->end);

		if (got == 0)
			tar->ended = 1;
		tar->end += got;
	}
	return tar->end - tar->start;
}

/* Takes the next block of 512 bytes; NULL: input has ended there. */
static const unsigned char *take_block(struct tar *tar)
{
	size_t there = fill(tar, TAR_BLOCK_SIZE);

	if (there == 0)
		return NULL;
	if (there < TAR_BLOCK_SIZE)
		refuse("unexpected EOF: the archive ends inside a header");
	tar->start += TAR_BLOCK_SIZE;
	return tar->buffer + tar->start - TAR_BLOCK_SIZE;
}

static void start_data(struct tar *tar, uint64_t size)
{
	tar->data_left = size;
	tar->padding_left = (unsigned)(-size & (TAR_BLOCK_SIZE - 1));
}

size_t tar_data(struct tar *tar, const unsigned char **bytes)
{
	size_t there;

	if (tar->data_left == 0) {
		/* Padding may be missing at the very end, as for Go's archive/tar. */
		there = fill(tar, tar->padding_left);
		tar->start += there < tar->padding_left ? there : tar->padding_left;
		tar->padding_left = 0;
		return 0;
	}
	there = fill(tar, 1);
	if (there == 0)
		refuse("unexpected EOF: the archive ends inside %s", shown(tar->name));
	if (there > tar->data_left)
		there = (size_t)tar->data_left;
	*bytes = tar->buffer + tar->start;
	tar->start += there;
	tar->data_left -= there;
	return there;
}

/* The data of a special member, with a NUL behind it; replaces (and frees) *text. */
static void take_text(struct tar *tar, uint64_t size, char **text, size_t *length)
{
	const unsigned char *bytes;
	size_t at = 0, got;

	if (size > SPECIAL_MAX)
		refuse("archive/tar: invalid tar header: an extended header of %llu bytes", (unsigned long long)size);
	free(*text);
	*text = malloc((size_t)size + 1);
	if (!*text)
		fail_with_errno("read an extended header");
	start_data(tar, size);
	while ((got = tar_data(tar, &bytes)) > 0) {
		memcpy(*text + at, bytes, got);
		at += got;
	}
	(*text)[at] = 0;
	*length = at;
}

static void take_gnu_text(struct tar *tar, uint64_t size, char **text)
{
	size_t length;

	take_text(tar, size, text, &length);
	while (length > 0 && !(*text)[length - 1])
		length--;
	if (strlen(*text) != length)
		refuse("archive/tar: invalid tar header: a name holds a NUL byte");
}

static void copy_name(char *out, const char *name, const char *what)
{
	size_t length = strlen(name);

	if (length > TAR_NAME_MAX)
		refuse("a %s of %zu bytes is too long: %s", what, length, shown(name));
	memcpy(out, name, length + 1);
}

static void forget_specials(struct tar *tar)
{
	free(tar->pax);
	free(tar->gnu_name);
	free(tar->gnu_link);
	tar->pax = tar->gnu_name = tar->gnu_link = NULL;
	memset(&tar->overrides, 0, sizeof tar->overrides);
}

/* What the special members said goes before what the header says. */
static void apply_overrides(struct tar *tar, struct tar_entry *entry)
{
	const struct pax_overrides *pax = &tar->overrides;

	copy_name(tar->name, pax->path ? pax->path : tar->gnu_name ? tar->gnu_name : entry->name, "name");
	copy_name(tar->link, pax->linkpath ? pax->linkpath : tar->gnu_link ? tar->gnu_link : entry->link, "link target");
	entry->name = tar->name;
	entry->link = tar->link;
	if (pax->has_size)
		entry->size = pax->size;
	if (pax->has_uid)
		entry->uid = pax->uid;
	if (pax->has_gid)
		entry->gid = pax->gid;
	if (pax->has_mtime)
		entry->mtime = pax->mtime;
	memcpy(entry->xattrs, pax->xattrs, pax->xattr_count * sizeof *pax->xattrs);
	entry->xattr_count = pax->xattr_count;
}

/* Settles what `type` means; ends the process for types that cannot be unpacked. */
static void settle_type(struct tar_entry *entry)
{
	size_t length = strlen(entry->name);

	/* V7 had no directories: a slash at the end told. */
	if (entry->type == 0)
		entry->type = length > 0 && entry->name[length - 1] == '/' ? TAR_DIRECTORY : TAR_REGULAR;
	if (entry->type == 'S')
		refuse("%s is a sparse file, which berth does not unpack", shown(entry->name));
	if (entry->type < TAR_REGULAR || entry->type > TAR_FIFO)
		refuse("unhandled tar header type %d of %s", entry->type, shown(entry->name));
	if (entry->type != TAR_REGULAR)
		entry->size = 0;
}

static int is_zero(const unsigned char *block)
{
	return block[0] == 0 && !memcmp(block, block + 1, TAR_BLOCK_SIZE - 1);
}

/* Two blocks of zeros end an archive; so does the end of input after one or none. */
static void check_end(struct tar *tar)
{
	const unsigned char *block = take_block(tar);

	if (block && !is_zero(block))
		refuse("archive/tar: invalid tar header: a single block of zeros in the middle");
}

int tar_next(struct tar *tar, struct tar_entry *entry)
{
	const unsigned char *block;
	size_t length;

	while (tar_data(tar, &block) > 0)
		;
	forget_specials(tar);
	for (;;) {
		block = take_block(tar);
		if (!block && (tar->pax || tar->gnu_name || tar->gnu_link))
			refuse("unexpected EOF: the archive ends after an extended header");
		if (!block)
			return 0;
		if (is_zero(block)) {
			check_end(tar);
			return 0;
		}
		tar_header_read(block, entry, &tar->names);
		if (entry->type == 'x') {
			take_text(tar, entry->size, &tar->pax, &length);
			pax_read(tar->pax, length, &tar->overrides);
		} else if (entry->type == 'g') {
			/* Docker takes nothing from global headers, so that layers unpack alike. */
			take_text(tar, entry->size, &tar->pax, &length);
			forget_specials(tar);
		} else if (entry->type == 'L') {
			take_gnu_text(tar, entry->size, &tar->gnu_name);
		} else if (entry->type == 'K') {
			take_gnu_text(tar, entry->size, &tar->gnu_link);
		} else {
			apply_overrides(tar, entry);
			settle_type(entry);
			start_data(tar, entry->size);
			return 1;
		}
	}
}

void tar_drain(struct tar *tar)
{
	do
		tar->start = tar->end;
	while (fill(tar, 1) > 0);
}
