/* SPDX-License-Identifier: MIT */
#include "walk/aside.h"

bool aside_may(struct aside *aside, uint64_t cost_ns)
{
	uint64_t share = cost_ns / ASIDE_SHARE;

	if (aside->owed_ns <= share)
		return true;
	aside->owed_ns -= share;
	return false;
}

void aside_took(struct aside *aside, uint64_t ns, uint64_t cost_ns)
{
	aside->owed_ns = ns < cost_ns / ASIDE_LONG ? ns : ns * ASIDE_DEAR;
}

bool aside_crowded(const struct aside *aside, uint64_t cost_ns)
{
	return aside->owed_ns > cost_ns;
}
