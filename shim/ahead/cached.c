/* SPDX-License-Identifier: MIT
 *
 * Questions that the kernel or a daemon answers from a cache: over NFS and on many FUSE file systems
 * a listing brings the attributes along. Then the storage waits, opening each directory does, and
 * still there is nothing to be gained by asking ahead: what a worker costs is more than the question.
 * What the program's own questions about listed entries take says so; what an answer takes to come
 * by way of a worker does not.
 *
 * Only where storage waits by nature. A local disk reads sixteen inodes with one: there a question
 * that was answered fast says little about the next.
 */
#include "ahead/private.h"

enum {
	WORTH = 4,  /* times the time it takes to hand a question over */
	DOUBT = 4,  /* an answer that comes in a fourth of what questions took came from a cache */
	WEIGHT = 8, /* a new time counts one eighth */
};

static void time_learn(uint64_t *mean, uint64_t ns)
{
	*mean = *mean ? *mean + ns / WEIGHT - *mean / WEIGHT : ns;
}

/* A busy machine may interrupt it for longer than the storage takes. */
void cached_handed_over(struct ahead *ahead, uint64_t ns)
{
	time_learn(&ahead->cached.hand_over_ns,
		   ns < ahead->stat.slow_ns ? ns : ahead->stat.slow_ns);
}

static bool is_worth(const struct ahead *ahead, uint64_t ns)
{
	return ns >= WORTH * ahead->cached.hand_over_ns;
}

uint64_t cached_plain(struct ahead *ahead, const struct sweep *sweep, uint64_t ns)
{
	if (!sweep->waits)
		return ns;
	ahead->cached.doubted = ns < ahead->stat.slow_ns || !is_worth(ahead, ns);
	if (ahead->cached.doubted)
		return 0;
	time_learn(&ahead->cached.question_ns, ns);
	return ns;
}

void cached_answer(struct ahead *ahead, const struct sweep *sweep, uint64_t ns)
{
	if (sweep->waits && ns * DOUBT < ahead->cached.question_ns)
		ahead->cached.doubted = true;
}

bool cached_likely(const struct ahead *ahead, const struct sweep *sweep)
{
	return sweep->waits && !ahead->stat.forced &&
	       (ahead->cached.doubted || !is_worth(ahead, ahead->cached.question_ns));
}
