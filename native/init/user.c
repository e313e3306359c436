/*
 * Docker's --user and --group-add, resolved in the container's own /etc/passwd and /etc/group. Both files are the image's:
 * opened inside the root, read only if regular and not too large, and a broken line counts for nothing.
 *
 * The rules and the sentences of failures are those of Docker (github.com/moby/sys/user), but for one: a line whose ids
 * are no numbers is skipped, where Docker takes such an id for 0, which is root's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "launch.h"

#define DATABASE_MAX (4u << 20)
#define ID_MAX 2147483647LL
#define OUT_OF_RANGE "uids and gids must be in range 0-2147483647"
#define FIELDS_MAX 7
/* As long as Docker's reader takes a line; a longer one is skipped. */
#define LINE_BYTES 65536


static void free_text(char **text)
{
	free(*text);
}
#define AUTOFREE __attribute__((cleanup(free_text)))

/* 0 with text NULL when there is no such file (or a thing that is no file): nobody is found in it then. */
static int read_database(struct launch *launch, const char *path, char **text)
{
	struct stat info;
	size_t have = 0;

	*text = NULL;
	int AUTOCLOSE file = root_open(launch, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (file < 0 || fstat(file, &info) < 0 || !S_ISREG(info.st_mode))
		return 0;
	if (info.st_size > DATABASE_MAX) {
		errno = EFBIG;
		return refuse(launch, "read", path);
	}
	size_t room = (size_t)info.st_size;
	char *bytes = malloc(room + 1);
	if (!bytes)
		return refuse(launch, "malloc", path);
	while (have < room) {
		ssize_t got = read(file, bytes + have, room - have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			free(bytes);
			return refuse(launch, "read", path);
		}
		if (got == 0)
			break;
		have += (size_t)got;
	}
	bytes[have] = '\0';
	*text = bytes;
	return 0;
}

/* Decimal with an optional sign, nothing else around it. */
static bool parse_number(const char *text, long long *number)
{
	bool negative = *text == '-';
	long long value = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *text - '0', &value))
			return false;
	}
	*number = negative ? -value : value;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next line's fields, in memory that the next call uses again; missing ones are "". False at the end of `*text`. */
static bool next_line(const char **text, char *fields[FIELDS_MAX])
{
	static char line[LINE_BYTES], nothing[1];

	while (*text && **text) {
		const char *start = *text, *end = start + strcspn(start, "\n");
		*text = *end ? end + 1 : end;
		while (start < end && is_space(*start))
			start++;
		while (end > start && is_space(end[-1]))
			end--;
		size_t length = (size_t)(end - start);
		if (length == 0 || length >= sizeof line)
			continue;
		memcpy(line, start, length);
		line[length] = '\0';
		char *rest = line;
		for (int i = 0; i < FIELDS_MAX; i++) {
			char *field = strsep(&rest, ":");
			fields[i] = field ? field : nothing;
		}
		return true;
	}
	return false;
}

static bool is_member(char *list, const char *name)
{
	for (char *member; (member = strsep(&list, ",")) != NULL;)
		if (strcmp(member, name) == 0)
			return true;
	return false;
}

static int add_group(struct launch *launch, gid_t gid)
{
	struct user *user = &launch->user;

	if (user->group_count > 0 && user->groups[0] == gid)
		return 0;
	/* Grows at powers of two. */
	if ((user->group_count & (user->group_count - 1)) == 0) {
		size_t room = user->group_count == 0 ? 1 : user->group_count * 2;
		gid_t *groups = realloc(user->groups, room * sizeof *groups);
		if (!groups)
			return refuse(launch, "malloc", "");
		user->groups = groups;
	}
	user->groups[user->group_count++] = gid;
	return 0;
}

static int refuse_name(struct launch *launch, const char *what, const char *name, const char *file)
{
	char sentence[sizeof launch->step];

	snprintf(sentence, sizeof sentence, "unable to find %s %.300s: no matching entries in %s file", what, name, file);
	errno = ENOENT;
	return refuse(launch, sentence, "");
}

static int take_id(struct launch *launch, long long number, unsigned *id)
{
	if (number < 0 || number > ID_MAX) {
		errno = ERANGE;
		return refuse(launch, OUT_OF_RANGE, "");
	}
	*id = (unsigned)number;
	return 0;
}

