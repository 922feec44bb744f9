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
#include "base/word.h"
#include "process/process.h"

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
	pool_run *run;
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

/* ---- threads are made, by the program's or by each other ---- */

CLONE_UNWATCHED static bool seat_claim(struct seat *seat)
{
	uint32_t nobody = 0;

	if (word_load(&seat->thread) || !word_swap(&seat->claimed, &nobody, 1))
		return false;
	if (!word_load(&seat->thread))
		return true;
	word_store(&seat->claimed, 0);
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
	uint32_t threads = word_load(&pool->threads);

	do {
		if (threads >= pool->most)
			return false;
	} while (!word_swap(&pool->threads, &threads, threads + 1));
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
			word_store(&pool->seats[place].claimed, 0);
			break;
		}
	word_add(&pool->threads, -1);
	return err;
}

/* ---- what a thread does ---- */

CLONE_UNWATCHED static bool take(struct pool *pool, uint32_t *work)
{
	uint32_t taken = word_load(&pool->taken);

	do {
		if (taken == word_load(&pool->posted))
			return false;
		*work = word_load(&pool->queue[taken % POOL_WORK]);
	} while (!word_swap(&pool->taken, &taken, taken + 1));
	return true;
}

/* Waits for work. False when it has waited for a while and nothing came. */
CLONE_UNWATCHED static bool wait_idle(struct pool *pool)
{
	uint32_t calls = word_load(&pool->calls);
	long err = 0;

	word_add(&pool->idle, 1);
	if (word_load(&pool->taken) == word_load(&pool->posted) && !word_load(&pool->ending))
		err = futex_wait(&pool->calls, calls, idle_ns);
	word_add(&pool->idle, -1);
	return err != -ETIMEDOUT || word_load(&pool->taken) != word_load(&pool->posted);
}

CLONE_UNWATCHED static void work_off(struct pool *pool, bool able)
{
	uint32_t work;

	for (;;) {
		if (take(pool, &work)) {
			if (!word_load(&pool->idle) && !word_load(&pool->ending))
				grow(pool);
			pool->run(pool->context, work, able);
		} else if (word_load(&pool->ending) || !wait_idle(pool)) {
			return;
		}
	}
}

CLONE_UNWATCHED static void seat_main(void *argument)
{
	struct seat *seat = argument;
	struct pool *pool = seat->pool;
	bool able;

	word_store(&seat->number, (uint32_t)sys(SYS_gettid));
	able = !pool->own_table || clone_leave_table();
	do {
		work_off(pool, able);
		word_add(&pool->threads, -1);
		/* Who posted just before has counted on this thread. */
	} while (word_load(&pool->taken) != word_load(&pool->posted) && count_one_more(pool));
	word_store(&seat->claimed, 0);
}

/* ---- the program's side ---- */

void pool_idle_for(uint64_t ns)
{
	idle_ns = ns;
}

struct pool *pool_make(pool_run *run, void *context, unsigned most, bool own_table)
{
	bool may = clone_allowed() && (!own_table || clone_may_leave_table());
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

unsigned pool_threads(const struct pool *pool)
{
	return word_load(&pool->threads);
}

void pool_add(struct pool *pool, uint32_t work)
{
	word_store(&pool->queue[pool->added++ % POOL_WORK], work);
}

int pool_post(struct pool *pool)
{
	unsigned count = pool->added - pool->posted;
	int err = word_load(&pool->threads) ? 0 : grow(pool);

	if (err && !word_load(&pool->threads)) {
		pool->added = pool->posted;
		return err;
	}
	word_store(&pool->posted, pool->added);
	word_add(&pool->calls, 1);
	if (word_load(&pool->idle))
		futex_wake(&pool->calls, (int)count);
	else if (!word_load(&pool->threads)) /* the last has just left */
		grow(pool);
	return 0;
}

static void seats_await(struct pool *pool)
{
	for (unsigned place = 0; place < POOL_THREADS; place++) {
		struct seat *seat = &pool->seats[place];
		uint32_t number = word_load(&seat->number);

		if (!number)
			continue;
		clone_await_end(&seat->thread, number);
		word_store(&seat->number, 0);
	}
}

static bool somebody_seen(const struct pool *pool)
{
	for (unsigned place = 0; place < POOL_THREADS; place++)
		if (word_load(&pool->seats[place].number))
			return true;
	return word_load(&pool->threads) != 0;
}

void pool_end(struct pool *pool)
{
	if (!somebody_seen(pool))
		return;
	word_store(&pool->ending, 1);
	word_add(&pool->calls, 1);
	futex_wake(&pool->calls, POOL_THREADS);
	while (word_load(&pool->threads)) /* one may just be making another, or beginning */
		seats_await(pool);
	seats_await(pool); /* they count themselves out a moment before they are gone */
	word_store(&pool->ending, 0);
}
