#include "inflate.h"

#include <string.h>

#include "inflate-tables.h"
#include "refuse.h"

#define MATCH_MAX 258

static _Noreturn void damaged(const char *what)
{
	refuse("the gzip stream is damaged: %s", what);
}

void inflate_open(struct inflate *inflate, size_t (*source)(void *, unsigned char *, size_t), void *context)
{
	inflate->source = source;
	inflate->context = context;
	memset(inflate->input, 0, INFLATE_BEFORE);
	inflate->in = inflate->in_end = inflate->input + INFLATE_BEFORE;
	inflate->in_ended = 0;
	inflate->bits = 0;
	inflate->bit_count = 0;
	inflate->block = BLOCK_NONE;
	inflate->out = inflate->given = inflate->oldest = inflate->output;
}

/* Makes at least 8 bytes readable behind `in`, zeros after the end of input. */
static void top_up(struct inflate *inflate)
{
	unsigned char *start;
	size_t rest;

	if (inflate->in_ended) {
		/* A whole stream never looks further. */
		if (inflate->in > inflate->in_end + 8)
			damaged("unexpected EOF");
		return;
	}
	start = inflate->input + INFLATE_BEFORE;
	rest = (size_t)(inflate->in_end - inflate->in);
	memmove(inflate->input, inflate->in - INFLATE_BEFORE, INFLATE_BEFORE + rest);
	inflate->in = start;
	while (rest < 8 && !inflate->in_ended) {
		size_t got = inflate->source(inflate->context, start + rest, INFLATE_INPUT - rest);

		if (got == 0)
			inflate->in_ended = 1;
		rest += got;
	}
	inflate->in_end = start + rest;
	if (inflate->in_ended)
		memset(start + rest, 0, INFLATE_BEYOND);
}

/* At least 56 bits, zeros after the end of input. The bits above bit_count are the next bytes' already: or-ing is repeatable. */
static inline void refill(struct inflate *inflate)
{
	uint64_t next;

	if (__builtin_expect(inflate->in_end - inflate->in < 8, 0))
		top_up(inflate);
	memcpy(&next, inflate->in, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	next = __builtin_bswap64(next);
#endif
	inflate->bits |= next << inflate->bit_count;
	inflate->in += (63 - inflate->bit_count) >> 3;
	inflate->bit_count |= 56;
}

static unsigned take(struct inflate *inflate, unsigned count)
{
	unsigned value;

	if (inflate->bit_count < count)
		refill(inflate);
	value = (unsigned)(inflate->bits & ((1ull << count) - 1));
	inflate->bits >>= count;
	inflate->bit_count -= count;
	return value;
}

/* Gives whole bytes that were looked at back to input; drops the rest of the current one. */
static void align(struct inflate *inflate)
{
	inflate->in -= inflate->bit_count >> 3;
	inflate->bits = 0;
	inflate->bit_count = 0;
	if (inflate->in > inflate->in_end)
		damaged("unexpected EOF");
}

int inflate_byte(struct inflate *inflate)
{
	if (inflate->in_end == inflate->in)
		top_up(inflate);
	return inflate->in_end == inflate->in ? -1 : *inflate->in++;
}

void inflate_start(struct inflate *inflate)
{
	inflate->block = BLOCK_NONE;
	inflate->is_last = 0;
	inflate->oldest = inflate->out;
}

static void start_stored(struct inflate *inflate)
{
	unsigned length, complement;

	align(inflate);
	length = take(inflate, 16);
	complement = take(inflate, 16);
	if (length != (~complement & 0xffff))
		damaged("invalid stored block lengths");
	align(inflate);
	inflate->stored_left = length;
	inflate->block = BLOCK_STORED;
}

static void use_fixed_codes(struct inflate *inflate)
{
	unsigned char lengths[288];

	memset(lengths, 8, 144);
	memset(lengths + 144, 9, 112);
	memset(lengths + 256, 7, 24);
	memset(lengths + 280, 8, 8);
	inflate_build_table(inflate->lengths, LENGTH_BITS, lengths, 288, CODE_LENGTHS);
	memset(lengths, 5, 32);
	inflate_build_table(inflate->distances, DISTANCE_BITS, lengths, 32, CODE_DISTANCES);
}

/* RFC 1951, 3.2.7: code lengths, run-length encoded and prefix-coded themselves. */
static void read_codes(struct inflate *inflate)
{
	static const unsigned char order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 };
	unsigned literals = take(inflate, 5) + 257, distances = take(inflate, 5) + 1, count = take(inflate, 4) + 4, at;
	/* The longest run that fits may begin at the last one. */
	unsigned char lengths[286 + 30 + 138] = { 0 };
	uint32_t table[1 << 7];

	if (literals > 286 || distances > 30)
		damaged("too many length or distance symbols");
	for (at = 0; at < count; at++)
		lengths[order[at]] = (unsigned char)take(inflate, 3);
	inflate_build_table(table, 7, lengths, 19, CODE_OF_CODES);
	memset(lengths, 0, 19);
	for (at = 0; at < literals + distances; ) {
		unsigned symbol, repeat, value = 0;
		uint32_t entry;

		refill(inflate);
		entry = table[inflate->bits & 0x7f];
		if (entry & ENTRY_INVALID)
			damaged("invalid code lengths set");
		take(inflate, ENTRY_TAKES(entry));
		symbol = ENTRY_VALUE(entry);
		if (symbol < 16) {
			lengths[at++] = (unsigned char)symbol;
			continue;
		}
		if (symbol == 16 && at == 0)
			damaged("invalid bit length repeat");
		if (symbol == 16)
			value = lengths[at - 1];
		repeat = symbol == 16 ? 3 + take(inflate, 2) : symbol == 17 ? 3 + take(inflate, 3) : 11 + take(inflate, 7);
		memset(lengths + at, (int)value, repeat);
		at += repeat;
	}
	if (at > literals + distances)
		damaged("invalid bit length repeat");
	if (lengths[256] == 0)
		damaged("invalid code: missing end-of-block");
	inflate_build_table(inflate->lengths, LENGTH_BITS, lengths, literals, CODE_LENGTHS);
	inflate_build_table(inflate->distances, DISTANCE_BITS, lengths + literals, distances, CODE_DISTANCES);
}

