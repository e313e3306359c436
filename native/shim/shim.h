/*
 * berth-shim: one per container. It is the parent of the container's processes, holds their stdio, writes the log, serves
 * attached clients and records the exit status; it outlives the daemon. Single-threaded: see loop.h.
 *
 *   main.c        start, the rules of when the shim ends
 *   connection.c  the socket: handshake, frames in and out, attached clients
 *   request.c     requests of the daemon
 *   operations.c  the shim's operations of a launch plan
 *   process.c     life of a process: channel, execution, end
 *   stdio.c       its pipes or pty
 *   log.c record.c cgroup.c
 *
 * Ownership: connections and processes are in the lists of `shim`; whoever is done with one marks it (`dead`, PROCESS_ENDED)
 * and main.c's sweep frees it between two events, so that no caller is left with a dangling pointer.
 */
#ifndef BERTH_SHIM_H
#define BERTH_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cgroup.h"
#include "frame.h"
#include "init.h"
#include "log.h"
#include "loop.h"
#include "plan.h"
#include "protocol.h"
#include "record.h"

#define CONNECTIONS_MAX 256
#define PROCESSES_MAX 1001 /* the init and 1000 exec'd ones */
#define IO_CHUNK (32 * 1024)
/* Payload of one frame of an attached client: senders cut their input. */
#define STREAM_FRAME_MAX (256 * 1024)
/* Output waits in the container's pipe while a client has this much to receive ... */
#define CLIENT_PENDING_MAX (256 * 1024)
/* ... and goes on at this much. */
#define CLIENT_PENDING_LOW (128 * 1024)
/* A peer that lets this much pile up is dropped: answers that it does not read, output after the process's end. */
#define CLIENT_PENDING_FATAL (2 * 1024 * 1024)
#define STDIN_QUEUE_MAX (64 * 1024)
/* Children that survive a process may hold its pipes. Their output is waited for this long after the last of it, as what
 * the process itself wrote is in the pipes already ... */
#define STDIO_GRACE_MS 100
/* ... and no longer than this in all. */
#define STDIO_GRACE_ALL_MS 2000

struct connection {
	struct connection *next;
	struct source source;
	struct buffer in, out;
	/* 0 before HELLO. */
	uint32_t role;
	/* ROLE_STREAM after ATTACH. */
	uint32_t process, mask;
	unsigned attached : 1;
	/* Its input waits for the process's stdin to drain. */
	unsigned stdin_paused : 1;
	/* END was queued: input is thrown away from here on. */
	unsigned ended : 1;
	/* The peer does not read any more. */
	unsigned output_lost : 1;
	/* Close when `out` is empty. */
	unsigned closing : 1;
	unsigned dead : 1;
};

/* Where the answer to a request goes that takes time. */
struct requester {
	struct connection *connection;
	uint32_t id;
};

enum process_phase {
	PROCESS_CLONED,    /* waits for its plan */
	PROCESS_LAUNCHING, /* carries it out */
	PROCESS_RUNNING,
	PROCESS_DEAD,  /* reaped; output may still have to be read */
	PROCESS_ENDED, /* all is said and done */
};

struct process;

/* One of the two output pipes, or the pty's master (which is `output[0]`). */
struct output {
	struct source source;
	struct process *process;
	/* A terminal that no one has open: waits for the next opener by edge, as its hang-up is a level. */
	int hung_up;
};

struct process {
	struct process *next;
	/* 0: the container's init. */
	uint32_t number;
	enum process_phase phase;
	pid_t pid;
	struct source pidfd;
	struct source channel;
	/* Messages of the new process; what the channel did not take yet of the plan. */
	struct buffer channel_in, plan_rest;
	struct requester requester;
	/* Its plan failed: there is no exit to tell about. */
	int failed;
	struct exit_status status;

	/* STDIO_* */
	uint64_t stdio_flags;
	uint32_t rows, columns;
	struct output output[2];
	struct source stdin_source;
	struct buffer stdin_queue;
	int stdin_eof;
	/* The new process's ends until they are sent. */
	int child_stdio[3];
	int was_attached;
	/* After its death: until when output of surviving children is waited for. */
	struct timer grace;
	uint64_t grace_end_ms;
	struct log log;
};

