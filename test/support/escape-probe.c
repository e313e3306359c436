/*
 * Tries, inside a container, what a container must not be able to do. Prints "name result" for each attempt, the result
 * being OK, the errno's name, or "signal N". An attempt that succeeds on an unprotected machine does no harm to it.
 *
 *   escape-probe calls              all attempts that need no argument
 *   escape-probe overwrite SECONDS  opens /proc/<pid>/exe of all that comes along, as CVE-2019-5736 does
 *   escape-probe swap LINK OTHER    exchanges two directory entries until killed, as CVE-2021-30465 does
 *   escape-probe who                the effective user
 *   escape-probe break-chroot       walks out of a chroot and says what it finds
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Numbers from 424 on are the same on all architectures. */
#define NR_OPEN_TREE 428
#define NR_FSOPEN 430
#define NR_IO_URING_SETUP 425
#define NR_CLONE3 435

static char zeroes[256];

static long try_init_module(void) { return syscall(SYS_init_module, zeroes, 0, ""); }
static long try_finit_module(void) { return syscall(SYS_finit_module, -1, "", 0); }
static long try_delete_module(void) { return syscall(SYS_delete_module, "berth_no_such", O_NONBLOCK); }
static long try_kexec(void) { return syscall(SYS_kexec_load, 0, 0, NULL, ~0UL); }
static long try_mount(void) { return mount("none", "/tmp", "tmpfs", 0, NULL); }
static long try_remount_proc(void) { return mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL); }
static long try_umount(void) { return umount2("/proc/sys", MNT_DETACH); }
static long try_pivot(void) { return syscall(SYS_pivot_root, "/", "/"); }
static long try_open_tree(void) { return syscall(NR_OPEN_TREE, AT_FDCWD, "/", 1); }
static long try_fsopen(void) { return syscall(NR_FSOPEN, "tmpfs", 0); }
static long try_setns(void) { return setns(open("/proc/1/ns/net", O_RDONLY), 0); }
static long try_unshare_user(void) { return unshare(CLONE_NEWUSER); }
static long try_unshare_mounts(void) { return unshare(CLONE_NEWNS); }
static long try_unshare_cgroup(void) { return unshare(CLONE_NEWCGROUP); }
static long try_bpf(void) { return syscall(SYS_bpf, 0, zeroes, 72); }
static long try_perf(void) { return syscall(SYS_perf_event_open, zeroes, 0, -1, -1, 0); }
static long try_userfaultfd(void) { return syscall(SYS_userfaultfd, 1); }
static long try_io_uring(void) { return syscall(NR_IO_URING_SETUP, 4, zeroes); }
static long try_keyctl(void) { return syscall(SYS_keyctl, 0, -3, 1); }
static long try_add_key(void) { return syscall(SYS_add_key, "user", "berth", "x", 1, -2); }
static long try_request_key(void) { return syscall(SYS_request_key, "user", "berth", NULL, 0); }
static long try_swapon(void) { return syscall(SYS_swapon, "/nothing", 0); }
static long try_reboot(void) { return reboot(RB_DISABLE_CAD); }
static long try_syslog(void) { return syscall(SYS_syslog, 10, NULL, 0); }
static long try_acct(void) { return syscall(SYS_acct, "/nothing"); }
static long try_quotactl(void) { return syscall(SYS_quotactl, 0, NULL, 0, NULL); }
static long try_vsock(void) { return socket(40, SOCK_STREAM, 0); }
static long try_alg(void) { return socket(38, SOCK_SEQPACKET, 0); }
static long try_sethostname(void) { return sethostname("x", 1); }
static long try_vhangup(void) { return syscall(SYS_vhangup); }
static long try_personality(void) { return syscall(SYS_personality, 0x0040000); }
static long try_inet(void) { return socket(AF_INET, SOCK_STREAM, 0); }
static long try_kcmp(void) { return syscall(SYS_kcmp, getpid(), getpid(), 0, 0, 0); }

static long try_settimeofday(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return settimeofday(&now, NULL);
}

static long clone_with(unsigned long flags)
{
	long pid = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (pid == 0)
		_exit(0);
	return pid;
}

static long try_clone_user(void) { return clone_with(CLONE_NEWUSER); }
static long try_clone_pid(void) { return clone_with(CLONE_NEWPID); }
static long try_clone3(void) { return syscall(NR_CLONE3, zeroes, 64); }

