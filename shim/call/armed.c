/* SPDX-License-Identifier: MIT */
#include "call/armed.h"

#include <stddef.h>
#include <string.h>

/* What other libraries' constructors may do before ours has run, and must not be missed. */
uint8_t ushim_armed[OP_COUNT] __attribute__((visibility("hidden"))) = {
	[OP_PRCTL] = WANTER_WATCH,
	[OP_SYSCALL] = WANTER_WATCH,
};

static void (*refresh)(void);

void armed_refresh_with(void (*by)(void))
{
	refresh = by;
}

void armed_refresh(void)
{
	if (refresh)
		refresh();
}

void armed_rest(void)
{
	memset(ushim_armed, 0, sizeof(ushim_armed));
}

void armed_sample(enum op op, enum wanter by)
{
	ushim_armed[op] |= by;
}

void armed_sample_end(enum op op, enum wanter by)
{
	ushim_armed[op] &= (uint8_t)~by;
}
