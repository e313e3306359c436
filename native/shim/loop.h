/*
 * The event loop: one epoll, one event at a time. Taking one event per wait costs a system call more than taking many, and
 * buys that no event of a batch can belong to something that an earlier event of the batch has freed.
 */
#ifndef BERTH_SHIM_LOOP_H
#define BERTH_SHIM_LOOP_H

#include <stdint.h>

/* A descriptor that is waited for; embedded in what it belongs to. fd is -1 when there is none. */
struct source {
	int fd;
	/* EPOLL* that are registered; 0: not in the epoll set, so that a hang-up is not reported either. */
	uint32_t events;
	void (*ready)(struct source *source, uint32_t events);
};

struct timer {
	struct timer *next;
	uint64_t due_ms;
	int armed;
	void (*fire)(struct timer *timer);
};

#define container_of(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

int loop_open(void);
/* Waits for one event or timer and handles it. */
void loop_step(void);

/* Sets what is waited for. Returns -1 with errno when the kernel refused. */
int source_watch(struct source *source, uint32_t events);
/* Closes the descriptor, if any. */
void source_close(struct source *source);

void timer_set(struct timer *timer, unsigned milliseconds);
void timer_cancel(struct timer *timer);

/* CLOCK_MONOTONIC in milliseconds, CLOCK_REALTIME in nanoseconds since the epoch. */
uint64_t monotonic_ms(void);
uint64_t realtime_ns(void);

#endif