static long try_handle(void)
{
	union {
		struct file_handle handle;
		char bytes[sizeof(struct file_handle) + 128];
	} file = {.handle.handle_bytes = 128};
	int mount;

	/* "shocker": handles of the host's root are guessed there; here the call itself is what counts. */
	if (name_to_handle_at(AT_FDCWD, "/etc/hostname", &file.handle, &mount, 0) < 0)
		file.handle = (struct file_handle){.handle_bytes = 8, .handle_type = 1};
	return open_by_handle_at(open("/", O_RDONLY), &file.handle, O_RDONLY);
}

static long open_node(mode_t type, unsigned major, unsigned minor)
{
	char path[64];

	snprintf(path, sizeof path, "/tmp/node-%u-%u", major, minor);
	if (mknod(path, type | 0600, makedev(major, minor)) < 0 && errno != EEXIST)
		return -1;
	int fd = open(path, O_RDONLY);
	int error = errno;
	unlink(path);
	errno = error;
	return fd;
}

/* 259, 254, 8, 7: NVMe, virtio, SCSI and loop disks; 1:1 is the machine's memory, 10:237 makes loop devices. */
static long try_block_virtio(void) { return open_node(S_IFBLK, 254, 0); }
static long try_block_nvme(void) { return open_node(S_IFBLK, 259, 0); }
static long try_block_scsi(void) { return open_node(S_IFBLK, 8, 0); }
static long try_block_loop(void) { return open_node(S_IFBLK, 7, 0); }
static long try_memory(void) { return open_node(S_IFCHR, 1, 1); }
static long try_kmsg(void) { return open_node(S_IFCHR, 1, 11); }
static long try_loop_control(void) { return open_node(S_IFCHR, 10, 237); }
static long try_node_null(void) { return open_node(S_IFCHR, 1, 3); }

static long try_ptrace_host(void)
{
	/* Nothing but the container's own processes has a number here. */
	for (pid_t pid = 2; pid < 4096; pid++)
		if (pid != getpid() && pid != getppid() && ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0) {
			waitpid(pid, NULL, __WALL);
			return ptrace(PTRACE_DETACH, pid, NULL, NULL);
		}
	return -1;
}

#ifdef __x86_64__
/* The same calls through the other doors of the processor: the 32-bit table, and x32's bit. */
static long i386(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
	if (result < 0 && result > -4096) {
		errno = (int)-result;
		return -1;
	}
	return result;
}

static long try_i386_getpid(void) { return i386(20, 0, 0, 0); }
static long try_i386_unshare(void) { return i386(310, CLONE_NEWUSER, 0, 0); }
static long try_i386_mount(void) { return i386(21, 0, 0, 0); }
static long try_i386_keyctl(void) { return i386(288, 0, -3, 1); }
static long try_i386_init_module(void) { return i386(128, 0, 0, 0); }
static long try_i386_bpf(void) { return i386(357, 0, 0, 72); }
static long try_i386_io_uring(void) { return i386(425, 4, 0, 0); }
static long try_x32_getpid(void) { return syscall(0x40000000L | SYS_getpid); }
static long try_x32_unshare(void) { return syscall(0x40000000L | SYS_unshare, CLONE_NEWUSER); }
static long try_x32_keyctl(void) { return syscall(0x40000000L | SYS_keyctl, 0, -3, 1); }

static long try_i386_clone(void)
{
	long pid = i386(120, CLONE_NEWUSER | SIGCHLD, 0, 0);

	if (pid == 0)
		_exit(0);
	return pid;
}
#endif

