#ifndef BERTH_SHIM_RECORD_H
#define BERTH_SHIM_RECORD_H

#include <stdint.h>

struct exit_status {
	/* The exit code, or 128 + signal. */
	uint32_t code;
	/* The signal that ended it, 0: none. */
	uint32_t signal;
	uint32_t oom;
	uint64_t started_ns, finished_ns;
};

/* Writes the exit record. -1 with errno. */
int record_write(const char *path, const struct exit_status *status);

#endif
