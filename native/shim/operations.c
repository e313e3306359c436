/* The shim's operations of a launch plan. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "device_filter.h"
#include "shim.h"

static int fail(struct failure *failure, const struct plan_op *op, int error, const char *step, const char *path)
{
	failure->op = op->code;
	failure->index = op->index;
	failure->error = error;
	failure->step = step;
	snprintf(failure->path, sizeof(failure->path), "%s", path ? path : "");
	return -1;
}

static int set_string(char **field, const char *value)
{
	char *copy = value ? strdup(value) : NULL;

	if (!copy)
		return -1;
	free(*field);
	*field = copy;
	return 0;
}

static int write_value(const struct plan_op *op, struct failure *failure)
{
	const char *path = plan_string(op, 0), *value = plan_string(op, 1);
	int ok = 1;
	uint64_t flags = plan_number(op, 2, &ok);

	if (!path || !value || !ok)
		return fail(failure, op, EPROTO, "decode", "");
	if (cgroup_write(path, value) < 0 && !(flags & 1) && !((flags & 2) && errno == ENOENT))
		return fail(failure, op, errno, "write", path);
	return 0;
}

static int attach_devices(const struct plan_op *op, struct failure *failure)
{
	const char *directory = plan_string(op, 0);
	size_t length;
	const void *program = plan_bytes(op, 1, &length);

	if (!directory || !program)
		return fail(failure, op, EPROTO, "decode", "");
	return device_filter_attach(directory, program, length) < 0 ? fail(failure, op, errno, "bpf", directory) : 0;
}

/* Opened here and now, so that the namespace stays the one that was meant; entered by init_clone. */
static int join_namespace(const struct plan_op *op, struct namespace_request *request, struct failure *failure)
{
	const char *path = plan_string(op, 0);
	int ok = 1, fd;
	uint64_t flag = plan_number(op, 1, &ok);

	if (!path || !ok)
		return fail(failure, op, EPROTO, "decode", "");
	if (request->joins == sizeof(request->join) / sizeof(*request->join))
		return fail(failure, op, E2BIG, "decode", path);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fail(failure, op, errno, "open", path);
	request->join[request->joins].fd = fd;
	request->join[request->joins++].flag = flag;
	return 0;
}

static int set_user_map(const struct plan_op *op, struct namespace_request *request, struct failure *failure)
{
	int ok = 1;
	uint64_t which = plan_number(op, 0, &ok);
	const char *text = plan_string(op, 1);

	if (!ok || !text || which > 1)
		return fail(failure, op, EPROTO, "decode", "");
	if (which == 0)
		request->uid_map = text;
	else
		request->gid_map = text;
	return 0;
}

/* Those that a LAUNCH plan may have as well: for a container whose values become known only then. */
static int shared_operation(const struct plan_op *op, struct failure *failure)
{
	if (op->code == OP_CGROUP_WRITE)
		return write_value(op, failure);
	if (op->code == OP_CGROUP_DEVICES)
		return attach_devices(op, failure);
	if (op->code == OP_EXIT_RECORD)
		return set_string(&shim.record_path, plan_string(op, 0)) < 0 ? fail(failure, op, errno, "decode", "") : 0;
	if (op->code == OP_OOM_COUNTER) {
		if (set_string(&shim.oom_path, plan_string(op, 0)) < 0 || set_string(&shim.oom_key, plan_string(op, 1)) < 0)
			return fail(failure, op, errno, "decode", "");
		return 0;
	}
	return fail(failure, op, EINVAL, "decode", "");
}

static int prepare_operation(const struct plan_op *op, struct namespace_request *request, struct failure *failure)
{
	const char *path;
	int ok = 1;

	switch (op->code) {
	case OP_CGROUP_CREATE:
	case OP_CGROUP_ENTER:
		path = plan_string(op, 0);
		if (!path)
			return fail(failure, op, EPROTO, "decode", "");
		if (op->code == OP_CGROUP_CREATE)
			return cgroup_create(&shim.cgroups, path) < 0 ? fail(failure, op, errno, "mkdir", path) : 0;
		if (cgroup_enter(&shim.cgroups, path) < 0)
			return fail(failure, op, errno, "enter", path);
		request->cgroups[request->cgroup_count] = shim.cgroups.entered[request->cgroup_count];
		request->cgroup_count++;
		return 0;
	case OP_NAMESPACES:
		request->create = plan_number(op, 0, &ok);
		return ok ? 0 : fail(failure, op, EPROTO, "decode", "");
	case OP_MOUNT_AHEAD:
		if (request->ahead_count == sizeof(request->ahead) / sizeof(*request->ahead))
			return fail(failure, op, E2BIG, "decode", "");
		request->ahead[request->ahead_count++] = *op;
		return 0;
	case OP_JOIN_NAMESPACE:
		return join_namespace(op, request, failure);
	case OP_USER_MAP:
		return set_user_map(op, request, failure);
	default:
		return shared_operation(op, failure);
	}
}

int operations_prepare(struct plan *plan, struct namespace_request *request, struct failure *failure)
{
	struct plan_op op;

	while (plan_next(plan, &op))
		if (prepare_operation(&op, request, failure) < 0)
			return -1;
	return 0;
}

void namespaces_close(struct namespace_request *request)
{
	while (request->joins)
		close(request->join[--request->joins].fd);
}

static int set_stdio(const struct plan_op *op, struct process *process, struct failure *failure)
{
	int ok[3] = { 1, 1, 1 };
	uint64_t flags = plan_number(op, 0, &ok[0]), rows = plan_number(op, 1, &ok[1]),
		 columns = plan_number(op, 2, &ok[2]);

	if (!ok[0] || !ok[1] || !ok[2] || rows > UINT16_MAX || columns > UINT16_MAX ||
	    (flags & ~(uint64_t)(STDIO_TTY | STDIN_OPEN | STDIO_DISCARD | STDIO_HOLD)))
		return fail(failure, op, EPROTO, "decode", "");
	process->stdio_flags = flags;
	/* A RESIZE that came before the launch is newer than the plan. */
	if (!process->rows && !process->columns) {
		process->rows = (uint32_t)rows;
		process->columns = (uint32_t)columns;
	}
	return 0;
}

static int set_log(const struct plan_op *op, struct process *process, struct failure *failure)
{
	const char *path = plan_string(op, 0);
	int bytes_ok = 1, files_ok = 1;
	uint64_t bytes = plan_number(op, 1, &bytes_ok), files = plan_number(op, 2, &files_ok);

	if (!path || !bytes_ok || !files_ok || process->log.path)
		return fail(failure, op, EPROTO, "decode", "");
	if (log_open(&process->log, path, bytes, files > 1000 ? 1000 : (unsigned)files) < 0)
		return fail(failure, op, errno, "open", path);
	return 0;
}

int operations_launch(struct plan *plan, struct process *process, struct failure *failure)
{
	struct plan_op op;
	int result = 0;

	while (result == 0 && plan_next(plan, &op)) {
		if (op.code >= PLAN_FIRST_CHILD_OP)
			continue;
		if (op.code == OP_STDIO)
			result = set_stdio(&op, process, failure);
		else if (process->number != 0)
			result = fail(failure, &op, EINVAL, "decode", "");
		else if (op.code == OP_LOG)
			result = set_log(&op, process, failure);
		else
			result = shared_operation(&op, failure);
	}
	return result;
}
