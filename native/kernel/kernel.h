/* The commands of berth-kernel. Each returns the program's exit code. */
#ifndef BERTH_KERNEL_H
#define BERTH_KERNEL_H

/* Serves the daemon on standard input and output until input ends (frames: include/protocol.h). */
int serve(const char *shim_path);

struct unpack_options {
	unsigned long long most_entries, most_bytes;
	/* Write all of the target's file system to the disk before ending. */
	int sync;
	/* Input is compressed. */
	int gzip;
	/* Tell on standard output, from time to time, how many bytes of the input were read: "progress N". */
	int progress;
	/* Put the target apart from what was made before: for layers, which are large. */
	int spread;
};

/*
 * Reads a layer tar from standard input and unpacks it into `target`, confined to it. Prints the sum of the sizes of its regular
 * files, the sha256 of the uncompressed tar, that of the input. 0: done; 1: the archive is at fault (one sentence on standard
 * error); 2: this machine is (on standard error the errno's name, ": ", one sentence).
 */
int unpack(const char *target, const struct unpack_options *options);

/* Writes the file system that a directory is on to the disk. */
int sync_disk(const char *directory);

#endif
