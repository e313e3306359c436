/*
 * berth-shim <name>: see shim.h. Started by berth-kernel with descriptor 3, a listening socket, and the container's run
 * directory as its working directory; the standard streams are /dev/null.
 *
 * When it ends: by ABANDON; after the container's end, when no daemon is connected and no client has output to receive; and
 * when the daemon goes away before the container was launched, so that a crashed daemon leaves no idle shims.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define LISTENER_FD 3
/* A shim whose daemon never came. */
#define LONELY_MS 30000
/* Clients of an abandoned shim get this long to take the last output. */
#define LINGER_MS 1000
/* A removal is tried at growing distances for about five seconds: dying tasks leave their cgroup late. */
#define CGROUP_ATTEMPTS 60
#define CGROUP_RETRY_MAX_MS 100

struct shim shim = { .mounts = -1 };
static int quit;

/* The container's mounts go: whoever is told after this that the shim is done finds none. */
static void mounts_release(void)
{
	if (shim.mounts >= 0)
		close(shim.mounts);
	shim.mounts = -1;
}

static void retry_cgroups(struct timer *timer)
{
	unsigned wait_ms;

	(void)timer;
	mounts_release();
	if (cgroup_remove(&shim.cgroups) == 0 || ++shim.cgroup_attempts >= CGROUP_ATTEMPTS) {
		shim.cgroups_done = 1;
		return;
	}
	cgroup_kill(&shim.cgroups);
	wait_ms = shim.cgroup_attempts < 7 ? 1u << shim.cgroup_attempts : CGROUP_RETRY_MAX_MS;
	timer_set(&shim.cgroup_timer, wait_ms);
}

void shim_init_ended(const struct process *init)
{
	shim.phase = PHASE_EXITED;
	if (init && !init->failed) {
		shim.exit_status = init->status;
		if (shim.oom_path)
			shim.exit_status.oom = cgroup_counter(shim.oom_path, shim.oom_key) > 0;
		shim.has_status = 1;
		if (shim.record_path)
			record_write(shim.record_path, &shim.exit_status);
		send_exited(0, &shim.exit_status);
	}
	/* Mounts and cgroups after the answers: what was waiting for the exit need not wait for them. */
	timer_set(&shim.cgroup_timer, 0);
}

void shim_abandon(void)
{
	shim.abandoned = 1;
	if (shim.phase == PHASE_EMPTY)
		shim_init_ended(NULL);
	for (struct process *process = shim.processes; process; process = process->next) {
		process_signal(process, SIGKILL);
		stdio_release(process);
	}
	if (shim.phase != PHASE_EXITED)
		cgroup_kill(&shim.cgroups);
}

void shim_control_lost(void)
{
	/* Whoever was to attach first went with the daemon: the log still gets the output. */
	for (struct process *process = shim.processes; process; process = process->next)
		stdio_release(process);
	if (shim.phase == PHASE_EMPTY || (shim.init && shim.init->phase == PROCESS_CLONED))
		shim_abandon();
}

static int has_waiting_clients(void)
{
	for (const struct connection *connection = shim.connections; connection; connection = connection->next)
		if (!connection->dead && buffer_length(&connection->out))
			return 1;
	return 0;
}

static void give_up(struct timer *timer)
{
	(void)timer;
	quit = 1;
}

/* Ends the loop when the time has come. */
static void check_end(void)
{
	if (shim.phase != PHASE_EXITED || !shim.cgroups_done || shim.processes)
		return;
	if (shim.abandoned) {
		answer_ok(&shim.abandoner, NULL, 0);
		if (!has_waiting_clients())
			quit = 1;
		else if (!shim.lonely.armed)
			timer_set(&shim.lonely, LINGER_MS);
	} else if (!shim.control && !has_waiting_clients()) {
		quit = 1;
	}
}

static void children_ready(struct source *source, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	read(source->fd, &info, sizeof(info));
	reap_children();
}

static int watch_children(void)
{
	sigset_t all, child;

	/*
	 * Everything is blocked: the shim outlives a terminal's hang-up and a service manager's SIGTERM, and a write to a
	 * closed pipe is an error like any other. New processes unblock everything before they execute a program.
	 */
	sigfillset(&all);
	if (sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return -1;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	shim.children = (struct source){
		.fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = children_ready,
	};
	return shim.children.fd < 0 ? -1 : source_watch(&shim.children, EPOLLIN);
}

/*
 * Everybody waits for the shim, which works for microseconds at a time: with the shortest slice a wake-up gets the processor
 * from a program of the container that is just beginning its own (sched(7); Linux 6.12, before that it changes nothing).
 * What the shim starts has the machine's usual slice again.
 */
static void want_short_slices(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} attributes = {
		.size = 48,
		.policy = SCHED_OTHER,
		.flags = 1 /* SCHED_FLAG_RESET_ON_FORK */,
		.nice = getpriority(PRIO_PROCESS, 0),
		.runtime = 100 * 1000,
	};

	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static int start(void)
{
	/* Buffers that held a burst go back to the kernel: the shim is idle most of its life. */
	mallopt(M_MMAP_THRESHOLD, 64 * 1024);
	mallopt(M_TRIM_THRESHOLD, 32 * 1024);
	mallopt(M_TOP_PAD, 0);
	setsid();
	want_short_slices();
	umask(022);
	prctl(PR_SET_NAME, "berth-shim");
	/* Nobody but root may look into a process that holds containers' terminals. */
	prctl(PR_SET_DUMPABLE, 0);
	/*
	 * With the host's pid namespace, or another container's, orphans of the container would go to the machine's init,
	 * which may be a program that does not reap. They are ours: the shim reaps them. With a namespace of its own the
	 * container's init gets them and this changes nothing.
	 */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	shim.cgroup_timer.fire = retry_cgroups;
	shim.lonely.fire = give_up;
	if (loop_open() < 0 || watch_children() < 0 || listener_open(LISTENER_FD) < 0)
		return -1;
	timer_set(&shim.lonely, LONELY_MS);
	return 0;
}

int main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	if (start() < 0)
		return 1;
	while (!quit) {
		loop_step();
		processes_sweep();
		connections_sweep();
		check_end();
	}
	unlink("shim.sock");
	return 0;
}
