#include "trees.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attributes.h"
#include "refuse.h"
#include "walk.h"

struct comparison {
	struct walk_path path;
	unsigned long long left_to_say;
};

/* 0 when enough was said. */
static int say(struct comparison *comparison, const char *what)
{
	if (comparison->left_to_say == 0)
		return 0;
	comparison->left_to_say--;
	fwrite(comparison->path.bytes, comparison->path.length + 1, 1, stdout);
	fwrite(what, strlen(what) + 1, 1, stdout);
	return comparison->left_to_say > 0;
}

static int same_contents(int left, int right, const char *name, const char *path)
{
	static char bytes[2][128 << 10];
	int fds[2] = { walk_open(left, name, O_RDONLY, path), walk_open(right, name, O_RDONLY, path) };
	int same = 1;

	while (same) {
		ssize_t got[2];
		int side;

		for (side = 0; side < 2; side++) {
			size_t filled = 0;
			ssize_t part;

			/* Both sides the same number of bytes at a time. */
			while (filled < sizeof bytes[side] && (part = read(fds[side], bytes[side] + filled, sizeof bytes[side] - filled)) > 0)
				filled += (size_t)part;
			got[side] = part < 0 ? -1 : (ssize_t)filled;
		}
		/* What the disk cannot read any more is damage, the very thing that is looked for. */
		same = got[0] == got[1] && got[0] >= 0 && !memcmp(bytes[0], bytes[1], (size_t)got[0]);
		if (got[0] < (ssize_t)sizeof bytes[0])
			break;
	}
	close(fds[0]);
	close(fds[1]);
	return same;
}

static int same_link(int left, int right, const char *name)
{
	char targets[2][PATH_MAX];
	ssize_t lengths[2] = { readlinkat(left, name, targets[0], PATH_MAX), readlinkat(right, name, targets[1], PATH_MAX) };

	return lengths[0] >= 0 && lengths[0] == lengths[1] && !memcmp(targets[0], targets[1], (size_t)lengths[0]);
}

static int same_xattrs(int left, int right, const char *name, const char *path)
{
	struct xattrs xattrs[2];
	int same;

	xattrs_read(left, name, path, &xattrs[0]);
	xattrs_read(right, name, path, &xattrs[1]);
	same = xattrs[0].length == xattrs[1].length &&
	       (xattrs[0].length == 0 || !memcmp(xattrs[0].bytes, xattrs[1].bytes, xattrs[0].length));
	xattrs_free(&xattrs[0]);
	xattrs_free(&xattrs[1]);
	return same;
}

/* What differs of one name that both trees have; NULL: nothing. */
static const char *difference(int left, int right, const char *name, const struct stat st[2], const char *path)
{
	if ((st[0].st_mode & S_IFMT) != (st[1].st_mode & S_IFMT))
		return "type";
	if (!S_ISLNK(st[0].st_mode) && st[0].st_mode != st[1].st_mode)
		return "mode";
	if (st[0].st_uid != st[1].st_uid || st[0].st_gid != st[1].st_gid)
		return "owner";
	if (S_ISLNK(st[0].st_mode) && !same_link(left, right, name))
		return "target";
	if ((S_ISCHR(st[0].st_mode) || S_ISBLK(st[0].st_mode)) && st[0].st_rdev != st[1].st_rdev)
		return "device";
	if (S_ISREG(st[0].st_mode) && st[0].st_size != st[1].st_size)
		return "size";
	if (S_ISREG(st[0].st_mode) && !same_contents(left, right, name, path))
		return "content";
	/* Whiteouts are made where they are needed: theirs is no time of the layer's. */
	if (!S_ISDIR(st[0].st_mode) && !walk_is_whiteout(&st[0]) &&
	    memcmp(&st[0].st_mtim, &st[1].st_mtim, sizeof st[0].st_mtim))
		return "time";
	return same_xattrs(left, right, name, path) ? NULL : "attributes";
}

static int compare_directory(struct comparison *comparison, int left, int right, unsigned depth);

static int compare_entry(struct comparison *comparison, int left, int right, const char *name, unsigned depth)
{
	const char *path = comparison->path.bytes, *what;
	struct stat st[2];
	int fds[2], go_on = 1;

	if (fstatat(left, name, &st[0], AT_SYMLINK_NOFOLLOW) < 0 || fstatat(right, name, &st[1], AT_SYMLINK_NOFOLLOW) < 0)
		fail_with_errno("stat %s", shown(path));
	what = difference(left, right, name, st, path);
	if (what && !say(comparison, what))
		return 0;
	if (!S_ISDIR(st[0].st_mode) || !S_ISDIR(st[1].st_mode))
		return 1;
	fds[0] = walk_open(left, name, O_RDONLY | O_DIRECTORY, path);
	fds[1] = walk_open(right, name, O_RDONLY | O_DIRECTORY, path);
	if (walk_is_opaque(fds[0]) != walk_is_opaque(fds[1]))
		go_on = say(comparison, "opaque");
	if (go_on)
		go_on = compare_directory(comparison, fds[0], fds[1], depth + 1);
	close(fds[0]);
	close(fds[1]);
	return go_on;
}

static int compare_directory(struct comparison *comparison, int left, int right, unsigned depth)
{
	struct names names[2];
	size_t at[2] = { 0, 0 };
	int go_on = 1;

	walk_check_depth(depth, comparison->path.bytes);
	walk_names(left, comparison->path.bytes, &names[0]);
	walk_names(right, comparison->path.bytes, &names[1]);
	while (go_on && (at[0] < names[0].count || at[1] < names[1].count)) {
		int order = at[0] == names[0].count ? 1
			    : at[1] == names[1].count ? -1
						      : strcmp(names[0].list[at[0]], names[1].list[at[1]]);
		const char *name = order > 0 ? names[1].list[at[1]] : names[0].list[at[0]];
		size_t before = walk_path_add(&comparison->path, name);

		if (order == 0)
			go_on = compare_entry(comparison, left, right, name, depth);
		else
			go_on = say(comparison, order < 0 ? "missing" : "extra");
		walk_path_cut(&comparison->path, before);
		at[0] += order <= 0;
		at[1] += order >= 0;
	}
	names_free(&names[0]);
	names_free(&names[1]);
	return go_on;
}

int tree_compare(const char *left, const char *right, unsigned long long most)
{
	struct comparison comparison = { .left_to_say = most };

	walk_prepare();
	walk_path_start(&comparison.path);
	compare_directory(&comparison, walk_open_top(left), walk_open_top(right), 0);
	return fflush(stdout) ? 2 : 0;
}
