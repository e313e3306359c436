/*
 * What the daemon and its native helpers say to one another. The TypeScript mirror is
 * src/kernel/protocol.ts; a unit test there reads this file and fails when a number differs.
 *
 * All integers are little-endian. Nothing here is parsed from a container's or a client's bytes:
 * both ends are ours, yet every length is checked, since a bug must end in an error, not in a hole.
 */
#ifndef BERTH_PROTOCOL_H
#define BERTH_PROTOCOL_H

/* Raised with every change of a number or a layout; both ends refuse another version. */
#define BERTH_PROTOCOL_VERSION 1

/*
 * ---- Frames: on the shim's socket and between the daemon and berth-kernel ----
 *
 *   u32 length of payload | u16 type | u16 reserved (0) | u32 id | payload
 *
 * `id` ties an answer to its request; events and stream data carry 0.
 * The first frame in each direction is HELLO; its payload is u32 version, u32 role.
 */
#define BERTH_FRAME_HEADER 12
#define BERTH_FRAME_MAX (4u << 20)

#define FRAME_HELLO 1  /* u32 version, u32 role */
#define FRAME_OK 2     /* answer: payload depends on the request */
#define FRAME_ERROR 3  /* answer: u32 op, u32 index, u32 errno, string step, string path (string: u32 length, bytes) */

#define ROLE_CONTROL 1 /* the daemon's own connection to a shim: one at a time, a new one replaces the old */
#define ROLE_STREAM 2  /* one attached client of one process */
#define ROLE_KERNEL 3  /* the daemon's pipe to berth-kernel */

/* Requests on a control connection. */
#define FRAME_PREPARE 16 /* plan with shim operations: makes the cgroup, clones the init; OK: u32 pid */
#define FRAME_LAUNCH 17  /* plan with shim and child operations; OK (empty) when the program was executed */
#define FRAME_EXEC 18    /* u32 process, then a plan; OK: u32 pid when executed. `process` >= 1 is chosen by the daemon */
#define FRAME_SIGNAL 19  /* u32 process (0 = init), u32 signal; OK | ERROR */
#define FRAME_RESIZE 20  /* u32 process, u32 rows, u32 columns; OK | ERROR */
#define FRAME_STATE 21   /* OK: u32 phase, u32 pid of init, u64 start time in ns since the epoch */
#define FRAME_ABANDON 22 /* ends a shim: kills the init if it lives, cleans up, quits; OK is sent before it quits */
/* Event on a control connection. */
#define FRAME_EXITED 32 /* u32 process, u32 code, u32 signal, u32 oom (0/1), u64 end time in ns since the epoch */

#define PHASE_EMPTY 0    /* not prepared yet */
#define PHASE_PREPARED 1 /* the init waits for its plan */
#define PHASE_RUNNING 2
#define PHASE_EXITED 3

/* On a stream connection: ATTACH first, then data both ways until END. */
#define FRAME_ATTACH 48    /* u32 process, u32 mask of ATTACH_*; OK | ERROR */
#define FRAME_STDIN 49     /* client to process */
#define FRAME_STDIN_EOF 50 /* no more input: the shim closes the process's stdin (ignored with a terminal) */
#define FRAME_STDOUT 51
#define FRAME_STDERR 52
#define FRAME_END 53 /* the process has ended and all its output was sent */

#define ATTACH_STDIN 1
#define ATTACH_STDOUT 2
#define ATTACH_STDERR 4

/* Requests to berth-kernel. */
#define FRAME_SPAWN_SHIM 64  /* string directory, string name for ps: binds <directory>/shim.sock, starts a shim on it; OK: u32 pid */
#define FRAME_REMOVE_TREE 65 /* string path: removes it and all below, staying on its file system; OK also when it is not there */
#define FRAME_DISK_USAGE 66  /* string path: OK: u64 sum of st_size of all but directories, each inode once: what Docker calls SizeRw */

/*
 * ---- Launch plans ----
 *
 *   plan := u32 magic | u32 version | u32 number of operations | u32 length of all of it | operation*
 *   operation := u16 code | u16 number of arguments | u32 length of the arguments | argument*
 *   argument := u32 length | bytes
 *
 * A number is an 8-byte argument. A string argument ends in a NUL that its length counts and has no other.
 * Operations below PLAN_FIRST_CHILD_OP are the shim's; the others are carried out, in order, by the new
 * process inside its namespaces. The first that fails ends the launch.
 */
#define PLAN_MAGIC 0x4e4c5042u /* "BPLN" */
#define PLAN_HEADER 16
#define PLAN_MAX (2u << 20)
#define PLAN_FIRST_CHILD_OP 64

