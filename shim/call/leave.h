/* SPDX-License-Identifier: MIT
 *
 * leave: the ways out of a process. At each of them everything acknowledged is settled first;
 * then, if something failed late (report/late.h), an exit status of 0 becomes 1 (C6).
 *
 * What a program executes instead of itself does not know of that: its status is its own.
 */
#ifndef USHIM_LEAVE_H
#define USHIM_LEAVE_H

#include <stdbool.h>

#include "call/regs.h"
#include "table/table.h"

/*
 * WHAT settles everything that was acknowledged: it is called first at every way out, perhaps
 * more than once, never from within the shim nor in the child of a vfork. Without it (as where
 * nothing is ever acknowledged early) no way out is touched.
 */
void leave_settle_with(void (*what)(void));

/* True for the operations that are ways out. */
bool leave_needs(enum op op);

/*
 * OP is about to be called. If it is a way out, what was acknowledged is settled and the
 * status in REGS is corrected. errno stays. Does not return from a daemon(3) whose caller has
 * something to tell: that one ends here.
 */
void leave_before(enum op op, struct regs *regs);

/*
 * Settles, as at a way out, before something after which nothing can be settled any more: the program's
 * own seccomp filter.
 */
void leave_settle(void);

/* Handlers have run. Settles once more: libc has ways out of its own (setcontext's). */
void leave_end(void);

/* True once exit handlers may be running: from then on nothing is acknowledged early. */
bool leave_begun(void);

#endif
