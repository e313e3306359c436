#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frame.h"
#include "protocol.h"
#include "spawn.h"
#include "work.h"

#define READ_SIZE (16 << 10)
/* Requests wait when the daemon leaves this much unread. */
#define MOST_UNREAD (1 << 20)

struct server {
	int image;
	int greeted;
	struct buffer input, output;
	struct workers workers;
};

static int bye(const char *what)
{
	fprintf(stderr, "berth-kernel: %s: %s\n", what, strerror(errno));
	return -1;
}

static int put_hello(struct buffer *output)
{
	struct frame_writer writer;

	frame_begin(&writer, output, FRAME_HELLO, 0);
	frame_put_u32(&writer, BERTH_PROTOCOL_VERSION);
	frame_put_u32(&writer, ROLE_KERNEL);
	return frame_end(&writer);
}

static int check_hello(struct server *server, const struct frame *frame)
{
	struct frame_reader reader;
	uint32_t version, role;

	frame_read(&reader, frame);
	version = frame_get_u32(&reader);
	role = frame_get_u32(&reader);
	errno = EPROTO;
	if (frame->type != FRAME_HELLO || reader.failed || version != BERTH_PROTOCOL_VERSION || role != ROLE_KERNEL)
		return bye("the daemon speaks another version of the protocol");
	server->greeted = 1;
	return 0;
}

static int spawn_shim(struct server *server, const struct frame *frame)
{
	char directory[PATH_MAX], name[256];
	struct frame_reader reader;
	struct frame_writer writer;
	const char *step = "read request";
	pid_t pid;

	frame_read(&reader, frame);
	frame_get_string(&reader, directory, sizeof directory);
	frame_get_string(&reader, name, sizeof name);
	errno = EINVAL;
	if (reader.failed || directory[0] != '/')
		return answer_error(&server->output, frame->id, errno, step, "");
	pid = shim_spawn(server->image, directory, name, &step);
	if (pid < 0)
		return answer_error(&server->output, frame->id, errno, step, directory);
	frame_begin(&writer, &server->output, FRAME_OK, frame->id);
	frame_put_u32(&writer, (uint32_t)pid);
	return frame_end(&writer);
}

static int work_on_path(struct server *server, const struct frame *frame)
{
	char path[PATH_MAX];
	struct frame_reader reader;

	frame_read(&reader, frame);
	frame_get_string(&reader, path, sizeof path);
	if (reader.failed)
		return answer_error(&server->output, frame->id, EINVAL, "read request", "");
	return workers_take(&server->workers, frame->type, frame->id, path, &server->output);
}

static int handle(struct server *server, const struct frame *frame)
{
	int result;

	if (!server->greeted)
		return check_hello(server, frame);
	if (frame->type == FRAME_SPAWN_SHIM)
		result = spawn_shim(server, frame);
	else if (frame->type == FRAME_REMOVE_TREE || frame->type == FRAME_DISK_USAGE)
		result = work_on_path(server, frame);
	else
		result = answer_error(&server->output, frame->id, ENOSYS, "read request", "");
	return result < 0 ? bye("answer") : 0;
}

/* 1: input has ended. */
static int take_input(struct server *server)
{
	struct frame frame;
	ssize_t got;
	int whole;

	if (buffer_reserve(&server->input, READ_SIZE) < 0)
		return bye("read");
	got = read(STDIN_FILENO, server->input.bytes + server->input.end, READ_SIZE);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : bye("read");
	if (got == 0)
		return 1;
	server->input.end += (size_t)got;
	while ((whole = frame_peek(&server->input, &frame)) > 0) {
		if (handle(server, &frame) < 0)
			return -1;
		frame_done(&server->input, &frame);
	}
	errno = EPROTO;
	return whole < 0 ? bye("read") : 0;
}

static int give_output(struct server *server)
{
	ssize_t put = write(STDOUT_FILENO, server->output.bytes + server->output.start, buffer_length(&server->output));

	if (put < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : bye("write");
	buffer_drop(&server->output, (size_t)put);
	return 0;
}

/* 0: go on; 1: input has ended; -1: broken. */
static int turn(struct server *server)
{
	struct pollfd fds[2 + WORKERS] = {
		{ .fd = STDIN_FILENO, .events = buffer_length(&server->output) < MOST_UNREAD ? POLLIN : 0 },
		{ .fd = STDOUT_FILENO, .events = buffer_length(&server->output) ? POLLOUT : 0 },
	};
	unsigned workers = workers_poll(&server->workers, fds + 2);
	int result = 0;

	if (poll(fds, 2 + workers, -1) < 0)
		return errno == EINTR ? 0 : bye("poll");
	/* Before new requests take the numbers of descriptors that the workers' results have. */
	if (workers_run(&server->workers, fds + 2, workers, &server->output) < 0)
		return bye("answer");
	if (fds[0].revents)
		result = take_input(server);
	/* Most answers fit at once: no second turn for them. */
	if (result == 0 && buffer_length(&server->output))
		result = give_output(server);
	if (result == 0 && fds[1].revents & (POLLERR | POLLHUP))
		result = 1;
	return result;
}

static int set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int serve(const char *shim_path)
{
	struct server server = { .image = shim_image_open(shim_path) };
	int result;

	if (server.image < 0) {
		fprintf(stderr, "berth-kernel: %s: %s\n", shim_path, strerror(errno));
		return 1;
	}
	/* Children leave no zombies; a vanished daemon is an end of input, not a signal. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* Of the daemon's terminal, if it has one, only the daemon is told: it ends this process in its own time. */
	setsid();
	chdir("/");
	if (set_nonblocking(STDIN_FILENO) < 0 || set_nonblocking(STDOUT_FILENO) < 0 || put_hello(&server.output) < 0) {
		bye("start");
		return 1;
	}
	do
		result = turn(&server);
	while (result == 0);
	buffer_free(&server.input);
	buffer_free(&server.output);
	return result < 0;
}
