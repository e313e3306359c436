/* The bytes of tar headers, for tar.c only. */
#ifndef BERTH_TAR_HEADER_H
#define BERTH_TAR_HEADER_H

#include "tar.h"

#define TAR_BLOCK_SIZE 512

/* What a pax header says about the next member. Strings point into its text. */
struct pax_overrides {
	const char *path, *linkpath;
	int has_size, has_uid, has_gid, has_mtime;
	uint64_t size;
	uid_t uid;
	gid_t gid;
	struct timespec mtime;
	struct tar_xattr xattrs[TAR_XATTRS_MAX];
	unsigned xattr_count;
};

/* The header's own name fields, put together and terminated. */
struct header_names {
	char name[155 + 1 + 100 + 1], link[100 + 1];
};

/* Decodes a header block, checking its sum; `type` stays as it is there, names point into *names. Refuses a broken one. */
void tar_header_read(const unsigned char *block, struct tar_entry *entry, struct header_names *names);

/* Reads the records of a pax header, writing NULs into `text`. Refuses broken ones and sparse files. */
void pax_read(char *text, size_t length, struct pax_overrides *overrides);

#endif
