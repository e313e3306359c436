/* The state of one launch inside the new process, and the operations on it. Internal to native/init. */
#ifndef BERTH_LAUNCH_H
#define BERTH_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <unistd.h>

#include "plan.h"

/* Whom the program runs as; OP_USER resolves it, OP_CREDENTIALS takes it. */
struct user {
	uid_t uid;
	gid_t gid;
	/* The primary group first. */
	gid_t *groups;
	size_t group_count;
	/* From passwd; "/" without an entry. */
	char home[PATH_MAX];
};

/* A mount that was made before the plan came; `mount` is -1 when it was taken, or could not be made. */
struct mount_ahead {
	struct plan_op op;
	int mount;
};

struct launch {
	int channel;
	/* The new root directory (O_PATH), -1 before OP_ROOT. In a process that joined a running container: its "/". */
	int root;
	/* The process joined a running container's mounts: "/" is the container's, there is nothing to build. */
	bool inside;
	/* The mount namespace is not the shim's: mounting is allowed. */
	bool own_mounts;
	/* In a user namespace: ids are still the shim's, see namespaces_become_root. */
	bool foreign_ids;
	/* OP_INIT came. */
	bool stay;
	/* CLONE_NEW* that is unshared only when the plan comes. */
	uint64_t late;
	/* Descriptors that become 0, 1, 2; -1 with a terminal. */
	int stdio[3];
	/* The pty's slave, or -1. */
	int terminal;
	/* What OP_MASK puts over things, opened at its first use: the null device, an empty tmpfs that is already attached. */
	int null_device, empty_tree;
	struct mount_ahead ahead[16];
	unsigned ahead_count;
	mode_t mask;
	struct user user;
	/* OP_ENVIRONMENT's operation; argc 0 without one. */
	struct plan_op environment;
	/* What failed: set by refuse(). */
	int error;
	char step[512], path[PATH_MAX];
};

static inline void close_descriptor(const int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
}
#define AUTOCLOSE __attribute__((cleanup(close_descriptor)))

/* report.c. `step` is a system call's name, or the sentence that the user shall read; errno tells why. Always returns -1. */
int refuse(struct launch *launch, const char *step, const char *path);
/* For arguments that are not as protocol.h says. */
int refuse_plan(struct launch *launch);
/* Sends CHANNEL_ERROR with what refuse() noted. Best effort: the shim may be gone. */
void report_error(const struct launch *launch, uint32_t op, uint32_t index);
/* Sends `kind` with a payload and, unless negative, a descriptor. Returns 0 or -1 with errno. */
int channel_send(int channel, uint32_t kind, const void *payload, uint32_t length, int descriptor);
/* Receives the plan and the three descriptors into launch->stdio. `*bytes` is malloc'd. -1 with errno; errno 0: the shim has hung up. */
int channel_receive_plan(struct launch *launch, void **bytes, size_t *length);

/* execute.c. Carries out the plan's operations for the new process; returns only on failure, which it has reported. */
void plan_execute(struct launch *launch, struct plan *plan);

/* paths.c: resolution below launch->root; nothing outside of it is ever reached. All return an O_CLOEXEC descriptor or -1 with errno. */
int root_open(struct launch *launch, const char *path, uint64_t flags, uint64_t resolve);
/* The directory or the empty file at `path`, made if missing (its parents with mode 0755). An existing one may be of any kind. O_PATH. */
int root_make_directory(struct launch *launch, const char *path, mode_t mode);
int root_make_file(struct launch *launch, const char *path, mode_t mode);
/* The directory that holds `path`'s last component, made if missing, and in `name` (NAME_MAX + 1 bytes) that component. */
int root_make_parent(struct launch *launch, const char *path, char *name);
/* Whether the descriptor lies on a file system of that magic number. */
bool is_on(int descriptor, long magic);

struct namespace_request;

/* ahead.c */
void mounts_make_ahead(struct launch *launch, const struct namespace_request *request);
/* The mount that was made ahead with these values, which is the caller's now, or -1. */
int mounts_take(struct launch *launch, const char *type, const char *source, uint64_t attributes, const char *options);
/* mounts.c */
/* A new, still detached mount, or -1 with the failure noted. */
int make_mount(struct launch *launch, const char *type, const char *source, unsigned attributes, const char *options);
int op_propagation(struct launch *launch, const struct plan_op *op);
int op_mount(struct launch *launch, const struct plan_op *op);
int op_root(struct launch *launch, const struct plan_op *op);
int op_mount_in(struct launch *launch, const struct plan_op *op);
int op_pivot(struct launch *launch);
int op_readonly_root(struct launch *launch);
/* binds.c */
int op_bind_in(struct launch *launch, const struct plan_op *op);
int op_mask(struct launch *launch, const struct plan_op *op);
int op_readonly(struct launch *launch, const struct plan_op *op);
/* Attaches the detached mount at `target`, unless that is the root itself or belongs to procfs (`allow_procfs`: the caller has
 * checked that). Notes the failure. */
int attach_mount(struct launch *launch, int mount, int target, const char *path, bool allow_procfs);
/* A detached copy of the host's path, for binding. */
int clone_tree(int directory, const char *path, bool recursive);
/* devices.c */
int op_mkdir(struct launch *launch, const struct plan_op *op);
int op_symlink(struct launch *launch, const struct plan_op *op);
int op_device(struct launch *launch, const struct plan_op *op);
/* console.c */
int op_console(struct launch *launch);
/* Gives terminal or stdio to the user, as far as the kernel lets us. */
void stdio_give(const struct launch *launch, uid_t uid);
/* Makes descriptors 0, 1, 2 of the program's, and marks all others to be closed by exec. */
int stdio_install(struct launch *launch);
/* settings.c */
int op_write_file(struct launch *launch, const struct plan_op *op);
int op_chdir(struct launch *launch, const struct plan_op *op);
int op_workdir(struct launch *launch, const struct plan_op *op);
int op_hostname(struct launch *launch, const struct plan_op *op);
int op_domainname(struct launch *launch, const struct plan_op *op);
int op_loopback_up(struct launch *launch);
int op_sysctl(struct launch *launch, const struct plan_op *op);
int op_rlimit(struct launch *launch, const struct plan_op *op);
int op_new_keyring(struct launch *launch, const struct plan_op *op);
int op_umask(struct launch *launch, const struct plan_op *op);
/* user.c */
int op_user(struct launch *launch, const struct plan_op *op);
/* credentials.c */
int op_credentials(struct launch *launch, const struct plan_op *op);
int op_no_new_privs(struct launch *launch);
int op_seccomp(struct launch *launch, const struct plan_op *op);
/* program.c */
int op_environment(struct launch *launch, const struct plan_op *op);
int op_exec(struct launch *launch, const struct plan_op *op);
/* reaper.c. Forks: returns 0 in the child, -1 with errno; the parent stays as the init until the child has ended. */
int reaper_start(struct launch *launch);

#endif
