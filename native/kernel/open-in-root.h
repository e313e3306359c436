#ifndef BERTH_OPEN_IN_ROOT_H
#define BERTH_OPEN_IN_ROOT_H

/* openat2() inside the root: links and ".." lead nowhere else, those of /proc nowhere at all. O_CLOEXEC; -1 with errno. */
int open_in_root(int root, const char *path, unsigned long long flags);

#endif
