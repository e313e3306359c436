/* berth-kernel: what the daemon does with the kernel outside of containers. The daemon's only; not for people to call. */
#include "kernel.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
	fputs("usage: berth-kernel serve SHIM\n"
	      "       berth-kernel unpack [--sync] [--most-entries N] [--most-bytes N] TARGET\n", stderr);
	return 64;
}

static int parse_number(const char *text, unsigned long long *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == 0 && errno == 0;
}

static int unpack_command(int argc, char **argv)
{
	static const struct option known[] = {
		{ "sync", no_argument, NULL, 's' },
		{ "most-entries", required_argument, NULL, 'e' },
		{ "most-bytes", required_argument, NULL, 'b' },
		{ 0 },
	};
	/* The largest images in use have some hundred thousand files and some ten GiB. */
	struct unpack_options options = { .most_entries = 2000000, .most_bytes = 64ull << 30 };
	int option;

	while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1) {
		if (option == 's')
			options.sync = 1;
		else if (option == 'e' && parse_number(optarg, &options.most_entries))
			continue;
		else if (option == 'b' && parse_number(optarg, &options.most_bytes))
			continue;
		else
			return usage();
	}
	return argc - optind == 1 ? unpack(argv[optind], &options) : usage();
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "unpack"))
		return unpack_command(argc - 1, argv + 1);
	return usage();
}
