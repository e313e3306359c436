/* The commands about container trees: their arguments. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "archive.h"
#include "changes.h"
#include "container-trees.h"
#include "pack.h"
#include "root.h"
#include "tree-errors.h"

#define MADE_BY_US_MAX 64

/* All that can be said on the command line. Options come first, then what the command itself works on. */
struct request {
	struct root_source source;
	const char *made_by_us[MADE_BY_US_MAX];
	unsigned made_by_us_count;
	int layer;
	/* The tree that a whole tree is compared with; empty: it is new altogether. */
	const char *copy_of;
	struct put_options put;
};

enum { BASE = 256, LOWER, UPPER, WORK, PROCESS, CGROUP, READ_ONLY, BIND, LAYER, ONE_FILE_SYSTEM, MADE_BY_US, KEEP_KINDS, OWNER, COPY_OF };

static const struct option known[] = {
	{ "base", required_argument, NULL, BASE },
	{ "lower", required_argument, NULL, LOWER },
	{ "upper", required_argument, NULL, UPPER },
	{ "work", required_argument, NULL, WORK },
	{ "process", required_argument, NULL, PROCESS },
	{ "cgroup", required_argument, NULL, CGROUP },
	{ "read-only", no_argument, NULL, READ_ONLY },
	{ "bind", required_argument, NULL, BIND },
	{ "layer", no_argument, NULL, LAYER },
	{ "one-file-system", no_argument, NULL, ONE_FILE_SYSTEM },
	{ "made-by-us", required_argument, NULL, MADE_BY_US },
	{ "keep-kinds", no_argument, NULL, KEEP_KINDS },
	{ "owner", required_argument, NULL, OWNER },
	{ "copy-of", required_argument, NULL, COPY_OF },
	{ 0 },
};

/* --bind FLAGS SOURCE TARGET: three words, FLAGS of "r" (recursive) and "o" (read-only), or "-". */
static int take_bind(struct root_source *source, int argc, char **argv)
{
	struct root_bind *bind = &source->binds[source->bind_count];

	if (source->bind_count == ROOT_BINDS_MAX || optind + 2 > argc)
		return 0;
	bind->recursive = strchr(optarg, 'r') != NULL;
	bind->read_only = strchr(optarg, 'o') != NULL;
	bind->source = argv[optind++];
	bind->target = argv[optind++];
	source->bind_count++;
	return 1;
}

static int take_flag(struct request *request, int option)
{
	switch (option) {
	case READ_ONLY:
		request->source.read_only = 1;
		return 1;
	case LAYER:
		request->layer = 1;
		return 1;
	case ONE_FILE_SYSTEM:
		request->source.one_file_system = 1;
		return 1;
	case KEEP_KINDS:
		request->put.keep_kinds = 1;
		return 1;
	default:
		return 0;
	}
}

static int take_option(struct request *request, int option, int argc, char **argv)
{
	struct root_source *source = &request->source;
	const char **text = option == BASE ? &source->base : option == UPPER ? &source->upper :
			    option == WORK ? &source->work : option == PROCESS ? &source->process :
			    option == CGROUP ? &source->cgroup : option == OWNER ? &request->put.owner :
			    option == COPY_OF ? &request->copy_of : NULL;

	if (text)
		*text = optarg;
	else if (option == LOWER && source->lower_count < ROOT_LOWER_MAX)
		source->lower[source->lower_count++] = optarg;
	else if (option == MADE_BY_US && request->made_by_us_count < MADE_BY_US_MAX)
		request->made_by_us[request->made_by_us_count++] = optarg;
	else if (option == BIND)
		return take_bind(source, argc, argv);
	else
		return take_flag(request, option);
	return 1;
}

/* Whatever the parent forgot to close; as many directories open at once as their depth may ask for. */
static void prepare(void)
{
	struct rlimit limit;

	syscall(SYS_close_range, STDERR_FILENO + 1, ~0u, 0);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	umask(0);
}

