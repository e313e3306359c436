/* Ids, capabilities and the system call filter: what the program may do. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "launch.h"

struct capability_sets {
	uint64_t effective, permitted, inheritable;
};

static int get_capabilities(struct capability_sets *sets)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		return -1;
	sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
	sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
	sets->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
	return 0;
}

static int set_capabilities(const struct capability_sets *sets)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(sets->effective >> 32 * i);
		data[i].permitted = (uint32_t)(sets->permitted >> 32 * i);
		data[i].inheritable = (uint32_t)(sets->inheritable >> 32 * i);
	}
	return (int)syscall(SYS_capset, &header, data);
}

static int drop_bounding(uint64_t bounding)
{
	for (int capability = 0; capability < 64; capability++) {
		if (bounding >> capability & 1)
			continue;
		if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
			/* Above the last that this kernel knows there is nothing to drop. */
			return errno == EINVAL ? 0 : -1;
	}
	return 0;
}

static int set_ambient(uint64_t ambient)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return -1;
	for (int capability = 0; capability < 64; capability++)
		if ((ambient >> capability & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			return -1;
	return 0;
}

/* The user's ids; permitted capabilities are kept across the change for set_capabilities. */
static int take_ids(struct launch *launch)
{
	const struct user *user = &launch->user;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return refuse(launch, "prctl", "PR_SET_KEEPCAPS");
	if (setgroups(user->group_count, user->groups) < 0)
		return refuse(launch, "setgroups", "");
	if (setresgid(user->gid, user->gid, user->gid) < 0)
		return refuse(launch, "setresgid", "");
	if (setresuid(user->uid, user->uid, user->uid) < 0)
		return refuse(launch, "setresuid", "");
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0)
		return refuse(launch, "prctl", "PR_SET_KEEPCAPS");
	return 0;
}

int op_credentials(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	uint64_t bounding = plan_number(op, 0, &ok);
	struct capability_sets now, wanted = {
		.effective = plan_number(op, 1, &ok),
		.permitted = plan_number(op, 2, &ok),
		.inheritable = plan_number(op, 3, &ok),
	};
	uint64_t ambient = plan_number(op, 4, &ok);

	if (!ok)
		return refuse_plan(launch);
	if (get_capabilities(&now) < 0)
		return refuse(launch, "capget", "");
	if (drop_bounding(bounding) < 0)
		return refuse(launch, "prctl", "PR_CAPBSET_DROP");
	if (take_ids(launch) < 0)
		return -1;
	/* Whoever asks for more than this machine gave us gets what there is. */
	wanted.permitted &= now.permitted & bounding;
	/* execve would leave other users only the ambient ones. Without the rest the program is already looked for with the
	 * rights that it will have. */
	if (launch->user.uid != 0)
		wanted.permitted &= ambient;
	wanted.effective &= wanted.permitted;
	wanted.inheritable &= now.permitted & bounding;
	if (set_capabilities(&wanted) < 0)
		return refuse(launch, "capset", "");
	if (set_ambient(ambient & wanted.permitted & wanted.inheritable) < 0)
		return refuse(launch, "prctl", "PR_CAP_AMBIENT");
	/* The change of ids has set it to the machine's default. */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return 0;
}

int op_no_new_privs(struct launch *launch)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? refuse(launch, "prctl", "PR_SET_NO_NEW_PRIVS") : 0;
}

int op_seccomp(struct launch *launch, const struct plan_op *op)
{
	int ok = 1;
	size_t length;
	uint64_t flags = plan_number(op, 0, &ok);
	const void *filter = plan_bytes(op, 1, &length);

	if (!ok || !filter || length == 0 || length % sizeof(struct sock_filter) != 0 ||
	    length / sizeof(struct sock_filter) > BPF_MAXINSNS)
		return refuse_plan(launch);
	/* A listener would be a descriptor that nobody here serves. */
	if (flags & SECCOMP_FILTER_FLAG_NEW_LISTENER)
		return refuse_plan(launch);
	struct sock_fprog program = {
		.len = (unsigned short)(length / sizeof(struct sock_filter)),
		.filter = (struct sock_filter *)filter,
	};
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0 ? refuse(launch, "seccomp", "") : 0;
}
