/*
 * Paths below the new root. The root's files are the image's and the user's: any component may be a symbolic link that
 * was put there to lead out, and a volume shared with a running container may change under our hands. So the kernel
 * resolves (RESOLVE_IN_ROOT: absolute links and ".." stay below the root; no magic links), the result is a descriptor,
 * and everything later is done to that descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "kernel-calls.h"
#include "launch.h"

/* Renames elsewhere make the kernel give up with EAGAIN; nobody can keep that up for so many rounds by chance. */
#define OPEN_ROUNDS 128
/* As many links as path_resolution(7) follows. */
#define LINKS_MAX 40
#define PARENT_MODE 0755

int root_open(struct launch *launch, const char *path, uint64_t flags, uint64_t resolve)
{
	if (launch->root < 0 && launch->inside)
		launch->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (launch->root < 0) {
		/* Never the host's own "/". */
		errno = EPROTO;
		return -1;
	}
	for (int round = 0; round < OPEN_ROUNDS; round++) {
		int fd = kernel_openat2(launch->root, *path ? path : ".", flags | O_CLOEXEC,
					RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | resolve);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return fd;
	}
	return -1;
}

bool is_on(int descriptor, long magic)
{
	struct statfs info;
	return fstatfs(descriptor, &info) == 0 && info.f_type == magic;
}

/*
 * The component `name` of `path`, at `before` bytes, is a link whose target is missing: puts the target's text in its
 * place, so that the target is made where the link points to, as seen from inside the root.
 */
static int substitute_link(char *path, size_t before, int parent, const char *name)
{
	char target[PATH_MAX], result[PATH_MAX];

	ssize_t length = readlinkat(parent, name, target, sizeof target - 1);
	if (length < 0)
		/* Not a link: another process has made the component meanwhile. */
		return errno == EINVAL ? 0 : -1;
	target[length] = '\0';
	const char *rest = path + before + strlen(name);
	int kept = target[0] == '/' ? 0 : (int)before;
	if ((size_t)snprintf(result, sizeof result, "%.*s%s%s", kept, path, target, rest) >= sizeof result) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(path, result);
	return 0;
}

static int make_component(int parent, const char *name, mode_t mode, bool file)
{
	if (!file)
		return mkdirat(parent, name, mode);
	int AUTOCLOSE fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	return fd < 0 ? -1 : 0;
}

/* Opens `path` up to the end of the component `name`, which lies in `parent`; makes it if it is missing.
 * -1 with EEXIST: there is a dangling link. */
static int open_or_make(struct launch *launch, char *path, size_t end, int parent, const char *name, mode_t mode, bool file)
{
	char cut = path[end];

	path[end] = '\0';
	int fd = root_open(launch, path, O_PATH, 0);
	path[end] = cut;
	if (fd >= 0 || errno != ENOENT)
		return fd;
	if (make_component(parent, name, mode, file) < 0)
		return -1;
	return openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* Where the last component of `path` begins; its length in `*length`, 0 when there is none. */
static size_t last_component(const char *path, size_t *length)
{
	size_t end = strlen(path);

	while (end > 0 && path[end - 1] == '/')
		end--;
	size_t at = end;
	while (at > 0 && path[at - 1] != '/')
		at--;
	*length = end - at;
	return at;
}

/*
 * The usual case: all but the last component of `path` is there. 1: it is made, 0: it is not as usual, take the long way.
 * What stands there under the name already, a dangling link for one, is the long way's to look at.
 */
static int make_last_component(struct launch *launch, const char *path, mode_t mode, bool file)
{
	char directory[PATH_MAX], name[NAME_MAX + 1];
	size_t length, at = last_component(path, &length);

	if (length == 0 || length > NAME_MAX)
		return 0;
	memcpy(directory, path, at);
	directory[at] = '\0';
	memcpy(name, path + at, length);
	name[length] = '\0';
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	int AUTOCLOSE parent = root_open(launch, directory, O_PATH | O_DIRECTORY, 0);
	return parent >= 0 && make_component(parent, name, mode, file) == 0;
}

/* Makes the missing components of `path`, which is changed where a dangling link is met. 0: try to open it again. */
static int make_missing(struct launch *launch, char *path, mode_t mode, bool file)
{
	int AUTOCLOSE parent = root_open(launch, ".", O_PATH | O_DIRECTORY, 0);
	char name[NAME_MAX + 1];
	size_t at = 0;

	while (parent >= 0) {
		at += strspn(path + at, "/");
		size_t length = strcspn(path + at, "/");
		if (length == 0)
			return 0;
		if (length > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, path + at, length);
		name[length] = '\0';
		bool last = path[at + length + strspn(path + at + length, "/")] == '\0';
		int next = open_or_make(launch, path, at + length, parent, name, last ? mode : PARENT_MODE, last && file);
		if (next < 0 && errno == EEXIST)
			return substitute_link(path, at, parent, name);
		if (next < 0)
			return -1;
		close(parent);
		parent = next;
		at += length;
	}
	return -1;
}

static int open_making(struct launch *launch, const char *path, mode_t mode, bool file)
{
	char current[PATH_MAX];

	if ((size_t)snprintf(current, sizeof current, "%s", path) >= sizeof current) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (int round = 0; round < LINKS_MAX; round++) {
		int fd = root_open(launch, current, O_PATH, 0);
		if (fd >= 0 || errno != ENOENT)
			return fd;
		if (!make_last_component(launch, current, mode, file) && make_missing(launch, current, mode, file) < 0)
			return -1;
	}
	errno = ELOOP;
	return -1;
}

int root_make_directory(struct launch *launch, const char *path, mode_t mode)
{
	return open_making(launch, path, mode, false);
}

int root_make_file(struct launch *launch, const char *path, mode_t mode)
{
	return open_making(launch, path, mode, true);
}

int root_make_parent(struct launch *launch, const char *path, char *name)
{
	char directory[PATH_MAX];
	size_t length, at = last_component(path, &length);

	if (length > NAME_MAX || at >= sizeof directory) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path + at, length);
	name[length] = '\0';
	if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
		errno = EINVAL;
		return -1;
	}
	memcpy(directory, path, at);
	directory[at] = '\0';
	return root_make_directory(launch, directory, PARENT_MODE);
}
