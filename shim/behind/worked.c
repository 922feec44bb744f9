/* SPDX-License-Identifier: MIT
 *
 * Is it removing that is done, or is a removal the start of some work? Of a queue of work several
 * processes may take names out, and who was told that he took one may do the job with no call at
 * all. So a program that computes between its removals is not emptying a directory.
 */
#include "behind/private.h"

#include "base/clock.h"
#include "walk/pace.h"

enum {
	WORK_NS = 50 * 1000, /* of the processor, as of walk/pace.h: rm(1) takes a few µs there */
	LOOKED_AT = 0xf,     /* the last four removals: */
	WORKED = 3,          /* after so many of them it was work */
};

static bool removes_name(enum op op)
{
	return op == OP_UNLINK || op == OP_UNLINKAT || op == OP_RMDIR;
}

/*
 * Now and then it is a page fault or the machine, whose time counts as the thread's: on a host with
 * other guests the processor is away for milliseconds. A program that works does so again and again.
 */
void worked_look(struct behind *behind)
{
	uint64_t since = behind->removed_ns;
	bool worked;

	behind->removed_ns = 0;
	if (!since)
		return;
	worked = clock_thread_ns() - since >= pace_of(WORK_NS);
	behind->worked = (behind->worked << 1 | worked) & LOOKED_AT;
	if (__builtin_popcount(behind->worked) >= WORKED)
		empties_end(behind);
}

void worked_begin(struct behind *behind, const struct passage *passage)
{
	if (behind->removes && removes_name(passage->op))
		behind->removed_ns = clock_thread_ns();
}
