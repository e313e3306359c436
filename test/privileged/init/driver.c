/*
 * Runs launch plans through native/init as a shim would, for the tests beside this file.
 *
 *   driver --outcome FILE [--flags N] [--cgroup DIR]… [--uid-map TEXT --gid-map TEXT] [--join PATH:FLAG]… [--tty]
 *          [--signal N] [--exec FILE [--exec-tty]] PLAN
 *   driver --decode PLAN…
 *
 * The program's output is relayed to our stdout and stderr. FILE gets one JSON object. --signal sends N when the program
 * wrote its first byte; --exec runs a second plan inside when the first program was executed, and kills the first after.
 * --decode walks through plans with every getter and tells whether they are well-formed: for hostile bytes, with sanitizers.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "init.h"
#include "plan.h"
#include "protocol.h"

struct bytes {
	unsigned char *at;
	size_t length;
};

struct outcome {
	pid_t pid;
	int master;
	uint32_t op, index, error;
	char step[4096], path[8192];
	int status;
	long launch_us;
};

static void die(const char *what)
{
	perror(what);
	exit(99);
}

static long now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct bytes read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat info;
	if (fd < 0 || fstat(fd, &info) < 0)
		die(path);
	struct bytes bytes = {malloc((size_t)info.st_size + 1), (size_t)info.st_size};
	if (read(fd, bytes.at, bytes.length) != (ssize_t)bytes.length)
		die(path);
	close(fd);
	/* Exactly as long as the file, so that a sanitizer sees a read behind it. */
	struct bytes exact = {malloc(bytes.length ? bytes.length : 1), bytes.length};
	memcpy(exact.at, bytes.at, bytes.length);
	free(bytes.at);
	return exact;
}

/* The plan's bytes; with the first the three descriptors. */
static void send_plan(int channel, struct bytes plan, const int *stdio)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control = {0};
	struct iovec part = {plan.at, plan.length};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	if (stdio) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(3 * sizeof(int));
		memcpy(CMSG_DATA(rights), stdio, 3 * sizeof(int));
	}
	size_t sent = 0;
	while (sent < plan.length) {
		part = (struct iovec){plan.at + sent, plan.length - sent};
		ssize_t n = sendmsg(channel, &message, MSG_NOSIGNAL);
		if (n < 0) {
			perror("sendmsg");
			return;
		}
		sent += (size_t)n;
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
}

static int read_exactly(int channel, void *bytes, size_t length, int *descriptor)
{
	size_t have = 0;
	while (have < length) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(int))];
		} control;
		struct iovec part = {(char *)bytes + have, length - have};
		struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
					 .msg_controllen = sizeof control.bytes};
		ssize_t n = recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return -1;
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		if (rights && rights->cmsg_type == SCM_RIGHTS)
			memcpy(descriptor, CMSG_DATA(rights), sizeof(int));
		have += (size_t)n;
	}
	return 0;
}

static const unsigned char *take_string(const unsigned char *at, char *out)
{
	uint32_t length;
	memcpy(&length, at, 4);
	memcpy(out, at + 4, length);
	out[length] = '\0';
	return at + 4 + length;
}

/* Until the channel's end; -1 when the launch failed. */
static int follow(int channel, struct outcome *outcome)
{
	uint32_t header[2];
	unsigned char payload[16384];
	while (read_exactly(channel, header, sizeof header, &outcome->master) == 0) {
		if (header[1] > sizeof payload || read_exactly(channel, payload, header[1], &outcome->master) < 0)
			die("message");
		if (header[0] != CHANNEL_ERROR)
			continue;
		memcpy(&outcome->op, payload, 4);
		memcpy(&outcome->index, payload + 4, 4);
		memcpy(&outcome->error, payload + 8, 4);
		take_string(take_string(payload + 12, outcome->step), outcome->path);
	}
	close(channel);
	return outcome->error ? -1 : 0;
}

/* Relays until both are at their end. The first byte triggers the signal. */
static void relay(int out, int err, pid_t pid, int number)
{
	struct pollfd files[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
	char bytes[4096];
	while (files[0].fd >= 0 || files[1].fd >= 0) {
		if (poll(files, 2, -1) < 0)
			die("poll");
		for (int i = 0; i < 2; i++) {
			if (!files[i].revents)
				continue;
			ssize_t n = read(files[i].fd, bytes, sizeof bytes);
			if (n <= 0) {
				files[i].fd = -1;
				continue;
			}
			write(i + 1, bytes, (size_t)n);
			if (number) {
				kill(pid, number);
				number = 0;
			}
		}
	}
}

static void run(struct outcome *outcome, struct bytes plan, int channel, int tty, int number, int wait)
{
	int out[2], err[2], input = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		die("pipe");
	int stdio[3] = {input, out[1], err[1]};
	outcome->master = -1;
	long start = now_us();
	send_plan(channel, plan, tty ? NULL : stdio);
	close(input);
	close(out[1]);
	close(err[1]);
	int launched = follow(channel, outcome);
	outcome->launch_us = now_us() - start;
	if (wait || launched < 0) {
		relay(tty ? outcome->master : out[0], tty ? -1 : err[0], outcome->pid, number);
		if (waitpid(outcome->pid, &outcome->status, 0) < 0)
			die("waitpid");
	}
}

static void write_json_string(FILE *file, const char *text)
{
	fputc('"', file);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', file);
		fputc(*text, file);
	}
	fputc('"', file);
}

