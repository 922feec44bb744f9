/* SPDX-License-Identifier: MIT
 *
 * perform: a call as one makes it oneself: the system calls that do what io_uring's operations do.
 */
#ifndef USHIM_PERFORM_H
#define USHIM_PERFORM_H

#include <stdbool.h>

#include "table/call.h"

/* CALL's opcode is one of those that call_perform knows. */
bool call_performable(enum opcode opcode);

/*
 * Makes CALL, by system calls alone: its result or negative errno, -EINVAL for an opcode that is
 * not known. A slot is not looked at: CALL's fd is the descriptor.
 */
long call_perform(const struct call *call);

#endif
