/* The life of a process: it gets its plan over the channel, runs, dies, and ends when its output was read. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

#define CHANNEL_HEADER 8
/* An error's two strings and its numbers. */
#define CHANNEL_MESSAGE_MAX (16 * 1024)

static void channel_ready(struct source *source, uint32_t events);

struct process *process_find(uint32_t number)
{
	for (struct process *process = shim.processes; process; process = process->next)
		if (process->number == number && process->phase != PROCESS_ENDED)
			return process;
	return NULL;
}

int process_has_ended(uint32_t number)
{
	size_t size = sizeof(shim.ended_numbers) / sizeof(*shim.ended_numbers);
	size_t count = shim.ended_count < size ? shim.ended_count : size;

	/* After the container's end there will be no more. */
	if (shim.phase == PHASE_EXITED)
		return 1;
	for (size_t i = 0; i < count; i++)
		if (shim.ended_numbers[i] == number)
			return 1;
	return 0;
}

static void remember_ended(uint32_t number)
{
	shim.ended_numbers[shim.ended_count % (sizeof(shim.ended_numbers) / sizeof(*shim.ended_numbers))] = number;
	shim.ended_count++;
}

static void pidfd_ready(struct source *source, uint32_t events)
{
	(void)source;
	(void)events;
	reap_children();
}

static void grace_over(struct timer *timer);

struct process *process_new(uint32_t number)
{
	struct process *process;

	if (shim.process_count >= PROCESSES_MAX) {
		errno = EAGAIN;
		return NULL;
	}
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->number = number;
	process->pidfd = (struct source){ .fd = -1, .ready = pidfd_ready };
	process->channel = (struct source){ .fd = -1, .ready = channel_ready };
	process->output[0].source.fd = process->output[1].source.fd = process->stdin_source.fd = -1;
	process->child_stdio[0] = process->child_stdio[1] = process->child_stdio[2] = -1;
	process->log.fd = -1;
	process->grace.fire = grace_over;
	process->next = shim.processes;
	shim.processes = process;
	shim.process_count++;
	/* Clients that came before the process they are for. */
	for (struct connection *connection = shim.connections; connection; connection = connection->next) {
		if (!connection->attached || connection->ended || connection->process != number)
			continue;
		process->was_attached = 1;
		connection_resume_input(connection);
	}
	return process;
}

int process_adopt(struct process *process, pid_t pid, int channel, int pidfd)
{
	process->pid = pid;
	process->channel.fd = channel;
	process->pidfd.fd = pidfd;
	/* The channel is not read yet: what failed before the plan came is the answer to LAUNCH. */
	if (fcntl(channel, F_SETFL, O_NONBLOCK) < 0)
		return -1;
	return source_watch(&process->pidfd, EPOLLIN);
}

int process_signal(struct process *process, int signal)
{
	if (process->pidfd.fd < 0) {
		errno = ESRCH;
		return -1;
	}
	return (int)syscall(SYS_pidfd_send_signal, process->pidfd.fd, signal, NULL, 0);
}

/*
 * A second holder of the init's mount namespace. Without it the kernel takes all mounts down inside the init's exit, before
 * anybody hears of the exit; with it that work (an RCU grace period, the overlay's last sync) comes after the news.
 */
static void mounts_pin(pid_t init)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", init);
	/* A program that has ended already has let go of it: nothing is won then, and nothing lost. */
	shim.mounts = open(path, O_RDONLY | O_CLOEXEC);
}

/* The program was executed. */
static void launched(struct process *process)
{
	uint32_t pid = (uint32_t)process->pid;
	unsigned char answer[4] = { pid & 0xff, pid >> 8 & 0xff, pid >> 16 & 0xff, pid >> 24 };

	process->phase = PROCESS_RUNNING;
	process->status.started_ns = realtime_ns();
	buffer_free(&process->channel_in);
	buffer_free(&process->plan_rest);
	if (process->number == 0) {
		shim.phase = PHASE_RUNNING;
		shim.started_ns = process->status.started_ns;
	}
	answer_ok(&process->requester, answer, process->number == 0 ? 0 : sizeof(answer));
	stdio_start(process);
	if (process->number == 0)
		mounts_pin(process->pid);
}

/* An operation failed: the process is ended, and there is no exit to tell about. */
static void launch_failed(struct process *process, uint32_t op, uint32_t index, int error, const char *step,
			  const char *path)
{
	if (process->failed)
		return;
	process->failed = 1;
	source_close(&process->channel);
	answer_error(&process->requester, op, index, error, step, path);
	process_signal(process, SIGKILL);
}

