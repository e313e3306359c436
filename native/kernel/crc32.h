/* CRC-32 as gzip has it (RFC 1952, 8). */
#ifndef BERTH_CRC32_H
#define BERTH_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Of bytes that follow those whose sum is `crc`; 0 for none. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length);

#endif
