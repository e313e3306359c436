#include "plan.h"

#include <errno.h>
#include <string.h>

#include "protocol.h"

static uint16_t read_u16(const unsigned char *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t read_u32(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static int malformed(void)
{
	errno = EPROTO;
	return -1;
}

/* 0 when `argc` arguments fill exactly `length` bytes. */
static int check_arguments(const unsigned char *at, size_t length, unsigned argc)
{
	while (argc-- > 0) {
		if (length < 4)
			return -1;
		size_t size = read_u32(at);
		if (size > length - 4)
			return -1;
		at += 4 + size;
		length -= 4 + size;
	}
	return length == 0 ? 0 : -1;
}

int plan_open(struct plan *plan, const void *bytes, size_t length)
{
	const unsigned char *header = bytes;

	*plan = (struct plan){0};
	if (length < PLAN_HEADER || length > PLAN_MAX)
		return malformed();
	if (read_u32(header) != PLAN_MAGIC || read_u32(header + 4) != BERTH_PROTOCOL_VERSION)
		return malformed();
	if (read_u32(header + 12) != length)
		return malformed();

	uint32_t operations = read_u32(header + 8);
	size_t at = PLAN_HEADER;
	/* Each round consumes 8 bytes or more: a huge count ends where the bytes do. */
	for (uint32_t i = 0; i < operations; i++) {
		if (length - at < 8)
			return malformed();
		size_t size = read_u32(header + at + 4);
		if (size > length - at - 8)
			return malformed();
		if (check_arguments(header + at + 8, size, read_u16(header + at + 2)) < 0)
			return malformed();
		at += 8 + size;
	}
	if (at != length)
		return malformed();

	plan->bytes = bytes;
	plan->length = length;
	plan->operations = operations;
	plan->at = PLAN_HEADER;
	return 0;
}

int plan_next(struct plan *plan, struct plan_op *op)
{
	if (plan->index >= plan->operations)
		return 0;
	const unsigned char *at = plan->bytes + plan->at;
	op->code = read_u16(at);
	op->argc = read_u16(at + 2);
	op->length = read_u32(at + 4);
	op->args = at + 8;
	op->index = plan->index++;
	plan->at += 8 + op->length;
	return 1;
}

/* Argument `n`; layout was checked by plan_open. NULL with EPROTO when there are fewer. */
static const unsigned char *find_argument(const struct plan_op *op, unsigned n, size_t *length)
{
	if (n >= op->argc) {
		errno = EPROTO;
		return NULL;
	}
	const unsigned char *at = op->args;
	for (; n > 0; n--)
		at += 4 + (size_t)read_u32(at);
	*length = read_u32(at);
	return at + 4;
}

/* The bytes as a string, or NULL with EPROTO unless they end in their only NUL. */
static const char *as_string(const unsigned char *bytes, size_t length)
{
	if (length == 0 || memchr(bytes, 0, length) != bytes + length - 1) {
		errno = EPROTO;
		return NULL;
	}
	return (const char *)bytes;
}

const char *plan_string(const struct plan_op *op, unsigned n)
{
	size_t length;
	const unsigned char *bytes = find_argument(op, n, &length);

	return bytes ? as_string(bytes, length) : NULL;
}

int plan_string_list(const struct plan_op *op, unsigned first, const char **out)
{
	size_t length;

	if (first >= op->argc)
		return 0;
	const unsigned char *bytes = find_argument(op, first, &length);
	for (unsigned n = first; n < op->argc; n++) {
		out[n - first] = as_string(bytes, length);
		if (!out[n - first])
			return -1;
		bytes += length;
		if (n + 1 < op->argc) {
			length = read_u32(bytes);
			bytes += 4;
		}
	}
	return 0;
}

uint64_t plan_number(const struct plan_op *op, unsigned n, int *ok)
{
	size_t length;
	const unsigned char *bytes = find_argument(op, n, &length);

	if (!bytes || length != 8) {
		errno = EPROTO;
		*ok = 0;
		return 0;
	}
	return read_u32(bytes) | (uint64_t)read_u32(bytes + 4) << 32;
}

const void *plan_bytes(const struct plan_op *op, unsigned n, size_t *length)
{
	*length = 0;
	return find_argument(op, n, length);
}
