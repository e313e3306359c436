/* The shim's socket: handshake, frames in and out, attached clients. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

/* The read that is being handled; everything else of a connection is allocated when it is needed. */
static unsigned char chunk[IO_CHUNK];

void connection_fail(struct connection *connection)
{
	if (connection->dead)
		return;
	connection->dead = 1;
	source_close(&connection->source);
	if (shim.control == connection) {
		shim.control = NULL;
		shim_control_lost();
	}
	if (shim.abandoner.connection == connection)
		shim.abandoner.connection = NULL;
	for (struct process *process = shim.processes; process; process = process->next) {
		if (process->requester.connection == connection)
			process->requester.connection = NULL;
		/* This client may have been what the process's output waited for. */
		if (connection->attached && process->number == connection->process)
			stdio_update(process);
	}
}

static void update_events(struct connection *connection)
{
	uint32_t events = 0;

	if (connection->dead)
		return;
	if (!connection->stdin_paused)
		events |= EPOLLIN;
	if (buffer_length(&connection->out))
		events |= EPOLLOUT;
	if (source_watch(&connection->source, events) < 0)
		connection_fail(connection);
}

/* The peer is gone for output; its input that is still in the socket is for the process all the same. */
static void lose_output(struct connection *connection)
{
	connection->output_lost = 1;
	buffer_free(&connection->out);
	if (!connection->attached || connection->ended || !(connection->mask & ATTACH_STDIN)) {
		connection_fail(connection);
		return;
	}
	connection->mask &= ~(uint32_t)(ATTACH_STDOUT | ATTACH_STDERR);
}

void connection_flush(struct connection *connection)
{
	size_t before = buffer_length(&connection->out);
	struct process *process;

	while (!connection->dead && buffer_length(&connection->out)) {
		ssize_t count = send(connection->source.fd, connection->out.bytes + connection->out.start,
				     buffer_length(&connection->out), MSG_NOSIGNAL | MSG_DONTWAIT);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			break;
		if (count < 0)
			lose_output(connection);
		else
			buffer_drop(&connection->out, (size_t)count);
	}
	if (!connection->dead && connection->closing && !buffer_length(&connection->out))
		connection_fail(connection);
	update_events(connection);
	if (connection->attached && before > CLIENT_PENDING_LOW &&
	    buffer_length(&connection->out) <= CLIENT_PENDING_LOW) {
		process = process_find(connection->process);
		if (process)
			stdio_update(process);
	}
}

void connection_send(struct connection *connection, uint16_t type, const void *payload, size_t length)
{
	if (connection->dead || connection->output_lost)
		return;
	if (buffer_length(&connection->out) + length > CLIENT_PENDING_FATAL ||
	    frame_put(&connection->out, type, 0, payload, length) < 0) {
		connection_fail(connection);
		return;
	}
	/* What waits already is sent when the socket is writable again. */
	if (!(connection->source.events & EPOLLOUT))
		connection_flush(connection);
}

void answer_ok(struct requester *requester, const void *payload, size_t length)
{
	struct connection *connection = requester->connection;

	requester->connection = NULL;
	if (!connection || connection->dead)
		return;
	if (frame_put(&connection->out, FRAME_OK, requester->id, payload, length) < 0)
		connection_fail(connection);
	else
		connection_flush(connection);
}

void answer_error(struct requester *requester, uint32_t op, uint32_t index, int error, const char *step, const char *path)
{
	struct connection *connection = requester->connection;
	struct frame_writer writer;

	requester->connection = NULL;
	if (!connection || connection->dead)
		return;
	frame_begin(&writer, &connection->out, FRAME_ERROR, requester->id);
	frame_put_u32(&writer, op);
	frame_put_u32(&writer, index);
	frame_put_u32(&writer, (uint32_t)error);
	frame_put_string(&writer, step);
	frame_put_string(&writer, path);
	if (frame_end(&writer) < 0)
		connection_fail(connection);
	else
		connection_flush(connection);
}

void send_exited(uint32_t process, const struct exit_status *status)
{
	struct frame_writer writer;

	if (!shim.control)
		return;
	frame_begin(&writer, &shim.control->out, FRAME_EXITED, 0);
	frame_put_u32(&writer, process);
	frame_put_u32(&writer, status->code);
	frame_put_u32(&writer, status->signal);
	frame_put_u32(&writer, status->oom);
	frame_put_u64(&writer, status->finished_ns);
	if (frame_end(&writer) < 0 || buffer_length(&shim.control->out) > CLIENT_PENDING_FATAL)
		connection_fail(shim.control);
	else
		connection_flush(shim.control);
}

/* The first frame. A peer of another version is told ours before it is dropped. */
static void handle_hello(struct connection *connection, const struct frame *frame)
{
	struct frame_reader reader;
	struct frame_writer writer;
	uint32_t version, role;

	frame_read(&reader, frame);
	version = frame_get_u32(&reader);
	role = frame_get_u32(&reader);
	if (frame->type != FRAME_HELLO || reader.failed || (role != ROLE_CONTROL && role != ROLE_STREAM)) {
		connection_fail(connection);
		return;
	}
	frame_begin(&writer, &connection->out, FRAME_HELLO, frame->id);
	frame_put_u32(&writer, BERTH_PROTOCOL_VERSION);
	frame_put_u32(&writer, role);
	if (frame_end(&writer) < 0) {
		connection_fail(connection);
		return;
	}
	connection->role = role;
	if (version != BERTH_PROTOCOL_VERSION) {
		connection->closing = 1;
	} else if (role == ROLE_CONTROL) {
		struct connection *old = shim.control;

		/* A daemon that was started again; the old one's connection may linger. Replaced before it is closed:
		 * this is not the loss of the daemon. */
		shim.control = connection;
		if (old)
			connection_fail(old);
		timer_cancel(&shim.lonely);
		if (shim.has_status)
			send_exited(0, &shim.exit_status);
	}
	connection_flush(connection);
}

