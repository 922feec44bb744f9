/* SPDX-License-Identifier: MIT
 *
 * plain: the program's own call, made from within the shim.
 */
#ifndef USHIM_PLAIN_H
#define USHIM_PLAIN_H

#include <stdint.h>

#include "call/passage.h"
#include "call/regs.h"
#include "table/table.h"

/* Makes the call SYM with the program's arguments; for at most six integers and pointers. */
long plain_call(enum sym sym, const struct regs *regs);

/*
 * The same with the depth as the program has it: a signal handler that runs meanwhile, or libc calling
 * back, is as free as without us.
 */
long plain_run(const struct passage *passage);

/* The same, and how long it took. errno is the call's own. */
long plain_time(const struct passage *passage, uint64_t *ns);

#endif
