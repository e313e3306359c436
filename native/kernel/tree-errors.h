/* How the programs that read and change container trees end early. Each is a process of its own: all calls end it. */
#ifndef BERTH_TREE_ERRORS_H
#define BERTH_TREE_ERRORS_H

/* A system call failed (errno): its name, ": ", a sentence on standard error; exit code 2. */
_Noreturn void tree_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * What was asked cannot be: a word that the daemon knows (src/kernel/container-tree.ts), ": ", a sentence on standard error;
 * exit code 3.
 */
_Noreturn void tree_refuse(const char *word, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
