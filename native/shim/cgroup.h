/* The container's control groups: made in PREPARE, emptied and removed when the container has ended. */
#ifndef BERTH_SHIM_CGROUP_H
#define BERTH_SHIM_CGROUP_H

#include <stdint.h>

/* A container has one directory per v1 controller and one of v2. */
#define CGROUPS_MAX 16

struct cgroups {
	/* Made by us, to be removed. */
	char *created[CGROUPS_MAX];
	unsigned created_count;
	/* Joined by every process of the container. */
	char *entered[CGROUPS_MAX];
	unsigned entered_count;
};

/* All return 0, or -1 with errno. mkdir with parents; one that exists already (left by a crash) is taken over. */
int cgroup_create(struct cgroups *cgroups, const char *path);
int cgroup_enter(struct cgroups *cgroups, const char *path);
int cgroup_write(const char *path, const char *value);

/* Sends SIGKILL to everything inside, thawing what is frozen. Best effort: repeated until cgroup_remove succeeds. */
void cgroup_kill(const struct cgroups *cgroups);
/* Removes the created directories with what the container made below. 0: all gone; -1: some are still busy. */
int cgroup_remove(struct cgroups *cgroups);

/* The number behind `key` in a file of "key number" lines; 0 when there is none. */
uint64_t cgroup_counter(const char *path, const char *key);

#endif