#define ATTEMPT(name) {#name, try_##name}
static const struct {
	const char *name;
	long (*try)(void);
} ATTEMPTS[] = {
	ATTEMPT(init_module), ATTEMPT(finit_module), ATTEMPT(delete_module), ATTEMPT(kexec), ATTEMPT(mount),
	ATTEMPT(remount_proc), ATTEMPT(umount), ATTEMPT(pivot), ATTEMPT(open_tree), ATTEMPT(fsopen), ATTEMPT(setns),
	ATTEMPT(unshare_user), ATTEMPT(unshare_mounts), ATTEMPT(unshare_cgroup), ATTEMPT(clone_user), ATTEMPT(clone_pid),
	ATTEMPT(clone3), ATTEMPT(bpf), ATTEMPT(perf), ATTEMPT(userfaultfd), ATTEMPT(io_uring), ATTEMPT(keyctl),
	ATTEMPT(add_key), ATTEMPT(request_key), ATTEMPT(swapon), ATTEMPT(reboot), ATTEMPT(syslog), ATTEMPT(acct),
	ATTEMPT(quotactl), ATTEMPT(vsock), ATTEMPT(alg), ATTEMPT(sethostname), ATTEMPT(vhangup), ATTEMPT(personality),
	ATTEMPT(inet), ATTEMPT(kcmp), ATTEMPT(settimeofday), ATTEMPT(handle), ATTEMPT(block_virtio), ATTEMPT(block_nvme),
	ATTEMPT(block_scsi), ATTEMPT(block_loop), ATTEMPT(memory), ATTEMPT(kmsg), ATTEMPT(loop_control),
	ATTEMPT(node_null), ATTEMPT(ptrace_host),
#ifdef __x86_64__
	ATTEMPT(i386_getpid), ATTEMPT(i386_unshare), ATTEMPT(i386_mount), ATTEMPT(i386_keyctl),
	ATTEMPT(i386_init_module), ATTEMPT(i386_bpf), ATTEMPT(i386_io_uring), ATTEMPT(i386_clone), ATTEMPT(x32_getpid),
	ATTEMPT(x32_unshare), ATTEMPT(x32_keyctl),
#endif
};

/* Each in a process of its own: some change it, some may end it. */
static void attempt(const char *name, long (*try)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		errno = 0;
		long result = try();
		printf("%s %s\n", name, result >= 0 ? "OK" : strerrorname_np(errno));
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, __WALL);
	if (WIFSIGNALED(status))
		printf("%s signal %d\n", name, WTERMSIG(status));
	fflush(stdout);
}

/* True when the file can be opened and is none of the image's: what the link says can change before the open. */
static bool opens_foreign(const char *path, int flags)
{
	char link[64], target[256];
	int fd = open(path, flags);

	if (fd < 0)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = readlink(link, target, sizeof target - 1);
	target[length > 0 ? length : 0] = '\0';
	close(fd);
	return strncmp(target, "/bin/", 5) != 0;
}

/* Says how many strange programs came along, and whether one of their files could be read or written. */
static void overwrite(int seconds)
{
	unsigned seen = 0, readable = 0, writable = 0;
	time_t end = time(NULL) + seconds;

	puts("ready");
	fflush(stdout);
	while (time(NULL) < end && access("/stop", F_OK) < 0) {
		DIR *directory = opendir("/proc");
		for (struct dirent *entry; directory && (entry = readdir(directory));) {
			char path[64];
			int pid = atoi(entry->d_name);
			if (pid <= 1)
				continue;
			seen++;
			snprintf(path, sizeof path, "/proc/%d/exe", pid);
			readable += opens_foreign(path, O_RDONLY);
			writable += opens_foreign(path, O_WRONLY) || opens_foreign(path, O_RDWR);
		}
		if (directory)
			closedir(directory);
	}
	printf("seen %s readable %u writable %u\n", seen ? "some" : "none", readable, writable);
}

static void swap(const char *link, const char *other)
{
	puts("ready");
	fflush(stdout);
	for (;;)
		syscall(SYS_renameat2, AT_FDCWD, link, AT_FDCWD, other, 2);
}

static void break_chroot(void)
{
	mkdir("/tmp/jail", 0755);
	int outside = open("/", O_RDONLY | O_DIRECTORY);
	if (chroot("/tmp/jail") < 0 || fchdir(outside) < 0)
		puts("no chroot");
	for (int i = 0; i < 64; i++)
		if (chdir("..") < 0)
			break;
	chroot(".");
	printf("container %d\n", access("/bin/escape-probe", F_OK) == 0);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "calls") == 0)
		for (size_t i = 0; i < sizeof ATTEMPTS / sizeof *ATTEMPTS; i++)
			attempt(ATTEMPTS[i].name, ATTEMPTS[i].try);
	else if (strcmp(what, "overwrite") == 0 && argc > 2)
		overwrite(atoi(argv[2]));
	else if (strcmp(what, "swap") == 0 && argc > 3)
		swap(argv[2], argv[3]);
	else if (strcmp(what, "who") == 0)
		printf("%u\n", (unsigned)geteuid());
	else if (strcmp(what, "break-chroot") == 0)
		break_chroot();
	else
		return 64;
	return 0;
}
