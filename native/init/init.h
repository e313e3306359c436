/*
 * The new process: how it comes to be and what it does until the container's program runs in its place.
 * Used by the shim only. The shim and the new process share one stream socket pair, the channel:
 *
 *   shim -> process   the plan's bytes (its header tells the length); with the first byte come, as SCM_RIGHTS,
 *                     three descriptors for stdin, stdout, stderr, unless the plan's STDIO says TTY
 *   process -> shim   messages of kind and length, below; then end of file, when the program was executed
 *
 * End of file without CHANNEL_ERROR before it means: executed. (With OP_INIT: the child of the init was executed.)
 */
#ifndef BERTH_INIT_H
#define BERTH_INIT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

/* u32 kind, u32 length of what follows */
#define CHANNEL_MASTER 1 /* no payload; the pty's master comes as SCM_RIGHTS with it */
#define CHANNEL_ERROR 2  /* u32 op, u32 index, u32 errno, string step, string path: as in FRAME_ERROR */
#define CHANNEL_PID 3    /* u32: between native/init's own processes; the shim never sees it */

struct namespace_request {
	/* CLONE_NEW* of the namespaces to make. */
	uint64_t create;
	/* Namespaces to join instead: descriptors of /proc/<pid>/ns/…, their CLONE_NEW* flags. */
	struct { int fd; uint64_t flag; } join[8];
	unsigned joins;
	/* cgroup directories to enter first. */
	const char *cgroups[16];
	unsigned cgroup_count;
	/* Text for /proc/<pid>/{uid,gid}_map, NULL without a user namespace. */
	const char *uid_map, *gid_map;
	/* OP_MOUNT_AHEAD. */
	struct plan_op ahead[16];
	unsigned ahead_count;
};

/*
 * Clones the container's first process. It enters the cgroups, makes and joins the namespaces and then waits on its end
 * of the channel for a plan, carries it out and executes the program. Returns its pid (a child of the caller) and in
 * *pidfd a descriptor of it, or -1 with errno. *channel gets the caller's end (close-on-exec, blocking).
 * The new process keeps none of the caller's other descriptors and dies with EOF on the channel before a plan came.
 *
 * Returns without waiting for cgroups and joins: what fails there comes as CHANNEL_ERROR with OP_CGROUP_ENTER or
 * OP_JOIN_NAMESPACE at once; the plan is still taken from the channel, then the process ends. The mount and the cgroup
 * namespace are made only when the plan comes, so that the first shows (and keeps busy) no mount of an earlier moment.
 * A process that did not execute its program ends with code 127. The caller becomes undumpable for good (clone.c says why).
 */
pid_t init_clone(const struct namespace_request *request, int *channel, int *pidfd);

/*
 * The same for one more process in a running container: it joins the cgroups in `request` (whose other fields are unused)
 * and all namespaces of `init_pidfd`'s process that are not the caller's own. The process is a child of the caller, which
 * must have one thread: for the moment of the clone its children's pid namespace is the container's.
 */
pid_t init_clone_exec(const struct namespace_request *request, int init_pidfd, int *channel, int *pidfd);

#endif
