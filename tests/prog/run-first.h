/* SPDX-License-Identifier: MIT
 *
 * run_first: this thread runs before all others of its processor from here on, so whoever works
 * for it comes to nothing before it sleeps. Exits with 77 where that is not permitted.
 */
#ifndef USHIM_TESTS_RUN_FIRST_H
#define USHIM_TESTS_RUN_FIRST_H

#include <err.h>
#include <sched.h>

static inline void run_first(void)
{
	struct sched_param first = {.sched_priority = 1};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) ||
	    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first))
		err(77, "SCHED_FIFO");
}

#endif
