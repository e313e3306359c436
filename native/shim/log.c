/*
 * One JSON object per line: {"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.123456789Z"}.
 *
 * What tools that read Docker's files rely on: a line above 16 KiB is cut into entries of that size, of which only the last
 * ends in \n; <, > and & are escaped as Go's encoder does for HTML, control characters but \n and \r as \u00xx, bytes that
 * are no UTF-8 become \ufffd; the time is RFC 3339 in UTC without trailing zeros in its fraction.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "loop.h"

#define ENTRY_MAX (16 * 1024)
#define BATCH_MAX (64 * 1024)
#define FILES_MAX 1000

static const char *const stream_names[] = { "stdout", "stderr" };

static int open_file(const char *path, int flags)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0640);
}

int log_open(struct log *log, const char *path, uint64_t max_bytes, unsigned max_files)
{
	struct stat status;

	*log = (struct log){ .fd = -1, .max_bytes = max_bytes };
	log->max_files = max_files < 1 ? 1 : max_files > FILES_MAX ? FILES_MAX : max_files;
	log->path = strdup(path);
	if (!log->path)
		return -1;
	log->fd = open_file(path, 0);
	if (log->fd < 0 || fstat(log->fd, &status) < 0) {
		int error = errno;

		log_close(log);
		errno = error;
		return -1;
	}
	log->size = (uint64_t)status.st_size;
	return 0;
}

/* Writes the first `length` bytes of the batch. A write that fails or falls short (the disk is full) loses them, and what
 * got into the file of a torn entry is cut off again, so that every line stays whole. */
static void write_batch(struct log *log, size_t length)
{
	const unsigned char *bytes = log->batch.bytes + log->batch.start;
	size_t done = 0;
	ssize_t count;

	while (done < length && log->fd >= 0) {
		count = write(log->fd, bytes + done, length - done);
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		done += (size_t)count;
	}
	if (done == length)
		log->size += length;
	else if (log->fd >= 0)
		ftruncate(log->fd, (off_t)log->size);
	buffer_drop(&log->batch, length);
}

/* path.(n-2) -> path.(n-1), ..., path -> path.1, and a new file. One file only: it is emptied. */
static void rotate(struct log *log)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (log->fd >= 0)
		close(log->fd);
	for (unsigned number = log->max_files - 1; number >= 1; number--) {
		if (number == 1)
			snprintf(from, sizeof(from), "%s", log->path);
		else
			snprintf(from, sizeof(from), "%s.%u", log->path, number - 1);
		if ((size_t)snprintf(to, sizeof(to), "%s.%u", log->path, number) < sizeof(to))
			rename(from, to);
	}
	log->fd = open_file(log->path, O_TRUNC);
	log->size = 0;
}

