/* berth-kernel: what the daemon does with the kernel outside of containers. The daemon's only; not for people to call. */
#include "kernel.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "container-trees.h"
#include "trees.h"

static int usage(void)
{
	fputs("usage: berth-kernel serve SHIM\n"
	      "       berth-kernel unpack [--gzip] [--progress] [--spread] [--sync] [--most-entries N] [--most-bytes N] TARGET\n"
	      "       berth-kernel sync DIRECTORY\n"
	      "       berth-kernel tree-list DIRECTORY\n"
	      "       berth-kernel tree-space DIRECTORY...\n"
	      "       berth-kernel tree-compare MOST DIRECTORY DIRECTORY\n"
	      "       berth-kernel tree-copy SOURCE TARGET\n"
	      "       berth-kernel tree-merge [--keep-root] LAYER TARGET\n", stderr);
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
		{ "gzip", no_argument, NULL, 'z' },
		{ "progress", no_argument, NULL, 'p' },
		{ "spread", no_argument, NULL, 'd' },
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
		else if (option == 'z')
			options.gzip = 1;
		else if (option == 'p')
			options.progress = 1;
		else if (option == 'd')
			options.spread = 1;
		else if (option == 'e' && parse_number(optarg, &options.most_entries))
			continue;
		else if (option == 'b' && parse_number(optarg, &options.most_bytes))
			continue;
		else
			return usage();
	}
	return argc - optind == 1 ? unpack(argv[optind], &options) : usage();
}

/* What is done with whole trees, see trees.h. -1: none of these. */
static int tree_command(int argc, char **argv)
{
	unsigned long long most;

	if (argc == 3 && !strcmp(argv[1], "tree-list"))
		return tree_list(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "tree-space"))
		return tree_space(argc - 2, argv + 2);
	if (argc == 5 && !strcmp(argv[1], "tree-compare") && parse_number(argv[2], &most))
		return tree_compare(argv[3], argv[4], most);
	if (argc == 4 && !strcmp(argv[1], "tree-copy"))
		return tree_copy(argv[2], argv[3]);
	if (argc == 4 && !strcmp(argv[1], "tree-merge"))
		return tree_merge(argv[2], argv[3], 0);
	if (argc == 5 && !strcmp(argv[1], "tree-merge") && !strcmp(argv[2], "--keep-root"))
		return tree_merge(argv[3], argv[4], 1);
	return -1;
}

int main(int argc, char **argv)
{
	int result = tree_command(argc, argv);

	if (result < 0)
		result = container_tree_command(argc, argv);
	if (result >= 0)
		return result;
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc == 3 && !strcmp(argv[1], "sync"))
		return sync_disk(argv[2]);
	if (argc >= 3 && !strcmp(argv[1], "unpack"))
		return unpack_command(argc - 1, argv + 1);
	return usage();
}
