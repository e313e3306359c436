/* The commands that read and change the file trees of containers: what their arguments are is in container-trees.c. */
#ifndef BERTH_CONTAINER_TREES_H
#define BERTH_CONTAINER_TREES_H

/* Runs argv[1] when it is one of them: the program's exit code. -1: it is not, or its arguments make no sense. */
int container_tree_command(int argc, char **argv);

#endif
