/* SPDX-License-Identifier: MIT
 *
 * engine: the one path every interesting call takes:
 * guard (may the shim act here at all), marshal (shim/over), prove (shim/names), run
 * (shim/backend/ring), finish; and the plain call wherever a step says no.
 */
#ifndef USHIM_ENGINE_H
#define USHIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "table/table.h"

/* The caller's argument registers, as shim/over/stubs.S saves them. */
struct regs {
	long arg[6];
	long rax;
	long pad;
	unsigned char vector[8][16];
};

/* Jump to JUMP with the caller's registers restored, or, if null, return VALUE. */
struct verdict {
	long value;
	void *jump;
};

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

/*
 * Who wants an operation, one byte each. The stubs read it; an entry with 0 goes straight on to
 * libc.
 */
extern uint8_t ushim_armed[OP_COUNT];

/* Called by the stubs with the symbol that was called. Leaves errno as the call would. */
struct verdict engine_enter(enum sym sym, struct regs *regs);

/* Sets up ushim_armed by what the modules want now. */
void engine_arm(void);

/* Nobody wants anything, ever. */
void engine_rest(void);

/*
 * The next calls of OP are to come by BY, for a sample of what they cost; and no more, which is for BY
 * to say when it does not want OP for anything else. Done for a dozen of operations with every
 * directory that is opened, so nobody else is asked.
 */
void engine_sample(enum op op, enum wanter by);
void engine_sample_end(enum op op, enum wanter by);

#endif
