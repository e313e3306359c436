/*
 * The floor of "run one container": what the kernel alone needs for fresh namespaces, an overlay root, /proc, /dev, /sys,
 * pivot_root, a program's execution and the clean-up. No daemon, no record, no network addresses, no cgroup.
 *
 * usage: floor LOWERDIR WORKDIR RUNS    prints the median time of a run in microseconds
 * LOWERDIR has bin/true and the empty directories proc, dev and sys.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct run_paths {
	char base[256], upper[300], work[300], merged[300], overlay_work[320];
};

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	_exit(111);
}

static double now_us(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static void enter_root(const char *lower, const struct run_paths *paths)
{
	char options[2048];
	snprintf(options, sizeof options, "lowerdir=%s,upperdir=%s,workdir=%s", lower, paths->upper, paths->work);
	check(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
	check(mount("overlay", paths->merged, "overlay", 0, options), "overlay");
	check(chdir(paths->merged), "chdir");
	check(mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "proc");
	check(mount("tmpfs", "dev", "tmpfs", MS_NOSUID, "mode=755,size=64k"), "dev");
	check(mount("sysfs", "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "sys");
	check(mkdir("dev/pts", 0755) || mkdir("dev/shm", 01777), "mkdir");
	check(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"), "devpts");
	check(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "size=64m"), "shm");
	check((int)syscall(SYS_pivot_root, ".", "."), "pivot_root");
	check(umount2(".", MNT_DETACH) || chdir("/"), "leave the old root");
	check(sethostname("floor", 5), "sethostname");
}

static double run_once(const char *lower, const struct run_paths *paths)
{
	double started = now_us();
	check(mkdir(paths->base, 0755) || mkdir(paths->upper, 0755) || mkdir(paths->work, 0755) || mkdir(paths->merged, 0755),
	      "mkdir");
	struct clone_args args = {
		.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_VFORK,
		.exit_signal = SIGCHLD,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
	check(pid < 0, "clone3");
	if (pid == 0) {
		char *argv[] = {"/bin/true", NULL}, *envp[] = {NULL};
		enter_root(lower, paths);
		execve(argv[0], argv, envp);
		check(1, "execve");
	}
	int status;
	check(waitpid(pid, &status, 0) != pid || status != 0, "the program");
	check(rmdir(paths->merged) || rmdir(paths->overlay_work) || rmdir(paths->work) || rmdir(paths->upper) || rmdir(paths->base),
	      "clean up");
	return now_us() - started;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	int runs = atoi(argv[3]);
	double *times = calloc(runs > 0 ? runs : 1, sizeof *times);
	check(runs < 1 || !times, "runs");
	for (int i = 0; i < runs; i++) {
		struct run_paths paths;
		snprintf(paths.base, sizeof paths.base, "%s/%d", argv[2], i);
		snprintf(paths.upper, sizeof paths.upper, "%s/upper", paths.base);
		snprintf(paths.work, sizeof paths.work, "%s/work", paths.base);
		snprintf(paths.merged, sizeof paths.merged, "%s/merged", paths.base);
		snprintf(paths.overlay_work, sizeof paths.overlay_work, "%s/work", paths.work);
		times[i] = run_once(argv[1], &paths);
	}
	qsort(times, runs, sizeof *times, ascending);
	printf("%.0f\n", times[runs / 2]);
	return 0;
}
