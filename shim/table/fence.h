/* SPDX-License-Identifier: MIT
 *
 * fence: what has to have happened before a call is made, told by its operation alone
 * (DESIGN section 8). What a call's arguments add to that is shim/behind/fence.c's.
 */
#ifndef USHIM_FENCE_H
#define USHIM_FENCE_H

#include "table/table.h"

enum fence {
	FENCE_NONE,      /* nothing: it touches neither names nor the outside */
	FENCE_STAT,      /* what its answer is about, which is looked at afterwards */
	FENCE_ASK,       /* what its path leads to */
	FENCE_STREAM,    /* a directory's entries, through a stream or descriptor */
	FENCE_OPEN,      /* what its path leads to if it only reads, else everything */
	FENCE_OPENDIR,   /* what its path leads to */
	FENCE_CLOSE,     /* everything, but for directories */
	FENCE_COPY,      /* the same for the number that is taken over (dup2) */
	FENCE_READ,      /* everything, but for regular files */
	FENCE_STDIO,     /* everything, but for streams that only read a regular file */
	FENCE_WRITE,     /* everything; to others than regular files it is also output */
	FENCE_COMMAND,   /* link, unlink and the like: perhaps to be acknowledged itself */
	FENCE_ATTRIBUTE, /* times, owner, mode, extended attributes of what its path leads to */
	FENCE_FOPEN,     /* as FENCE_OPEN */
	FENCE_MAKE,      /* everything: makes one name, which its path tells */
	FENCE_COUNT,     /* everything; only asks (statfs) */
	FENCE_ALL,       /* everything; tells nobody (fsync, umask, chdir) */
	FENCE_OUTSIDE,   /* everything, and from here on others may know (output, fork, input) */
};

enum fence fence_of(enum op op);

#endif
