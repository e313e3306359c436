/* How the new process gets into control groups and namespaces. Internal to native/init. */
#ifndef BERTH_NAMESPACES_H
#define BERTH_NAMESPACES_H

#include "init.h"
#include "launch.h"

/* Enters every cgroup directory but the one of index `except` (-1: none). Notes the failure. */
int namespaces_enter_cgroups(struct launch *launch, const struct namespace_request *request, int except);
/* Joins what the request lists, a user namespace first; a pid namespace only `for_children`. Notes the failure. */
int namespaces_join(struct launch *launch, const struct namespace_request *request, bool for_children);
/* Joins all of a running container's but the pid namespace. Notes the failure. */
int namespaces_join_process(struct launch *launch, int pidfd);
/* Takes the ids of the user namespace's root; not before its maps are written. Notes the failure. */
int namespaces_become_root(struct launch *launch);
/* The caller's part: writes the maps of the child in a new user namespace. Returns 0 or -1 with errno. */
int namespaces_write_maps(pid_t pid, const struct namespace_request *request);

#endif
