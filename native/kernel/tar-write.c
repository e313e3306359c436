#include "tar-write.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tar-header.h"
#include "tree-errors.h"

#define BUFFER_SIZE (256 << 10)
/* Largest numbers that fit in octal digits before a NUL. */
#define MOST_7_DIGITS 07777777u
#define MOST_11_DIGITS 077777777777ull
#define NAME_FIELD 100
#define MAJOR_AT 329
#define MINOR_AT 337

struct tar_writer {
	int fd;
	uint64_t data_left;
	unsigned padding;
	size_t length;
	/* Records of the next pax header. */
	char *pax;
	size_t pax_length, pax_capacity;
	unsigned char buffer[BUFFER_SIZE];
};

struct tar_writer *tar_writer_open(int fd)
{
	struct tar_writer *writer = malloc(sizeof *writer);

	if (!writer)
		tree_fail("start");
	memset(writer, 0, sizeof *writer - BUFFER_SIZE);
	writer->fd = fd;
	return writer;
}

static void flush(struct tar_writer *writer)
{
	size_t at = 0;

	while (at < writer->length) {
		ssize_t put = write(writer->fd, writer->buffer + at, writer->length - at);

		if (put < 0 && errno != EINTR)
			tree_fail("write the archive");
		if (put > 0)
			at += (size_t)put;
	}
	writer->length = 0;
}

static void put(struct tar_writer *writer, const void *bytes, size_t length)
{
	const unsigned char *from = bytes;

	while (length > 0) {
		size_t part = BUFFER_SIZE - writer->length < length ? BUFFER_SIZE - writer->length : length;

		if (from)
			memcpy(writer->buffer + writer->length, from, part);
		else
			memset(writer->buffer + writer->length, 0, part);
		from = from ? from + part : NULL;
		writer->length += part;
		length -= part;
		if (writer->length == BUFFER_SIZE)
			flush(writer);
	}
}

static void put_zeros(struct tar_writer *writer, uint64_t count)
{
	while (count > 0) {
		size_t part = count > BUFFER_SIZE ? BUFFER_SIZE : (size_t)count;

		put(writer, NULL, part);
		count -= part;
	}
}

static void octal(unsigned char *block, size_t at, unsigned digits, uint64_t value)
{
	while (digits-- > 0) {
		block[at + digits] = (unsigned char)('0' + (value & 7));
		value >>= 3;
	}
}

/* 7 digits; what does not fit (pax says it then) is 0. */
static void octal_7(unsigned char *block, size_t at, uint64_t value)
{
	octal(block, at, 7, value > MOST_7_DIGITS ? 0 : value);
}

static void put_header(struct tar_writer *writer, const struct tar_entry *entry)
{
	unsigned char block[TAR_BLOCK_SIZE] = { 0 };
	unsigned sum = 0;
	size_t i;

	memcpy(block, entry->name, strnlen(entry->name, NAME_FIELD));
	octal_7(block, 100, entry->mode & 07777);
	octal_7(block, 108, entry->uid);
	octal_7(block, 116, entry->gid);
	octal(block, 124, 11, entry->size > MOST_11_DIGITS ? 0 : entry->size);
	octal(block, 136, 11, entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > MOST_11_DIGITS ? 0 : (uint64_t)entry->mtime.tv_sec);
	memset(block + 148, ' ', 8);
	block[156] = (unsigned char)entry->type;
	if (entry->link)
		memcpy(block + 157, entry->link, strnlen(entry->link, NAME_FIELD));
	memcpy(block + 257, "ustar\00000", 8);
	if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK) {
		octal_7(block, MAJOR_AT, entry->major);
		octal_7(block, MINOR_AT, entry->minor);
	}
	for (i = 0; i < sizeof block; i++)
		sum += block[i];
	octal(block, 148, 6, sum);
	block[154] = 0;
	put(writer, block, sizeof block);
}

static size_t digits_of(size_t number)
{
	size_t digits = 1;

	for (; number >= 10; number /= 10)
		digits++;
	return digits;
}

