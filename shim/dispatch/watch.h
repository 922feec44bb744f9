/* SPDX-License-Identifier: MIT
 *
 * watch: what calls the ring does not run mean to the shim: descriptors copied, handlers
 * installed, threads begun, rings to be given up, the process image about to end.
 */
#ifndef USHIM_WATCH_H
#define USHIM_WATCH_H

#include <stdbool.h>

#include "call/regs.h"
#include "table/table.h"

/* True for operations that matter to ring mode even where nothing is counted. */
bool watch_needed(enum op op);

/* True for the few that matter in auto and strict mode before anything is asked ahead. */
bool watch_needed_outside(enum op op);

/*
 * To be told before OP, called as SYM, is made. True when the call has been made here (for
 * what must be done after it), with its value in *VALUE; errno is the call's own.
 */
bool watch_before(enum op op, enum sym sym, const struct regs *regs, long *value);

/* The same before this library's own constructor has run: only what must not be missed. */
void watch_before_awake(enum op op, const struct regs *regs);

#endif