struct shim {
	struct source listener, children;
	struct connection *connections;
	struct connection *control;
	unsigned connection_count;
	struct process *processes;
	/* In `processes`; NULL before PREPARE and after its end. */
	struct process *init;
	unsigned process_count;
	/* PHASE_* */
	uint32_t phase;
	/* The init ended after it had run: `exit_status` is valid. */
	int has_status;
	struct exit_status exit_status;
	uint64_t started_ns;
	/* As the host sees it; 0 before PREPARE. */
	pid_t init_pid;
	/* The init is PID 1 of a namespace of its own: the kernel ends the rest with it. */
	int own_pid_namespace;
	/* The init's mount namespace while it runs, or -1: see mounts_pin. */
	int mounts;
	struct cgroups cgroups;
	struct timer cgroup_timer;
	unsigned cgroup_attempts;
	int cgroups_done;
	char *record_path, *oom_path, *oom_key;
	int abandoned;
	struct requester abandoner;
	/* Ends a shim that nobody talks to. */
	struct timer lonely;
	/* Exec'd processes that ended lately, so that a late ATTACH gets an end instead of waiting for ever. */
	uint32_t ended_numbers[256];
	unsigned ended_count;
};

extern struct shim shim;

/* main.c */
/* The init is gone for good, with or without having run: record, event, cgroups. */
void shim_init_ended(const struct process *init);
void shim_control_lost(void);
/* Ends the init, if it lives, and then the shim. */
void shim_abandon(void);

/* connection.c */
int listener_open(int fd);
/* All queue, send what the socket takes, and wait for the rest. */
void connection_send(struct connection *connection, uint16_t type, const void *payload, size_t length);
void connection_flush(struct connection *connection);
void connection_fail(struct connection *connection);
/* Input was held back and may go on. */
void connection_resume_input(struct connection *connection);
/* Tells the clients of a process that there will be no more output. */
void connections_end(uint32_t process);
void connections_sweep(void);
void answer_ok(struct requester *requester, const void *payload, size_t length);
void answer_error(struct requester *requester, uint32_t op, uint32_t index, int error, const char *step, const char *path);
/* FRAME_EXITED on the control connection, if there is one. */
void send_exited(uint32_t process, const struct exit_status *status);

/* request.c */
void handle_request(struct connection *connection, const struct frame *frame);

/* operations.c */
struct failure {
	uint32_t op, index;
	int error;
	const char *step;
	char path[256];
};
/* Carries out the shim's operations of a PREPARE plan and fills in the request for init_clone. The caller closes
 * request->join[].fd with namespaces_close. -1: *failure says what failed. */
int operations_prepare(struct plan *plan, struct namespace_request *request, struct failure *failure);
void namespaces_close(struct namespace_request *request);
/* The same for LAUNCH and EXEC: STDIO and, for the init, LOG. */
int operations_launch(struct plan *plan, struct process *process, struct failure *failure);

/* process.c */
struct process *process_find(uint32_t number);
struct process *process_new(uint32_t number);
/* Takes over a clone: its descriptors are the process's from here on. */
int process_adopt(struct process *process, pid_t pid, int channel, int pidfd);
/* Sends the plan; the requester is answered when the program was executed or an operation failed. */
int process_launch(struct process *process, const struct plan *plan);
int process_signal(struct process *process, int signal);
/* Ends one that was never cloned. */
void process_discard(struct process *process);
/* Reaps whatever child has ended. */
void reap_children(void);
/* Ends a dead process when all its output was read. */
void process_check_end(struct process *process);
/* Gives the output of a dead process some more time. */
void process_wait_for_output(struct process *process);
void processes_sweep(void);
int process_has_ended(uint32_t number);

/* stdio.c */
int stdio_open(struct process *process);
void stdio_close_child_ends(struct process *process);
void stdio_take_master(struct process *process, int master);
/* The program runs: what waited for that may go on. */
void stdio_start(struct process *process);
/* Starts or goes on reading where nothing holds it back. */
void stdio_update(struct process *process);
/* Takes input; 0: more is welcome, 1: the queue is full. */
int stdin_put(struct process *process, const unsigned char *bytes, size_t length);
void stdin_end(struct process *process);
int stdio_resize(struct process *process, uint32_t rows, uint32_t columns);
/* True while output of a dead process may still come. */
int stdio_is_open(const struct process *process);
/* Output that was held for the first client is read without one from here on. */
void stdio_release(struct process *process);
/* True when nothing may be read before a client has attached. */
int stdio_is_held(const struct process *process);
void stdio_close(struct process *process);

#endif
