/* SPDX-License-Identifier: MIT
 *
 * The names that a chain is about to need. In the chain each would be looked up in a round trip of
 * its own under the directory's lock: of the three of an unlink on FUSE one, of the four of a
 * link whose source's entry has timed out one. So they are looked up before, all at once.
 */
#include "behind/private.h"

#include <fcntl.h>

#include "backend/flight.h"
#include "base/clock.h"

enum {
	CHAIN_LEAST = 2,
	PREPARED_NS = 500 * 1000 * 1000,  /* a chain's time: half of the usual time-out of an entry, */
	RENEWED_NS = 25 * 1000 * 1000,    /* or where one may be about to time out */
	LOOKED_UP_NS = 250 * 1000 * 1000, /* a name is not looked up again so soon */
};

/*
 * An entry that has timed out is good for long once it is looked up. One that has not, such as a
 * source the program has asked about, is not renewed by that, and may time out at any moment.
 */
unsigned prepare_most(const struct command *first)
{
	uint64_t lasts = first->opcode == OPCODE_LINKAT ? RENEWED_NS : PREPARED_NS;
	uint64_t cost = command_cost_ns(), most = cost ? lasts / cost : BEHIND_COMMANDS;

	if (most > BEHIND_COMMANDS)
		return BEHIND_COMMANDS;
	return most < CHAIN_LEAST ? CHAIN_LEAST : (unsigned)most;
}

/* What is to be removed; and a link's source, which was looked up, but maybe too long ago. */
static bool lookup_call(struct behind *behind, const struct command *command, uint64_t now,
			struct call *call)
{
	*call = (struct call){
		.opcode = OPCODE_STATX,
		.flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		.length = STATX_TYPE,
		.data = &behind->looked_up,
	};
	if (command->opcode == OPCODE_UNLINKAT && !command->after) {
		call->fd = command->dir->fd;
		call->path = command->name;
		return true;
	}
	if (command->opcode != OPCODE_LINKAT || now - command->since_ns < LOOKED_UP_NS)
		return false;
	call->fd = command->source->fd;
	call->path = command->name2;
	return true;
}

unsigned prepare_names(struct behind *behind, const struct command *first, unsigned count,
		       uint64_t token)
{
	uint64_t now = clock_ns();
	unsigned asked = 0;
	struct call call;
	int taken;

	if (count < CHAIN_LEAST) /* it looks its name up as fast itself */
		return 0;
	for (unsigned i = 0; i < count; i++, first = first->next)
		if (lookup_call(behind, first, now, &call) &&
		    flight_queue(&call, FLIGHT_COMMAND, token))
			asked++;
	taken = asked ? flight_hand_over(FLIGHT_COMMAND) : 0;
	return taken > 0 ? (unsigned)taken : 0;
}
