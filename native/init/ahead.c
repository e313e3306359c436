/*
 * File systems that are mounted before the plan comes: detached, so that they are in no mount namespace and hold nothing of the
 * host's. Each belongs to namespaces that the process already lives in (proc to the pid namespace, sysfs to the network's, ...).
 * A MOUNT_IN of the same kind takes one; what is not taken goes with the execution of the program.
 */
#include <string.h>
#include <unistd.h>

#include "init.h"
#include "launch.h"

static bool same_string(const struct plan_op *op, unsigned number, const char *text)
{
	const char *own = plan_string(op, number);

	return own && strcmp(own, text) == 0;
}

void mounts_make_ahead(struct launch *launch, const struct namespace_request *request)
{
	for (unsigned i = 0; i < request->ahead_count; i++) {
		struct plan_op op = request->ahead[i];
		int ok = 1;
		uint64_t attributes = plan_number(&op, 2, &ok);
		const char *type = plan_string(&op, 0), *source = plan_string(&op, 1), *options = plan_string(&op, 3);

		if (!type || !source || !ok || !options)
			continue;
		/* A failure is told where it counts: by the operation that then makes the mount itself. */
		launch->ahead[launch->ahead_count].mount = make_mount(launch, type, source, (unsigned)attributes, options);
		launch->ahead[launch->ahead_count++].op = op;
	}
}

int mounts_take(struct launch *launch, const char *type, const char *source, uint64_t attributes, const char *options)
{
	for (unsigned i = 0; i < launch->ahead_count; i++) {
		struct mount_ahead *ahead = &launch->ahead[i];
		int ok = 1, taken = ahead->mount;

		if (taken < 0 || !same_string(&ahead->op, 0, type) || !same_string(&ahead->op, 1, source) ||
		    plan_number(&ahead->op, 2, &ok) != attributes || !same_string(&ahead->op, 3, options))
			continue;
		ahead->mount = -1;
		return taken;
	}
	return -1;
}