static void start_block(struct inflate *inflate)
{
	unsigned type;

	refill(inflate);
	inflate->is_last = (int)take(inflate, 1);
	type = take(inflate, 2);
	if (type == 3)
		damaged("invalid block type");
	if (type == 0) {
		start_stored(inflate);
		return;
	}
	if (type == 1)
		use_fixed_codes(inflate);
	else
		read_codes(inflate);
	inflate->block = BLOCK_CODED;
}

static void copy_stored(struct inflate *inflate, unsigned char *out_end)
{
	while (inflate->stored_left > 0 && inflate->out < out_end) {
		size_t part = (size_t)(out_end - inflate->out);

		if (inflate->in_end == inflate->in)
			top_up(inflate);
		if (inflate->in_end == inflate->in)
			damaged("unexpected EOF");
		if (part > (size_t)(inflate->in_end - inflate->in))
			part = (size_t)(inflate->in_end - inflate->in);
		if (part > inflate->stored_left)
			part = inflate->stored_left;
		memcpy(inflate->out, inflate->in, part);
		inflate->in += part;
		inflate->out += part;
		inflate->stored_left -= (uint32_t)part;
	}
	if (inflate->stored_left == 0)
		inflate->block = BLOCK_NONE;
}

/* May write up to 15 bytes behind the match: see INFLATE_SLACK. */
static inline void copy_match(unsigned char *out, size_t distance, unsigned length)
{
	const unsigned char *from = out - distance;
	unsigned char *end = out + length;

	if (distance >= 16) {
		do {
			memcpy(out, from, 16);
			out += 16;
			from += 16;
		} while (out < end);
	} else if (distance == 1) {
		memset(out, *from, length);
	} else if (distance >= 8) {
		do {
			memcpy(out, from, 8);
			out += 8;
			from += 8;
		} while (out < end);
	} else {
		do
			*out++ = *from++;
		while (out < end);
	}
}

