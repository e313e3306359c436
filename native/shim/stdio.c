/* Standard streams of a process: three pipes, or a pty of the container's own /dev/pts. */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "shim.h"

/* What is read is handed on before the next read: one chunk serves all processes. */
static unsigned char chunk[IO_CHUNK];

static void output_ready(struct source *source, uint32_t events);
static void stdin_ready(struct source *source, uint32_t events);

static int is_tty(const struct process *process)
{
	return !!(process->stdio_flags & STDIO_TTY);
}

static uint32_t attach_bit(const struct output *output)
{
	return output == &output->process->output[0] ? ATTACH_STDOUT : ATTACH_STDERR;
}

/* A pipe: our end does not block, the process's does. */
static int open_pipe(int *ours, int *theirs, int we_write)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	*ours = ends[we_write];
	*theirs = ends[!we_write];
	return fcntl(*ours, F_SETFL, O_NONBLOCK);
}

int stdio_open(struct process *process)
{
	int *child = process->child_stdio;

	if (is_tty(process))
		return 0;
	if (process->stdio_flags & STDIN_OPEN) {
		if (open_pipe(&process->stdin_source.fd, &child[0], 1) < 0)
			return -1;
	} else {
		child[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (child[0] < 0)
			return -1;
	}
	for (int i = 0; i < 2; i++) {
		if (!(process->stdio_flags & STDIO_DISCARD)) {
			if (open_pipe(&process->output[i].source.fd, &child[i + 1], 0) < 0)
				return -1;
			continue;
		}
		child[i + 1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
		if (child[i + 1] < 0)
			return -1;
	}
	return 0;
}

void stdio_close_child_ends(struct process *process)
{
	for (int i = 0; i < 3; i++) {
		if (process->child_stdio[i] >= 0)
			close(process->child_stdio[i]);
		process->child_stdio[i] = -1;
	}
}

void stdio_take_master(struct process *process, int master)
{
	if (!is_tty(process) || process->output[0].source.fd >= 0 || fcntl(master, F_SETFL, O_NONBLOCK) < 0) {
		close(master);
		return;
	}
	process->output[0].source.fd = master;
	/* A second descriptor, since epoll knows a descriptor only once and input waits apart from output. */
	if (process->stdio_flags & STDIN_OPEN)
		process->stdin_source.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
	if (process->rows || process->columns)
		stdio_resize(process, process->rows, process->columns);
	stdio_update(process);
}

int stdio_resize(struct process *process, uint32_t rows, uint32_t columns)
{
	struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };

	if (rows > UINT16_MAX || columns > UINT16_MAX) {
		errno = EINVAL;
		return -1;
	}
	/* For a terminal that is still to come. */
	process->rows = rows;
	process->columns = columns;
	if (!is_tty(process) || process->output[0].source.fd < 0)
		return 0;
	return ioctl(process->output[0].source.fd, TIOCSWINSZ, &size);
}

int stdio_is_held(const struct process *process)
{
	return (process->stdio_flags & STDIO_HOLD) && !process->was_attached;
}

void stdio_release(struct process *process)
{
	if (process->was_attached)
		return;
	process->was_attached = 1;
	stdio_update(process);
	process_wait_for_output(process);
}

int stdio_is_open(const struct process *process)
{
	return process->output[0].source.fd >= 0 || process->output[1].source.fd >= 0;
}

/*
 * Whether the process's output may be read now. Each client that wants it must have room: a process whose reader is slow
 * blocks in write(2), as with a pipe, instead of filling our memory. What a dead process left is at most a pipe's content
 * and is read at once, so that its end is not held up by a client that does not read.
 */
static int may_read(const struct output *output)
{
	const struct process *process = output->process;
	size_t limit = output->source.events ? CLIENT_PENDING_MAX : CLIENT_PENDING_LOW;

	if (stdio_is_held(process))
		return 0;
	if (process->phase == PROCESS_DEAD)
		return 1;
	for (const struct connection *connection = shim.connections; connection; connection = connection->next) {
		if (connection->attached && !connection->dead && !connection->ended &&
		    connection->process == process->number && (connection->mask & attach_bit(output)) &&
		    buffer_length(&connection->out) > limit)
			return 0;
	}
	return 1;
}

void stdio_update(struct process *process)
{
	for (int i = 0; i < 2; i++) {
		struct output *output = &process->output[i];
		uint32_t events = EPOLLIN;

		if (output->source.fd < 0)
			continue;
		output->process = process;
		output->source.ready = output_ready;
		if (process->phase == PROCESS_CLONED || !may_read(output))
			events = 0;
		else if (output->hung_up && process->phase != PROCESS_DEAD)
			events = EPOLLIN | EPOLLET;
		source_watch(&output->source, events);
	}
}

static void deliver(struct output *output, size_t length)
{
	struct process *process = output->process;
	int is_stderr = output != &process->output[0];

	if (process->stdio_flags & STDIO_DISCARD)
		return;
	if (process->log.path)
		log_data(&process->log, is_stderr ? LOG_STDERR : LOG_STDOUT, chunk, length);
	for (struct connection *connection = shim.connections; connection; connection = connection->next) {
		if (connection->attached && !connection->ended && connection->process == process->number &&
		    (connection->mask & attach_bit(output)))
			connection_send(connection, is_stderr ? FRAME_STDERR : FRAME_STDOUT, chunk, length);
	}
}

static void output_ready(struct source *source, uint32_t events)
{
	struct output *output = container_of(source, struct output, source);
	struct process *process = output->process;
	ssize_t count = read(source->fd, chunk, sizeof(chunk));

	(void)events;
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count > 0) {
		output->hung_up = 0;
		deliver(output, (size_t)count);
		stdio_update(process);
		process_wait_for_output(process);
		return;
	}
	if (count < 0 && errno == EIO && process->phase != PROCESS_DEAD) {
		/* No one has the terminal open at the moment; /dev/console can be opened again. */
		output->hung_up = 1;
		stdio_update(process);
		return;
	}
	source_close(source);
	process_check_end(process);
}

