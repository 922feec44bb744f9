/* SPDX-License-Identifier: MIT
 *
 * engine: the one path every interesting call takes:
 * guard (may the shim act here at all), marshal (shim/over), prove (shim/names), run
 * (shim/ring), finish; and the plain call wherever a step says no.
 */
#ifndef USHIM_ENGINE_H
#define USHIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "table.h"

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

/*
 * One byte per operation: not 0 where somebody is interested. The stubs read it; an entry
 * with 0 goes straight on to libc.
 */
extern uint8_t ushim_armed[OP_COUNT];

/* Called by the stubs with the symbol that was called. Leaves errno as the call would. */
struct verdict engine_enter(enum sym sym, struct regs *regs);

/* Sets up ushim_armed by what the modules want now. */
void engine_arm(void);

/*
 * The next calls of OP are to come by, for a sample of what they cost. Done for a dozen of operations
 * with every directory that is opened, so nobody is asked; and when the sample is over, each of them is
 * set up anew where it comes by and is not wanted.
 */
void engine_sample(enum op op);
void engine_sample_end(enum op op);

#endif
