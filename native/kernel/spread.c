#include "spread.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * ext4 keeps a directory's files in its block group and does not use inodes again that were deleted in the last minutes: among a
 * few thousand of those, making one file takes 0.4 ms instead of 0.01 (recently_deleted() in fs/ext4/ialloc.c). That is what
 * pulling an image after another was removed meets. A directory made in one with FS_TOPDIR_FL goes to a group that has few
 * directories, searched from one that its name chooses.
 */
#define TRIES 6
#define SLOW_NS 50000

struct candidate {
	char name[32];
	int is_slow;
};

static long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000000 + time.tv_nsec;
}

/* Of several attempts the fastest: the first reads the group's tables. */
static int is_slow(int parent, const char *name)
{
	int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), i;
	long best = SLOW_NS;

	if (directory < 0)
		return 0;
	for (i = 0; i < 3; i++) {
		long start = cpu_ns(), took;

		if (mknodat(directory, "probe", S_IFREG | 0600, 0) < 0)
			break;
		took = cpu_ns() - start;
		unlinkat(directory, "probe", 0);
		if (took < best)
			best = took;
	}
	close(directory);
	return best == SLOW_NS;
}

static int make_candidate(int parent, const struct stat *like, struct candidate *candidate)
{
	unsigned random;

	if (getrandom(&random, sizeof random, 0) != sizeof random)
		return -1;
	snprintf(candidate->name, sizeof candidate->name, ".spread-%08x", random);
	if (mkdirat(parent, candidate->name, 0700) < 0)
		return -1;
	if (fchownat(parent, candidate->name, like->st_uid, like->st_gid, 0) < 0 ||
	    fchmodat(parent, candidate->name, like->st_mode & 07777, 0) < 0) {
		unlinkat(parent, candidate->name, AT_REMOVEDIR);
		return -1;
	}
	candidate->is_slow = is_slow(parent, candidate->name);
	return 0;
}

/* Those that were no good stay until one is found, so that their groups are not chosen again. */
static void replace(int parent, const char *target)
{
	struct candidate candidates[TRIES];
	struct stat st;
	int count = 0;

	if (fstatat(parent, target, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	while (count < TRIES && make_candidate(parent, &st, &candidates[count]) == 0)
		if (!candidates[count++].is_slow)
			break;
	/* A rename replaces an empty directory, and nothing else. */
	if (count > 0 && renameat(parent, candidates[count - 1].name, parent, target) == 0)
		count--;
	while (count-- > 0)
		unlinkat(parent, candidates[count].name, AT_REMOVEDIR);
}

void spread(const char *target)
{
	char path[PATH_MAX];
	char *slash;
	int parent, flags;

	if (strlen(target) >= sizeof path)
		return;
	strcpy(path, target);
	slash = strrchr(path, '/');
	if (!slash || slash == path)
		return;
	*slash = 0;
	parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent < 0)
		return;
	if (ioctl(parent, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_TOPDIR_FL;
		if (ioctl(parent, FS_IOC_SETFLAGS, &flags) == 0)
			replace(parent, slash + 1);
	}
	close(parent);
}
