/* SPDX-License-Identifier: MIT
 *
 * The poster writes a number into the queue and then counts it as posted; a thread reads the number of the
 * oldest and takes it by counting it as taken, if nobody else has meanwhile. The word all wait on is
 * counted up by every post, and by the end.
 */
#include "backend/crew/pool.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "backend/crew/clone.h"
#include "base/futex.h"
#include "base/sys.h"
#include "process/process.h"

/* linux/close_range.h; Linux 5.9. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

enum {
	STACK_SIZE = 16384, /* system calls alone need a fraction of it */
	GUARD_SIZE = 4096,  /* below each stack, not to be touched */
	SEAT_SIZE = STACK_SIZE + GUARD_SIZE,
};

static uint64_t idle_ns = 1000 * 1000 * 1000;

/* A thread's place. It is free when nobody has claimed it and no thread's number is in it. */
struct seat {
	struct pool *pool;
	uint32_t claimed;
	uint32_t thread; /* its number; the kernel makes it 0 when it runs no more */
	uint32_t number; /* the same until nobody can see it any more */
};

/* In wiped memory: a forked child has no thread but its own. */
struct pool {
	pool_run *run; /* null in such a child */
	void *context;
	unsigned most;
	bool own_table;
	uint32_t calls;   /* posts and ends, ever: a futex */
	uint32_t added;   /* work ever added, */
	uint32_t posted;  /* of this, handed over, */
	uint32_t taken;   /* and of this, taken */
	uint32_t idle;    /* threads that wait, or are about to */
	uint32_t threads; /* that there are */
	uint32_t ending;
	char *stacks;
	uint32_t queue[POOL_WORK];
	struct seat seats[POOL_THREADS];
};

#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define STORE(word, value) __atomic_store_n(&(word), value, __ATOMIC_SEQ_CST)
#define ADD(word, by) __atomic_add_fetch(&(word), by, __ATOMIC_SEQ_CST)

/* ---- threads are made, by the program's or by each other ---- */

