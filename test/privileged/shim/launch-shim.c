/* launch-shim <directory> <berth-shim> <name>: what berth-kernel does for a shim, for tests that have only the shim. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "shim.sock" };
	int listener, null;

	if (argc != 4 || chdir(argv[1]) < 0) {
		perror("launch-shim");
		return 2;
	}
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(listener, 64) < 0) {
		perror("shim.sock");
		return 2;
	}
	/* The test waits for this line: from here on connections are taken, if only by the backlog. */
	write(1, "listening\n", 10);
	null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		/* The sanitizers' reports go to stderr. */
		if (fd != 2 || !strstr(argv[2], "sanitized"))
			dup2(null, fd);
	if (listener != 3)
		dup2(listener, 3);
	else
		fcntl(3, F_SETFD, 0);
	close_range(4, ~0u, 0);
	execl(argv[2], "berth-shim", argv[3], (char *)NULL);
	perror(argv[2]);
	return 2;
}