/* Lets clients go on that were held back since the queue was full. */
static void resume_clients(struct process *process)
{
	if (buffer_length(&process->stdin_queue) >= STDIN_QUEUE_MAX)
		return;
	for (struct connection *connection = shim.connections; connection; connection = connection->next) {
		if (connection->attached && connection->stdin_paused && connection->process == process->number)
			connection_resume_input(connection);
	}
}

static void flush_stdin(struct process *process)
{
	struct source *source = &process->stdin_source;
	struct buffer *queue = &process->stdin_queue;

	if (process->phase == PROCESS_CLONED || (process->phase == PROCESS_LAUNCHING && source->fd < 0))
		return;
	source->ready = stdin_ready;
	while (source->fd >= 0 && buffer_length(queue)) {
		ssize_t count = write(source->fd, queue->bytes + queue->start, buffer_length(queue));

		if (count > 0)
			buffer_drop(queue, (size_t)count);
		else if (count < 0 && errno == EAGAIN)
			break;
		else if (!(count < 0 && errno == EINTR))
			source_close(source); /* Nobody reads any more: as with a pipe whose writer ignores SIGPIPE. */
	}
	if (source->fd < 0)
		buffer_free(queue);
	else
		source_watch(source, buffer_length(queue) ? EPOLLOUT : 0);
	if (process->stdin_eof && !buffer_length(queue) && !is_tty(process))
		source_close(source);
}

static void stdin_ready(struct source *source, uint32_t events)
{
	struct process *process = container_of(source, struct process, stdin_source);

	(void)events;
	flush_stdin(process);
	resume_clients(process);
}

int stdin_put(struct process *process, const unsigned char *bytes, size_t length)
{
	int is_early = process->phase == PROCESS_CLONED || process->phase == PROCESS_LAUNCHING;

	if (process->stdin_eof || (!is_early && process->stdin_source.fd < 0))
		return 0;
	if (buffer_put(&process->stdin_queue, bytes, length) < 0)
		return 0;
	if (!process->stdin_source.events)
		flush_stdin(process);
	return buffer_length(&process->stdin_queue) >= STDIN_QUEUE_MAX;
}

void stdin_end(struct process *process)
{
	if (is_tty(process))
		return;
	process->stdin_eof = 1;
	flush_stdin(process);
}

void stdio_start(struct process *process)
{
	/* An end of input that came before it was known that this is a terminal. */
	if (is_tty(process))
		process->stdin_eof = 0;
	flush_stdin(process);
	stdio_update(process);
	resume_clients(process);
}

void stdio_close(struct process *process)
{
	stdio_close_child_ends(process);
	source_close(&process->output[0].source);
	source_close(&process->output[1].source);
	source_close(&process->stdin_source);
	buffer_free(&process->stdin_queue);
}
