/* SPDX-License-Identifier: MIT
 *
 * pool: a few threads of our own (clone.h) that work off what one thread, the program's, posts. Work is a
 * number; what it means is for the pool's maker.
 *
 * There is no thread before there is work. Each that takes some makes another one first, up to the
 * pool's most, unless somebody is idle: so who posts finds somebody waiting, and makes none himself
 * but the first. Who is idle for a while leaves.
 *
 * What the threads run makes system calls by sys() alone and touches no storage of a thread (errno, the
 * stack's canary, the locale).
 */
#ifndef USHIM_POOL_H
#define USHIM_POOL_H

#include <stdbool.h>
#include <stdint.h>

enum {
	POOL_WORK = 512, /* posted and not taken, at most */
	POOL_THREADS = 64,
};

struct pool;

/*
 * What is done about WORK, with the CONTEXT given to pool_make. Not ABLE: the thread has got no table of its
 * own, so nothing may be opened or closed.
 */
typedef void pool_run(void *context, uint32_t work, bool able);

/*
 * A pool of MOST threads at most, without a thread. Its threads share the program's descriptors, or,
 * if OWN_TABLE, have a table that is empty at first, each its own (Linux 5.9). Null where there is no
 * memory, or there may be no threads. A forked child finds it zeroed.
 */
struct pool *pool_make(pool_run *run, void *context, unsigned most, bool own_table);

/* How many threads there are. */
unsigned pool_threads(const struct pool *pool);

/* Adds WORK, for the next pool_post. No more than POOL_WORK may be unfinished. */
void pool_add(struct pool *pool, uint32_t work);

/*
 * Hands over what was added, if anything, and sees to a first thread. 0; or the negative errno with which
 * the first thread was refused, and then what was added is gone.
 */
int pool_post(struct pool *pool);

/* No thread is left when this returns, and all that was posted is done. More may be posted later. */
void pool_end(struct pool *pool);

/* How long a thread waits for work before it leaves: a second, but in tests. */
void pool_idle_for(uint64_t ns);

#endif
