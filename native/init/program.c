/* The program: found, and executed in the place of this process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "launch.h"

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef AT_EACCESS
#define AT_EACCESS 0x200
#endif

int op_environment(struct launch *launch, const struct plan_op *op)
{
	launch->environment = *op;
	return 0;
}

/* `op`'s strings as a NULL-terminated vector with room for one more; malloc'd. */
static const char **to_vector(const struct plan_op *op, size_t *count)
{
	const char **vector = calloc((size_t)op->argc + 2, sizeof *vector);

	if (vector && plan_string_list(op, 0, vector) < 0) {
		free(vector);
		return NULL;
	}
	*count = op->argc;
	return vector;
}

static const char *find_variable(const char **environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return *environment + length + 1;
	return NULL;
}

/* Whether the file can be executed by who we are now; else -1 with errno. */
static int check_executable(const char *path)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return -1;
	if (S_ISDIR(info.st_mode)) {
		errno = EISDIR;
		return -1;
	}
	if (syscall(SYS_faccessat2, AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
		return 0;
	/* An old filter policy may not know the call. */
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	errno = EACCES;
	return info.st_mode & 0111 ? 0 : -1;
}

/*
 * The file to execute, in `found` (PATH_MAX bytes) where it came from PATH. As Go's exec.LookPath, whose failures Docker
 * words: a name is looked for in the absolute directories of PATH, and whatever is wrong there it is "not found".
 */
static const char *find_program(const char *name, const char *search, char *found)
{
	if (strchr(name, '/'))
		return check_executable(name) == 0 ? name : NULL;
	while (*name && search && *search) {
		int length = (int)strcspn(search, ":");
		if (*search == '/' && snprintf(found, PATH_MAX, "%.*s/%s", length, search, name) < PATH_MAX &&
		    check_executable(found) == 0)
			return found;
		search += length;
		search += *search == ':';
	}
	errno = ENOENT;
	return NULL;
}

/* HOME is the user's unless the environment says otherwise. */
static void add_home(struct launch *launch, const char **environment, size_t *count)
{
	static char home[sizeof "HOME=" + PATH_MAX];
	const char *given = find_variable(environment, "HOME");

	if (given && *given)
		return;
	snprintf(home, sizeof home, "HOME=%s", launch->user.home);
	for (size_t i = 0; i < *count; i++)
		if (strncmp(environment[i], "HOME=", 5) == 0) {
			environment[i] = home;
			return;
		}
	environment[(*count)++] = home;
}

int op_exec(struct launch *launch, const struct plan_op *op)
{
	static char found[PATH_MAX];
	size_t argc = 0, count = 0;
	sigset_t none;

	const char **arguments = to_vector(op, &argc), **environment = to_vector(&launch->environment, &count);
	if (!arguments || !environment || argc == 0)
		return refuse_plan(launch);
	add_home(launch, environment, &count);
	const char *file = find_program(arguments[0], find_variable(environment, "PATH"), found);
	if (!file)
		return refuse(launch, "lookup", arguments[0]);
	if (stdio_install(launch) < 0)
		return -1;
	umask(launch->mask);
	if (launch->stay && reaper_start(launch) < 0)
		return refuse(launch, "fork", "");
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(file, (char *const *)arguments, (char *const *)environment);
	return refuse(launch, "exec", arguments[0]);
}
