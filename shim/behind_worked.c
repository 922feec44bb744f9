/* SPDX-License-Identifier: MIT
 *
 * Is it removing that is done, or is a removal the start of some work? Of a queue of work several
 * processes may take names out, and who was told that he took one may do the job with no call at
 * all. So a program that computes between its removals is not emptying a directory.
 */
#include "behind_private.h"

#include "clock.h"

enum {
	WORK_NS = 50 * 1000, /* of the processor: rm(1) takes a few µs from one name to the next */
	IDLED_ENOUGH = 16,   /* removals in a row without work after which none is expected */
};

static bool removes_name(enum op op)
{
	return op == OP_UNLINK || op == OP_UNLINKAT || op == OP_RMDIR;
}

/* Once may be a page fault or the machine; a program that works does so again. */
void worked_look(struct behind *behind)
{
	uint64_t since = behind->removed_ns;

	behind->removed_ns = 0;
	if (!since)
		return;
	if (clock_thread_ns() - since < WORK_NS) {
		if (++behind->idled == IDLED_ENOUGH)
			behind->worked = 0;
		return;
	}
	behind->idled = 0;
	if (++behind->worked > 1)
		empties_end(behind);
}

void worked_begin(struct behind *behind, const struct passage *passage)
{
	if (behind->removes && removes_name(passage->op))
		behind->removed_ns = clock_thread_ns();
}
