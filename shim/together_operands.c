/* SPDX-License-Identifier: MIT
 *
 * Files of the command line that are synced one after another, as by sync(1).
 */
#include "together_private.h"

#include <fcntl.h>

#include "ahead.h"

enum {
	OPERANDS_LOOKED = 16, /* for the one that was synced */
};

static bool operand_is(const char *operand, const struct identity *identity)
{
	struct identity found;

	return path_identify(AT_FDCWD, operand, 0, &found) && identity_same(&found, identity);
}

/* The two that were synced last are these? */
static bool operands_synced(const char *before, const char *newest)
{
	return before && newest && operand_is(before, &next_newest(1)->identity) &&
	       operand_is(newest, &next_newest(0)->identity);
}

/* Of the two that were synced last the first was this one; -1: they were none. */
static int operand_at;
static unsigned operand_noted = 2; /* fsyncs noted when that was so */
static bool operands_found;        /* it ever was */

/* Where it is now if the program has gone on through them. */
static int operand_expected(void)
{
	return operand_at + (int)(next_noted() - operand_noted);
}

static bool operand_try(int at)
{
	if (!operands_synced(ahead_operand(at), ahead_operand(at + 1)))
		return false;
	operand_at = at;
	operand_noted = next_noted();
	operands_found = true;
	return true;
}

bool operands_reached(void)
{
	if (operand_at < 0)
		return false;
	if (operand_try(operand_expected()))
		return true;
	for (int at = operand_at; at - operand_at < OPERANDS_LOOKED; at++)
		if (operand_try(at))
			return true;
	operand_at = -1;
	return false;
}

bool operands_followed(void)
{
	return operands_found && operand_at >= 0;
}

/* The one that comes next. */
static int operand_next(void)
{
	return operand_expected() + 2;
}

unsigned operands_left(void)
{
	int left = operand_at < 0 ? 0 : ahead_operands() - operand_next();

	return left > 0 ? (unsigned)left : 0;
}

unsigned operands_find(struct candidate *candidates, unsigned most)
{
	const char *operand;
	unsigned count = 0;

	while (count < most && (operand = ahead_operand(operand_next() + (int)count)) &&
	       candidate_open(AT_FDCWD, operand, 0, candidates, count))
		count++;
	return count;
}
