/* SPDX-License-Identifier: MIT
 *
 * call: one libc call in the form the ring takes it, filled in by shim/over.
 *
 * Pointers are the program's own and may point nowhere: nothing in the shim reads or writes
 * through them before the kernel has, or has been asked to check (EFAULT is the kernel's to
 * say).
 */
#ifndef USHIM_CALL_H
#define USHIM_CALL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "table/opcodes.h"
#include "table/table.h"

/* What must be known of the target before the ring may have the call. */
enum guard {
	GUARD_NONE,
	GUARD_FILE,     /* fd is a regular file: a ring reads pipes and terminals otherwise */
	GUARD_SYNC,     /* fd is a regular file or a directory */
	GUARD_POSITION, /* GUARD_FILE, and nobody else can move the file position meanwhile */
	GUARD_OPEN,     /* path leads to a regular file, a directory, or nothing yet */
	GUARD_CLOSE,    /* closing fd is over when the ring says so */
};

/* Of an fsync that is to be an fdatasync, in flags (IORING_FSYNC_DATASYNC). */
#define CALL_DATA_ONLY 1

/* What the program gets when the ring's result is not negative. */
enum yield {
	YIELD_RESULT, /* the result itself */
	YIELD_STAT,   /* 0, and *stat filled in from the shim's statx buffer */
};

struct call {
	enum op op;
	enum opcode opcode;
	enum guard guard;
	enum yield yield;
	int fd;           /* descriptor, or directory of path */
	int fd2;          /* directory of path2 */
	const char *path; /* path, or an attribute's name */
	const char *path2;
	void *data; /* buffer, iovec array, statx buffer, open_how */
	uint64_t offset;
	uint64_t length; /* bytes, iovec entries, or the size of *data */
	uint32_t flags;  /* AT_*, O_*, RWF_*, SYNC_FILE_RANGE_*, XATTR_*, advice, ... */
	mode_t mode;
	struct stat *stat; /* YIELD_STAT: the program's buffer */
	unsigned slot;     /* ring_queue: the direct descriptor + 1 instead of fd, or 0 */
	bool linked;       /* ring_queue: the next entry starts when this one has succeeded */
	bool hard_linked;  /* ring_queue: the next entry starts when this one is over */
	bool by_worker;    /* ring_queue: it may wait where io_uring takes it for one that does not */
};

/* Why a call was made plainly. Also how it is counted; REASON_NONE: it was not. */
enum reason {
#define REASON(id, text) REASON_##id,
#include "table/reasons.def"
	REASON_COUNT
};

#endif
