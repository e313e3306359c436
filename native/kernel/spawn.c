#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

/* The child gives descriptors 0 to 3 their meaning: none that it still needs may lie there. */
#define LOWEST_OWN 10
#define SHIM_LISTENER 3
#define SOCKET_NAME "shim.sock"
/*
 * As many connections as a shim serves (CONNECTIONS_MAX in shim.h) may come at once: the daemon does not block in
 * connect(2), which then fails with EAGAIN when the queue is full.
 */
#define BACKLOG 256

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define CLOSING __attribute__((cleanup(close_fd))) int

int shim_image_open(const char *path)
{
	CLOSING source = open(path, O_RDONLY | O_CLOEXEC);
	CLOSING image = -1;
	struct stat st;
	off_t at = 0;

	if (source < 0 || fstat(source, &st) < 0)
		return -1;
	/* Kernels before 6.3 do not know MFD_EXEC; later ones may be told to refuse memory files without it. */
	image = memfd_create("berth-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (image < 0 && errno == EINVAL)
		image = memfd_create("berth-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (image < 0)
		return -1;
	while (at < st.st_size) {
		ssize_t sent = sendfile(image, source, &at, (size_t)(st.st_size - at));

		if (sent < 0)
			return -1;
		if (sent == 0) {
			errno = EIO; /* it shrank meanwhile */
			return -1;
		}
	}
	if (fchmod(image, 0500) < 0 || fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -1;
	return fcntl(image, F_DUPFD_CLOEXEC, LOWEST_OWN);
}

/* The working directory is `directory` already: its path may be longer than a socket's address. */
static int listen_here(const char **step)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = SOCKET_NAME };
	CLOSING listener = -1;
	mode_t mask;
	int result, error;

	*step = "socket";
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return -1;
	*step = "bind";
	mask = umask(0177);
	result = bind(listener, (struct sockaddr *)&address, sizeof address);
	umask(mask);
	if (result < 0)
		return -1;
	*step = "listen";
	result = -1;
	if (listen(listener, BACKLOG) == 0)
		result = fcntl(listener, F_DUPFD_CLOEXEC, LOWEST_OWN);
	if (result < 0) {
		error = errno;
		unlink(SOCKET_NAME);
		errno = error;
	}
	return result;
}

/* Shared with the child, which borrows our memory until it executes the shim. */
struct birth {
	int image, listener, null;
	const char *name;
	const char *step;
	int error;
};

static int child_fails(struct birth *birth, const char *step)
{
	birth->step = step;
	birth->error = errno;
	return 1;
}

static int child_main(void *argument)
{
	struct birth *birth = argument;
	char *argv[] = { "berth-shim", (char *)birth->name, NULL };
	char *envp[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	sigset_t none;
	int fd;

	/* Ignored signals would stay ignored in the shim, which must see SIGCHLD. */
	signal(SIGCHLD, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	if (setsid() < 0)
		return child_fails(birth, "setsid");
	for (fd = 0; fd <= SHIM_LISTENER; fd++)
		if (dup2(fd == SHIM_LISTENER ? birth->listener : birth->null, fd) < 0)
			return child_fails(birth, "dup2");
	/* The image itself must stay open for execveat; close-on-exec does the rest. */
	if (syscall(SYS_close_range, SHIM_LISTENER + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return child_fails(birth, "close_range");
	umask(022);
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_execveat, birth->image, "", argv, envp, AT_EMPTY_PATH);
	return child_fails(birth, "execveat");
}

pid_t shim_spawn(int image, const char *directory, const char *name, const char **step)
{
	static char stack[64 << 10] __attribute__((aligned(16)));
	struct birth birth = { .image = image, .listener = -1, .null = -1, .name = name };
	CLOSING listener = -1;
	CLOSING null = -1;
	pid_t pid = -1;
	int error;

	*step = "open";
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || (birth.null = fcntl(null, F_DUPFD_CLOEXEC, LOWEST_OWN)) < 0)
		return -1;
	close(null);
	null = birth.null;
	*step = "chdir";
	if (chdir(directory) < 0)
		return -1;
	listener = birth.listener = listen_here(step);
	if (listener >= 0) {
		*step = "clone";
		pid = clone(child_main, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, &birth);
		error = errno;
		if (pid > 0 && birth.error) {
			pid = -1;
			error = birth.error;
			*step = birth.step;
		}
		if (pid < 0)
			unlink(SOCKET_NAME);
		errno = error;
	}
	error = errno;
	chdir("/");
	errno = error;
	return pid;
}
