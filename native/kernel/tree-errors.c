#include "tree-errors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void tree_fail(const char *format, ...)
{
	int error = errno;
	const char *name = strerrorname_np(error);
	va_list arguments;

	fprintf(stderr, "%s: ", name ? name : "EIO");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, ": %s\n", strerrordesc_np(error));
	exit(2);
}

_Noreturn void tree_refuse(const char *word, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s: ", word);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(3);
}
