/* SPDX-License-Identifier: MIT
 *
 * The program's own command, made at its own moment.
 */
#include "behind/private.h"

#include "ahead/ahead.h"
#include "call/plain.h"
#include "table/fence.h"

void submit_before(struct behind *behind)
{
	queue_gathered(behind);
	queue_turn(behind);
}

long command_plain(const struct passage *passage, enum reason why, bool unseen)
{
	uint64_t ns;

	if (lost_refuses(passage))
		return *passage->value;
	if (fence_of(passage->op) == FENCE_COMMAND)
		submit_before(behind_root());
	ahead_command(passage->op, unseen);
	*passage->value = plain_time(passage, &ns);
	*passage->reason = why;
	if ((int)*passage->value == 0 || ns >= COMMAND_SLOW_NS)
		governor_plain(&behind_learned.command, ns); /* (refused at once: the storage was not asked) */
	return *passage->value;
}
