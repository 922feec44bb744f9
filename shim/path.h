/* SPDX-License-Identifier: MIT
 *
 * path: the program's path strings, read safely, and what a name is to the kernel now.
 */
#ifndef USHIM_PATH_H
#define USHIM_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct statx;

/* An inode: unique among those that exist at one time. */
struct identity {
	uint64_t device, inode;
};

static inline bool identity_same(const struct identity *a, const struct identity *b)
{
	return a->inode == b->inode && a->device == b->device;
}

struct identity identity_of(const struct statx *statx);

/* Copies SIZE bytes of the program's, which may not be there: the kernel says so. */
bool program_read(const void *from, void *to, size_t size);

/*
 * Copies the path at FROM, which may point nowhere: the kernel reads it for us. False if it
 * is not there or has no end within PATH_MAX.
 */
bool path_read(const char *from, char path[PATH_MAX]);

/*
 * Where the last component of PATH begins. *DIRECTORY is the length of what leads there,
 * without the slashes behind it (1 for "/"); 0 where there is nothing.
 */
const char *path_split(const char *path, size_t *directory);

/* "." and "..", which are nobody's entries. */
static inline bool name_is_self(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

/*
 * statx(2) from the kernel's cache where it has the inode: a question to the storage only
 * where a name has to be looked up. 0 or a negative errno.
 */
int path_statx(int fd, const char *path, int flags, unsigned mask, struct statx *statx);

/* The same for the descriptor itself. */
int descriptor_statx(int fd, unsigned mask, struct statx *statx);

#endif
