#include "refuse.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_SHOWN 200

const char *shown(const char *name)
{
	static char buffers[4][MOST_SHOWN * 4 + 8];
	static unsigned turn;
	char *out = buffers[turn++ % 4];
	size_t at = 0, i;

	out[at++] = '"';
	for (i = 0; name[i] && i < MOST_SHOWN; i++) {
		unsigned char byte = (unsigned char)name[i];

		if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\')
			at += (size_t)sprintf(out + at, "\\x%02x", byte);
		else
			out[at++] = name[i];
	}
	strcpy(out + at, name[i] ? "…\"" : "\"");
	return out;
}

_Noreturn void refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static int is_archives_fault(int error)
{
	switch (error) {
	case EEXIST: case EINVAL: case EISDIR: case ELOOP: case EMLINK: case ENAMETOOLONG: case ENODEV: case ENOENT:
	case ENOTDIR: case ENOTEMPTY: case ERANGE: case E2BIG: case EOVERFLOW: case EXDEV:
		return 1;
	default:
		return 0;
	}
}

_Noreturn void fail_with_errno(const char *format, ...)
{
	int error = errno;
	const char *name = strerrorname_np(error);
	va_list arguments;

	if (!is_archives_fault(error))
		fprintf(stderr, "%s: ", name ? name : "EIO");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerrordesc_np(error));
	exit(is_archives_fault(error) ? 1 : 2);
}
