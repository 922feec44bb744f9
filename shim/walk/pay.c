/* SPDX-License-Identifier: MIT */
#include "walk/pay.h"

enum {
	COST_WEIGHT = 4, /* a new cost counts one fourth, */
	COST_CLIP = 4,   /* and as no more than four times what was known */
};

/* For twice as long as the last time, and LEAST at least. */
static void pay_leave(struct pay *pay, unsigned least)
{
	pay->slow = pay->fast = pay->vain = pay->groups = 0;
	pay->asked = false;
	pay->cost_ns = 0;
	pay->window = PAY_WINDOW_FIRST;
	pay->sentence = pay->sentence * 2 > least ? pay->sentence * 2 : least;
	if (pay->sentence > PAY_SENTENCE_MOST)
		pay->sentence = PAY_SENTENCE_MOST;
	pay->sitting = pay->sentence;
}

void pay_begin(struct pay *pay, uint64_t device)
{
	*pay = (struct pay){
		.device = device,
		.slow_ns = pay->slow_ns,
		.window = PAY_WINDOW_FIRST,
		.forced = pay->forced,
		.twice = pay->twice,
	};
}

bool pay_sits_out(struct pay *pay)
{
	if (pay->forced || !pay->sitting)
		return false;
	pay->sitting--;
	return true;
}

void pay_pause(struct pay *pay, unsigned count)
{
	if (!pay->forced)
		pay->sitting = count;
}

bool pay_asks(const struct pay *pay)
{
	return !pay->forced && pay->groups >= (pay->twice ? PAY_GROUPS_TWICE : PAY_GROUPS);
}

/* Two that are made between groups are what those are to be measured by, whatever was before. */
static void cost_learn(struct pay *pay, uint64_t ns)
{
	if (pay->cost_ns && ns > pay->cost_ns * COST_CLIP)
		ns = pay->cost_ns * COST_CLIP;
	if (!pay->cost_ns || (pay_asks(pay) && !pay->asked)) {
		pay->cost_ns = ns;
		pay->asked = pay_asks(pay);
		return;
	}
	pay->cost_ns = pay_asks(pay) ? (pay->cost_ns + ns) / 2
				     : (pay->cost_ns * (COST_WEIGHT - 1) + ns) / COST_WEIGHT;
	pay->asked = false;
	pay->groups = 0;
}

void pay_plain(struct pay *pay, uint64_t ns)
{
	if (ns < pay->slow_ns) {
		pay->slow = 0;
		if (++pay->fast >= PAY_DISPROOF && !pay->forced)
			pay_leave(pay, PAY_SENTENCE_FIRST);
		return;
	}
	pay->fast = 0;
	if (pay->barred && !pay->forced) {
		pay->sitting = PAY_SENTENCE_MOST;
		return;
	}
	pay->slow++;
	cost_learn(pay, ns);
}

bool pay_in(const struct pay *pay)
{
	return pay->forced || pay->slow >= PAY_PROOF;
}

bool pay_covers(const struct pay *pay, unsigned count, uint64_t ns)
{
	return pay->forced || count * pay->cost_ns >= ns;
}

/* Enough files took as long once more: no group of any size can gain here. */
static bool repeats_cost(const struct pay *pay, unsigned used, uint64_t again_ns)
{
	return used > PAY_TELLING && again_ns * 10 > pay->cost_ns * (used - 1) * 9;
}

void pay_group(struct pay *pay, unsigned used, uint64_t ns, uint64_t again_ns, unsigned most)
{
	pay->groups++;
	if (!pay->forced && (ns + again_ns) * 5 > pay->cost_ns * used * 4) {
		if (repeats_cost(pay, used, again_ns))
			pay_leave(pay, PAY_SENTENCE_REPEATED);
		else if (++pay->vain >= PAY_VAIN)
			pay_leave(pay, PAY_SENTENCE_FIRST);
		return;
	}
	pay->vain = 0;
	pay->sentence = 0;
	pay->window *= PAY_WINDOW_GROWTH;
	if (pay->window > most)
		pay->window = most;
}
