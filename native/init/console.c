/* The program's descriptors 0, 1 and 2: the shim's pipes, or a terminal of the container's own devpts. */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "init.h"
#include "kernel-calls.h"
#include "launch.h"

#define PTMX "/dev/pts/ptmx"
#define CONSOLE "/dev/console"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* The slave over /dev/console. Runs before the pivot, so the descriptor is the only name that the slave has here. */
static int bind_console(struct launch *launch)
{
	int AUTOCLOSE tree = clone_tree(launch->terminal, "", false);
	if (tree < 0)
		return refuse(launch, "open_tree", CONSOLE);
	int AUTOCLOSE target = root_make_file(launch, CONSOLE, 0600);
	if (target < 0)
		return refuse(launch, "openat2", CONSOLE);
	return attach_mount(launch, tree, target, CONSOLE, false);
}

int op_console(struct launch *launch)
{
	int unlocked = 0;

	if (launch->terminal >= 0)
		return refuse_plan(launch);
	int AUTOCLOSE master = root_open(launch, PTMX, O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
	if (master < 0)
		return refuse(launch, "openat2", PTMX);
	/* A file that the container put there would be opened, written and owned by the shim. */
	if (!is_on(master, DEVPTS_MAGIC)) {
		errno = ENODEV;
		return refuse(launch, "devpts", PTMX);
	}
	if (ioctl(master, TIOCSPTLCK, &unlocked) < 0)
		return refuse(launch, "unlockpt", PTMX);
	/* Not by its path: the peer of this very master (Linux 4.13). */
	launch->terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (launch->terminal < 0)
		return refuse(launch, "TIOCGPTPEER", PTMX);
	if (channel_send(launch->channel, CHANNEL_MASTER, NULL, 0, master) < 0)
		return refuse(launch, "sendmsg", PTMX);
	return launch->inside ? 0 : bind_console(launch);
}

void stdio_give(const struct launch *launch, uid_t uid)
{
	struct stat info;

	if (launch->terminal >= 0) {
		fchown(launch->terminal, uid, (gid_t)-1);
		return;
	}
	for (int i = 0; i < 3; i++) {
		/* /dev/null is everybody's. What the kernel refuses (another user namespace's pipe) works unowned. */
		if (launch->stdio[i] < 0 || fstat(launch->stdio[i], &info) < 0 || info.st_uid == uid)
			continue;
		if (S_ISCHR(info.st_mode) && info.st_rdev == makedev(1, 3))
			continue;
		fchown(launch->stdio[i], uid, (gid_t)-1);
	}
}

int stdio_install(struct launch *launch)
{
	for (int i = 0; i < 3; i++) {
		int from = launch->terminal >= 0 ? launch->terminal : launch->stdio[i];
		if (from < 0)
			return refuse_plan(launch);
		if (dup2(from, i) < 0)
			return refuse(launch, "dup2", "");
	}
	if (launch->terminal >= 0 && ioctl(0, TIOCSCTTY, 0) < 0)
		return refuse(launch, "TIOCSCTTY", "");
	/* The channel among them: its end tells the shim that the program was executed. */
	if (kernel_close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
		return refuse(launch, "close_range", "");
	return 0;
}
