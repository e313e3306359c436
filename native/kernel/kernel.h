/* The commands of berth-kernel. Each returns the program's exit code. */
#ifndef BERTH_KERNEL_H
#define BERTH_KERNEL_H

/* Serves the daemon on standard input and output until input ends (frames: include/protocol.h). */
int serve(const char *shim_path);

struct unpack_options {
	unsigned long long most_entries, most_bytes;
	/* Write all of the target's file system to the disk before ending. */
	int sync;
};

/*
 * Reads an uncompressed layer tar from standard input and unpacks it into `target`, confined to it. Prints the sum of the
 * sizes of its regular files. 0: done; 1: the archive is at fault (one sentence on standard error); 2: this machine is
 * (on standard error the errno's name, ": ", one sentence).
 */
int unpack(const char *target, const struct unpack_options *options);

#endif
