/* SPDX-License-Identifier: MIT
 *
 * The two objects of what is done behind the program: what was learned, which the child of a fork inherits,
 * and the root of all that is known and pending, which it finds wiped.
 */
#include "behind/private.h"

#include <linux/capability.h>

#include "base/sys.h"
#include "process/process.h"

struct behind_learned behind_learned;

static struct behind *root;

struct behind *behind_root(void)
{
	return behind_learned.in && root && root->magic == BEHIND_MAGIC ? root : NULL;
}

struct behind *behind_root_memory(void)
{
	if (!root)
		root = process_map_wiped(sizeof(*root));
	return root;
}

void behind_give_up(void)
{
	behind_learned.given_up = true;
}

uint64_t command_cost_ns(void)
{
	return behind_learned.command.cost_ns;
}

/* CAP_FOWNER, as effective now (capabilities(7)). */
static bool may_link_all(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return sys(SYS_capget, &header, data) == 0 && data[0].effective >> CAP_FOWNER & 1;
}

void behind_identify(struct behind *behind)
{
	if (behind->identified)
		return;
	behind->uid = (uint32_t)sys(SYS_setfsuid, -1); /* refused, it says what it is */
	behind->may_link_all = may_link_all();
	behind->identified = true;
}
