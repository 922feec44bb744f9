/* SPDX-License-Identifier: MIT
 *
 * directory: what the kernel says of a directory's entries, and directories the shim lists by its
 * own means.
 */
#ifndef USHIM_DIRECTORY_H
#define USHIM_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the kernel has it, getdents64(2); struct dirent is the same on x86-64. */
struct directory_entry {
	uint64_t inode; /* 0 for one that was deleted */
	int64_t next;   /* telldir's position behind this entry */
	uint16_t size;
	uint8_t type;
	char name[];
};

/*
 * PATH below FD, to be listed, close-on-exec; its access time stays where that may be asked for.
 * The caller closes it. Negative errno.
 */
int directory_open(int fd, const char *path);

/*
 * Calls EACH for every entry of FD from its position on, "." and ".." among them. BUFFER is the
 * caller's, SIZE bytes. True once the end is reached; false where EACH wanted no more or the
 * kernel refused.
 */
bool directory_list(int fd, char *buffer, size_t size,
		    bool (*each)(void *context, const struct directory_entry *entry),
		    void *context);

#endif
