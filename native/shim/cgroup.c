#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Containers with a cgroup namespace may build trees of their own; deeper ones are not followed. */
#define DEPTH_MAX 16

static int remember(char **list, unsigned *count, const char *path)
{
	char *copy;

	if (*count == CGROUPS_MAX) {
		errno = E2BIG;
		return -1;
	}
	copy = strdup(path);
	if (!copy)
		return -1;
	list[(*count)++] = copy;
	return 0;
}

int cgroup_create(struct cgroups *cgroups, const char *path)
{
	char partial[PATH_MAX];
	size_t length = strlen(path);

	if (length >= sizeof(partial)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(partial, path, length + 1);
	if (mkdir(path, 0755) < 0 && errno == ENOENT) {
		for (char *slash = strchr(partial + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
			*slash = '\0';
			if (mkdir(partial, 0755) < 0 && errno != EEXIST && errno != EROFS)
				return -1;
			*slash = '/';
		}
		if (mkdir(path, 0755) < 0 && errno != EEXIST)
			return -1;
	} else if (access(path, F_OK) < 0) {
		return -1;
	}
	return remember(cgroups->created, &cgroups->created_count, path);
}

int cgroup_enter(struct cgroups *cgroups, const char *path)
{
	return remember(cgroups->entered, &cgroups->entered_count, path);
}

int cgroup_write(const char *path, const char *value)
{
	size_t length = strlen(value);
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t count;
	int error;

	if (fd < 0)
		return -1;
	/* One write: these files take a value per write(2). */
	count = write(fd, value, length);
	error = errno;
	close(fd);
	if (count == (ssize_t)length)
		return 0;
	errno = count < 0 ? error : EIO;
	return -1;
}

/* Writes to a file of the directory, if it is there. */
static int write_below(int directory, const char *name, const char *value)
{
	int fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t count;

	if (fd < 0)
		return -1;
	count = write(fd, value, strlen(value));
	close(fd);
	return count < 0 ? -1 : 0;
}

static void kill_members(int directory)
{
	char line[32];
	FILE *file;
	int fd = openat(directory, "cgroup.procs", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return;
	file = fdopen(fd, "r");
	if (!file) {
		close(fd);
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		long pid = strtol(line, NULL, 10);

		/* 0: a process of a pid namespace that cannot be seen from here. Never ourselves. */
		if (pid > 1 && pid != getpid())
			kill((pid_t)pid, SIGKILL);
	}
	fclose(file);
}

/* Calls `visit` for the directory and all below it, children first. Takes over `fd`. */
static void walk(int fd, int depth, void (*visit)(int directory), void (*leave)(int parent, const char *name))
{
	struct dirent *entry;
	DIR *stream;

	visit(fd);
	stream = depth < DEPTH_MAX ? fdopendir(fd) : NULL;
	if (!stream) {
		close(fd);
		return;
	}
	while ((entry = readdir(stream))) {
		int child;

		if (entry->d_name[0] == '.' || entry->d_type != DT_DIR)
			continue;
		child = openat(fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (child < 0)
			continue;
		walk(child, depth + 1, visit, leave);
		leave(fd, entry->d_name);
	}
	closedir(stream);
}

static void visit_nothing(int directory)
{
	(void)directory;
}

static void visit_kill(int directory)
{
	/* v1's freezer: a frozen task dies only when it is thawed. v2 kills frozen ones too. */
	write_below(directory, "freezer.state", "THAWED");
	kill_members(directory);
}

static void leave_alone(int parent, const char *name)
{
	(void)parent;
	(void)name;
}

static void leave_removed(int parent, const char *name)
{
	unlinkat(parent, name, AT_REMOVEDIR);
}

void cgroup_kill(const struct cgroups *cgroups)
{
	for (unsigned i = 0; i < cgroups->created_count; i++) {
		int fd = open(cgroups->created[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (fd < 0)
			continue;
		/* v2 since Linux 5.14: the whole subtree at once, also against a fork bomb. */
		if (write_below(fd, "cgroup.kill", "1") == 0)
			close(fd);
		else
			walk(fd, 0, visit_kill, leave_alone);
	}
}

int cgroup_remove(struct cgroups *cgroups)
{
	unsigned left = 0;

	for (unsigned i = 0; i < cgroups->created_count; i++) {
		char *path = cgroups->created[i];

		if (rmdir(path) < 0 && errno != ENOENT) {
			int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

			if (fd >= 0)
				walk(fd, 0, visit_nothing, leave_removed);
			if (rmdir(path) < 0 && errno != ENOENT) {
				cgroups->created[left++] = path;
				continue;
			}
		}
		free(path);
	}
	cgroups->created_count = left;
	return left ? -1 : 0;
}

uint64_t cgroup_counter(const char *path, const char *key)
{
	size_t length = strlen(key);
	uint64_t value = 0;
	char line[256];
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, key, length) && line[length] == ' ') {
			value = strtoull(line + length + 1, NULL, 10);
			break;
		}
	}
	fclose(file);
	return value;
}
