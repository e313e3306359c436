#include "names.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH (32 << 10)

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Text of NUL-terminated names; returns its length or -1. */
static ssize_t read_text(int fd, char **text, size_t *count)
{
	_Alignas(8) char batch[BATCH];
	size_t length = 0, capacity = 0;
	long size, at;

	while ((size = syscall(SYS_getdents64, fd, batch, sizeof batch)) > 0) {
		for (at = 0; at < size;) {
			struct dirent64 *entry = (struct dirent64 *)(batch + at);
			size_t name = strlen(entry->d_name) + 1;

			at += entry->d_reclen;
			if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
				continue;
			if (length + name > capacity) {
				char *larger = realloc(*text, capacity = (length + name) * 2 + 256);

				if (!larger)
					return -1;
				*text = larger;
			}
			memcpy(*text + length, entry->d_name, name);
			length += name;
			++*count;
		}
	}
	/* A directory that was removed meanwhile has no entries. */
	return size < 0 && errno != ENOENT ? -1 : (ssize_t)length;
}

int names_read(int fd, struct names *names)
{
	size_t i;
	char *at;

	memset(names, 0, sizeof *names);
	if (lseek(fd, 0, SEEK_SET) < 0 || read_text(fd, &names->text, &names->count) < 0)
		goto failed;
	names->list = calloc(names->count + 1, sizeof *names->list);
	if (!names->list)
		goto failed;
	for (i = 0, at = names->text; i < names->count; i++, at += strlen(at) + 1)
		names->list[i] = at;
	qsort(names->list, names->count, sizeof *names->list, compare);
	return 0;
failed:
	free(names->text);
	return -1;
}

void names_free(struct names *names)
{
	free(names->list);
	free(names->text);
}

int names_has(const struct names *names, const char *name)
{
	return names->count > 0 && bsearch(&name, names->list, names->count, sizeof *names->list, compare) != NULL;
}
