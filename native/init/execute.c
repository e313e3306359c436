/* The closed list of operations that the new process carries out (protocol.h). */
#include <errno.h>
#include <sys/stat.h>

#include "launch.h"
#include "namespaces.h"
#include "protocol.h"

/* What changes mounts: refused before the process has a mount namespace of its own, so that no plan mounts on the host. */
static bool touches_mounts(uint16_t code)
{
	switch (code) {
	case OP_PROPAGATION:
	case OP_MOUNT:
	case OP_ROOT:
	case OP_DEVICE:
	case OP_MOUNT_IN:
	case OP_BIND_IN:
	case OP_MASK:
	case OP_READONLY:
	case OP_CONSOLE:
	case OP_PIVOT:
	case OP_READONLY_ROOT:
		return true;
	default:
		return false;
	}
}

static int execute(struct launch *launch, const struct plan_op *op)
{
	switch (op->code) {
	case OP_WRITE_FILE: return op_write_file(launch, op);
	case OP_PROPAGATION: return op_propagation(launch, op);
	case OP_CHDIR: return op_chdir(launch, op);
	case OP_MOUNT: return op_mount(launch, op);
	case OP_ROOT: return op_root(launch, op);
	case OP_MKDIR: return op_mkdir(launch, op);
	case OP_SYMLINK: return op_symlink(launch, op);
	case OP_DEVICE: return op_device(launch, op);
	case OP_MOUNT_IN: return op_mount_in(launch, op);
	case OP_BIND_IN: return op_bind_in(launch, op);
	case OP_MASK: return op_mask(launch, op);
	case OP_READONLY: return op_readonly(launch, op);
	case OP_CONSOLE: return op_console(launch);
	case OP_HOSTNAME: return op_hostname(launch, op);
	case OP_DOMAINNAME: return op_domainname(launch, op);
	case OP_LOOPBACK_UP: return op_loopback_up(launch);
	case OP_SYSCTL: return op_sysctl(launch, op);
	case OP_PIVOT: return op_pivot(launch);
	case OP_READONLY_ROOT: return op_readonly_root(launch);
	case OP_RLIMIT: return op_rlimit(launch, op);
	case OP_NEW_KEYRING: return op_new_keyring(launch, op);
	case OP_USER: return op_user(launch, op);
	case OP_WORKDIR: return op_workdir(launch, op);
	case OP_CREDENTIALS: return op_credentials(launch, op);
	case OP_NO_NEW_PRIVS: return op_no_new_privs(launch);
	case OP_SECCOMP: return op_seccomp(launch, op);
	case OP_ENVIRONMENT: return op_environment(launch, op);
	case OP_UMASK: return op_umask(launch, op);
	case OP_EXEC: return op_exec(launch, op);
	case OP_INIT:
		launch->stay = true;
		return 0;
	default:
		errno = ENOSYS;
		return refuse(launch, "operation", "");
	}
}

static int prepare(struct launch *launch, const struct plan_op *op)
{
	/* A file of /proc/self belongs to the ids that we came with: those are changed after the first writes. */
	if (launch->foreign_ids && op->code != OP_WRITE_FILE && namespaces_become_root(launch) < 0)
		return -1;
	if (touches_mounts(op->code) && !launch->own_mounts) {
		errno = EPERM;
		return refuse(launch, "namespace", "");
	}
	return 0;
}

void plan_execute(struct launch *launch, struct plan *plan)
{
	struct plan_op op = {0};

	/* Modes in the plan are exact. */
	umask(0);
	while (plan_next(plan, &op)) {
		if (op.code < PLAN_FIRST_CHILD_OP)
			continue;
		if (prepare(launch, &op) < 0 || execute(launch, &op) < 0) {
			report_error(launch, op.code, op.index);
			return;
		}
	}
	/* OP_EXEC comes back only when it has failed. */
	refuse_plan(launch);
	report_error(launch, OP_EXEC, op.index);
}
