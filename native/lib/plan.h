/* Decoding of launch plans (layout: include/protocol.h). Nothing is copied: arguments point into the plan's bytes. */
#ifndef BERTH_PLAN_H
#define BERTH_PLAN_H

#include <stddef.h>
#include <stdint.h>

struct plan {
	const unsigned char *bytes;
	size_t length;
	uint32_t operations;
	/* Where plan_next() reads on. */
	size_t at;
	uint32_t index;
};

struct plan_op {
	uint16_t code;
	uint16_t argc;
	/* Position in the plan, for error reports. */
	uint32_t index;
	const unsigned char *args;
	size_t length;
};

/* Checks header, version and every length of the whole plan once, so that the getters below need not fail on layout.
 * Returns 0, or -1 with errno EPROTO. The bytes must outlive the plan. */
int plan_open(struct plan *plan, const void *bytes, size_t length);

/* Fills in the next operation; returns 0 when there is none left. */
int plan_next(struct plan *plan, struct plan_op *op);

/* Argument `n` as a string (checked: ends in its only NUL), as a number (checked: 8 bytes), as bytes.
 * A missing or ill-formed argument gives NULL / 0 and sets errno to EPROTO (number: *ok = 0). */
const char *plan_string(const struct plan_op *op, unsigned n);
uint64_t plan_number(const struct plan_op *op, unsigned n, int *ok);
const void *plan_bytes(const struct plan_op *op, unsigned n, size_t *length);

/* All arguments from `first` on as strings, in one pass (plan_string walks from the front each time, and an environment
 * may have thousands). `out` has room for op->argc - first. Returns 0, or -1 with EPROTO. */
int plan_string_list(const struct plan_op *op, unsigned first, const char **out);

#endif
