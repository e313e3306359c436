/* Requests that may take long: answered by forked workers, a few at a time, the others wait their turn. */
#ifndef BERTH_WORK_H
#define BERTH_WORK_H

#include <poll.h>
#include <stdint.h>

#include "frame.h"

#define WORKERS 8

struct work; /* one waiting request */

struct workers {
	struct {
		int result; /* read end of the worker's pipe, 0: free */
		uint32_t id;
		uint16_t type;
	} running[WORKERS];
	struct work *first, *last;
};

/*
 * Takes a FRAME_REMOVE_TREE or FRAME_DISK_USAGE request. A small tree is removed at once (a fork would take longer);
 * everything else is answered later. The answer goes to `answers`. Returns -1 when memory ran out.
 */
int workers_take(struct workers *workers, uint16_t type, uint32_t id, const char *path, struct buffer *answers);

/* Adds what to wait for; returns the number of entries used, WORKERS at most. */
unsigned workers_poll(const struct workers *workers, struct pollfd *fds);

/* Collects the answers of the workers that are ready, starts waiting requests. Returns -1 when memory ran out. */
int workers_run(struct workers *workers, const struct pollfd *fds, unsigned count, struct buffer *answers);

/* FRAME_ERROR as an answer to `id`. */
int answer_error(struct buffer *answers, uint32_t id, int error, const char *step, const char *path);

#endif