/* Length of the UTF-8 sequence at `at`, 0 when it is none (overlong, surrogate, above U+10FFFF, cut off). */
static size_t rune_length(const unsigned char *at, size_t left)
{
	static const unsigned char second_min[] = { [0xe0 - 0xc2] = 0xa0, [0xf0 - 0xc2] = 0x90 };
	unsigned char lead = at[0], low = 0x80, high = 0xbf;
	size_t length;

	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
	if (left < length)
		return 0;
	if ((size_t)(lead - 0xc2) < sizeof(second_min) && second_min[lead - 0xc2])
		low = second_min[lead - 0xc2];
	if (lead == 0xed)
		high = 0x9f;
	if (lead == 0xf4)
		high = 0x8f;
	if (at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

/* Writes the escape of an ASCII character to `out` and returns its length; 0: it stands for itself. */
static size_t escape_ascii(unsigned char character, unsigned char *out)
{
	static const char digits[] = "0123456789abcdef";

	if (character == '"' || character == '\\' || character == '\n' || character == '\r') {
		out[0] = '\\';
		out[1] = character == '\n' ? 'n' : character == '\r' ? 'r' : character;
		return 2;
	}
	if (character >= 0x20 && character != '<' && character != '>' && character != '&')
		return 0;
	memcpy(out, "\\u00", 4);
	out[4] = (unsigned char)digits[character >> 4];
	out[5] = (unsigned char)digits[character & 15];
	return 6;
}

/* Appends `text` escaped to `out`, which has room for six times its length. Returns the new end. */
static unsigned char *escape(unsigned char *out, const unsigned char *text, size_t length)
{
	size_t taken;

	for (size_t at = 0; at < length; at += taken) {
		size_t escaped;

		taken = 1;
		if (text[at] < 0x80) {
			escaped = escape_ascii(text[at], out);
			if (!escaped) {
				out[0] = text[at];
				escaped = 1;
			}
			out += escaped;
			continue;
		}
		taken = rune_length(text + at, length - at);
		if (!taken) {
			taken = 1;
			memcpy(out, "\\ufffd", 6);
			out += 6;
		} else if (taken == 3 && !memcmp(text + at, "\xe2\x80", 2) && (text[at + 2] & 0xfe) == 0xa8) {
			/* U+2028 and U+2029 are line ends to JavaScript. */
			memcpy(out, text[at + 2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
			out += 6;
		} else {
			memcpy(out, text + at, taken);
			out += taken;
		}
	}
	return out;
}

/* "2026-01-02T03:04:05.1234Z" into `out` (at least 40 bytes). */
static size_t format_time(char *out, uint64_t ns)
{
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm parts;
	size_t length;

	gmtime_r(&seconds, &parts);
	length = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &parts);
	if (ns % 1000000000u) {
		length += (size_t)snprintf(out + length, 40 - length, ".%09u", (unsigned)(ns % 1000000000u));
		while (out[length - 1] == '0')
			length--;
	}
	out[length++] = 'Z';
	return length;
}

/* Adds one entry to the batch; `newline` says whether the text ended in one. */
static void add_entry(struct log *log, int stream, const unsigned char *text, size_t length, int newline, uint64_t ns)
{
	size_t before = buffer_length(&log->batch), added;
	unsigned char *out;

	if (buffer_reserve(&log->batch, length * 6 + 128) < 0)
		return;
	out = log->batch.bytes + log->batch.end;
	out = mempcpy(out, "{\"log\":\"", 8);
	out = escape(out, text, length);
	if (newline)
		out = mempcpy(out, "\\n", 2);
	out = mempcpy(out, "\",\"stream\":\"", 12);
	out = mempcpy(out, stream_names[stream], 6);
	out = mempcpy(out, "\",\"time\":\"", 10);
	out += format_time((char *)out, ns);
	out = mempcpy(out, "\"}\n", 3);
	log->batch.end = (size_t)(out - log->batch.bytes);

	added = buffer_length(&log->batch) - before;
	if (log->max_bytes && log->size + before > 0 && log->size + before + added > log->max_bytes) {
		if (before)
			write_batch(log, before);
		rotate(log);
	}
	if (buffer_length(&log->batch) >= BATCH_MAX)
		write_batch(log, buffer_length(&log->batch));
}

/* How much of a full entry to write now: all, but for a character that it would cut in two. */
static size_t whole_runes(const unsigned char *text, size_t length)
{
	for (size_t back = 1; back <= 3 && back < length; back++) {
		unsigned char byte = text[length - back];
		size_t needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;

		if ((byte & 0xc0) == 0x80)
			continue;
		return needed > back ? length - back : length;
	}
	return length;
}

/* Adds to the stream's unterminated line; a line that is too long goes out in pieces. */
static void keep_rest(struct log *log, int stream, const unsigned char *bytes, size_t length, uint64_t ns)
{
	struct buffer *line = &log->line[stream];

	while (length) {
		size_t room = ENTRY_MAX - buffer_length(line);
		size_t taken = length < room ? length : room;

		if (buffer_put(line, bytes, taken) < 0)
			return;
		bytes += taken;
		length -= taken;
		if (buffer_length(line) == ENTRY_MAX) {
			size_t whole = whole_runes(line->bytes + line->start, ENTRY_MAX);

			add_entry(log, stream, line->bytes + line->start, whole, 0, ns);
			buffer_drop(line, whole);
		}
	}
}

void log_data(struct log *log, int stream, const unsigned char *bytes, size_t length)
{
	struct buffer *line = &log->line[stream];
	const unsigned char *end = bytes + length;
	uint64_t now = realtime_ns();

	while (bytes < end) {
		const unsigned char *newline = memchr(bytes, '\n', (size_t)(end - bytes));
		const unsigned char *stop = newline ? newline : end;
		size_t part = (size_t)(stop - bytes);

		/* The common case needs no copy: the whole line is here. */
		if (newline && !buffer_length(line) && part < ENTRY_MAX) {
			add_entry(log, stream, bytes, part, 1, now);
		} else {
			keep_rest(log, stream, bytes, part, now);
			if (newline) {
				add_entry(log, stream, line->bytes ? line->bytes + line->start : bytes,
					  buffer_length(line), 1, now);
				buffer_drop(line, buffer_length(line));
			}
		}
		bytes = newline ? newline + 1 : end;
	}
	if (buffer_length(&log->batch))
		write_batch(log, buffer_length(&log->batch));
}

void log_close(struct log *log)
{
	for (int stream = LOG_STDOUT; stream <= LOG_STDERR; stream++) {
		struct buffer *line = &log->line[stream];

		if (buffer_length(line))
			add_entry(log, stream, line->bytes + line->start, buffer_length(line), 0, realtime_ns());
		buffer_free(line);
	}
	if (buffer_length(&log->batch))
		write_batch(log, buffer_length(&log->batch));
	buffer_free(&log->batch);
	if (log->fd >= 0)
		close(log->fd);
	log->fd = -1;
	free(log->path);
	log->path = NULL;
}
