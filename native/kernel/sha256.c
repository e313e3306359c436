#include "sha256.h"

#include <stdio.h>
#include <string.h>

#if defined __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#endif

static const uint32_t constants[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

static uint32_t word_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void add_blocks_portably(uint32_t state[8], const unsigned char *bytes, size_t count)
{
	uint32_t w[64], s[8];
	int i;

	for (; count > 0; count--, bytes += SHA256_BLOCK) {
		for (i = 0; i < 16; i++)
			w[i] = word_at(bytes + 4 * i);
		for (; i < 64; i++) {
			uint32_t a = w[i - 15], b = w[i - 2];

			w[i] = w[i - 16] + w[i - 7] + (rotate(a, 7) ^ rotate(a, 18) ^ a >> 3) +
			       (rotate(b, 17) ^ rotate(b, 19) ^ b >> 10);
		}
		memcpy(s, state, sizeof s);
		for (i = 0; i < 64; i++) {
			uint32_t e = s[4], a = s[0];
			uint32_t one = s[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & s[5]) ^ (~e & s[6])) +
				       constants[i] + w[i];
			uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));

			memmove(s + 1, s, 7 * sizeof *s);
			s[4] += one;
			s[0] = one + two;
		}
		for (i = 0; i < 8; i++)
			state[i] += s[i];
	}
}

#if defined __x86_64__

/*
 * Intel SDM vol. 2, SHA256RNDS2, SHA256MSG1, SHA256MSG2: the state lives in two registers as ABEF and CDGH, four words of the
 * message in each of four others; one step does four rounds and makes the four words of sixteen rounds later.
 */
__attribute__((target("sha,sse4.1,ssse3")))
static void add_blocks_with_sha(uint32_t state[8], const unsigned char *bytes, size_t count)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)state), 0xb1);
	__m128i hgfe = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(state + 4)), 0x1b);
	__m128i abef = _mm_alignr_epi8(dcba, hgfe, 8);
	__m128i cdgh = _mm_blend_epi16(hgfe, dcba, 0xf0);

	for (; count > 0; count--, bytes += SHA256_BLOCK) {
		const __m128i old_abef = abef, old_cdgh = cdgh;
		__m128i m[4];
		int i;

#pragma GCC unroll 4
		for (i = 0; i < 4; i++)
			m[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(bytes + 16 * i)), swap);
#pragma GCC unroll 16
		for (i = 0; i < 16; i++) {
			__m128i now = m[i & 3], sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(constants + 4 * i)));

			cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
			abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
			if (i < 12) {
				__m128i seven_ago = _mm_alignr_epi8(m[(i + 3) & 3], m[(i + 2) & 3], 4);

				m[i & 3] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, m[(i + 1) & 3]), seven_ago),
								m[(i + 3) & 3]);
			}
		}
		abef = _mm_add_epi32(abef, old_abef);
		cdgh = _mm_add_epi32(cdgh, old_cdgh);
	}
	dcba = _mm_shuffle_epi32(abef, 0x1b);
	hgfe = _mm_shuffle_epi32(cdgh, 0xb1);
	_mm_storeu_si128((__m128i *)state, _mm_blend_epi16(dcba, hgfe, 0xf0));
	_mm_storeu_si128((__m128i *)(state + 4), _mm_alignr_epi8(hgfe, dcba, 8));
}

static int has_sha(void)
{
	unsigned a, b, c, d;

	/* Leaf 7: EBX bit 29 is SHA; leaf 1: ECX bits 9 and 19 are SSSE3 and SSE4.1. */
	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b & 1u << 29))
		return 0;
	return __get_cpuid(1, &a, &b, &c, &d) && (c & 1u << 9) && (c & 1u << 19);
}

#endif

static void add_blocks(uint32_t state[8], const unsigned char *bytes, size_t count)
{
#if defined __x86_64__
	static int with_sha = -1;

	if (with_sha < 0)
		with_sha = has_sha();
	if (with_sha) {
		add_blocks_with_sha(state, bytes, count);
		return;
	}
#endif
	add_blocks_portably(state, bytes, count);
}

void sha256_start(struct sha256 *sha)
{
	static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

	memcpy(sha->state, start, sizeof start);
	sha->length = 0;
}

void sha256_add(struct sha256 *sha, const void *data, size_t length)
{
	const unsigned char *bytes = data;
	size_t filled = sha->length % SHA256_BLOCK;

	sha->length += length;
	if (filled > 0) {
		size_t part = SHA256_BLOCK - filled < length ? SHA256_BLOCK - filled : length;

		memcpy(sha->rest + filled, bytes, part);
		bytes += part;
		length -= part;
		if (filled + part < SHA256_BLOCK)
			return;
		add_blocks(sha->state, sha->rest, 1);
	}
	add_blocks(sha->state, bytes, length / SHA256_BLOCK);
	memcpy(sha->rest, bytes + length / SHA256_BLOCK * SHA256_BLOCK, length % SHA256_BLOCK);
}

void sha256_finish(struct sha256 *sha, char hex[SHA256_HEX + 1])
{
	unsigned char end[SHA256_BLOCK + 8] = { 0x80 };
	uint64_t bits = sha->length * 8;
	size_t pad = SHA256_BLOCK - (sha->length + 8) % SHA256_BLOCK, i;

	for (i = 0; i < 8; i++)
		end[pad + i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_add(sha, end, pad + 8);
	for (i = 0; i < 8; i++)
		sprintf(hex + 8 * i, "%08x", sha->state[i]);
}