CLONE_UNWATCHED static bool seat_claim(struct seat *seat)
{
	uint32_t nobody = 0;

	if (LOAD(seat->thread) || !__atomic_compare_exchange_n(&seat->claimed, &nobody, 1, false,
							       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		return false;
	if (!LOAD(seat->thread))
		return true;
	STORE(seat->claimed, 0);
	return false;
}

static void seat_main(void *argument);

/* 0 or a negative errno. */
CLONE_UNWATCHED static int seat_fill(struct pool *pool, unsigned place)
{
	struct seat *seat = &pool->seats[place];
	char *guard = pool->stacks + (size_t)place * SEAT_SIZE;
	long number;

	sys(SYS_mprotect, guard, GUARD_SIZE, PROT_NONE);
	seat->pool = pool;
	number = clone_thread(seat_main, seat, guard + GUARD_SIZE, STACK_SIZE, &seat->thread);
	return number < 0 ? (int)number : 0;
}

CLONE_UNWATCHED static bool count_one_more(struct pool *pool)
{
	uint32_t threads = LOAD(pool->threads);

	do {
		if (threads >= pool->most)
			return false;
	} while (!__atomic_compare_exchange_n(&pool->threads, &threads, threads + 1, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

/* One more thread, if there may be. 0 or a negative errno. */
CLONE_UNWATCHED static int grow(struct pool *pool)
{
	int err = -EAGAIN;

	if (!count_one_more(pool))
		return err;
	for (unsigned place = 0; place < POOL_THREADS; place++)
		if (seat_claim(&pool->seats[place])) {
			err = seat_fill(pool, place);
			if (!err)
				return 0;
			STORE(pool->seats[place].claimed, 0);
			break;
		}
	ADD(pool->threads, -1);
	return err;
}

/* ---- what a thread does ---- */

CLONE_UNWATCHED static bool take(struct pool *pool, uint32_t *work)
{
	uint32_t taken = LOAD(pool->taken);

	do {
		if (taken == LOAD(pool->posted))
			return false;
		*work = LOAD(pool->queue[taken % POOL_WORK]);
	} while (!__atomic_compare_exchange_n(&pool->taken, &taken, taken + 1, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
	return true;
}

/* Waits for work. False when it has waited for a while and nothing came. */
CLONE_UNWATCHED static bool wait_idle(struct pool *pool)
{
	uint32_t calls = LOAD(pool->calls);
	long err = 0;

	ADD(pool->idle, 1);
	if (LOAD(pool->taken) == LOAD(pool->posted) && !LOAD(pool->ending))
		err = futex_wait(&pool->calls, calls, idle_ns);
	ADD(pool->idle, -1);
	return err != -ETIMEDOUT || LOAD(pool->taken) != LOAD(pool->posted);
}

CLONE_UNWATCHED static void work_off(struct pool *pool, bool able)
{
	uint32_t work;

	for (;;) {
		if (take(pool, &work)) {
			if (!LOAD(pool->idle) && !LOAD(pool->ending))
				grow(pool);
			pool->run(pool->context, work, able);
		} else if (LOAD(pool->ending) || !wait_idle(pool)) {
			return;
		}
	}
}

/* Closes nothing of the program's: the new table is made empty. */
CLONE_UNWATCHED static bool table_leave(void)
{
	return sys(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0;
}

CLONE_UNWATCHED static void seat_main(void *argument)
{
	struct seat *seat = argument;
	struct pool *pool = seat->pool;

	bool able;

	STORE(seat->number, (uint32_t)sys(SYS_gettid));
	able = !pool->own_table || table_leave();
	do {
		work_off(pool, able);
		ADD(pool->threads, -1);
		/* Who posted just before has counted on this thread. */
	} while (LOAD(pool->taken) != LOAD(pool->posted) && count_one_more(pool));
	STORE(seat->claimed, 0);
}

/* ---- the program's side ---- */

void pool_idle_for(uint64_t ns)
{
	idle_ns = ns;
}

/* Of no descriptor at all: EINVAL, where there is such a call. */
static bool tables_known(void)
{
	return sys(SYS_close_range, 1, 0, CLOSE_RANGE_UNSHARE) == -EINVAL;
}

struct pool *pool_make(pool_run *run, void *context, unsigned most, bool own_table)
{
	bool may = clone_allowed() && (!own_table || tables_known());
	struct pool *pool = may ? process_map_wiped(sizeof(*pool)) : NULL;

	if (!pool)
		return NULL;
	pool->stacks = process_map_private((size_t)SEAT_SIZE * POOL_THREADS);
	if (!pool->stacks) {
		process_unmap(pool, sizeof(*pool));
		return NULL;
	}
	pool->context = context;
	pool->most = most < POOL_THREADS ? most : POOL_THREADS;
	pool->own_table = own_table;
	pool->run = run;
	return pool;
}

bool pool_alive(const struct pool *pool)
{
	return pool->run != NULL;
}

unsigned pool_threads(const struct pool *pool)
{
	return LOAD(pool->threads);
}

void pool_add(struct pool *pool, uint32_t work)
{
	STORE(pool->queue[pool->added++ % POOL_WORK], work);
}

int pool_post(struct pool *pool)
{
	unsigned count = pool->added - pool->posted;
	int err = LOAD(pool->threads) ? 0 : grow(pool);

	if (err && !LOAD(pool->threads)) {
		pool->added = pool->posted;
		return err;
	}
	STORE(pool->posted, pool->added);
	ADD(pool->calls, 1);
	if (LOAD(pool->idle))
		futex_wake(&pool->calls, (int)count);
	else if (!LOAD(pool->threads)) /* the last has just left */
		grow(pool);
	return 0;
}

static void seats_await(struct pool *pool)
{
	for (unsigned place = 0; place < POOL_THREADS; place++) {
		struct seat *seat = &pool->seats[place];
		uint32_t number = LOAD(seat->number);

		if (!number)
			continue;
		clone_await_end(&seat->thread, number);
		STORE(seat->number, 0);
	}
}

void pool_end(struct pool *pool)
{
	STORE(pool->ending, 1);
	ADD(pool->calls, 1);
	futex_wake(&pool->calls, POOL_THREADS);
	while (LOAD(pool->threads)) /* one may just be making another, or beginning */
		seats_await(pool);
	seats_await(pool); /* they count themselves out a moment before they are gone */
	STORE(pool->ending, 0);
}