static void handle_attach(struct connection *connection, const struct frame *frame)
{
	struct requester requester = { .connection = connection, .id = frame->id };
	struct frame_reader reader;
	struct process *process;
	uint32_t number, mask;

	frame_read(&reader, frame);
	number = frame_get_u32(&reader);
	mask = frame_get_u32(&reader);
	if (reader.failed || connection->attached ||
	    (mask & ~(uint32_t)(ATTACH_STDIN | ATTACH_STDOUT | ATTACH_STDERR))) {
		answer_error(&requester, 0, 0, EINVAL, "attach", "");
		return;
	}
	connection->attached = 1;
	connection->process = number;
	connection->mask = mask;
	answer_ok(&requester, NULL, 0);
	process = process_find(number);
	if (process) {
		stdio_release(process);
	} else if (process_has_ended(number)) {
		connections_end(number);
	}
}

static void handle_stream_frame(struct connection *connection, const struct frame *frame)
{
	struct process *process;

	if (frame->type == FRAME_ATTACH) {
		handle_attach(connection, frame);
		return;
	}
	if (!connection->attached || (frame->type != FRAME_STDIN && frame->type != FRAME_STDIN_EOF)) {
		connection_fail(connection);
		return;
	}
	process = process_find(connection->process);
	if (connection->ended || !process || !(connection->mask & ATTACH_STDIN))
		return;
	if (frame->type == FRAME_STDIN_EOF)
		stdin_end(process);
	else if (stdin_put(process, frame->payload, frame->length))
		connection->stdin_paused = 1;
}

/* True when the client's next frame must wait: its process is not there yet, so that nothing can take input. */
static int must_wait(const struct connection *connection)
{
	if (!connection->attached || connection->ended)
		return 0;
	return !process_find(connection->process);
}

static void handle_input(struct connection *connection)
{
	struct frame frame;
	int found = 0;

	while (!connection->dead && !connection->closing && !connection->stdin_paused) {
		if (must_wait(connection)) {
			connection->stdin_paused = buffer_length(&connection->in) > 0;
			break;
		}
		found = frame_peek(&connection->in, &frame);
		if (found <= 0)
			break;
		if (!connection->role)
			handle_hello(connection, &frame);
		else if (connection->role == ROLE_CONTROL)
			handle_request(connection, &frame);
		else
			handle_stream_frame(connection, &frame);
		if (!connection->dead)
			frame_done(&connection->in, &frame);
	}
	if (found < 0)
		connection_fail(connection);
	update_events(connection);
}

void connection_resume_input(struct connection *connection)
{
	if (!connection->stdin_paused || connection->dead)
		return;
	connection->stdin_paused = 0;
	handle_input(connection);
}

static void connection_ready(struct source *source, uint32_t events)
{
	struct connection *connection = container_of(source, struct connection, source);
	size_t limit = BERTH_FRAME_HEADER + (connection->role == ROLE_CONTROL ? BERTH_FRAME_MAX : STREAM_FRAME_MAX);
	ssize_t count;

	if (events & EPOLLOUT)
		connection_flush(connection);
	if (connection->dead || connection->stdin_paused || !(events & ~(uint32_t)EPOLLOUT))
		return;
	count = recv(source->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		connection_fail(connection);
		return;
	}
	if (connection->ended)
		return;
	if (buffer_length(&connection->in) + (size_t)count > limit + IO_CHUNK ||
	    buffer_put(&connection->in, chunk, (size_t)count) < 0) {
		connection_fail(connection);
		return;
	}
	handle_input(connection);
}

void connections_end(uint32_t process)
{
	for (struct connection *connection = shim.connections; connection; connection = connection->next) {
		if (connection->dead || !connection->attached || connection->ended || connection->process != process)
			continue;
		connection->ended = 1;
		connection->stdin_paused = 0;
		buffer_free(&connection->in);
		if (connection->output_lost)
			connection_fail(connection);
		else
			connection_send(connection, FRAME_END, NULL, 0);
		update_events(connection);
	}
}

static void listener_ready(struct source *source, uint32_t events)
{
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *connection;
	struct ucred peer;
	socklen_t length = sizeof(peer);

	(void)events;
	if (fd < 0)
		return;
	/* The socket lies in a directory of ours; this is for the day when its mode is wrong. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || (peer.uid != 0 && peer.uid != geteuid()) ||
	    shim.connection_count >= CONNECTIONS_MAX) {
		close(fd);
		return;
	}
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		close(fd);
		return;
	}
	connection->source = (struct source){ .fd = fd, .ready = connection_ready };
	connection->next = shim.connections;
	shim.connections = connection;
	shim.connection_count++;
	update_events(connection);
}

int listener_open(int fd)
{
	shim.listener = (struct source){ .fd = fd, .ready = listener_ready };
	return source_watch(&shim.listener, EPOLLIN);
}

void connections_sweep(void)
{
	for (struct connection **at = &shim.connections; *at;) {
		struct connection *connection = *at;

		if (!connection->dead) {
			at = &connection->next;
			continue;
		}
		*at = connection->next;
		buffer_free(&connection->in);
		buffer_free(&connection->out);
		free(connection);
		shim.connection_count--;
	}
}
