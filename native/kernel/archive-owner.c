/* Who a name means in a container: its own /etc/passwd and /etc/group, which are nobody's but the container's. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "open-in-root.h"
#include "refuse.h"
#include "tree-errors.h"

/* No real passwd is larger; a container's may be anything. */
#define TEXT_MAX (1 << 20)

/* NULL: it is no file that can be read. The caller frees it. */
static char *read_text(int root, const char *path)
{
	int fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	char *text = fd < 0 ? NULL : malloc(TEXT_MAX + 1);
	size_t length = 0;
	ssize_t got;

	while (text && length < TEXT_MAX && (got = read(fd, text + length, TEXT_MAX - length)) > 0)
		length += (size_t)got;
	if (fd >= 0)
		close(fd);
	if (text)
		text[length] = 0;
	return text;
}

static int parse_id(const char *text, unsigned *id)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number >= 0xffffffffu)
		return 0;
	*id = (unsigned)number;
	return 1;
}

/* The numbers in fields 2 and 3 of the line that has `name` in field 0, or `id` in field 2. 0: there is none. */
static int find_line(char *text, const char *name, int by_id, unsigned id, unsigned *first, unsigned *second)
{
	char *line, *rest = text;

	while (rest && (line = strsep(&rest, "\n")) != NULL) {
		char *fields[4] = { "", "", "", "" };
		unsigned number, i;

		for (i = 0; i < 4 && line; i++)
			fields[i] = strsep(&line, ":");
		if (!parse_id(fields[2], &number) || (by_id ? number != id : strcmp(fields[0], name) != 0))
			continue;
		*first = number;
		if (second)
			parse_id(fields[3], second);
		return 1;
	}
	return 0;
}

void archive_find_owner(int root, const char *owner, unsigned *uid, unsigned *gid)
{
	char user[256], *group, *text;
	int by_id;

	snprintf(user, sizeof user, "%s", owner);
	group = strchr(user, ':');
	if (group)
		*group++ = 0;
	*uid = *gid = 0;
	by_id = parse_id(user, uid);
	text = read_text(root, "/etc/passwd");
	if (*user && !find_line(text, user, by_id, *uid, uid, gid) && !by_id)
		tree_refuse("invalid", "unable to find user %s: no matching entries in passwd file", shown(user));
	free(text);
	if (!group || !*group || parse_id(group, gid))
		return;
	text = read_text(root, "/etc/group");
	if (!find_line(text, group, 0, 0, gid, NULL))
		tree_refuse("invalid", "unable to find group %s: no matching entries in group file", shown(group));
	free(text);
}
