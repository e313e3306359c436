#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

static int epoll_fd = -1;
static struct timer *timers;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t monotonic_ms(void)
{
	return clock_ns(CLOCK_MONOTONIC) / 1000000u;
}

uint64_t realtime_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

int loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? -1 : 0;
}

int source_watch(struct source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };
	int operation = EPOLL_CTL_MOD;

	if (source->fd < 0 || source->events == events)
		return 0;
	if (!events)
		operation = EPOLL_CTL_DEL;
	else if (!source->events)
		operation = EPOLL_CTL_ADD;
	if (epoll_ctl(epoll_fd, operation, source->fd, &event) < 0)
		return -1;
	source->events = events;
	return 0;
}

void source_close(struct source *source)
{
	if (source->fd < 0)
		return;
	/* Not left to close(): a descriptor that a child still shares would stay in the epoll set. */
	source_watch(source, 0);
	close(source->fd);
	source->fd = -1;
	source->events = 0;
}

void timer_set(struct timer *timer, unsigned milliseconds)
{
	timer->due_ms = monotonic_ms() + milliseconds;
	if (timer->armed)
		return;
	timer->armed = 1;
	timer->next = timers;
	timers = timer;
}

void timer_cancel(struct timer *timer)
{
	if (!timer->armed)
		return;
	for (struct timer **at = &timers; *at; at = &(*at)->next) {
		if (*at == timer) {
			*at = timer->next;
			break;
		}
	}
	timer->armed = 0;
}

/* Milliseconds until the first timer is due; -1: there is none. */
static int next_timeout(void)
{
	uint64_t now, first = UINT64_MAX;

	if (!timers)
		return -1;
	for (struct timer *timer = timers; timer; timer = timer->next)
		if (timer->due_ms < first)
			first = timer->due_ms;
	now = monotonic_ms();
	if (first <= now)
		return 0;
	return first - now > INT_MAX ? INT_MAX : (int)(first - now);
}

/* Fires one timer that is due: firing may change the list, so that going on in it would be wrong. */
static int fire_one(void)
{
	uint64_t now = timers ? monotonic_ms() : 0;

	for (struct timer *timer = timers; timer; timer = timer->next) {
		if (timer->due_ms > now)
			continue;
		timer_cancel(timer);
		timer->fire(timer);
		return 1;
	}
	return 0;
}

void loop_step(void)
{
	struct epoll_event event;
	struct source *source;
	int count;

	if (fire_one())
		return;
	count = epoll_wait(epoll_fd, &event, 1, next_timeout());
	if (count <= 0)
		return;
	source = event.data.ptr;
	source->ready(source, event.events);
}
