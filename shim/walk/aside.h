/* SPDX-License-Identifier: MIT
 *
 * aside: whether who hands questions over may step aside between two, for the worker that the first one
 * woke. Pure: the caller yields, and brings the times.
 *
 * On an idle machine that takes some microseconds, and every question has a worker of its own in the end.
 * On a busy one whoever yields gives away a whole slice (1 to 20 ms), a question being worth 1, and
 * the worker comes no sooner for it: it waits for its turn among the others as well. So with each
 * question a share of what it waits for may be spent, and what a step took beyond that is made up for
 * before the next one; many times over where a slice was given away.
 */
#ifndef USHIM_ASIDE_H
#define USHIM_ASIDE_H

#include <stdbool.h>
#include <stdint.h>

struct aside {
	uint64_t owed_ns;
};

enum {
	ASIDE_SHARE = 32, /* of what a question waits for: the most that stepping aside may take; */
	ASIDE_LONG = 2,   /* a step of half of what it waits for, or more, */
	ASIDE_DEAR = 16,  /* has to be made up for so many times */
};

/* A question that waits for COST_NS was handed over. True if it may be stepped aside behind it. */
bool aside_may(struct aside *aside, uint64_t cost_ns);

/* That took NS. */
void aside_took(struct aside *aside, uint64_t ns, uint64_t cost_ns);

/* True while others want the processors too: then waiting between two is as vain as stepping aside. */
bool aside_crowded(const struct aside *aside, uint64_t cost_ns);

#endif
