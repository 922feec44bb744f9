/* SPDX-License-Identifier: MIT
 *
 * passage: a call on its way through the modules of auto and strict.
 */
#ifndef USHIM_PASSAGE_H
#define USHIM_PASSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "call/regs.h"
#include "table/call.h"

struct passage {
	enum op op;
	enum sym sym;
	const struct regs *regs;
	long *value;         /* the call's, where it was answered or made here */
	enum reason *reason; /* and how */
};

/* The one thing wanted of stdio, declared here because nothing else may be (fileno(3)). */
struct _IO_FILE;
int fileno(struct _IO_FILE *stream);

/* What an fcntl does: copy its descriptor; or nothing that others could feel (locks, leases, ...). */
bool passage_fcntl_copies(const struct regs *regs);
bool passage_fcntl_is_plain(const struct regs *regs);

/* True if an open with FLAGS only reads. */
bool passage_flags_read(uint32_t flags);

/* True if it takes a lease, or a delegation. */
bool passage_fcntl_leases(const struct regs *regs);

/* A syscall(2) that nobody can feel. */
bool passage_syscall_is_plain(const struct regs *regs);

/*
 * A call that maps memory which others may share: files change through it, and news come through
 * it, without a call that could be seen.
 */
bool passage_shares_memory(enum op op, const struct regs *regs);

#endif
