#include "tar-header.h"

#include <stddef.h>
#include <string.h>

#include "refuse.h"

#define NANOSECOND 1000000000L

/* Offsets and sizes of a header's fields: POSIX.1-2017, pax, "ustar Interchange Format". */
#define NAME 0, 100
#define MODE 100, 8
#define UID 108, 8
#define GID 116, 8
#define SIZE 124, 12
#define MTIME 136, 12
#define CHECKSUM 148
#define TYPE 156
#define LINK 157, 100
#define MAGIC 257
#define MAJOR 329, 8
#define MINOR 337, 8
#define PREFIX 345
#define STAR_TRAILER 508

static _Noreturn void broken(const char *what)
{
	refuse("archive/tar: invalid tar header: %s", what);
}

/* Octal digits between spaces and a NUL, or GNU's binary numbers: top bit set, big-endian, two's complement. */
static int64_t number_at(const unsigned char *block, size_t at, size_t length)
{
	const unsigned char *field = block + at;
	int64_t value = 0;
	size_t i = 0;

	if (field[0] & 0x80) {
		value = field[0] & 0x40 ? (int64_t)((uint64_t)-1 << 7 | field[0]) : field[0] & 0x7f;
		for (i = 1; i < length; i++)
			if (__builtin_mul_overflow(value, 256, &value) || __builtin_add_overflow(value, field[i], &value))
				broken("a number is too large");
		return value;
	}
	while (i < length && field[i] == ' ')
		i++;
	for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (field[i] - '0');
	for (; i < length && field[i] != 0; i++)
		if (field[i] != ' ')
			broken("a number has other characters than digits");
	return value;
}

static void check_sum(const unsigned char *block)
{
	/* Some old programs summed signed characters. */
	int64_t expected = number_at(block, CHECKSUM, 8), bytes = 0, chars = 0;
	size_t i;

	for (i = 0; i < TAR_BLOCK_SIZE; i++) {
		unsigned char byte = i >= CHECKSUM && i < CHECKSUM + 8 ? ' ' : block[i];

		bytes += byte;
		chars += (signed char)byte;
	}
	if (expected != bytes && expected != chars)
		broken("its checksum is wrong");
}

static void take_string(char *out, const unsigned char *block, size_t at, size_t length)
{
	size_t used = strnlen((const char *)block + at, length);

	memcpy(out, block + at, used);
	out[used] = 0;
}

/* ustar has 155 bytes of leading directories, star 131, GNU and V7 none. */
static void take_name(const unsigned char *block, char *out)
{
	size_t length = 0;

	if (!memcmp(block + MAGIC, "ustar", 6)) {
		take_string(out, block, PREFIX, memcmp(block + STAR_TRAILER, "tar", 4) ? 155 : 131);
		length = strlen(out);
	}
	if (length > 0)
		out[length++] = '/';
	take_string(out + length, block, NAME);
}

/* (uid_t)-1 means "leave it" to chown. */
static uint32_t id_from(int64_t number)
{
	if (number < 0 || number >= UINT32_MAX)
		broken("a user or group id is out of range");
	return (uint32_t)number;
}

static uint64_t size_from(int64_t number)
{
	if (number < 0)
		broken("a negative size");
	return (uint64_t)number;
}

void tar_header_read(const unsigned char *block, struct tar_entry *entry, struct header_names *names)
{
	int64_t mtime;

	check_sum(block);
	memset(entry, 0, offsetof(struct tar_entry, xattrs));
	entry->xattr_count = 0;
	take_name(block, names->name);
	take_string(names->link, block, LINK);
	entry->name = names->name;
	entry->link = names->link;
	entry->type = (char)block[TYPE];
	entry->mode = (mode_t)number_at(block, MODE) & 07777;
	entry->uid = id_from(number_at(block, UID));
	entry->gid = id_from(number_at(block, GID));
	entry->size = size_from(number_at(block, SIZE));
	/* As Docker: nothing is older than the epoch. */
	mtime = number_at(block, MTIME);
	entry->mtime.tv_sec = mtime < 0 ? 0 : mtime;
	if (entry->type == TAR_CHARACTER || entry->type == TAR_BLOCK) {
		entry->major = (unsigned)number_at(block, MAJOR);
		entry->minor = (unsigned)number_at(block, MINOR);
	}
}

