/*
 * Making the new process (init.h). The caller has one thread, so a raw clone3 is as good as fork. Rules that hold here:
 *
 * - The caller is made undumpable first: the new process is born so, and from its first moment on nobody inside its pid
 *   namespace can trace it, read its memory, or reach the program's file or descriptors through /proc/<pid>.
 * - A pid namespace to be joined is taken by the caller for the moment of the clone (setns changes it for children only).
 *   No intermediate process is needed then, except where a user namespace is joined and new ones are made below it: the
 *   caller must not enter that. See clone_through_intermediate.
 * - A new cgroup namespace is made after the cgroups were entered, where it starts; a new mount namespace when the plan comes
 *   (launch->late), as it must show the host's mounts of that moment, and pin none of them before.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "init.h"
#include "kernel-calls.h"
#include "launch.h"
#include "namespaces.h"
#include "protocol.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

#define LATE_NAMESPACES ((uint64_t)(CLONE_NEWNS | CLONE_NEWCGROUP))
/* What the new process exits with when its program was not executed. */
#define EXIT_NOT_LAUNCHED 127

struct start {
	const struct namespace_request *request;
	/* The new process's end. */
	int channel;
	/* The container's init for one more process in it, else -1. */
	int init_pidfd;
	/* Index of the cgroup that the clone itself enters, or -1. */
	int cloned_into;
	/* An intermediate process: makes the namespaces of `create` below those that it joined. */
	bool intermediate;
};

/* Index of the only v2 directory and its descriptor: the one that a clone can enter. -1 without one. */
static int find_unified(const struct namespace_request *request, int *directory)
{
	int found = -1;

	for (unsigned i = 0; i < request->cgroup_count; i++) {
		struct statfs info;
		if (statfs(request->cgroups[i], &info) < 0 || info.f_type != CGROUP2_MAGIC)
			continue;
		if (found >= 0)
			return -1;
		found = (int)i;
	}
	if (found >= 0)
		*directory = open(request->cgroups[found], O_PATH | O_DIRECTORY | O_CLOEXEC);
	return *directory >= 0 ? found : -1;
}