static void handle_message(struct process *process, uint32_t kind, const unsigned char *payload, uint32_t length)
{
	struct frame frame = { .payload = payload, .length = length };
	struct frame_reader reader;
	char step[1024], path[4096 + 64];
	uint32_t op, index, error;

	if (kind != CHANNEL_ERROR)
		return;
	frame_read(&reader, &frame);
	op = frame_get_u32(&reader);
	index = frame_get_u32(&reader);
	error = frame_get_u32(&reader);
	frame_get_string(&reader, step, sizeof(step));
	frame_get_string(&reader, path, sizeof(path));
	if (reader.failed)
		launch_failed(process, op, index, error ? (int)error : EPROTO, "launch", "");
	else
		launch_failed(process, op, index, (int)error, step, path);
}

/* Takes the whole messages out of what has come. */
static void handle_messages(struct process *process)
{
	struct buffer *in = &process->channel_in;

	while (process->channel.fd >= 0 && buffer_length(in) >= CHANNEL_HEADER) {
		struct frame header = { .payload = in->bytes + in->start, .length = CHANNEL_HEADER };
		struct frame_reader reader;
		uint32_t kind, length;

		frame_read(&reader, &header);
		kind = frame_get_u32(&reader);
		length = frame_get_u32(&reader);
		if (length > CHANNEL_MESSAGE_MAX) {
			launch_failed(process, 0, 0, EPROTO, "launch", "");
			return;
		}
		if (buffer_length(in) - CHANNEL_HEADER < length)
			return;
		handle_message(process, kind, in->bytes + in->start + CHANNEL_HEADER, length);
		buffer_drop(in, CHANNEL_HEADER + (size_t)length);
	}
}

/* One recvmsg: 1 when something was read, 0 at the end, -1 with errno. A descriptor among it is the pty's master. */
static int receive(struct process *process)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 4)];
	} control;
	unsigned char bytes[512];
	struct iovec iov = { .iov_base = bytes, .iov_len = sizeof(bytes) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t count = recvmsg(process->channel.fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	if (count < 0)
		return -1;
	for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
		size_t fds = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
			stdio_take_master(process, fd);
		}
	}
	if (count == 0)
		return 0;
	if (buffer_put(&process->channel_in, bytes, (size_t)count) < 0) {
		launch_failed(process, 0, 0, ENOMEM, "launch", "");
		return 0;
	}
	return 1;
}

/* Reads the channel as far as it goes. Its end without an error before it means: executed. */
static void read_channel(struct process *process)
{
	int result = 1;

	while (process->channel.fd >= 0 && result > 0) {
		do {
			result = receive(process);
		} while (result < 0 && errno == EINTR);
		if (result < 0 && errno == EAGAIN)
			return;
		handle_messages(process);
	}
	if (process->channel.fd < 0)
		return;
	source_close(&process->channel);
	if (process->phase != PROCESS_LAUNCHING)
		return;
	if (buffer_length(&process->plan_rest) || buffer_length(&process->channel_in))
		launch_failed(process, 0, 0, ESRCH, "launch", "");
	else
		launched(process);
}

/* Sends what is left of the plan as far as the socket takes it. */
static void write_channel(struct process *process)
{
	struct buffer *rest = &process->plan_rest;

	while (process->channel.fd >= 0 && buffer_length(rest)) {
		ssize_t count = send(process->channel.fd, rest->bytes + rest->start, buffer_length(rest),
				     MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			break;
		buffer_drop(rest, (size_t)count);
	}
	/* After a failed send the reading side tells what has happened. */
	source_watch(&process->channel, EPOLLIN | (buffer_length(rest) && errno == EAGAIN ? EPOLLOUT : 0));
}

static void channel_ready(struct source *source, uint32_t events)
{
	struct process *process = container_of(source, struct process, channel);

	if ((events & EPOLLOUT) && !(events & (EPOLLERR | EPOLLHUP)))
		write_channel(process);
	if (events & ~(uint32_t)EPOLLOUT)
		read_channel(process);
}

/* The first bytes of the plan, and with them the standard streams. Returns their number, or -1 with errno. */
static ssize_t send_first(struct process *process, const struct plan *plan)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 3)];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)plan->bytes, .iov_len = plan->length };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t count;

	if (!(process->stdio_flags & STDIO_TTY)) {
		struct cmsghdr *part = &control.align;

		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		part->cmsg_level = SOL_SOCKET;
		part->cmsg_type = SCM_RIGHTS;
		part->cmsg_len = CMSG_LEN(sizeof(int) * 3);
		memcpy(CMSG_DATA(part), process->child_stdio, sizeof(int) * 3);
	}
	do {
		count = sendmsg(process->channel.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	} while (count < 0 && errno == EINTR);
	return count;
}