static int64_t decimal(const char *text, const char **end)
{
	int64_t value = 0;
	int negative = *text == '-';

	text += negative;
	if (*text < '0' || *text > '9')
		broken("a pax record without its number");
	for (; *text >= '0' && *text <= '9'; text++)
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, *text - '0', &value))
			broken("a number is too large");
	*end = text;
	return negative ? -value : value;
}

static int64_t whole_decimal(const char *text)
{
	const char *end;
	int64_t value = decimal(text, &end);

	if (*end)
		broken("a pax record's number has other characters than digits");
	return value;
}

/* "1700000000.123456789": digits beyond nanoseconds are cut off. */
static struct timespec time_from(const char *text)
{
	const char *end;
	struct timespec time = { .tv_sec = decimal(text, &end) };
	long unit = NANOSECOND / 10;

	if (*end == '.')
		for (end++; *end >= '0' && *end <= '9'; end++, unit /= 10)
			time.tv_nsec += (*end - '0') * unit;
	if (*end)
		broken("a pax record's time is none");
	return *text == '-' ? (struct timespec){ 0 } : time;
}

/*
 * Attributes that a layer may bring. Not trusted.* nor user.overlay.*: "redirect" or "metacopy" marks would let it point
 * at other layers' files. Not security.* but capabilities: labels and signatures are this machine's.
 */
static int is_wanted_xattr(const char *name)
{
	return !strcmp(name, "security.capability") || !strncmp(name, "system.posix_acl_", 17) ||
	       (!strncmp(name, "user.", 5) && strncmp(name, "user.overlay.", 13));
}

static void take_xattr(struct pax_overrides *overrides, const char *name, const char *value, size_t length)
{
	if (!is_wanted_xattr(name))
		return;
	if (overrides->xattr_count == TAR_XATTRS_MAX)
		refuse("a file with more than %d extended attributes", TAR_XATTRS_MAX);
	overrides->xattrs[overrides->xattr_count++] = (struct tar_xattr){ name, value, length };
}

static void take_record(struct pax_overrides *overrides, const char *key, const char *value, size_t length)
{
	/* An empty value takes nothing from the header. */
	if (!strncmp(key, "SCHILY.xattr.", 13)) {
		take_xattr(overrides, key + 13, value, length);
		return;
	}
	if (!strncmp(key, "GNU.sparse.", 11))
		refuse("the archive has a sparse file, which berth does not unpack");
	if (length == 0)
		return;
	if (strcmp(key, "path") && strcmp(key, "linkpath") && strcmp(key, "size") && strcmp(key, "uid") && strcmp(key, "gid") &&
	    strcmp(key, "mtime"))
		return;
	if (strlen(value) != length)
		broken("a pax record holds a NUL byte");
	if (!strcmp(key, "path")) {
		overrides->path = value;
	} else if (!strcmp(key, "linkpath")) {
		overrides->linkpath = value;
	} else if (!strcmp(key, "size")) {
		overrides->size = size_from(whole_decimal(value));
		overrides->has_size = 1;
	} else if (!strcmp(key, "uid")) {
		overrides->uid = id_from(whole_decimal(value));
		overrides->has_uid = 1;
	} else if (!strcmp(key, "gid")) {
		overrides->gid = id_from(whole_decimal(value));
		overrides->has_gid = 1;
	} else {
		overrides->mtime = time_from(value);
		overrides->has_mtime = 1;
	}
}

/* A record is "length key=value\n", its length counting all of itself in decimal. */
void pax_read(char *text, size_t length, struct pax_overrides *overrides)
{
	char *at = text, *end = text + length;

	memset(overrides, 0, sizeof *overrides);
	while (at < end) {
		const char *key;
		char *equals;
		int64_t size = decimal(at, &key);

		if (size <= 0 || size > end - at || *key != ' ' || key + 1 >= at + size || at[size - 1] != '\n')
			broken("a pax record has a wrong length");
		key++;
		equals = memchr(key, '=', (size_t)(at + size - key));
		if (!equals || equals == key)
			broken("a pax record without a key");
		*equals = 0;
		if (strlen(key) != (size_t)(equals - key))
			broken("a pax record holds a NUL byte");
		at[size - 1] = 0;
		take_record(overrides, key, equals + 1, (size_t)(at + size - 1 - (equals + 1)));
		at += size;
	}
}
