/*
 * The file tree of a container, seen from a mount namespace of this process's own: nothing that is mounted here shows
 * anywhere else, and all of it is gone when the process ends, however it ends.
 */
#ifndef BERTH_ROOT_H
#define BERTH_ROOT_H

#define ROOT_LOWER_MAX 500
#define ROOT_BINDS_MAX 1024

struct root_bind {
	const char *source, *target;
	int read_only;
	int recursive;
};

/* Where the files are: `directory` if it is given, else `process`, else the layers. */
struct root_source {
	/* A running container: any of its processes, and the name of its cgroup, so that a later process of that number is not
	 * taken for it. */
	const char *process, *cgroup;
	/* A stopped one: its layers, topmost first, as names relative to `base`; without `lower` its only directory is `upper`. */
	const char *base, *upper, *work;
	const char *lower[ROOT_LOWER_MAX];
	unsigned lower_count;
	struct root_bind binds[ROOT_BINDS_MAX];
	unsigned bind_count;
	int read_only;
	/* A plain directory of the host; with one_file_system nothing that is mounted below it is seen. */
	const char *directory;
	int one_file_system;
};

enum root_use {
	ROOT_READ,  /* all that the container sees */
	ROOT_WRITE, /* the same, to be changed */
	ROOT_BARE,  /* its own file system, read-only: what is mounted on it is not seen */
};

/* Opens the tree. No device in it can be used, no program run. Ends the process when it cannot (tree-errors.h). */
int root_open(const struct root_source *source, enum root_use use);

/* For a stopped container: the merged lower layers alone; -1 when there are none. */
int root_open_lower(const struct root_source *source);

/* A directory of the host that is only compared with. */
int root_open_other(const char *directory);

/* Makes an opened tree the process's root and gives up what working in it does not need. Only standard input and output
 * should lead elsewhere from then on. */
void root_enter(int root);

#endif