static int compare_numbers(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Closes all from 3 on but `keep`, which it sorts. One call per gap, whatever the number of descriptors is. */
static void close_all_but(int *keep, size_t count)
{
	int from = 3;

	qsort(keep, count, sizeof *keep, compare_numbers);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < from)
			continue;
		if (keep[i] > from)
			kernel_close_range((unsigned)from, (unsigned)keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	kernel_close_range((unsigned)from, ~0u, 0);
}

static void keep_only_what_is_needed(const struct start *start)
{
	int keep[2 + sizeof start->request->join / sizeof *start->request->join];
	size_t count = 0;

	keep[count++] = start->channel;
	if (start->init_pidfd >= 0)
		keep[count++] = start->init_pidfd;
	else
		for (unsigned i = 0; i < start->request->joins; i++)
			keep[count++] = start->request->join[i].fd;
	close_all_but(keep, count);
}

/* Numbers 0 to 2 become the program's: no descriptor of ours may stand there, also where the caller has closed them. */
static void leave_standard_numbers(struct start *start)
{
	int fd;

	if (start->channel < 3)
		start->channel = fcntl(start->channel, F_DUPFD_CLOEXEC, 3);
	while ((fd = open("/dev/null", O_RDWR | O_CLOEXEC)) >= 0 && fd < 3)
		;
}

/*
 * What a program must not inherit from us; handlers were reset by CLONE_CLEAR_SIGHAND, ignored signals were not. By the system
 * call itself: the C library refuses to touch the two signals that it keeps for its threads, and those can be ignored too.
 */
static void reset_signals(void)
{
	/* struct sigaction of the kernel: handler (0 is SIG_DFL), flags, restorer, mask. */
	unsigned long action[4] = {0};

	for (int number = 1; number < NSIG; number++)
		syscall(SYS_rt_sigaction, number, action, NULL, sizeof action[3]);
}

/* The single-threaded process forks: 0 in the child. `parent` is the flag CLONE_PARENT or 0. */
static pid_t clone_process(uint64_t flags, int cgroup, int *pidfd)
{
	struct clone_args args = {
		.flags = flags | CLONE_CLEAR_SIGHAND,
		/* With CLONE_PARENT it is the caller's own. */
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	if (pidfd) {
		args.flags |= CLONE_PIDFD;
		args.pidfd = (uint64_t)(uintptr_t)pidfd;
	}
	if (cgroup >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)cgroup;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* Waits for the plan and carries it out. `failed_op`: what went wrong before, already reported. */
static _Noreturn void run_plan(struct launch *launch, uint32_t failed_op)
{
	void *bytes;
	size_t length;
	struct plan plan;

	if (channel_receive_plan(launch, &bytes, &length) < 0) {
		if (errno != 0) {
			refuse(launch, "plan", "");
			report_error(launch, 0, 0);
		}
		_exit(EXIT_NOT_LAUNCHED);
	}
	/* The plan was taken only so that the shim's write of it does not fail. */
	if (failed_op != 0)
		_exit(EXIT_NOT_LAUNCHED);
	if (plan_open(&plan, bytes, length) < 0) {
		refuse(launch, "plan", "");
		report_error(launch, 0, 0);
	} else if (launch->late != 0 && unshare((int)launch->late) < 0) {
		refuse(launch, "unshare", "");
		report_error(launch, OP_NAMESPACES, 0);
	} else {
		plan_execute(launch, &plan);
	}
	_exit(EXIT_NOT_LAUNCHED);
}

/* Clones the real process as a child of the shim; tells the shim its pid. Returns in that process only. */
static void continue_in_child(struct launch *launch, const struct start *start)
{
	uint64_t flags = (start->request->create & ~LATE_NAMESPACES) | CLONE_PARENT;
	pid_t pid = clone_process(flags, -1, NULL);

	if (pid == 0)
		return;
	if (pid < 0) {
		refuse(launch, "clone3", "");
		report_error(launch, OP_NAMESPACES, 0);
		_exit(EXIT_NOT_LAUNCHED);
	}
	uint32_t number = (uint32_t)pid;
	_exit(channel_send(launch->channel, CHANNEL_PID, &number, sizeof number, -1) == 0 ? 0 : EXIT_NOT_LAUNCHED);
}

/* What can be done before the plan comes. Returns 0 or the operation that has failed and was reported. */
static uint32_t prepare_ahead(struct launch *launch, const struct namespace_request *request)
{
	if ((launch->late & CLONE_NEWCGROUP) && unshare(CLONE_NEWCGROUP) < 0) {
		refuse(launch, "unshare", "");
		report_error(launch, OP_NAMESPACES, 0);
		return OP_NAMESPACES;
	}
	launch->late &= ~(uint64_t)CLONE_NEWCGROUP;
	if (launch->own_mounts)
		mounts_make_ahead(launch, request);
	return 0;
}

static _Noreturn void new_process(struct start *start)
{
	const struct namespace_request *request = start->request;
	/* Static: its paths are large, and there is one launch per process. */
	static struct launch launch;
	uint32_t failed_op = 0;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	leave_standard_numbers(start);
	keep_only_what_is_needed(start);
	reset_signals();
	launch = (struct launch){
		.channel = start->channel,
		.root = -1,
		.stdio = {-1, -1, -1},
		.terminal = -1,
		.null_device = -1,
		.empty_tree = -1,
		.mask = 022,
		.user.home = "/",
		.own_mounts = request->create & CLONE_NEWNS,
		.late = start->init_pidfd >= 0 ? 0 : request->create & LATE_NAMESPACES,
		.foreign_ids = request->create & CLONE_NEWUSER,
	};
	if (namespaces_enter_cgroups(&launch, request, start->cloned_into) < 0)
		failed_op = OP_CGROUP_ENTER;
	else if ((start->init_pidfd >= 0 ? namespaces_join_process(&launch, start->init_pidfd)
					 : namespaces_join(&launch, request, start->intermediate)) < 0)
		failed_op = OP_JOIN_NAMESPACE;
	if (failed_op != 0)
		report_error(&launch, failed_op, 0);
	else if (start->intermediate)
		continue_in_child(&launch, start);
	if (failed_op != 0 && start->intermediate)
		_exit(EXIT_NOT_LAUNCHED);
	close_all_but(&launch.channel, 1);
	setsid();
	if (failed_op == 0 && !launch.foreign_ids && !start->intermediate)
		failed_op = prepare_ahead(&launch, request);
	run_plan(&launch, failed_op);
}

/* Clones with the pid namespace `pid_namespace` (a descriptor for setns, or -1: the caller's own) in place. */
static pid_t clone_in_pid_namespace(struct start *start, uint64_t flags, int cgroup, int pid_namespace, int *pidfd)
{
	int AUTOCLOSE own = -1;

	if (pid_namespace >= 0) {
		own = (int)syscall(SYS_pidfd_open, getpid(), 0);
		if (own < 0 || setns(pid_namespace, CLONE_NEWPID) < 0)
			return -1;
	}
	pid_t pid = clone_process(flags, cgroup, pidfd);
	if (pid == 0)
		new_process(start);
	int error = errno;
	/* Going back to one's own is always granted; a caller whose children went astray must not go on. */
	if (pid_namespace >= 0 && setns(own, CLONE_NEWPID) < 0)
		abort();
	errno = error;
	return pid;
}

/* Ends a child that the caller shall not hear of. Keeps errno. */
static void discard_child(pid_t pid)
{
	int error = errno;

	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	errno = error;
}

/* What the intermediate process said: the pid of the real one, or -1 with errno. */
static pid_t receive_pid(int channel)
{
	uint32_t message[2 + 3];
	ssize_t got;

	/* CHANNEL_ERROR is longer; of it the errno is wanted: the third number of the payload. */
	while ((got = recv(channel, message, sizeof message, 0)) < 0 && errno == EINTR)
		;
	if (got == 3 * sizeof *message && message[0] == CHANNEL_PID)
		return (pid_t)message[2];
	if (got == sizeof message && message[0] == CHANNEL_ERROR)
		errno = (int)message[4];
	else if (got >= 0)
		errno = EPROTO;
	return -1;
}

/* For a joined user namespace with new ones below it, or a new one together with joined ones: the intermediate joins with
 * the rights it has, then clones the real process with the rights it got. */
static pid_t clone_through_intermediate(struct start *start, int cgroup, int channel, int *pidfd)
{
	start->intermediate = true;
	pid_t intermediate = clone_in_pid_namespace(start, 0, cgroup, -1, NULL);
	if (intermediate < 0)
		return -1;
	/* From now on silence means that it has ended. */
	close(start->channel);
	start->channel = -1;
	pid_t pid = receive_pid(channel);
	int error = errno;
	while (waitpid(intermediate, NULL, 0) < 0 && errno == EINTR)
		;
	errno = error;
	if (pid < 0)
		return -1;
	/* It is our child and not yet reaped: the number cannot have passed to another. */
	*pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*pidfd < 0) {
		discard_child(pid);
		return -1;
	}
	return pid;
}

static bool needs_intermediate(const struct namespace_request *request)
{
	for (unsigned i = 0; i < request->joins; i++)
		if (request->join[i].flag == CLONE_NEWUSER)
			return true;
	return request->joins > 0 && (request->create & CLONE_NEWUSER);
}

static pid_t clone_with_channel(struct start *start, uint64_t flags, int pid_namespace, int *channel, int *pidfd)
{
	int ends[2];
	int AUTOCLOSE cgroup = -1;

	if (start->request->joins > sizeof start->request->join / sizeof *start->request->join ||
	    start->request->cgroup_count > sizeof start->request->cgroups / sizeof *start->request->cgroups) {
		errno = EINVAL;
		return -1;
	}
	start->cloned_into = find_unified(start->request, &cgroup);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return -1;
	start->channel = ends[1];
	pid_t pid = start->init_pidfd < 0 && needs_intermediate(start->request)
			    ? clone_through_intermediate(start, cgroup, ends[0], pidfd)
			    : clone_in_pid_namespace(start, flags, cgroup, pid_namespace, pidfd);
	if (pid >= 0 && namespaces_write_maps(pid, start->request) < 0) {
		discard_child(pid);
		close(*pidfd);
		pid = -1;
	}
	int error = errno;
	if (start->channel >= 0)
		close(start->channel);
	if (pid < 0)
		close(ends[0]);
	else
		*channel = ends[0];
	errno = error;
	return pid;
}

pid_t init_clone(const struct namespace_request *request, int *channel, int *pidfd)
{
	struct start start = {.request = request, .init_pidfd = -1};
	int pid_namespace = -1;

	for (unsigned i = 0; i < request->joins; i++)
		if (request->join[i].flag == CLONE_NEWPID)
			pid_namespace = request->join[i].fd;
	return clone_with_channel(&start, request->create & ~LATE_NAMESPACES, pid_namespace, channel, pidfd);
}

pid_t init_clone_exec(const struct namespace_request *request, int init_pidfd, int *channel, int *pidfd)
{
	/* Only the cgroups count. */
	struct namespace_request cgroups = {.cgroup_count = request->cgroup_count};
	struct start start = {.request = &cgroups, .init_pidfd = init_pidfd};

	memcpy(cgroups.cgroups, request->cgroups, sizeof cgroups.cgroups);
	return clone_with_channel(&start, 0, init_pidfd, channel, pidfd);
}
