/* SPDX-License-Identifier: MIT
 *
 * The two objects of what is asked ahead: what was learned, which the child of a fork inherits, and
 * the root of all that is in flight or answered, which it finds wiped.
 */
#include "ahead/private.h"

#include "process/process.h"

struct ahead_learned ahead_learned;

static struct ahead *root;

struct ahead *ahead_root(void)
{
	return root && root->magic == AHEAD_MAGIC ? root : NULL;
}

struct ahead *ahead_root_memory(void)
{
	if (!root)
		root = process_map_wiped(sizeof(*root));
	return root;
}

bool outside_is_in(void)
{
	return ahead_learned.in;
}

static void (*directories_told)(void);

void ahead_tell_directories(void (*opened)(void))
{
	directories_told = opened;
}

void directory_opened(void)
{
	if (directories_told)
		directories_told();
}
