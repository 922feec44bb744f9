/* SPDX-License-Identifier: MIT */
#include "backend/crew/crew.h"

#include <stddef.h>

#include "backend/crew/clone.h"
#include "base/futex.h"
#include "process/process.h"

enum {
	JOBS = 512,           /* more than are ever posted at once: one a directory */
	STACK_SIZE = 16384,   /* system calls alone need a fraction of it */
	SLICE_NS = 20 * 1000 * 1000,
};

/* In wiped memory: a forked child has no thread but its own. */
struct crew {
	uint32_t thread;   /* its number; the kernel makes it 0 when it runs no more */
	long number;       /* the same, for good */
	uint32_t posted;   /* jobs ever, a futex; and of these */
	uint32_t finished; /* those that are done, a futex too */
	struct crew_job *jobs[JOBS]; /* a null one is the end */
	char stack[STACK_SIZE] __attribute__((aligned(16)));
};

static struct crew *crew;
static bool refused; /* no thread could be made */

/* ---- the thread ---- */

CLONE_UNWATCHED static void crew_main(void *argument)
{
	struct crew *own = argument;
	uint32_t taken = 0;

	for (;;) {
		uint32_t posted = __atomic_load_n(&own->posted, __ATOMIC_ACQUIRE);
		struct crew_job *job;

		if (posted == taken) {
			futex_wait(&own->posted, posted, 0);
			continue;
		}
		job = own->jobs[taken++ % JOBS];
		if (!job)
			return;
		job->work(job);
		__atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
		__atomic_store_n(&own->finished, taken, __ATOMIC_RELEASE);
		futex_wake(&own->finished, 1);
	}
}

/* ---- the program's side ---- */

static bool crew_begin(void)
{
	if (refused)
		return false;
	if (!crew)
		crew = process_map_wiped(sizeof(*crew));
	refused = !crew || !clone_allowed();
	if (refused)
		return false;
	if (__atomic_load_n(&crew->thread, __ATOMIC_ACQUIRE))
		return true;
	crew->posted = crew->finished = 0;
	crew->number = clone_thread(crew_main, crew, crew->stack, STACK_SIZE, &crew->thread);
	refused = crew->number < 0;
	return !refused;
}

static void post(struct crew_job *job)
{
	crew->jobs[crew->posted % JOBS] = job;
	__atomic_store_n(&crew->posted, crew->posted + 1, __ATOMIC_RELEASE);
	futex_wake(&crew->posted, 1);
}

bool crew_post(struct crew_job *job)
{
	if (!crew_begin())
		return false;
	__atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
	post(job);
	return true;
}

bool crew_did(const struct crew_job *job)
{
	return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}

void crew_await(const struct crew_job *job)
{
	uint32_t finished = crew ? __atomic_load_n(&crew->finished, __ATOMIC_ACQUIRE) : 0;

	if (!crew || (job ? crew_did(job) : finished == crew->posted))
		return;
	futex_wait(&crew->finished, finished, SLICE_NS);
}

void crew_end(void)
{
	if (!crew || !__atomic_load_n(&crew->thread, __ATOMIC_ACQUIRE))
		return;
	post(NULL);
	clone_await_end(&crew->thread, crew->number);
}
