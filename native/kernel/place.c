#include "place.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "refuse.h"
#include "tree.h"

/* An archive can name a few million directories with long paths: what their times may cost in memory. */
#define MOST_TIMES_BYTES (256u << 20)

struct noted_time {
	char *path;
	ino_t ino;
	struct timespec mtime;
};

struct place {
	int root;
	/* The parent used last; members of a directory usually follow one another. -1: none. */
	int parent;
	char parent_path[TAR_NAME_MAX + 1];
	struct noted_time *times;
	size_t times_count, times_capacity, times_bytes;
};

struct place *place_open(int root)
{
	struct place *place = calloc(1, sizeof *place);

	if (!place)
		fail_with_errno("start");
	place->root = root;
	place->parent = -1;
	return place;
}

void place_clean(const char *name, char *clean)
{
	size_t length = 0;
	const char *at = name;

	while (*at) {
		size_t size = strcspn(at, "/");

		if (size == 2 && at[0] == '.' && at[1] == '.') {
			/* An absolute name stays inside, as "/.." does. */
			if (length == 0 && name[0] != '/')
				refuse("%s is outside of the layer", shown(name));
			while (length > 0 && clean[--length] != '/')
				;
		} else if (size > 0 && !(size == 1 && at[0] == '.')) {
			if (length > 0)
				clean[length++] = '/';
			memcpy(clean + length, at, size);
			length += size;
		}
		at += size;
		at += *at == '/';
	}
	if (length == 0)
		clean[length++] = '.';
	clean[length] = 0;
}

static int open_in_root(const struct place *place, const char *path, unsigned long long flags, unsigned long long resolve)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV | resolve,
	};
	int tries, fd = -1;

	/* EAGAIN: something was renamed on this machine while the kernel followed a "..". */
	for (tries = 0; tries < 1000 && fd < 0; tries++) {
		fd = (int)syscall(SYS_openat2, place->root, path, &how, sizeof how);
		if (fd < 0 && errno != EAGAIN)
			break;
	}
	return fd;
}

static void forget_parent(struct place *place)
{
	if (place->parent >= 0)
		close(place->parent);
	place->parent = -1;
}

int place_is_whiteout(int parent, const char *base)
{
	struct stat st;

	return fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == 0;
}

void place_set_opaque(int fd, const char *path)
{
	if (fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0) < 0)
		fail_with_errno("mark %s as opaque", shown(path));
}

void place_mkdir(int parent, const char *base, const char *path, int opaque)
{
	int fd;

	if (mkdirat(parent, base, 0755) < 0)
		fail_with_errno("create directory %s", shown(path));
	if (!opaque)
		return;
	fd = openat(parent, base, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		fail_with_errno("open directory %s", shown(path));
	place_set_opaque(fd, path);
	close(fd);
}

/* Makes the directory `path` with its parents; returns it opened. Ones that are there, also through links, are left. */
static int make_directories(const struct place *place, char *path)
{
	int fd = open_in_root(place, ".", O_PATH | O_DIRECTORY, 0);
	char *start = path, *slash;

	while (fd >= 0 && start) {
		int next;

		slash = strchr(start, '/');
		if (slash)
			*slash = 0;
		next = open_in_root(place, path, O_PATH | O_DIRECTORY, 0);
		if (next < 0 && errno == ENOTDIR && place_is_whiteout(fd, start)) {
			/* The layer deletes it and then brings it anew: the new one hides the old. */
			if (unlinkat(fd, start, 0) < 0)
				fail_with_errno("replace %s", shown(path));
			place_mkdir(fd, start, path, 1);
			next = open_in_root(place, path, O_PATH | O_DIRECTORY, 0);
		} else if (next < 0 && errno == ENOENT) {
			place_mkdir(fd, start, path, 0);
			next = open_in_root(place, path, O_PATH | O_DIRECTORY, 0);
		}
		if (next < 0)
			fail_with_errno("open directory %s", shown(path));
		close(fd);
		fd = next;
		if (slash)
			*slash = '/';
		start = slash ? slash + 1 : NULL;
	}
	if (fd < 0)
		fail_with_errno("open the root");
	return fd;
}

int place_parent(struct place *place, const char *path, const char **base, int make)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 1;

	*base = slash ? slash + 1 : path;
	if (!slash)
		path = ".";
	if (place->parent >= 0 && !strncmp(place->parent_path, path, length) && !place->parent_path[length])
		return place->parent;
	forget_parent(place);
	memcpy(place->parent_path, path, length);
	place->parent_path[length] = 0;
	place->parent = open_in_root(place, place->parent_path, O_PATH | O_DIRECTORY, 0);
	if (place->parent < 0 && make && (errno == ENOENT || errno == ENOTDIR))
		place->parent = make_directories(place, place->parent_path);
	if (place->parent < 0)
		fail_with_errno("open directory %s", shown(place->parent_path));
	return place->parent;
}

void place_clear(struct place *place, int parent, const char *base, const char *path)
{
	struct tree_failure failure;

	if (tree_remove(parent, base, NULL, &failure) < 0)
		fail_with_errno("replace %s: %s %s", shown(path), failure.step, shown(failure.name));
	/* It may have been a link or directory on the way to the parent used last. The caller goes on using its descriptor. */
	place->parent_path[0] = 0;
}

void place_note_time(struct place *place, int fd, const char *path, struct timespec mtime)
{
	struct noted_time *noted;
	struct stat st;

	if (place->times_count == place->times_capacity) {
		size_t capacity = place->times_capacity ? place->times_capacity * 2 : 256;
		struct noted_time *times = reallocarray(place->times, capacity, sizeof *times);

		if (!times)
			fail_with_errno("note a directory's time");
		place->times = times;
		place->times_capacity = capacity;
	}
	place->times_bytes += sizeof *noted + strlen(path) + 1;
	if (place->times_bytes > MOST_TIMES_BYTES)
		refuse("the archive has too many directories");
	noted = &place->times[place->times_count];
	noted->path = strdup(path);
	if (!noted->path)
		fail_with_errno("note a directory's time");
	if (fstat(fd, &st) < 0)
		fail_with_errno("stat %s", shown(path));
	noted->ino = st.st_ino;
	noted->mtime = mtime;
	place->times_count++;
}

void place_set_times(struct place *place)
{
	size_t i;

	for (i = 0; i < place->times_count; i++) {
		struct noted_time *noted = &place->times[i];
		struct timespec times[2] = { noted->mtime, noted->mtime };
		struct stat st;
		int fd = open_in_root(place, noted->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

		/* A later member may have replaced it. */
		if (fd < 0)
			continue;
		if (fstat(fd, &st) == 0 && st.st_ino == noted->ino && futimens(fd, times) < 0)
			fail_with_errno("set the time of %s", shown(noted->path));
		close(fd);
	}
}
