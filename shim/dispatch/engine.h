/* SPDX-License-Identifier: MIT
 *
 * engine: the one path every interesting call takes:
 * guard (may the shim act here at all), marshal (shim/over), prove (shim/names), run
 * (shim/backend/ring), finish; and the plain call wherever a step says no.
 */
#ifndef USHIM_ENGINE_H
#define USHIM_ENGINE_H

#include "call/regs.h"
#include "table/table.h"

/* Jump to JUMP with the caller's registers restored, or, if null, return VALUE. */
struct verdict {
	long value;
	void *jump;
};

/* Called by the stubs with the symbol that was called. Leaves errno as the call would. */
struct verdict engine_enter(enum sym sym, struct regs *regs);

/* Finds out whom each operation's calls are to come by now (armed_refresh_with). */
void engine_arm(void);

#endif