static void write_outcome(FILE *file, const struct outcome *outcome)
{
	fprintf(file, "{\"pid\":%d,\"op\":%u,\"index\":%u,\"errno\":%u,\"step\":", outcome->pid, outcome->op, outcome->index,
		outcome->error);
	write_json_string(file, outcome->step);
	fprintf(file, ",\"path\":");
	write_json_string(file, outcome->path);
	fprintf(file, ",\"code\":%d,\"signal\":%d,\"launchUs\":%ld}", WIFEXITED(outcome->status) ? WEXITSTATUS(outcome->status) : -1,
		WIFSIGNALED(outcome->status) ? WTERMSIG(outcome->status) : 0, outcome->launch_us);
}

static void decode(struct bytes bytes)
{
	struct plan plan;
	struct plan_op op;
	unsigned long seen = 0;
	if (plan_open(&plan, bytes.at, bytes.length) < 0) {
		puts(errno == EPROTO ? "EPROTO" : "?");
		return;
	}
	while (plan_next(&plan, &op)) {
		const char **all = calloc((size_t)op.argc + 1, sizeof *all);
		if (plan_string_list(&op, 0, all) == 0)
			for (unsigned i = 0; i < op.argc; i++)
				seen += strlen(all[i]);
		free(all);
		for (unsigned i = 0; i <= op.argc && i < 50; i++) {
			int ok = 1;
			size_t length;
			const char *text = plan_string(&op, i);
			seen += text ? strlen(text) : 0;
			seen += plan_number(&op, i, &ok) & 1;
			const unsigned char *raw = plan_bytes(&op, i, &length);
			for (size_t n = 0; raw && n < length; n++)
				seen += raw[n];
		}
	}
	printf("ok %u %lu\n", plan.operations, seen);
}

static int decode_all(char **paths)
{
	for (; *paths; paths++) {
		struct bytes bytes = read_file(*paths);
		decode(bytes);
		free(bytes.at);
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct outcome first, second;
	struct namespace_request request = {0};
	const char *outcome_path = NULL, *exec_path = NULL, *plan_path = NULL;
	int tty = 0, exec_tty = 0, number = 0, channel, pidfd;

	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--decode"))
			return decode_all(argv + i + 1);
		else if (!strcmp(argv[i], "--outcome"))
			outcome_path = argv[++i];
		else if (!strcmp(argv[i], "--flags"))
			request.create = strtoull(argv[++i], NULL, 0);
		else if (!strcmp(argv[i], "--cgroup"))
			request.cgroups[request.cgroup_count++] = argv[++i];
		else if (!strcmp(argv[i], "--uid-map"))
			request.uid_map = argv[++i];
		else if (!strcmp(argv[i], "--gid-map"))
			request.gid_map = argv[++i];
		else if (!strcmp(argv[i], "--join")) {
			char *flag = strchr(argv[++i], ':');
			*flag++ = '\0';
			request.join[request.joins].fd = open(argv[i], O_RDONLY | O_CLOEXEC);
			request.join[request.joins++].flag = strtoull(flag, NULL, 0);
		} else if (!strcmp(argv[i], "--tty"))
			tty = 1;
		else if (!strcmp(argv[i], "--signal"))
			number = atoi(argv[++i]);
		else if (!strcmp(argv[i], "--exec"))
			exec_path = argv[++i];
		else if (!strcmp(argv[i], "--exec-tty"))
			exec_tty = 1;
		else
			plan_path = argv[i];
	}
	FILE *file = fopen(outcome_path, "we");
	/* A descriptor of the host that nobody inside may see. */
	dup2(open("/etc/shadow", O_RDONLY), 200);
	/* As a shim does. */
	signal(SIGPIPE, SIG_IGN);
	first.pid = init_clone(&request, &channel, &pidfd);
	if (first.pid < 0) {
		fprintf(file, "[{\"cloneErrno\":%d}]", errno);
		return 0;
	}
	run(&first, read_file(plan_path), channel, tty, number, exec_path == NULL);
	if (exec_path && first.error == 0) {
		second.pid = init_clone_exec(&request, pidfd, &channel, &(int){0});
		if (second.pid < 0)
			die("init_clone_exec");
		run(&second, read_file(exec_path), channel, exec_tty, 0, 1);
		kill(first.pid, SIGKILL);
		waitpid(first.pid, &first.status, 0);
	}
	fputc('[', file);
	write_outcome(file, &first);
	if (exec_path) {
		fputc(',', file);
		write_outcome(file, &second);
	}
	fputc(']', file);
	return fclose(file);
}
