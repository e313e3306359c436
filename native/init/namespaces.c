#include "namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "kernel-calls.h"

#define ALL_BUT_PID (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP)

/*
 * On v1 the file is `tasks`, not `cgroup.procs`: for a process of one thread both mean the same, but a thread that moves
 * itself takes no lock of the whole system, where cgroup.procs waits for an RCU grace period (23 ms measured).
 */
static int enter_cgroup(struct launch *launch, const char *directory)
{
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof path, "%s/tasks", directory) >= sizeof path) {
		errno = ENAMETOOLONG;
		return refuse(launch, "open", directory);
	}
	int AUTOCLOSE file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0 && errno == ENOENT) {
		/* A v2 directory, or none at all. */
		if ((size_t)snprintf(path, sizeof path, "%s/cgroup.procs", directory) >= sizeof path) {
			errno = ENAMETOOLONG;
			return refuse(launch, "open", directory);
		}
		file = open(path, O_WRONLY | O_CLOEXEC);
	}
	if (file < 0)
		return refuse(launch, "open", path);
	if (write(file, "0", 1) != 1)
		return refuse(launch, "write", path);
	return 0;
}

int namespaces_enter_cgroups(struct launch *launch, const struct namespace_request *request, int except)
{
	for (unsigned i = 0; i < request->cgroup_count; i++)
		if ((int)i != except && enter_cgroup(launch, request->cgroups[i]) < 0)
			return -1;
	return 0;
}

int namespaces_join(struct launch *launch, const struct namespace_request *request, bool for_children)
{
	/* The user namespace gives the right to join those that it owns. */
	for (int user = 1; user >= 0; user--)
		for (unsigned i = 0; i < request->joins; i++) {
			uint64_t flag = request->join[i].flag;
			if ((flag == CLONE_NEWPID && !for_children) || (flag == CLONE_NEWUSER) != user)
				continue;
			if (setns(request->join[i].fd, (int)flag) < 0)
				return refuse(launch, "setns", "");
			if (flag == CLONE_NEWUSER)
				launch->foreign_ids = true;
			if (flag == CLONE_NEWNS)
				launch->own_mounts = true;
		}
	return 0;
}

int namespaces_join_process(struct launch *launch, int pidfd)
{
	/* One's own user namespace cannot be joined (EINVAL): the container then has none. */
	if (setns(pidfd, CLONE_NEWUSER | ALL_BUT_PID) == 0)
		launch->foreign_ids = true;
	else if (errno != EINVAL || setns(pidfd, ALL_BUT_PID) < 0)
		return refuse(launch, "setns", "");
	launch->own_mounts = true;
	launch->inside = true;
	return 0;
}

int namespaces_become_root(struct launch *launch)
{
	launch->foreign_ids = false;
	if (setgroups(0, NULL) < 0)
		return refuse(launch, "setgroups", "");
	if (setresgid(0, 0, 0) < 0)
		return refuse(launch, "setresgid", "");
	if (setresuid(0, 0, 0) < 0)
		return refuse(launch, "setresuid", "");
	/* A change of ids sets it to the machine's default, which may be another. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

static int write_map(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	int AUTOCLOSE file = open(path, O_WRONLY | O_CLOEXEC);
	/* The kernel takes a map in one write only. */
	size_t length = strlen(text);
	return file >= 0 && write(file, text, length) == (ssize_t)length ? 0 : -1;
}

int namespaces_write_maps(pid_t pid, const struct namespace_request *request)
{
	if (request->uid_map && write_map(pid, "uid_map", request->uid_map) < 0)
		return -1;
	if (request->gid_map && write_map(pid, "gid_map", request->gid_map) < 0)
		return -1;
	return 0;
}
