/* Locks the process into one directory before it reads a byte that somebody else wrote. */
#ifndef BERTH_CONFINE_H
#define BERTH_CONFINE_H

/*
 * Makes `directory` the process's root and gives up every capability but those for making files of any owner and kind, and
 * all system calls but those that unpacking needs. Returns a descriptor of the root, or -1 with errno and the failed call in *step.
 */
int confine(const char *directory, const char **step);

/* The same for a directory that is open already, leaving other descriptors as they are; 0 or -1. */
int confine_to(int directory, const char **step);

#endif
