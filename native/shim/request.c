/* Requests of the daemon on the control connection. */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

static void put_u32(unsigned char *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (8 * i));
}

static void put_u64(unsigned char *at, uint64_t value)
{
	put_u32(at, (uint32_t)value);
	put_u32(at + 4, (uint32_t)(value >> 32));
}

static void answer_failure(struct requester *requester, const struct failure *failure)
{
	answer_error(requester, failure->op, failure->index, failure->error, failure->step, failure->path);
}

static void handle_prepare(struct requester *requester, const void *bytes, size_t length)
{
	struct namespace_request request = { 0 };
	struct failure failure = { .step = "prepare" };
	struct plan plan;
	unsigned char answer[4];
	int channel = -1, pidfd = -1, result;
	pid_t pid = -1;

	if (shim.phase != PHASE_EMPTY || shim.abandoned || plan_open(&plan, bytes, length) < 0) {
		answer_error(requester, 0, 0, shim.phase == PHASE_EMPTY ? EPROTO : EBUSY, "prepare", "");
		return;
	}
	result = operations_prepare(&plan, &request, &failure);
	if (result == 0) {
		shim.init = process_new(0);
		pid = shim.init ? init_clone(&request, &channel, &pidfd) : -1;
		if (pid < 0) {
			failure = (struct failure){ .op = OP_NAMESPACES, .error = errno, .step = "clone" };
			result = -1;
		}
	}
	namespaces_close(&request);
	if (result == 0 && process_adopt(shim.init, pid, channel, pidfd) < 0) {
		failure = (struct failure){ .op = OP_NAMESPACES, .error = errno, .step = "watch" };
		answer_failure(requester, &failure);
		shim_abandon();
		return;
	}
	if (result < 0) {
		answer_failure(requester, &failure);
		/* Nothing of the container exists but perhaps cgroups. */
		if (shim.init)
			process_discard(shim.init);
		else
			shim_init_ended(NULL);
		return;
	}
	shim.own_pid_namespace = !!(request.create & CLONE_NEWPID);
	shim.init_pid = pid;
	shim.phase = PHASE_PREPARED;
	put_u32(answer, (uint32_t)pid);
	answer_ok(requester, answer, sizeof(answer));
}

static void handle_launch(struct requester *requester, const void *bytes, size_t length)
{
	struct failure failure = { .step = "launch" };
	struct plan plan;

	if (shim.phase != PHASE_PREPARED || !shim.init || shim.init->phase != PROCESS_CLONED || shim.abandoned) {
		answer_error(requester, 0, 0, shim.phase == PHASE_EXITED ? ESRCH : EBUSY, "launch", "");
		return;
	}
	if (plan_open(&plan, bytes, length) < 0) {
		answer_error(requester, 0, 0, EPROTO, "launch", "");
		return;
	}
	if (operations_launch(&plan, shim.init, &failure) < 0) {
		answer_failure(requester, &failure);
		shim.init->failed = 1;
		process_signal(shim.init, SIGKILL);
		return;
	}
	shim.init->requester = *requester;
	if (process_launch(shim.init, &plan) < 0) {
		shim.init->failed = 1;
		answer_error(&shim.init->requester, OP_STDIO, 0, errno, "launch", "");
		process_signal(shim.init, SIGKILL);
	}
}

static void handle_exec(struct requester *requester, struct frame_reader *reader)
{
	struct namespace_request request = { 0 };
	struct failure failure = { .step = "exec" };
	uint32_t number = frame_get_u32(reader);
	int channel = -1, pidfd = -1, error = 0;
	struct process *process;
	struct plan plan;
	pid_t pid;

	if (reader->failed || number == 0 || plan_open(&plan, reader->at, (size_t)(reader->end - reader->at)) < 0)
		error = EPROTO;
	else if (shim.phase != PHASE_RUNNING || !shim.init || shim.init->pidfd.fd < 0)
		error = ESRCH;
	else if (process_find(number))
		error = EEXIST;
	if (error) {
		answer_error(requester, 0, 0, error, "exec", "");
		return;
	}
	process = process_new(number);
	if (!process) {
		answer_error(requester, 0, 0, errno, "exec", "");
		return;
	}
	for (; request.cgroup_count < shim.cgroups.entered_count; request.cgroup_count++)
		request.cgroups[request.cgroup_count] = shim.cgroups.entered[request.cgroup_count];
	if (operations_launch(&plan, process, &failure) < 0) {
		answer_failure(requester, &failure);
		process_discard(process);
		return;
	}
	pid = init_clone_exec(&request, shim.init->pidfd.fd, &channel, &pidfd);
	if (pid < 0) {
		answer_error(requester, OP_NAMESPACES, 0, errno, "clone", "");
		process_discard(process);
		return;
	}
	process->requester = *requester;
	if (process_adopt(process, pid, channel, pidfd) < 0 || process_launch(process, &plan) < 0) {
		process->failed = 1;
		answer_error(&process->requester, OP_STDIO, 0, errno, "exec", "");
		process_signal(process, SIGKILL);
	}
}

static void handle_signal(struct requester *requester, struct frame_reader *reader)
{
	struct process *process = process_find(frame_get_u32(reader));
	uint32_t signal = frame_get_u32(reader);

	if (reader->failed || signal > (uint32_t)SIGRTMAX)
		answer_error(requester, 0, 0, EINVAL, "signal", "");
	else if (!process)
		answer_error(requester, 0, 0, ESRCH, "signal", "");
	else if (process_signal(process, (int)signal) < 0)
		answer_error(requester, 0, 0, errno, "signal", "");
	else
		answer_ok(requester, NULL, 0);
}

static void handle_resize(struct requester *requester, struct frame_reader *reader)
{
	struct process *process = process_find(frame_get_u32(reader));
	uint32_t rows = frame_get_u32(reader), columns = frame_get_u32(reader);

	if (reader->failed)
		answer_error(requester, 0, 0, EINVAL, "resize", "");
	else if (!process)
		answer_error(requester, 0, 0, ESRCH, "resize", "");
	else if (stdio_resize(process, rows, columns) < 0)
		answer_error(requester, 0, 0, errno, "resize", "");
	else
		answer_ok(requester, NULL, 0);
}

static void handle_state(struct requester *requester)
{
	unsigned char answer[16];

	put_u32(answer, shim.phase);
	put_u32(answer + 4, (uint32_t)shim.init_pid);
	put_u64(answer + 8, shim.started_ns);
	answer_ok(requester, answer, sizeof(answer));
}

void handle_request(struct connection *connection, const struct frame *frame)
{
	struct requester requester = { .connection = connection, .id = frame->id };
	struct frame_reader reader;

	frame_read(&reader, frame);
	switch (frame->type) {
	case FRAME_PREPARE:
		handle_prepare(&requester, frame->payload, frame->length);
		break;
	case FRAME_LAUNCH:
		handle_launch(&requester, frame->payload, frame->length);
		break;
	case FRAME_EXEC:
		handle_exec(&requester, &reader);
		break;
	case FRAME_SIGNAL:
		handle_signal(&requester, &reader);
		break;
	case FRAME_RESIZE:
		handle_resize(&requester, &reader);
		break;
	case FRAME_STATE:
		handle_state(&requester);
		break;
	case FRAME_ABANDON:
		shim.abandoner = requester;
		shim_abandon();
		break;
	default:
		answer_error(&requester, 0, 0, EINVAL, "request", "");
	}
}
