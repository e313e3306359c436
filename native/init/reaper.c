/*
 * The init of `--init`: PID 1 of the container, which passes signals on to the program, reaps what is orphaned, and ends as
 * the program ended: with its code, or with 128 and the number of the signal (as tini does, which Docker uses).
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "kernel-calls.h"
#include "launch.h"

#define TITLE "berth-init"
/* No argument list of ours is longer: a larger distance means that a pointer is not what it should be. */
#define TITLE_ROOM_MAX 65536

/*
 * Writes the title over the command line, whose strings lie between argv[0] and the environment's first string or, without
 * an environment, the program's file name (execve's layout of the stack).
 */
static void set_title(void)
{
	char *start = program_invocation_name;
	char *end = environ && *environ ? *environ : (char *)getauxval(AT_EXECFN);

	prctl(PR_SET_NAME, TITLE, 0, 0, 0);
	if (!start || end <= start || end - start > TITLE_ROOM_MAX)
		return;
	memset(start, 0, (size_t)(end - start));
	strncpy(start, TITLE, (size_t)(end - start) - 1);
}

/* Those that the kernel raises for a fault of our own must end us; a stop of PID 1 is nobody's wish. */
static void fill_forwarded(sigset_t *set)
{
	static const int kept[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

	sigfillset(set);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		sigdelset(set, kept[i]);
}

static int exit_code(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Reaps all that have ended; the program's exit code, or -1 while it runs. */
static int reap(pid_t program)
{
	int code = -1, status;

	for (;;) {
		pid_t ended = waitpid(-1, &status, WNOHANG);
		if (ended == program)
			code = exit_code(status);
		else if (ended <= 0 && !(ended < 0 && errno == EINTR))
			/* Without children the program has been reaped by another: it cannot come back. */
			return code < 0 && ended < 0 ? 1 : code;
	}
}

static _Noreturn void stay(pid_t program, const sigset_t *forwarded)
{
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	set_title();
	/* Above all the channel: only the program's copy of it shall tell the shim what becomes of it. */
	kernel_close_range(0, ~0u, 0);
	for (;;) {
		int number = sigwaitinfo(forwarded, NULL);
		if (number == SIGCHLD) {
			int code = reap(program);
			if (code >= 0)
				_exit(code);
		} else if (number > 0) {
			kill(program, number);
		}
	}
}

int reaper_start(struct launch *launch)
{
	sigset_t forwarded;

	fill_forwarded(&forwarded);
	/* Before the fork: a signal that comes meanwhile waits. */
	sigprocmask(SIG_SETMASK, &forwarded, NULL);
	/* With another container's pid namespace we are not PID 1, and orphans would go past us. */
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -1;
	pid_t program = fork();
	if (program < 0)
		return -1;
	if (program > 0)
		stay(program, &forwarded);
	/* A process group of its own, in the foreground of the terminal: Ctrl-C is for the program. */
	setpgid(0, 0);
	if (launch->terminal >= 0) {
		/* From the background this would stop us. */
		signal(SIGTTOU, SIG_IGN);
		tcsetpgrp(0, getpgrp());
		signal(SIGTTOU, SIG_DFL);
	}
	return 0;
}
