/* SPDX-License-Identifier: MIT
 *
 * scouts: a few threads of our own (clone.h) that open and list directories before the program does. They
 * have a table of descriptors to themselves, so the program's numbers are as they would be; what they
 * opened, the very open file, is handed to the program when it comes for it.
 *
 * They have the credentials of the moment they were made, and show in the list of threads: whoever
 * lets those be changed or looked at ends them first (scouts_end).
 */
#ifndef USHIM_SCOUTS_H
#define USHIM_SCOUTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/path.h"

enum {
	SCOUTS_JOBS = 48,       /* directories at once */
	SCOUTS_BYTES = 32768,   /* of entries of each that are read, as much as libc reads at once */
};

enum scout_state {
	SCOUT_FREE,
	SCOUT_FINDING, /* where the program's own descriptor is: the directory, to begin from */
	SCOUT_LISTING, /* to be opened and listed */
	SCOUT_RUNNING, /* a scout is at it */
	SCOUT_READY,   /* it is open, and its entries are there; or it failed */
	SCOUT_TAKEN,   /* the program has got it: ours is to be closed, */
	SCOUT_PUTTING, /* and is being closed */
	SCOUT_KNOWN,   /* what is below it can be opened from there; or not, where that failed */
	SCOUT_DROPPED, /* all of it is to be closed */
};

struct scout {
	uint32_t state; /* a futex; the rest is the scout's while it is at it, else the program's */
	uint32_t users; /* listings below it that are not done */
	uint64_t serial;
	struct scout *from; /* the directory it is in */
	int number;         /* SCOUT_FINDING: the program's descriptor */
	int flags;          /* as the program opens directories */
	int error;          /* 0, or negative: why it is not ready */
	int path, fd;       /* scouts' descriptors: O_PATH, and opened; -1: none */
	struct identity identity;
	uint64_t handle, mount;
	uint64_t posted_ns; /* nothing of it is from before; */
	uint64_t kept_ns;   /* what it is closed by, unless somebody comes */
	char *entries;      /* as getdents64 gave them, */
	size_t length;
	bool looks;         /* the first entry that is no directory is looked up */
	bool ended;         /* to the end of the directory, */
	long position;      /* where the open file is now */
	char name[NAME_MAX + 1];
};

/* The directories; null where there can be no scouts. */
struct scout *scouts_begin(void);

/* Are there any? */
bool scouts_alive(void);

/* A place, or null. */
struct scout *scouts_free(void);

enum scout_state scout_state(const struct scout *scout);

/* What is below it can be opened from there. */
bool scout_is_base(const struct scout *scout);

/* SCOUT is to be the directory of the program's descriptor NUMBER: true once it is SCOUT_KNOWN. */
bool scout_find(struct scout *scout, int number);

/*
 * Has directory NAME in FROM, which is known or ready, opened with FLAGS and listed, and if LOOKS the first
 * entry looked up that is none.
 */
bool scout_list(struct scout *scout, struct scout *from, const char *name, int flags, bool looks);

/* False if a scout has begun with it. */
bool scout_cancel(struct scout *scout);

/* Waits a moment at most for a scout that is at it. */
void scout_await(struct scout *scout);

/*
 * The program gets what is ready, at the lowest free number and at its beginning, to be closed by exec
 * if CLOEXEC. A negative errno where it cannot.
 */
int scout_take(struct scout *scout, bool cloexec);

/* Nobody comes for it. */
void scout_drop(struct scout *scout);

/* No thread is left when this returns, and nothing is open. */
void scouts_end(void);

#endif
