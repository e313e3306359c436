#include "crc32.h"

#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

#define POLYNOMIAL 0xedb88320u /* reversed */
#define SLICES 16

/* [n][byte]: the sum of a byte with n zeros behind it. */
static uint32_t table[SLICES][256];

static void make_table(void)
{
	unsigned byte, slice;
	int bit;

	for (byte = 0; byte < 256; byte++) {
		uint32_t crc = byte;

		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][byte] = crc;
	}
	for (slice = 1; slice < SLICES; slice++)
		for (byte = 0; byte < 256; byte++)
			table[slice][byte] = table[slice - 1][byte] >> 8 ^ table[0][table[slice - 1][byte] & 0xff];
}

/* Without the inversions at both ends. */
static uint32_t add_by_table(uint32_t crc, const unsigned char *bytes, size_t length)
{
	unsigned i;

	for (; length >= SLICES; bytes += SLICES, length -= SLICES) {
		unsigned char block[SLICES];

		memcpy(block, bytes, SLICES);
		for (i = 0; i < 4; i++)
			block[i] ^= (unsigned char)(crc >> 8 * i);
		crc = 0;
#pragma GCC unroll 16
		for (i = 0; i < SLICES; i++)
			crc ^= table[SLICES - 1 - i][block[i]];
	}
	for (; length > 0; bytes++, length--)
		crc = crc >> 8 ^ table[0][(crc ^ *bytes) & 0xff];
	return crc;
}

#if defined __x86_64__

/*
 * V. Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009): 64 bytes are folded
 * onto the next 64 by carry-less multiplication with powers of x modulo the polynomial. What is left are 16 bytes with the same
 * sum as all, for the table. `length` is a multiple of 16, 64 at least.
 */
__attribute__((target("pclmul,sse4.1")))
static uint32_t add_by_folding(uint32_t crc, const unsigned char *bytes, size_t length)
{
	const __m128i by_64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by_16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	unsigned char rest[16];
	__m128i x[4];
	int i;

#define LOAD(at) _mm_loadu_si128((const __m128i *)(at))
#define FOLD(value, by, next) \
	_mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(value, by, 0x00), _mm_clmulepi64_si128(value, by, 0x11)), next)
	for (i = 0; i < 4; i++)
		x[i] = LOAD(bytes + 16 * i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)crc));
	for (bytes += 64, length -= 64; length >= 64; bytes += 64, length -= 64)
#pragma GCC unroll 4
		for (i = 0; i < 4; i++)
			x[i] = FOLD(x[i], by_64, LOAD(bytes + 16 * i));
	for (i = 1; i < 4; i++)
		x[0] = FOLD(x[0], by_16, x[i]);
	for (; length >= 16; bytes += 16, length -= 16)
		x[0] = FOLD(x[0], by_16, LOAD(bytes));
#undef LOAD
#undef FOLD
	_mm_storeu_si128((__m128i *)rest, x[0]);
	return add_by_table(0, rest, sizeof rest);
}

static int has_pclmul(void)
{
	unsigned a, b, c, d;

	/* Leaf 1: ECX bits 1 and 19 are PCLMULQDQ and SSE4.1. */
	return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 1) && (c & 1u << 19);
}

#endif

uint32_t crc32_add(uint32_t crc, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	if (!table[0][1])
		make_table();
	crc = ~crc;
#if defined __x86_64__
	static int with_pclmul = -1;

	if (with_pclmul < 0)
		with_pclmul = has_pclmul();
	if (with_pclmul && length >= 64) {
		size_t whole = length & ~(size_t)15;

		crc = add_by_folding(crc, bytes, whole);
		bytes += whole;
		length -= whole;
	}
#endif
	return ~add_by_table(crc, bytes, length);
}
