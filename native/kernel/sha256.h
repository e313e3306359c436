/* SHA-256 (FIPS 180-4), with the CPU's instructions where it has them. */
#ifndef BERTH_SHA256_H
#define BERTH_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_BLOCK 64
#define SHA256_HEX 64

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes so far */
	unsigned char rest[SHA256_BLOCK];
};

void sha256_start(struct sha256 *sha);
void sha256_add(struct sha256 *sha, const void *bytes, size_t length);
/* Writes 64 lower-case digits and a NUL. The state is used up. */
void sha256_finish(struct sha256 *sha, char hex[SHA256_HEX + 1]);

#endif
