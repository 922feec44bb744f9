/* SPDX-License-Identifier: MIT */
#include "backend/ring/of_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>

#include "backend/ring/ring.h"
#include "process/config.h"
#include "process/thread.h"

#define WORKER_PATIENCE_NS UINT64_C(1000000000)

static pthread_key_t death_key;
static bool death_key_made;

/*
 * Destructors of keys run in no useful order, and a program's own may still close files. So
 * the first visits only ask for another; the last one POSIX guarantees ends the ring.
 */
static void thread_die(void *visits_left)
{
	uintptr_t left = (uintptr_t)visits_left;

	if (left > 1 && pthread_setspecific(death_key, (void *)(left - 1)) == 0)
		return;
	thread_self.depth++;
	thread_give_up_ring();
	thread_self.stage = THREAD_DEAD;
	thread_self.depth--;
}

void thread_ring_prepare(void)
{
	death_key_made = pthread_key_create(&death_key, thread_die) == 0;
}

static void thread_note_death(void)
{
	/* PTHREAD_DESTRUCTOR_ITERATIONS, glibc and musl. Of the last the race detector is jealous:
	 * it knows no such thread after it. */
#ifdef __SANITIZE_THREAD__
	enum { VISITS = 3 };
#else
	enum { VISITS = 4 };
#endif

	if (death_key_made)
		pthread_setspecific(death_key, (void *)(uintptr_t)VISITS);
}

/* In ring mode every call is waited for; the others see for themselves that there are workers. */
static int worker_await(struct ring *ring)
{
	int came = config.mode == MODE_RING ? ring_worker(ring, WORKER_PATIENCE_NS) : 1;

	if (came > 0)
		return 0;
	ring_close(ring);
	return came ? came : -EAGAIN;
}

static int thread_ring_make(struct thread *thread)
{
	int err = ring_open(&thread->ring, config.ring_entries, config.sqpoll_ms);

	if (!err)
		err = worker_await(thread->ring);
	if (err)
		thread->ring = NULL;
	if (err == -EXDEV) /* a borrowed address space: the lender's state stays as it is */
		return err;
	thread->stage = err ? THREAD_PLAIN : THREAD_RING;
	if (!err)
		thread_note_death();
	return err;
}

struct ring *thread_ring(int *why)
{
	struct thread *thread = &thread_self;

	*why = 0;
	if (thread->stage == THREAD_RING && !ring_survived(thread->ring)) {
		thread->ring = NULL; /* a forked child: the memory is wiped, the ring the parent's */
		thread->stage = THREAD_NEW;
	}
	if (thread->stage == THREAD_NEW)
		*why = thread_ring_make(thread);
	return thread->stage == THREAD_RING ? thread->ring : NULL;
}

/* Takes the ring, if there is one to end, out of the calling thread. */
static struct ring *thread_ring_take(void)
{
	struct thread *thread = &thread_self;
	bool ours = thread->stage == THREAD_RING && ring_survived(thread->ring);
	struct ring *ring = ours ? thread->ring : NULL;

	thread->ring = NULL;
	thread->stage = THREAD_PLAIN;
	return ring;
}

void thread_give_up_ring(void)
{
	struct ring *ring = thread_ring_take();

	if (ring)
		ring_close(ring);
}

void thread_cede(void)
{
	ring_cede(thread_ring_take());
}
