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

/* linux/stat.h of older headers has no name for it; Linux 5.8. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif

struct statx;

/*
 * An inode: unique among those that exist at one time, where the file system's numbers are. FUSE
 * file systems may show 0 or one number for many; their handles tell them apart.
 */
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

/* The same for a path that the kernel has just read in a call that succeeded: it is there. */
bool path_copy(const char *from, char path[PATH_MAX]);

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

/* In small letters, of ASCII alone. */
static inline char letter_fold(char letter)
{
	return (char)(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
}

/*
 * statx(2) from the kernel's cache where it has the inode: a question to the storage only
 * where a name has to be looked up. 0 or a negative errno.
 */
int path_statx(int fd, const char *path, int flags, unsigned mask, struct statx *statx);

/* The same for the descriptor itself. */
int descriptor_statx(int fd, unsigned mask, struct statx *statx);

/* What PATH leads to, or the descriptor itself is; false where the kernel does not say. */
bool path_identify(int fd, const char *path, int flags, struct identity *identity);
bool descriptor_identify(int fd, struct identity *identity);

/* Instead of a handle. */
#define HANDLE_NONE UINT64_C(0)	   /* the file system has none */
#define HANDLE_REFUSED UINT64_C(1) /* it could not be asked for */

/*
 * A hash of the handle by which the kernel or a server knows what PATH leads to, or the descriptor
 * itself is, with the flags of path_statx: no question to the storage where the name is known.
 */
uint64_t path_handle(int fd, const char *path, int flags);
uint64_t descriptor_handle(int fd);

/* May what shows IDENTITY and HANDLE be told from everything else by both? */
bool identity_tells(const struct identity *identity, uint64_t handle);

enum {
	LINK_SIZE = 40, /* for the longest of the next two */
};

/* "/proc/self/fd/FD": leads to the very file, whatever its name is by now. */
void descriptor_link(int fd, char link[LINK_SIZE]);

/* "/proc/self/fdinfo/FD": what the kernel tells about it, proc(5). */
void descriptor_info(int fd, char path[LINK_SIZE]);

/*
 * The path the kernel has for FD, cut to ROOM - 1 bytes. Its length; 0 or negative, and PATH
 * empty, where there is none.
 */
long descriptor_name(int fd, char *path, size_t room);

#endif
