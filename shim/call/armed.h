/* SPDX-License-Identifier: MIT
 *
 * armed: who wants which operation, one byte each. The stubs read it: a call that nobody wants goes
 * straight on to libc, at the price of one comparison.
 *
 * What is to be armed is known to the modules that want calls, which are above: how to find it out is given
 * by the one who starts the library (armed_refresh_with).
 */
#ifndef USHIM_ARMED_H
#define USHIM_ARMED_H

#include <stdint.h>

#include "table/table.h"

/* Whom a call is to come by. */
enum wanter {
	WANTER_COUNTED = 1 << 0, /* statistics, trace */
	WANTER_RING = 1 << 1,    /* mode ring */
	WANTER_LEAVE = 1 << 2,
	WANTER_BEHIND = 1 << 3,
	WANTER_AHEAD = 1 << 4,
	WANTER_TOGETHER = 1 << 5,
	WANTER_WATCH = 1 << 6,
};

extern uint8_t ushim_armed[OP_COUNT];

/* BY each operation's new wanters are found, whenever somebody says that they may have changed. */
void armed_refresh_with(void (*by)(void));

/*
 * What the modules want has changed. Whoever keeps something that calls must not pass by says so in the
 * same section, with signals held, in which he began to keep it: a handler's call between the two would be
 * missed (C7).
 */
void armed_refresh(void);

/* Nobody wants anything, ever. */
void armed_rest(void);

/*
 * The next calls of OP are to come by BY, for a sample of what they cost; and no more, which is for BY
 * to say when it does not want OP for anything else. Done for a dozen of operations with every
 * directory that is opened, so nobody else is asked.
 */
void armed_sample(enum op op, enum wanter by);
void armed_sample_end(enum op op, enum wanter by);

#endif