/* 0, or -1: the arguments make no sense. */
static int parse(struct request *request, int argc, char **argv)
{
	int option;

	prepare();
	while ((option = getopt_long(argc, argv, "+", known, NULL)) != -1)
		if (!take_option(request, option, argc, argv))
			return -1;
	return (request->source.process && !request->source.cgroup) ||
	       (request->source.upper && (!request->source.base || !request->source.work)) ? -1 : 0;
}

static int open_below(const struct request *request)
{
	if (request->copy_of)
		return *request->copy_of ? root_open_other(request->copy_of) : -1;
	return request->source.upper ? root_open_lower(&request->source) : -1;
}

static int pack_command(int argc, char **argv)
{
	static struct request request;
	struct pack_options options = { .below = -1, .with_root = 1 };
	struct tar_writer *writer;
	int root;

	if (parse(&request, argc, argv) < 0 || argc - optind != 1)
		return -1;
	request.source.directory = argv[optind];
	/* Before the layers below are mounted over its name. */
	root = root_open(&request.source, ROOT_READ);
	options.layer = request.layer;
	options.made_by_us = request.made_by_us;
	options.made_by_us_count = request.made_by_us_count;
	options.below = open_below(&request);
	options.whole = request.copy_of != NULL;
	root_enter(root);
	writer = tar_writer_open(STDOUT_FILENO);
	pack_tree(writer, root, "", &options);
	tar_writer_finish(writer);
	return 0;
}

static int changes_command(int argc, char **argv)
{
	static struct request request;
	int root, below;

	if (parse(&request, argc, argv) < 0 || argc - optind != 1 || (!request.source.upper && !request.copy_of))
		return -1;
	request.source.directory = argv[optind];
	root = root_open(&request.source, ROOT_READ);
	below = open_below(&request);
	root_enter(root);
	changes_print(root, below, request.copy_of != NULL, request.made_by_us, request.made_by_us_count);
	return 0;
}

static int export_command(int argc, char **argv)
{
	static struct request request;
	struct pack_options options = { .below = -1 };
	struct tar_writer *writer;
	int root;

	if (parse(&request, argc, argv) < 0 || argc != optind || (!request.source.process && !request.source.upper))
		return -1;
	root = root_open(&request.source, ROOT_BARE);
	root_enter(root);
	writer = tar_writer_open(STDOUT_FILENO);
	/* Docker's exports have no member for the root itself. */
	pack_tree(writer, root, "", &options);
	tar_writer_finish(writer);
	return 0;
}

/* `archive-stat ROOT PATH`, `archive-get ROOT PATH BASE`, `archive-put ROOT PATH` */
static int archive_command(int argc, char **argv)
{
	static struct request request;
	int is_get = !strcmp(argv[0], "archive-get"), is_put = !strcmp(argv[0], "archive-put");
	const char *path;
	int root;

	if (parse(&request, argc, argv) < 0 || argc - optind != (is_get ? 2 : 1) ||
	    (!request.source.process && !request.source.upper))
		return -1;
	path = argv[optind];
	if (path[0] != '/' || strlen(path) >= 4096)
		tree_refuse("invalid", "the path is too long");
	root = root_open(&request.source, is_put ? ROOT_WRITE : ROOT_READ);
	root_enter(root);
	if (is_put)
		archive_put(root, path, &request.put);
	else if (is_get)
		archive_get(root, path, argv[optind + 1]);
	else
		archive_stat(root, path);
	return 0;
}

int container_tree_command(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} commands[] = {
		{ "pack", pack_command },	      { "changes", changes_command },
		{ "export", export_command },	      { "archive-stat", archive_command },
		{ "archive-get", archive_command }, { "archive-put", archive_command },
	};
	size_t i;

	for (i = 0; argc >= 2 && i < sizeof commands / sizeof *commands; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	return -1;
}
