/*
 * The exit record: how a daemon that was not there learns how a container ended. One line of text,
 *
 *   berth-exit 1 code=137 signal=9 oom=0 started=<ns since the epoch> finished=<ns since the epoch>
 *
 * in a file that appears by rename, so that it is whole or absent. It is not synced: it lies on a tmpfs, and after a
 * restart of the machine there is no container that it could tell about. src/kernel/exit-record.ts reads it.
 */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

int record_write(const char *path, const struct exit_status *status)
{
	char temporary[PATH_MAX], line[160];
	int length, fd, error;
	ssize_t count;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.new", path) >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	length = snprintf(line, sizeof(line),
			  "berth-exit 1 code=%u signal=%u oom=%u started=%" PRIu64 " finished=%" PRIu64 "\n",
			  status->code, status->signal, status->oom, status->started_ns, status->finished_ns);
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return -1;
	count = write(fd, line, (size_t)length);
	error = errno;
	close(fd);
	if (count == length && rename(temporary, path) == 0)
		return 0;
	if (count == length)
		error = errno;
	else if (count >= 0)
		error = ENOSPC;
	unlink(temporary);
	errno = error;
	return -1;
}