/* Uid, gid and home of `wanted` (a name, a number, or "": uid 0). `name` gets the entry's, "" without one. */
static int resolve_user(struct launch *launch, const char *wanted, char *name, size_t size)
{
	struct user *user = &launch->user;
	char AUTOFREE *text = NULL;
	char *fields[FIELDS_MAX];
	long long number = 0, uid, gid;
	bool numeric = *wanted == '\0' || parse_number(wanted, &number);

	*name = '\0';
	if (read_database(launch, "/etc/passwd", &text) < 0)
		return -1;
	for (const char *at = text; next_line(&at, fields);) {
		if (!parse_number(fields[2], &uid) || !parse_number(fields[3], &gid))
			continue;
		if (numeric ? uid != number : strcmp(fields[0], wanted) != 0)
			continue;
		if (take_id(launch, uid, &user->uid) < 0 || take_id(launch, gid, &user->gid) < 0)
			return -1;
		snprintf(user->home, sizeof user->home, "%s", *fields[5] ? fields[5] : "/");
		snprintf(name, size, "%s", fields[0]);
		return 0;
	}
	return numeric ? take_id(launch, number, &user->uid) : refuse_name(launch, "user", wanted, "passwd");
}

/* The explicit group of the spec. */
static int resolve_group(struct launch *launch, const char *wanted, const char *at, gid_t *found)
{
	char *fields[FIELDS_MAX];
	long long number, gid;
	bool numeric = parse_number(wanted, &number);

	while (next_line(&at, fields)) {
		if (!parse_number(fields[2], &gid))
			continue;
		if (numeric ? gid == number : strcmp(fields[0], wanted) == 0)
			return take_id(launch, gid, found);
	}
	return numeric ? take_id(launch, number, found) : refuse_name(launch, "group", wanted, "group");
}

/* The groups that list the user. */
static int add_memberships(struct launch *launch, const char *name, const char *at)
{
	char *fields[FIELDS_MAX];
	long long gid;
	gid_t id = 0;

	while (next_line(&at, fields))
		if (parse_number(fields[2], &gid) && is_member(fields[3], name) &&
		    (take_id(launch, gid, &id) < 0 || add_group(launch, id) < 0))
			return -1;
	return 0;
}

/* --group-add: by name or number; a name of digits counts as a name first. */
static int add_additional(struct launch *launch, const char *wanted, const char *at)
{
	char *fields[FIELDS_MAX];
	long long number, gid;
	bool numeric = parse_number(wanted, &number);
	gid_t id = 0;

	while (next_line(&at, fields)) {
		if (!parse_number(fields[2], &gid) || !(strcmp(fields[0], wanted) == 0 || (numeric && gid == number)))
			continue;
		return take_id(launch, gid, &id) < 0 ? -1 : add_group(launch, id);
	}
	if (!numeric)
		return refuse_name(launch, "group", wanted, "group");
	return take_id(launch, number, &id) < 0 ? -1 : add_group(launch, id);
}

int op_user(struct launch *launch, const struct plan_op *op)
{
	const char *spec = plan_string(op, 0);
	char wanted[256], name[256];
	char AUTOFREE *groups = NULL;

	if (!spec)
		return refuse_plan(launch);
	size_t length = strcspn(spec, ":");
	if (length >= sizeof wanted)
		return refuse_name(launch, "user", spec, "passwd");
	memcpy(wanted, spec, length);
	wanted[length] = '\0';
	launch->user = (struct user){.home = "/"};
	if (resolve_user(launch, wanted, name, sizeof name) < 0)
		return -1;

	const char *group = spec[length] == ':' ? spec + length + 1 : "";
	char chosen[256];
	if ((size_t)snprintf(chosen, sizeof chosen, "%.*s", (int)strcspn(group, ":"), group) >= sizeof chosen)
		return refuse_name(launch, "group", group, "group");
	if ((*chosen || *name || op->argc > 1) && read_database(launch, "/etc/group", &groups) < 0)
		return -1;
	if (*chosen && resolve_group(launch, chosen, groups, &launch->user.gid) < 0)
		return -1;
	/* The primary group is among the supplementary ones, so that a setgid program cannot shed it (CVE-2022-36109). */
	if (add_group(launch, launch->user.gid) < 0)
		return -1;
	/* Memberships count only where no group was named. */
	if (!*chosen && *name && add_memberships(launch, name, groups) < 0)
		return -1;
	for (unsigned i = 1; i < op->argc; i++) {
		const char *additional = plan_string(op, i);
		if (!additional)
			return refuse_plan(launch);
		if (add_additional(launch, additional, groups) < 0)
			return -1;
	}
	stdio_give(launch, launch->user.uid);
	return 0;
}