/* Decodes symbols until the block or the room for output ends. The hot loop: works on a copy of the state. */
static void copy_coded(struct inflate *shared, unsigned char *out_end)
{
	struct { uint64_t bits; unsigned bit_count; unsigned char *out; } now = { shared->bits, shared->bit_count, shared->out };
	const unsigned char *in = shared->in;

#define REFILL() \
	do { \
		uint64_t next_; \
		if (__builtin_expect(shared->in_end - in < 8, 0)) { \
			shared->in = in; \
			top_up(shared); \
			in = shared->in; \
		} \
		memcpy(&next_, in, 8); \
		next_ = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? __builtin_bswap64(next_) : next_; \
		now.bits |= next_ << now.bit_count; \
		in += (63 - now.bit_count) >> 3; \
		now.bit_count |= 56; \
	} while (0)
#define DROP(count) (now.bits >>= (count), now.bit_count -= (count))
#define EXTRA(entry, before) \
	((unsigned)(((before) & ((1ull << ENTRY_TAKES(entry)) - 1)) >> (ENTRY_TAKES(entry) - ENTRY_EXTRA(entry))))

	while (now.out < out_end) {
		uint32_t entry;
		uint64_t before;
		unsigned length;
		size_t distance;

		/* 56 bits are enough for three codes of literals, or a length (20) and a distance (28). */
		REFILL();
		entry = shared->lengths[now.bits & ((1 << LENGTH_BITS) - 1)];
		if (entry & ENTRY_LITERAL) {
			DROP(ENTRY_TAKES(entry));
			*now.out++ = (unsigned char)ENTRY_VALUE(entry);
			entry = shared->lengths[now.bits & ((1 << LENGTH_BITS) - 1)];
			if (entry & ENTRY_LITERAL) {
				DROP(ENTRY_TAKES(entry));
				*now.out++ = (unsigned char)ENTRY_VALUE(entry);
				entry = shared->lengths[now.bits & ((1 << LENGTH_BITS) - 1)];
				if (entry & ENTRY_LITERAL) {
					DROP(ENTRY_TAKES(entry));
					*now.out++ = (unsigned char)ENTRY_VALUE(entry);
					continue;
				}
			}
			REFILL();
		}
		if (entry & ENTRY_SECOND) {
			DROP(LENGTH_BITS);
			entry = shared->lengths[ENTRY_VALUE(entry) + (now.bits & ((1u << ENTRY_EXTRA(entry)) - 1))];
			if (entry & ENTRY_LITERAL) {
				DROP(ENTRY_TAKES(entry));
				*now.out++ = (unsigned char)ENTRY_VALUE(entry);
				continue;
			}
		}
		if (__builtin_expect(entry & (ENTRY_END | ENTRY_INVALID), 0)) {
			if (entry & ENTRY_INVALID)
				damaged("invalid literal/length code");
			DROP(ENTRY_TAKES(entry));
			shared->block = BLOCK_NONE;
			break;
		}
		before = now.bits;
		DROP(ENTRY_TAKES(entry));
		length = ENTRY_VALUE(entry) + EXTRA(entry, before);
		entry = shared->distances[now.bits & ((1 << DISTANCE_BITS) - 1)];
		if (entry & ENTRY_SECOND) {
			DROP(DISTANCE_BITS);
			entry = shared->distances[ENTRY_VALUE(entry) + (now.bits & ((1u << ENTRY_EXTRA(entry)) - 1))];
		}
		if (__builtin_expect(entry & ENTRY_INVALID, 0))
			damaged("invalid distance code");
		before = now.bits;
		DROP(ENTRY_TAKES(entry));
		distance = ENTRY_VALUE(entry) + EXTRA(entry, before);
		if (__builtin_expect(distance > (size_t)(now.out - shared->oldest), 0))
			damaged("invalid distance too far back");
		copy_match(now.out, distance, length);
		now.out += length;
	}
	shared->bits = now.bits;
	shared->bit_count = now.bit_count;
	shared->out = now.out;
	shared->in = in;
#undef REFILL
#undef DROP
#undef EXTRA
}

/* Moves the window to the front when the output is full. */
static void slide(struct inflate *inflate)
{
	size_t keep = (size_t)(inflate->out - inflate->oldest);

	if (inflate->out < inflate->output + INFLATE_WINDOW + INFLATE_PIECE - MATCH_MAX)
		return;
	if (keep > INFLATE_WINDOW)
		keep = INFLATE_WINDOW;
	memmove(inflate->output, inflate->out - keep, keep);
	inflate->out = inflate->given = inflate->output + keep;
	inflate->oldest = inflate->output;
}

size_t inflate_next(struct inflate *inflate, const unsigned char **bytes)
{
	unsigned char *out_end = inflate->output + INFLATE_WINDOW + INFLATE_PIECE - MATCH_MAX;
	size_t length;

	slide(inflate);
	while (inflate->out < out_end) {
		if (inflate->block == BLOCK_NONE && inflate->is_last)
			break;
		if (inflate->block == BLOCK_NONE)
			start_block(inflate);
		if (inflate->block == BLOCK_STORED)
			copy_stored(inflate, out_end);
		else
			copy_coded(inflate, out_end);
	}
	length = (size_t)(inflate->out - inflate->given);
	if (length == 0)
		align(inflate);
	*bytes = inflate->given;
	inflate->given = inflate->out;
	return length;
}