/* The shim's operations. In a PREPARE plan: */
#define OP_CGROUP_CREATE 1  /* directory: mkdir with its parents; removed again when the container has ended */
#define OP_CGROUP_WRITE 2   /* file, value, flags (1: a failure is no error, 2: a missing file is none) */
#define OP_CGROUP_ENTER 3   /* directory: the new process joins it before anything else. On a v2 directory CLONE_INTO_CGROUP is used */
#define OP_NAMESPACES 4     /* CLONE_NEW* flags; CLONE_NEWCGROUP is unshared after joining the cgroups */
#define OP_JOIN_NAMESPACE 5 /* /proc/<pid>/ns/x, its CLONE_NEW* flag: instead of a new one */
#define OP_USER_MAP 6       /* 0: uid_map, 1: gid_map; the text to write there */
#define OP_EXIT_RECORD 7    /* file that gets the exit status: see shim/record.c */
#define OP_OOM_COUNTER 8    /* file, key: "oom_kill" lines of memory.oom_control (v1) or memory.events (v2) */
/* v2 directory, BPF_PROG_TYPE_CGROUP_DEVICE program (struct bpf_insn[]): attached there. Like CGROUP_WRITE it may also
 * stand in a LAUNCH plan, since a container that was prepared in advance learns its limits only then. */
#define OP_CGROUP_DEVICES 9
/* type, source, MOUNT_ATTR_* flags, options: made before the launch and kept for a MOUNT_IN of the same four. At most 16. */
#define OP_MOUNT_AHEAD 10
/* In a LAUNCH plan (and, of these, only STDIO in an EXEC plan): */
#define OP_STDIO 16 /* flags of STDIO_*, rows, columns (0, 0: leave the size alone) */
#define OP_LOG 17   /* file, most bytes of one file (0: no limit), number of files */

#define STDIO_TTY 1
#define STDIN_OPEN 2    /* keep stdin open for clients; otherwise it is /dev/null */
#define STDIO_DISCARD 4 /* output goes to /dev/null, not to a log or a client */
#define STDIO_HOLD 8    /* read no output before the first client has attached, so that none is lost */

/* The new process's operations. Before ROOT paths are the host's; "in root": resolved below the new root by
 * openat2(RESOLVE_IN_ROOT), missing directories being made on the way. */
#define OP_WRITE_FILE 64      /* path, value, flags (1: a failure is no error) */
#define OP_PROPAGATION 65     /* path, MS_* flags: mount(NULL, path, NULL, flags) */
#define OP_CHDIR 66           /* path */
#define OP_MOUNT 67           /* type, source, target, MS_* flags, data: mount(2) with the host's paths (overlay) */
#define OP_ROOT 68            /* path: the new root, already a mount point */
#define OP_MKDIR 69           /* in root: path, mode */
#define OP_SYMLINK 70         /* in root: target text, path; an existing one is left */
#define OP_DEVICE 71          /* in root: path, mode with type, major, minor, uid, gid (bound from the host where mknod is refused) */
#define OP_MOUNT_IN 72        /* in root: type, source, target, MOUNT_ATTR_* flags, options "k=v,flag,..." */
#define OP_BIND_IN 73         /* source on the host, target in root, flags of BIND_*, propagation (MS_* or 0) */
#define OP_MASK 74            /* in root: path; a directory gets an empty read-only tmpfs, a file /dev/null; absent: nothing */
#define OP_READONLY 75        /* in root: path, remounted read-only; absent: nothing */
#define OP_CONSOLE 76         /* in root: opens a pty of the root's own /dev/pts, sends its master to the shim, binds it on /dev/console */
#define OP_HOSTNAME 77        /* name */
#define OP_DOMAINNAME 78      /* name */
#define OP_LOOPBACK_UP 79
#define OP_SYSCTL 80          /* name as a path below /proc/sys of the root ("net/ipv4/ip_forward"), value */
#define OP_PIVOT 81           /* pivot_root into ROOT; from here on paths are the container's */
#define OP_READONLY_ROOT 82
#define OP_RLIMIT 83          /* resource, soft, hard */
#define OP_NEW_KEYRING 84     /* name of a new session keyring (a kernel without keyrings is no error) */
#define OP_USER 85            /* spec "", "user", "uid", "user:group", …; further arguments: additional groups. Resolved in the container's own passwd and group */
#define OP_WORKDIR 86         /* path, made if absent; checked to be inside the root */
#define OP_CREDENTIALS 87     /* bounding, effective, permitted, inheritable, ambient: drops the bounding set, takes USER's ids, sets the sets */
#define OP_NO_NEW_PRIVS 88
#define OP_SECCOMP 89         /* SECCOMP_FILTER_FLAG_* flags, the BPF program (bytes, struct sock_filter[]) */
#define OP_ENVIRONMENT 90     /* KEY=value…; HOME is added from passwd when absent */
#define OP_INIT 91            /* stay as PID 1, forward signals, reap; the program becomes a child */
#define OP_EXEC 92            /* argv…: last. argv[0] without a slash is looked up in PATH of ENVIRONMENT */
#define OP_UMASK 93           /* mask */

#define BIND_RECURSIVE 1
#define BIND_READONLY 2
#define BIND_READONLY_RECURSIVE 4
#define BIND_NOSUID 8
#define BIND_NODEV 16
#define BIND_NOEXEC 32

#endif
