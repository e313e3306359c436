/* Starting shims: one process per container that outlives both berth-kernel and the daemon. */
#ifndef BERTH_SPAWN_H
#define BERTH_SPAWN_H

#include <sys/types.h>

/*
 * Copies the program at `path` into a sealed memory file. Containers can reach the shim's file through /proc/<pid>/exe; one
 * that got write access to it would own the host at the next start (CVE-2019-5736). Nobody can write to a sealed one.
 * Returns a close-on-exec descriptor above the standard ones, or -1 with errno.
 */
int shim_image_open(const char *path);

/*
 * Binds <directory>/shim.sock and starts the shim on it: descriptor 3 is the listening socket, the working directory is
 * `directory`, standard input, output and error are /dev/null, all else is closed; a session of its own; argv "berth-shim", name.
 * The caller ignores SIGCHLD, so that no zombie stays.
 * Returns its pid, or -1 with errno and the failed call's name in *step.
 */
pid_t shim_spawn(int image, const char *directory, const char *name, const char **step);

#endif
