/* Decoding tables of DEFLATE's prefix codes, for inflate.c only. */
#ifndef BERTH_INFLATE_TABLES_H
#define BERTH_INFLATE_TABLES_H

#include <stdint.h>

/*
 * An entry: bits 0-7 how many bits of input it takes, code and extra bits; bits 8-15 what it is; bits 16-31 its value.
 * For a length or distance the low half of what it is tells how many of the bits are extra ones: at the end of those taken.
 */
#define ENTRY_TAKES(entry) ((entry) & 0xff)
#define ENTRY_EXTRA(entry) ((entry) >> 8 & 0x0f)
#define ENTRY_VALUE(entry) ((entry) >> 16)
#define ENTRY_LITERAL 0x8000u
#define ENTRY_END 0x4000u
#define ENTRY_SECOND 0x2000u /* the low half says how many bits the second table takes, the value where it begins */
#define ENTRY_INVALID 0x1000u

enum code_kind { CODE_LENGTHS, CODE_DISTANCES, CODE_OF_CODES };

/*
 * Builds the table of `count` symbols with these code lengths (0: not used, 15 at most), whose first part takes `first_bits`.
 * The table has room for every second table that lengths of 15 bits can ask for. Refuses codes that are over-subscribed or
 * incomplete, but for one code of one bit, which some compressors write, and none at all for distances.
 */
void inflate_build_table(uint32_t *table, unsigned first_bits, const unsigned char *lengths, unsigned count, enum code_kind kind);

#endif
