/* The names in a directory. */
#ifndef BERTH_NAMES_H
#define BERTH_NAMES_H

#include <stddef.h>

struct names {
	char **list; /* sorted by bytes */
	size_t count;
	char *text;
};

/* All but "." and "..". Returns 0, or -1 with errno and nothing to free. `fd` is read from its beginning. */
int names_read(int fd, struct names *names);
void names_free(struct names *names);
/* Is it there? */
int names_has(const struct names *names, const char *name);

#endif
