#include "inflate-tables.h"

#include <string.h>

#include "refuse.h"

#define MOST_BITS 15

/* RFC 1951, 3.2.5. */
static const uint16_t length_base[29] = { 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115,
					  131, 163, 195, 227, 258 };
static const uint8_t length_extra[29] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
static const uint16_t distance_base[30] = { 1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025,
					    1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577 };

/* The entry of a symbol whose code has `bits` bits in its table. */
static uint32_t entry_of(unsigned symbol, unsigned bits, enum code_kind kind)
{
	unsigned extra;

	if (kind == CODE_OF_CODES || (kind == CODE_LENGTHS && symbol < 256))
		return symbol << 16 | ENTRY_LITERAL | bits;
	if (kind == CODE_DISTANCES) {
		if (symbol >= 30)
			return ENTRY_INVALID | bits;
		extra = symbol < 4 ? 0 : symbol / 2 - 1;
		return (uint32_t)distance_base[symbol] << 16 | extra << 8 | (bits + extra);
	}
	if (symbol == 256)
		return ENTRY_END | bits;
	if (symbol >= 257 + 29)
		return ENTRY_INVALID | bits;
	extra = length_extra[symbol - 257];
	return (uint32_t)length_base[symbol - 257] << 16 | extra << 8 | (bits + extra);
}

static unsigned reversed(unsigned code, unsigned bits)
{
	unsigned result = 0;

	for (; bits > 0; bits--, code >>= 1)
		result = result << 1 | (code & 1);
	return result;
}

/* Checks that the codes fill their space; writes the first code of each length. */
static void assign_codes(const unsigned used[MOST_BITS + 1], unsigned next[MOST_BITS + 1], enum code_kind kind)
{
	unsigned bits, code = 0, most = 0, total = 0;
	int left = 1;

	for (bits = 1; bits <= MOST_BITS; bits++) {
		left = (left << 1) - (int)used[bits];
		if (left < 0)
			refuse("the gzip stream is damaged: a set of codes is over-subscribed");
		code = (code + (bits > 1 ? used[bits - 1] : 0)) << 1;
		next[bits] = code;
		total += used[bits];
		if (used[bits] > 0)
			most = bits;
	}
	if (left > 0 && (kind == CODE_OF_CODES || most > 1 || (total == 0 && kind != CODE_DISTANCES)))
		refuse("the gzip stream is damaged: a set of codes is incomplete");
}

void inflate_build_table(uint32_t *table, unsigned first_bits, const unsigned char *lengths, unsigned count, enum code_kind kind)
{
	unsigned used[MOST_BITS + 1] = { 0 }, next[MOST_BITS + 1] = { 0 };
	/* Of each prefix of first_bits: the longest code below it. */
	unsigned char longest[1 << 11] = { 0 };
	unsigned codes[288];
	unsigned symbol, at, end = 1u << first_bits;

	for (symbol = 0; symbol < count; symbol++)
		used[lengths[symbol]]++;
	used[0] = 0;
	assign_codes(used, next, kind);
	for (at = 0; at < end; at++)
		table[at] = ENTRY_INVALID | 1;
	for (symbol = 0; symbol < count; symbol++) {
		unsigned bits = lengths[symbol];

		if (bits == 0)
			continue;
		codes[symbol] = reversed(next[bits]++, bits);
		at = codes[symbol] & ((1u << first_bits) - 1);
		if (bits > first_bits && bits > longest[at])
			longest[at] = (unsigned char)bits;
	}
	for (symbol = 0; symbol < count; symbol++) {
		unsigned bits = lengths[symbol], prefix, second_bits;

		if (bits == 0)
			continue;
		if (bits <= first_bits) {
			for (at = codes[symbol]; at < 1u << first_bits; at += 1u << bits)
				table[at] = entry_of(symbol, bits, kind);
			continue;
		}
		prefix = codes[symbol] & ((1u << first_bits) - 1);
		second_bits = longest[prefix] - first_bits;
		if (!(table[prefix] & ENTRY_SECOND)) {
			table[prefix] = end << 16 | ENTRY_SECOND | second_bits << 8 | first_bits;
			for (at = 0; at < 1u << second_bits; at++)
				table[end + at] = ENTRY_INVALID | 1;
			end += 1u << second_bits;
		}
		for (at = codes[symbol] >> first_bits; at < 1u << second_bits; at += 1u << (bits - first_bits))
			table[ENTRY_VALUE(table[prefix]) + at] = entry_of(symbol, bits - first_bits, kind);
	}
}
