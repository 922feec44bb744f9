/* SPDX-License-Identifier: MIT */
#include "walk/governor.h"

enum {
	COST_WEIGHT = 4,    /* a new cost counts one fourth */
	WASTE_CREDIT = 64,  /* what may go unused before anything is known */
	WASTE_SHARE = 20,   /* one in so many */
};

static void governor_leave(struct governor *governor)
{
	if (governor->forced)
		return;
	governor->in = false;
	governor->slow = 0;
	governor->fast = governor->aside = 0;
	governor->unhelpful = governor->helpful = 0;
	governor->cost_ns = 0;
	governor->sentence = governor->sentence ? governor->sentence * 2
						: GOVERNOR_SENTENCE_FIRST;
	if (governor->sentence > GOVERNOR_SENTENCE_MOST)
		governor->sentence = GOVERNOR_SENTENCE_MOST;
	governor->sitting = governor->sentence;
}

/* One more of the COUNTED fast ones in a row; at MOST it is time to go. */
static void governor_fast(struct governor *governor, unsigned *counted, unsigned most)
{
	governor->slow = 0;
	if (governor->in && ++*counted >= most)
		governor_leave(governor);
}

static void governor_slow(struct governor *governor)
{
	governor->fast = governor->aside = 0;
	governor->sentence = 0;
}

static void cost_learn(struct governor *governor, uint64_t ns)
{
	if (!governor->cost_ns)
		governor->cost_ns = ns;
	governor->cost_ns = (governor->cost_ns * (COST_WEIGHT - 1) + ns) / COST_WEIGHT;
}

/*
 * Where one prepared call after another took less than half of a plain one, that has been measured, and
 * whether a plain one counts as waiting is not asked: they stay prepared until that helps no more.
 */
static bool is_fast(const struct governor *governor, uint64_t ns)
{
	return ns < governor->slow_ns && governor->helpful < GOVERNOR_HELPFUL;
}

static void governor_weigh(struct governor *governor, uint64_t ns, unsigned *counted, unsigned most)
{
	if (governor->sitting) {
		governor->sitting--;
		return;
	}
	cost_learn(governor, ns);
	if (is_fast(governor, ns)) {
		governor_fast(governor, counted, most);
		return;
	}
	governor->fast = governor->aside = 0;
	if (++governor->slow >= GOVERNOR_PROOF)
		governor->in = true;
}

void governor_plain(struct governor *governor, uint64_t ns)
{
	governor_weigh(governor, ns, &governor->fast, GOVERNOR_DISPROOF);
}

void governor_aside(struct governor *governor, uint64_t ns)
{
	governor_weigh(governor, ns, &governor->aside, GOVERNOR_ASIDE);
}

void governor_prior(struct governor *governor)
{
	if (governor->slow && !governor->sitting)
		governor->in = true;
}

void governor_prepared(struct governor *governor, uint64_t ns)
{
	if (!governor->cost_ns || ns * 2 <= governor->cost_ns) {
		governor->unhelpful = 0;
		if (++governor->helpful >= GOVERNOR_HELPFUL)
			governor->sentence = 0;
		return;
	}
	governor->helpful = 0;
	if (governor->in && ++governor->unhelpful >= GOVERNOR_UNHELPFUL)
		governor_leave(governor);
}

void governor_answer(struct governor *governor, uint64_t ns)
{
	if (ns < governor->slow_ns) {
		governor_fast(governor, &governor->fast, GOVERNOR_DISPROOF);
		return;
	}
	cost_learn(governor, ns);
	governor_slow(governor);
}

void governor_used(struct governor *governor, unsigned count)
{
	governor->used += count;
	governor->aside = 0;
}

void governor_wasted(struct governor *governor, unsigned count)
{
	governor->wasted += count;
}

bool governor_affords(const struct governor *governor, unsigned count)
{
	uint64_t settled = governor->used + governor->wasted;

	return governor->wasted * WASTE_SHARE <= settled + (uint64_t)WASTE_CREDIT * WASTE_SHARE ||
	       count == 0;
}
