/* SPDX-License-Identifier: MIT */
#include "backend/crew/crew.h"

#include <stddef.h>

#include "backend/crew/clone.h"
#include "backend/crew/pool.h"
#include "base/futex.h"
#include "process/process.h"

enum {
	THREADS = 8,
	SLICE_NS = 20 * 1000 * 1000,
};

/* In wiped memory: a forked child has no thread but its own. */
struct crew {
	struct pool *pool;
	uint32_t posted;   /* jobs ever, and of these */
	uint32_t finished; /* those that are done, a futex */
	struct crew_job *jobs[POOL_WORK]; /* until somebody begins with it */
};

static struct crew *crew;
static bool refused; /* there can be no thread */

CLONE_UNWATCHED static void job_run(void *context, uint32_t place, bool able)
{
	struct crew *own = context;
	struct crew_job *job = __atomic_exchange_n(&own->jobs[place], NULL, __ATOMIC_ACQ_REL);

	(void)able;
	job->work(job);
	__atomic_store_n(&job->done, 1, __ATOMIC_RELEASE);
	__atomic_add_fetch(&own->finished, 1, __ATOMIC_SEQ_CST);
	futex_wake(&own->finished, 1);
}

static bool crew_begin(void)
{
	if (refused || (crew && crew->pool))
		return !refused;
	if (!crew)
		crew = process_map_wiped(sizeof(*crew));
	if (crew)
		crew->pool = pool_make(job_run, crew, THREADS, false);
	refused = !crew || !crew->pool;
	return !refused;
}

static uint32_t finished_now(void)
{
	return __atomic_load_n(&crew->finished, __ATOMIC_SEQ_CST);
}

bool crew_post(struct crew_job *job)
{
	uint32_t place;

	if (!crew_begin() || crew->posted - finished_now() >= POOL_WORK)
		return false;
	place = crew->posted % POOL_WORK;
	if (__atomic_load_n(&crew->jobs[place], __ATOMIC_ACQUIRE))
		return false;
	__atomic_store_n(&job->done, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&crew->jobs[place], job, __ATOMIC_RELEASE);
	pool_add(crew->pool, place);
	refused = pool_post(crew->pool) < 0;
	crew->posted += !refused;
	return !refused;
}

bool crew_did(const struct crew_job *job)
{
	return __atomic_load_n(&job->done, __ATOMIC_ACQUIRE);
}

void crew_await(const struct crew_job *job)
{
	uint32_t finished = crew ? finished_now() : 0;

	if (!crew || (job ? crew_did(job) : finished == crew->posted))
		return;
	futex_wait(&crew->finished, finished, SLICE_NS);
}

void crew_end(void)
{
	if (crew && crew->pool)
		pool_end(crew->pool);
}
