/* The channel to the shim: the plan comes in, failures and the terminal's master go out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "init.h"
#include "launch.h"
#include "protocol.h"

int refuse(struct launch *launch, const char *step, const char *path)
{
	launch->error = errno != 0 ? errno : EPROTO;
	strncpy(launch->step, step, sizeof launch->step - 1);
	strncpy(launch->path, path, sizeof launch->path - 1);
	return -1;
}

int refuse_plan(struct launch *launch)
{
	errno = EPROTO;
	return refuse(launch, "plan", "");
}

int channel_send(int channel, uint32_t kind, const void *payload, uint32_t length, int descriptor)
{
	uint32_t header[2] = {kind, length};
	struct iovec parts[2] = {{header, sizeof header}, {(void *)payload, length}};
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof descriptor)];
	} control = {0};
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = length > 0 ? 2 : 1};

	if (descriptor >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof control.bytes;
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof descriptor);
		memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
	}
	/* Far below a socket's buffer: taken whole or not at all. */
	ssize_t sent = sendmsg(channel, &message, MSG_NOSIGNAL);
	if (sent < 0)
		return -1;
	if ((size_t)sent != sizeof header + length) {
		errno = EMSGSIZE;
		return -1;
	}
	return 0;
}

static unsigned char *put_u32(unsigned char *at, uint32_t value)
{
	memcpy(at, &value, sizeof value);
	return at + sizeof value;
}

static unsigned char *put_string(unsigned char *at, const char *text)
{
	size_t length = strlen(text);
	at = put_u32(at, (uint32_t)length);
	memcpy(at, text, length);
	return at + length;
}

void report_error(const struct launch *launch, uint32_t op, uint32_t index)
{
	unsigned char payload[5 * 4 + sizeof launch->step + sizeof launch->path];
	unsigned char *at = payload;

	at = put_u32(at, op);
	at = put_u32(at, index);
	at = put_u32(at, (uint32_t)launch->error);
	at = put_string(at, launch->step);
	at = put_string(at, launch->path);
	channel_send(launch->channel, CHANNEL_ERROR, payload, (uint32_t)(at - payload), -1);
}

/* Notes the descriptors of a message; anything but exactly three at once is refused. */
static int take_stdio(struct launch *launch, struct msghdr *message)
{
	struct cmsghdr *rights = CMSG_FIRSTHDR(message);

	if (!rights)
		return 0;
	if ((message->msg_flags & MSG_CTRUNC) || launch->stdio[0] >= 0 || rights->cmsg_level != SOL_SOCKET ||
	    rights->cmsg_type != SCM_RIGHTS || rights->cmsg_len != CMSG_LEN(sizeof launch->stdio)) {
		errno = EPROTO;
		return -1;
	}
	memcpy(launch->stdio, CMSG_DATA(rights), sizeof launch->stdio);
	return 0;
}

/* Fills `bytes`; errno 0 when the shim hangs up before that. */
static int receive_all(struct launch *launch, void *bytes, size_t length)
{
	for (size_t have = 0; have < length;) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof launch->stdio)];
		} control;
		struct iovec part = {(char *)bytes + have, length - have};
		struct msghdr message = {
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control.bytes,
			.msg_controllen = sizeof control.bytes,
		};
		ssize_t got = recvmsg(launch->channel, &message, MSG_CMSG_CLOEXEC);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			errno = got == 0 ? 0 : errno;
			return -1;
		}
		if (take_stdio(launch, &message) < 0)
			return -1;
		have += (size_t)got;
	}
	return 0;
}

int channel_receive_plan(struct launch *launch, void **bytes, size_t *length)
{
	uint32_t header[PLAN_HEADER / 4];

	if (receive_all(launch, header, sizeof header) < 0)
		return -1;
	/* The total length stands last; plan_open checks the rest. */
	size_t total = header[3];
	if (header[0] != PLAN_MAGIC || total < PLAN_HEADER || total > PLAN_MAX) {
		errno = EPROTO;
		return -1;
	}
	unsigned char *plan = malloc(total);
	if (!plan)
		return -1;
	memcpy(plan, header, sizeof header);
	if (receive_all(launch, plan + sizeof header, total - sizeof header) < 0) {
		free(plan);
		return -1;
	}
	*bytes = plan;
	*length = total;
	return 0;
}