int process_launch(struct process *process, const struct plan *plan)
{
	ssize_t sent;

	if (process->channel.fd < 0) {
		errno = ESRCH;
		return -1;
	}
	if (stdio_open(process) < 0)
		return -1;
	sent = send_first(process, plan);
	if (sent < 0)
		return -1;
	stdio_close_child_ends(process);
	process->phase = PROCESS_LAUNCHING;
	if ((size_t)sent == plan->length)
		return source_watch(&process->channel, EPOLLIN);
	if (buffer_put(&process->plan_rest, plan->bytes + sent, plan->length - (size_t)sent) < 0)
		return -1;
	return source_watch(&process->channel, EPOLLIN | EPOLLOUT);
}

/* Clients of processes that will never be. */
static void end_waiting_clients(void)
{
	for (struct connection *connection = shim.connections; connection; connection = connection->next)
		if (connection->attached && !connection->ended && !process_find(connection->process))
			connections_end(connection->process);
}

static void finish(struct process *process)
{
	timer_cancel(&process->grace);
	stdio_close(process);
	process->phase = PROCESS_ENDED;
	if (process->log.path)
		log_close(&process->log);
	if (process->number == 0) {
		shim_init_ended(process);
		end_waiting_clients();
	} else {
		remember_ended(process->number);
		if (!process->failed)
			send_exited(process->number, &process->status);
	}
	connections_end(process->number);
}

void process_discard(struct process *process)
{
	process->failed = 1;
	finish(process);
}

static void grace_over(struct timer *timer)
{
	struct process *process = container_of(timer, struct process, grace);

	if (process->phase == PROCESS_DEAD)
		finish(process);
}

void process_wait_for_output(struct process *process)
{
	uint64_t now = monotonic_ms(), left;

	if (process->phase != PROCESS_DEAD)
		return;
	if (!process->grace_end_ms)
		process->grace_end_ms = now + STDIO_GRACE_ALL_MS;
	left = process->grace_end_ms > now ? process->grace_end_ms - now : 0;
	timer_set(&process->grace, left < STDIO_GRACE_MS ? (unsigned)left : STDIO_GRACE_MS);
}

void process_check_end(struct process *process)
{
	if (process->phase == PROCESS_DEAD && !stdio_is_open(process))
		finish(process);
}

static void process_reaped(struct process *process, const siginfo_t *info)
{
	/* What it said before it died, so that the launch is answered before the end is told. */
	read_channel(process);
	if (process->phase == PROCESS_LAUNCHING && !process->failed)
		launched(process);
	source_close(&process->channel);
	source_close(&process->pidfd);
	if (process->phase == PROCESS_CLONED)
		process->failed = 1;
	process->status.finished_ns = realtime_ns();
	process->status.code = (uint32_t)info->si_status;
	if (info->si_code != CLD_EXITED) {
		process->status.signal = (uint32_t)info->si_status;
		process->status.code = 128 + (uint32_t)info->si_status;
	}
	/* What shares the container's cgroup but not its pid namespace is not ended by the kernel. */
	if (process->number == 0 && !shim.own_pid_namespace)
		cgroup_kill(&shim.cgroups);
	process->phase = PROCESS_DEAD;
	if (process->failed || !stdio_is_open(process)) {
		finish(process);
		return;
	}
	process->output[0].hung_up = 0;
	stdio_update(process);
	if (!stdio_is_held(process))
		process_wait_for_output(process);
}

void reap_children(void)
{
	for (;;) {
		struct process *process = shim.processes;
		siginfo_t info = { 0 };

		if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) < 0 || info.si_pid == 0)
			return;
		while (process && (process->pid != info.si_pid || process->phase >= PROCESS_DEAD))
			process = process->next;
		/* Otherwise an orphan of the container that came to us as the subreaper. */
		if (process)
			process_reaped(process, &info);
	}
}

void processes_sweep(void)
{
	for (struct process **at = &shim.processes; *at;) {
		struct process *process = *at;

		if (process->phase != PROCESS_ENDED) {
			at = &process->next;
			continue;
		}
		*at = process->next;
		if (shim.init == process)
			shim.init = NULL;
		buffer_free(&process->channel_in);
		buffer_free(&process->plan_rest);
		free(process);
		shim.process_count--;
	}
}
