#include "open-in-root.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Renames elsewhere make the kernel give up with EAGAIN (openat2(2)); nobody keeps that up for so long by chance. */
#define ROUNDS 1000

int open_in_root(int root, const char *path, unsigned long long flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int tries, fd = -1;

	for (tries = 0; tries < ROUNDS && fd < 0; tries++) {
		fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return fd;
}
