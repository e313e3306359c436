#include "changes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file-attributes.h"
#include "names.h"
#include "refuse.h"
#include "tree-errors.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

struct comparison {
	int whole;
	const char *const *made_by_us;
	unsigned made_by_us_count;
	size_t length;
	char path[2 * PATH_MAX];
};

/* A directory on the way down. */
struct level {
	struct level *up;
	int upper, below; /* below: -1 when there is none, or it is hidden */
	size_t length;	  /* of its path */
	int told;
};

static void tell(const struct comparison *comparison, char kind)
{
	putchar(kind);
	fputs(comparison->path, stdout);
	putchar(0);
}

/* Something in it has changed: it is told of first, and its own parents before it. */
static void tell_level(struct comparison *comparison, struct level *level)
{
	char *end = comparison->path + level->length, saved = *end;

	if (level->told)
		return;
	level->told = 1;
	if (level->up)
		tell_level(comparison, level->up);
	*end = 0;
	tell(comparison, '0');
	*end = saved;
}

static void tell_change(struct comparison *comparison, struct level *level, char kind)
{
	tell_level(comparison, level);
	tell(comparison, kind);
}

static void set_name(struct comparison *comparison, const struct level *level, const char *name)
{
	int length = snprintf(comparison->path + level->length, sizeof comparison->path - level->length, "/%s", name);

	comparison->length = level->length + (size_t)length;
	if (comparison->length >= sizeof comparison->path) {
		errno = ENAMETOOLONG;
		tree_fail("compare %s", shown(name));
	}
}

static int is_made_by_us(const struct comparison *comparison, const struct stat *st)
{
	unsigned i;

	if (!S_ISDIR(st->st_mode) && (!S_ISREG(st->st_mode) || st->st_size > 0))
		return 0;
	for (i = 0; i < comparison->made_by_us_count; i++)
		if (!strcmp(comparison->made_by_us[i], comparison->path + 1))
			return 1;
	return 0;
}

static int is_modified(const struct level *level, const char *name, const struct stat *st, const struct stat *below)
{
	return attributes_differ(st, below) ||
	       (S_ISREG(st->st_mode) && attributes_capabilities_differ(level->upper, level->below, name));
}

static void compare_level(struct comparison *comparison, struct level *level, int hides_below);

static void compare_directory(struct comparison *comparison, struct level *up, const char *name, int told)
{
	struct level level = { .up = up, .below = -1, .length = comparison->length, .told = told };
	int mark;

	level.upper = openat(up->upper, name, DIRECTORY_FLAGS);
	if (level.upper < 0 && (errno == ENOENT || errno == ENOTDIR))
		return;
	if (level.upper < 0 || (mark = attributes_overlay_mark(level.upper)) < 0)
		tree_fail("open directory %s", shown(comparison->path));
	if (mark == OVERLAY_UNREADABLE)
		tree_refuse("unreadable", "%s refers to another layer's directory and cannot be compared", shown(comparison->path));
	if (up->below >= 0)
		level.below = openat(up->below, name, DIRECTORY_FLAGS);
	compare_level(comparison, &level, comparison->whole || mark == OVERLAY_OPAQUE);
	if (level.below >= 0)
		close(level.below);
	close(level.upper);
}

static void compare_name(struct comparison *comparison, struct level *level, const char *name)
{
	struct stat st, below;
	int is_below, told = 0;

	if (fstatat(level->upper, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return;
		tree_fail("stat %s", shown(comparison->path));
	}
	is_below = level->below >= 0 && fstatat(level->below, name, &below, AT_SYMLINK_NOFOLLOW) == 0;
	if (attributes_is_whiteout(&st)) {
		if (is_below)
			tell_change(comparison, level, '2');
		return;
	}
	if (!is_below && is_made_by_us(comparison, &st)) {
		/* A change inside is told, and then the directory is one that was there before. */
		told = 0;
	} else if (!is_below || is_modified(level, name, &st, &below)) {
		tell_change(comparison, level, is_below ? '0' : '1');
		told = 1;
	}
	if (S_ISDIR(st.st_mode))
		compare_directory(comparison, level, name, told);
}

/* The names of both sides, in order. Below an opaque directory all that is not there anew is deleted. */
static void compare_level(struct comparison *comparison, struct level *level, int hides_below)
{
	struct names upper, below = { 0 };
	size_t at = 0, other = 0;

	if (names_read(level->upper, &upper) < 0)
		tree_fail("read directory %s", shown(comparison->path));
	if (hides_below && level->below >= 0 && names_read(level->below, &below) < 0)
		tree_fail("read directory %s", shown(comparison->path));
	while (at < upper.count || other < below.count) {
		int order = at == upper.count ? 1 : other == below.count ? -1 : strcmp(upper.list[at], below.list[other]);

		set_name(comparison, level, order > 0 ? below.list[other] : upper.list[at]);
		if (order > 0)
			tell_change(comparison, level, '2');
		else
			compare_name(comparison, level, upper.list[at]);
		at += order <= 0;
		other += order >= 0;
		comparison->path[level->length] = 0;
		comparison->length = level->length;
	}
	names_free(&upper);
	names_free(&below);
}

void changes_print(int upper, int below, int whole, const char *const *made_by_us, unsigned made_by_us_count)
{
	struct comparison *comparison = calloc(1, sizeof *comparison);
	struct level root = { .upper = openat(upper, ".", DIRECTORY_FLAGS), .below = below, .told = 1 };

	if (!comparison || root.upper < 0)
		tree_fail("open the tree");
	comparison->whole = whole;
	comparison->made_by_us = made_by_us;
	comparison->made_by_us_count = made_by_us_count;
	compare_level(comparison, &root, whole);
	if (fflush(stdout))
		tree_fail("write");
	close(root.upper);
	free(comparison);
}
