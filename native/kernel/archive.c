#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "open-in-root.h"
#include "pack.h"
#include "refuse.h"
#include "tree-errors.h"

/* As many links as path_resolution(7) follows. */
#define LINKS_MAX 40

/* Go's words, which Docker's messages have. */
static const char *words_of(int error)
{
	return error == ENOTDIR	     ? "not a directory"
	       : error == ELOOP	     ? "too many levels of symbolic links"
	       : error == EACCES     ? "permission denied"
				     : "file name too long";
}

static _Noreturn void refuse_path(const char *path)
{
	if (errno == ENOENT)
		tree_refuse("missing", "%s", path);
	if (errno == ENOTDIR || errno == ELOOP || errno == ENAMETOOLONG || errno == EACCES)
		tree_refuse("invalid", "lstat %s: %s", path, words_of(errno));
	tree_fail("open %s", shown(path));
}

/* Cuts the last component, unless the path is empty. */
static void cut(char *path)
{
	char *slash = strrchr(path, '/');

	*(slash ? slash : path) = 0;
}

/* The target of the link `path`; 0: it is no link, or is not there. */
static size_t read_link(int root, const char *path, char *target)
{
	char parent[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;
	ssize_t length;
	int fd;

	snprintf(parent, sizeof parent, "%.*s", (int)(name - path), path);
	fd = open_in_root(root, parent, O_PATH | O_DIRECTORY);
	length = fd < 0 ? -1 : readlinkat(fd, name, target, PATH_MAX - 1);
	if (fd >= 0)
		close(fd);
	if (length <= 0)
		return 0;
	target[length] = 0;
	return (size_t)length;
}

/*
 * Writes the path that `path` means when all links are followed, as seen from inside; what is missing is kept as it reads. Only
 * told to the client: nothing is opened by it.
 */
static void follow(int root, const char *path, char *result)
{
	char rest[2 * PATH_MAX], next[2 * PATH_MAX], target[PATH_MAX];
	unsigned links = 0;

	snprintf(rest, sizeof rest, "%s", path);
	*result = 0;
	while (*rest) {
		char *at = rest + strspn(rest, "/");
		size_t length = strcspn(at, "/"), before = strlen(result);

		if (length == 0)
			break;
		snprintf(next, sizeof next, "%s", at + length);
		at[length] = 0;
		if (!strcmp(at, "..")) {
			cut(result);
		} else if (strcmp(at, ".")) {
			if (before + 1 + length >= PATH_MAX)
				return;
			snprintf(result + before, PATH_MAX - before, "/%s", at);
			if (links < LINKS_MAX && read_link(root, result, target)) {
				char joined[3 * PATH_MAX];

				links++;
				result[target[0] == '/' ? 0 : before] = 0;
				snprintf(joined, sizeof joined, "%s%s", target, next);
				if (strlen(joined) >= sizeof next)
					return;
				strcpy(next, joined);
			}
		}
		strcpy(rest, next);
	}
	if (!*result)
		strcpy(result, "/");
}

/* Opened with O_PATH. */
static int open_resource(int root, const char *path, struct stat *st)
{
	int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);

	if (fd < 0)
		refuse_path(path);
	if (fstat(fd, st) < 0)
		tree_fail("stat %s", shown(path));
	return fd;
}

static void print_stat(int root, const char *path, const struct stat *st)
{
	char target[PATH_MAX] = "";

	if (S_ISLNK(st->st_mode))
		follow(root, path, target);
	printf("%u %llu %lld %ld %zu\n%s", st->st_mode, (unsigned long long)st->st_size, (long long)st->st_mtim.tv_sec,
	       st->st_mtim.tv_nsec, strlen(target), target);
	if (fflush(stdout))
		tree_fail("write");
}

void archive_stat(int root, const char *path)
{
	struct stat st;
	int fd = open_resource(root, path, &st);

	print_stat(root, path, &st);
	close(fd);
}

static void pack_directory(struct tar_writer *writer, int fd, const char *base)
{
	struct pack_options options = { .below = -1, .with_root = 1 };
	char prefix[NAME_MAX + 2];

	/* The root's own name: Docker's archives of it have absolute names. */
	snprintf(prefix, sizeof prefix, strcmp(base, "/") ? "%s/" : "%s", base);
	pack_tree(writer, fd, prefix, &options);
}

static void pack_file(struct tar_writer *writer, int root, const char *path)
{
	char parent[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;
	int fd;

	snprintf(parent, sizeof parent, "%.*s", (int)(name - path), path);
	fd = open_in_root(root, parent, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		refuse_path(path);
	pack_entry(writer, fd, name);
	close(fd);
}

void archive_get(int root, const char *path, const char *base)
{
	struct tar_writer *writer = tar_writer_open(STDOUT_FILENO);
	struct stat st;
	int fd = open_resource(root, path, &st);

	if (strlen(base) > NAME_MAX)
		tree_refuse("invalid", "the name %s is too long", shown(base));
	print_stat(root, path, &st);
	if (S_ISDIR(st.st_mode))
		pack_directory(writer, fd, base);
	else
		pack_file(writer, root, path);
	tar_writer_finish(writer);
	close(fd);
}
