#include "work.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "protocol.h"
#include "tree.h"

/*
 * A container that wrote a few files is removed within this: 15 us a file on ext4, so that nothing else waits for long.
 * Bytes: giving back a file's blocks and cached pages takes 0.2 ms for each MiB.
 */
static const struct tree_budget AT_ONCE = { .entries = 64, .bytes = 4 << 20 };

struct work {
	struct work *next;
	uint32_t id;
	uint16_t type;
	char path[];
};

/* What a worker says through its pipe: less than PIPE_BUF, so never in parts. */
struct outcome {
	int error;
	uint64_t bytes;
	char step[32];
	char name[256];
};

int answer_error(struct buffer *answers, uint32_t id, int error, const char *step, const char *path)
{
	struct frame_writer writer;

	frame_begin(&writer, answers, FRAME_ERROR, id);
	frame_put_u32(&writer, 0);
	frame_put_u32(&writer, 0);
	frame_put_u32(&writer, (uint32_t)error);
	frame_put_string(&writer, step);
	frame_put_string(&writer, path);
	return frame_end(&writer);
}

static int answer(struct buffer *answers, uint32_t id, uint16_t type, const struct outcome *outcome)
{
	struct frame_writer writer;

	if (outcome->error)
		return answer_error(answers, id, outcome->error, outcome->step, outcome->name);
	frame_begin(&writer, answers, FRAME_OK, id);
	if (type == FRAME_DISK_USAGE)
		frame_put_u64(&writer, outcome->bytes);
	return frame_end(&writer);
}

/* Returns 1 when the budget was used up: *outcome says nothing then. */
static int carry_out(uint16_t type, const char *path, struct tree_budget *budget, struct outcome *outcome)
{
	struct tree_failure failure = { .step = "open parent" };
	const char *name = "";
	int parent, result = -1;

	memset(outcome, 0, sizeof *outcome);
	parent = tree_open_parent(path, &name);
	if (parent >= 0) {
		result = type == FRAME_REMOVE_TREE ? tree_remove(parent, name, budget, &failure)
						   : tree_usage(parent, name, &outcome->bytes, &failure);
	} else if (errno == ENOENT && type == FRAME_REMOVE_TREE) {
		result = 0;
	}
	if (result < 0) {
		outcome->error = errno;
		snprintf(outcome->step, sizeof outcome->step, "%s", failure.step);
		snprintf(outcome->name, sizeof outcome->name, "%s", failure.name[0] ? failure.name : name);
	}
	if (parent >= 0)
		close(parent);
	return result > 0;
}

static int null_standard_io(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	return null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ? -1 : 0;
}

/* Never returns. */
static void work_in_child(const struct work *work, int result, pid_t parent)
{
	struct outcome outcome;

	/* A daemon that starts again must not meet a removal of the one before. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* Held open here, they would hide our end from the daemon. */
	if (getppid() != parent || null_standard_io() < 0)
		_exit(1);
	carry_out(work->type, work->path, NULL, &outcome);
	_exit(write(result, &outcome, sizeof outcome) == sizeof outcome ? 0 : 1);
}

static int start(struct workers *workers, unsigned slot, const struct work *work, struct buffer *answers)
{
	pid_t parent = getpid(), pid;
	int ends[2], error;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return answer_error(answers, work->id, errno, "pipe", "");
	pid = fork();
	if (pid == 0)
		work_in_child(work, ends[1], parent);
	error = errno;
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return answer_error(answers, work->id, error, "fork", "");
	}
	workers->running[slot].result = ends[0];
	workers->running[slot].id = work->id;
	workers->running[slot].type = work->type;
	return 0;
}

/* Starts waiting requests while workers are free. */
static int start_waiting(struct workers *workers, struct buffer *answers)
{
	unsigned slot;
	int result = 0;

	for (slot = 0; slot < WORKERS && workers->first && result == 0; slot++) {
		struct work *work = workers->first;

		if (workers->running[slot].result)
			continue;
		workers->first = work->next;
		result = start(workers, slot, work, answers);
		free(work);
	}
	return result;
}

int workers_take(struct workers *workers, uint16_t type, uint32_t id, const char *path, struct buffer *answers)
{
	struct tree_budget budget = AT_ONCE;
	struct outcome outcome;
	struct work *work;

	if (type == FRAME_REMOVE_TREE && !carry_out(type, path, &budget, &outcome))
		return answer(answers, id, type, &outcome);
	work = malloc(sizeof *work + strlen(path) + 1);
	if (!work)
		return -1;
	work->next = NULL;
	work->id = id;
	work->type = type;
	strcpy(work->path, path);
	if (workers->first)
		workers->last->next = work;
	else
		workers->first = work;
	workers->last = work;
	return start_waiting(workers, answers);
}

unsigned workers_poll(const struct workers *workers, struct pollfd *fds)
{
	unsigned slot, count = 0;

	for (slot = 0; slot < WORKERS; slot++)
		if (workers->running[slot].result)
			fds[count++] = (struct pollfd){ .fd = workers->running[slot].result, .events = POLLIN };
	return count;
}

static int collect(struct workers *workers, unsigned slot, struct buffer *answers)
{
	struct outcome outcome;
	ssize_t got = read(workers->running[slot].result, &outcome, sizeof outcome);

	close(workers->running[slot].result);
	workers->running[slot].result = 0;
	if (got != (ssize_t)sizeof outcome)
		return answer_error(answers, workers->running[slot].id, EIO, "worker died", "");
	return answer(answers, workers->running[slot].id, workers->running[slot].type, &outcome);
}

int workers_run(struct workers *workers, const struct pollfd *fds, unsigned count, struct buffer *answers)
{
	unsigned i, slot;

	for (i = 0; i < count; i++) {
		if (!fds[i].revents)
			continue;
		for (slot = 0; workers->running[slot].result != fds[i].fd; slot++)
			;
		if (collect(workers, slot, answers) < 0)
			return -1;
	}
	return start_waiting(workers, answers);
}
