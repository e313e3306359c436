/** White-space separated names. */
const words = (text: string): string[] => text.trim().split(/\s+/);

/**
 * What every container may call, by purpose: the calls of Docker's default profile. Left out are those that reach what
 * is not namespaced (time, modules, swap, keyrings, kexec), io_uring (it goes around filters), userfaultfd and
 * what a capability unlocks. A name that an ABI does not have is no error.
 */
export const ALLOWED_SYSCALLS: readonly string[] = [
  // Files by path.
  ...words(`
    open openat openat2 creat access faccessat faccessat2 stat lstat stat64 lstat64 fstatat64 newfstatat statx
    mkdir mkdirat mknod mknodat rmdir unlink unlinkat link linkat symlink symlinkat readlink readlinkat
    rename renameat renameat2 truncate truncate64 chmod fchmodat fchmodat2 chown chown32 lchown lchown32 fchownat
    utime utimes utimensat utimensat_time64 futimesat chdir fchdir getcwd umask name_to_handle_at
    statfs statfs64 statmount listmount`),
  // Extended attributes.
  ...words(`
    getxattr lgetxattr fgetxattr getxattrat setxattr lsetxattr fsetxattr setxattrat listxattr llistxattr
    flistxattr listxattrat removexattr lremovexattr fremovexattr removexattrat`),
  // Open files.
  ...words(`
    read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek close close_range
    dup dup2 dup3 fcntl fcntl64 flock ioctl fstat fstat64 fstatfs fstatfs64 fchmod fchown fchown32
    ftruncate ftruncate64 fallocate fadvise64 fadvise64_64 readahead getdents getdents64 cachestat
    sync syncfs fsync fdatasync sync_file_range sendfile sendfile64 copy_file_range splice tee vmsplice
    pipe pipe2 io_setup io_submit io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64`),
  // Waiting for events.
  ...words(`
    select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl
    epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4
    timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
    inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark`),
  // Memory.
  ...words(`
    brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall
    remap_file_pages memfd_create memfd_secret membarrier map_shadow_stack mseal
    pkey_alloc pkey_free pkey_mprotect process_mrelease`),
  // Processes and threads. Making them is in the policy itself, since its arguments matter.
  ...words(`
    execve execveat fork vfork exit exit_group wait4 waitid waitpid kill tkill tgkill pidfd_open pidfd_send_signal
    ptrace process_vm_readv process_vm_writev prctl seccomp
    landlock_create_ruleset landlock_add_rule landlock_restrict_self
    getpid getppid gettid getpgid setpgid getpgrp getsid setsid set_tid_address set_robust_list get_robust_list
    set_thread_area get_thread_area futex futex_time64 futex_wait futex_waitv futex_wake futex_requeue rseq
    restart_syscall uretprobe riscv_hwprobe`),
  // Who one is.
  ...words(`
    getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32
    setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32
    setresgid setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 getgroups getgroups32 setgroups setgroups32
    capget capset`),
  // Scheduling and limits.
  ...words(`
    sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_max sched_get_priority_min
    sched_rr_get_interval sched_rr_get_interval_time64 getpriority setpriority ioprio_get ioprio_set
    getrlimit ugetrlimit setrlimit prlimit64 getrusage times getcpu`),
  // Signals.
  ...words(`
    rt_sigaction rt_sigprocmask sigprocmask rt_sigpending rt_sigsuspend rt_sigreturn sigreturn
    rt_sigtimedwait rt_sigtimedwait_time64 rt_sigqueueinfo rt_tgsigqueueinfo sigaltstack pause`),
  // Time: reading it, and clocks that the kernel checks CAP_SYS_TIME for.
  ...words(`
    time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep
    clock_nanosleep_time64 nanosleep alarm getitimer setitimer timer_create timer_delete timer_getoverrun
    timer_gettime timer_gettime64 timer_settime timer_settime64 adjtimex clock_adjtime clock_adjtime64`),
  // Sockets; socket itself is in the policy. The 32-bit socketcall hides its arguments, as in Docker it is allowed.
  ...words(`
    socketpair socketcall bind listen accept accept4 connect shutdown getsockname getpeername getsockopt setsockopt
    send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`),
  // System V and POSIX interprocess communication.
  ...words(`
    ipc msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget
    mq_open mq_unlink mq_getsetattr mq_notify mq_timedreceive mq_timedreceive_time64 mq_timedsend
    mq_timedsend_time64`),
  // The machine.
  ...words("uname sysinfo getrandom"),
];