/* "length key=value\n", the length counting its own digits. */
static void add_record(struct tar_writer *writer, const char *key, const void *value, size_t value_length)
{
	size_t rest = 1 + strlen(key) + 1 + value_length + 1, length = rest + digits_of(rest);
	char *at;

	length = rest + digits_of(length);
	if (writer->pax_length + length + 1 > writer->pax_capacity) {
		size_t capacity = (writer->pax_length + length + 1) * 2;
		char *pax = realloc(writer->pax, capacity);

		if (!pax)
			tree_fail("write an extended header");
		writer->pax = pax;
		writer->pax_capacity = capacity;
	}
	at = writer->pax + writer->pax_length;
	at += sprintf(at, "%zu %s=", length, key);
	memcpy(at, value, value_length);
	at[value_length] = '\n';
	writer->pax_length += length;
}

static void add_text(struct tar_writer *writer, const char *key, const char *text)
{
	add_record(writer, key, text, strlen(text));
}

static void add_number(struct tar_writer *writer, const char *key, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)number);
	add_text(writer, key, text);
}

static void add_time(struct tar_writer *writer, struct timespec time)
{
	char text[48];
	int length;
	/* A time before 1970 is seconds down and nanoseconds up in the kernel, one decimal number here. */
	long long seconds = time.tv_sec;
	long nanoseconds = time.tv_nsec;
	const char *sign = "";

	if (seconds < 0) {
		sign = "-";
		seconds = -(seconds + (nanoseconds > 0));
		nanoseconds = nanoseconds > 0 ? 1000000000L - nanoseconds : 0;
	}
	length = snprintf(text, sizeof text, "%s%lld.%09ld", sign, seconds, nanoseconds);
	while (text[length - 1] == '0')
		text[--length] = 0;
	if (text[length - 1] == '.')
		text[--length] = 0;
	add_text(writer, "mtime", text);
}

static void add_records(struct tar_writer *writer, const struct tar_entry *entry)
{
	char key[13 + 256];
	unsigned i;

	if (strlen(entry->name) > NAME_FIELD)
		add_text(writer, "path", entry->name);
	if (entry->link && strlen(entry->link) > NAME_FIELD)
		add_text(writer, "linkpath", entry->link);
	if (entry->size > MOST_11_DIGITS)
		add_number(writer, "size", entry->size);
	if (entry->uid > MOST_7_DIGITS)
		add_number(writer, "uid", entry->uid);
	if (entry->gid > MOST_7_DIGITS)
		add_number(writer, "gid", entry->gid);
	if (entry->mtime.tv_nsec || entry->mtime.tv_sec < 0 || (uint64_t)entry->mtime.tv_sec > MOST_11_DIGITS)
		add_time(writer, entry->mtime);
	for (i = 0; i < entry->xattr_count; i++) {
		snprintf(key, sizeof key, "SCHILY.xattr.%s", entry->xattrs[i].name);
		add_record(writer, key, entry->xattrs[i].value, entry->xattrs[i].length);
	}
}

/* The pax header before a member. Its own name is nobody's business: a fixed one keeps archives alike. */
static void put_pax(struct tar_writer *writer)
{
	struct tar_entry header = { .name = "PaxHeaders/0", .type = 'x', .mode = 0644, .size = writer->pax_length };

	put_header(writer, &header);
	put(writer, writer->pax, writer->pax_length);
	put_zeros(writer, -writer->pax_length & (TAR_BLOCK_SIZE - 1));
	writer->pax_length = 0;
}

void tar_write_member(struct tar_writer *writer, const struct tar_entry *entry)
{
	add_records(writer, entry);
	if (writer->pax_length > 0)
		put_pax(writer);
	put_header(writer, entry);
	writer->data_left = entry->size;
	writer->padding = (unsigned)(-entry->size & (TAR_BLOCK_SIZE - 1));
}

void tar_write_file(struct tar_writer *writer, int fd, const char *name)
{
	while (writer->data_left > 0) {
		size_t room = BUFFER_SIZE - writer->length;
		size_t wanted = room < writer->data_left ? room : (size_t)writer->data_left;
		ssize_t got = read(fd, writer->buffer + writer->length, wanted);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			tree_fail("read %s", name);
		if (got == 0)
			break;
		writer->length += (size_t)got;
		writer->data_left -= (uint64_t)got;
		if (writer->length == BUFFER_SIZE)
			flush(writer);
	}
	put_zeros(writer, writer->data_left + writer->padding);
	writer->data_left = 0;
}

void tar_writer_finish(struct tar_writer *writer)
{
	put_zeros(writer, 2 * TAR_BLOCK_SIZE);
	flush(writer);
}
