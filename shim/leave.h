/* SPDX-License-Identifier: MIT
 *
 * leave: the ways out of a process. Everything acknowledged is settled before it ends, and where
 * something failed late a status of 0 becomes 1 (C6). A successor by exec keeps its own status;
 * abort and signals keep theirs.
 */
#ifndef USHIM_LEAVE_H
#define USHIM_LEAVE_H

#include <stdbool.h>

#include "engine.h"

/* WHAT is called first at every way out. */
void leave_settle_with(void (*what)(void));

/* True if OP is a way out, or leads to main, whose return is one. */
bool leave_needs(enum op op);

/* OP is about to be called with REGS, which is changed where it ends the process. */
void leave_before(enum op op, struct regs *regs);

/* True once the process is on its way out: nothing is acknowledged early from there on. */
bool leave_begun(void);

#endif
