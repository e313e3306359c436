/* How `berth-kernel unpack` ends early. It is a process of its own for one archive: both calls end it. */
#ifndef BERTH_REFUSE_H
#define BERTH_REFUSE_H

/* The archive is at fault: one sentence on standard error, exit code 1. */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * A system call failed (errno). Errors that only an archive's own contents bring about (a file where a directory should be,
 * too long a name) are refused as above; for all others: the errno's name, ": ", a sentence, exit code 2.
 * Format: what was tried, "create directory %s".
 */
_Noreturn void fail_with_errno(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A name out of the archive, fit for a message: control characters and quotes escaped, cut. One of four static buffers. */
const char *shown(const char *name);

#endif
