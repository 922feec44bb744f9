/* SPDX-License-Identifier: MIT
 *
 * ahead: asks the questions the program is about to ask (modes auto and strict).
 *
 *   ahead.c           what each kind of call means here; when to go in and out
 *   ahead_place.c     which sweep and entry a path or descriptor means
 *   ahead_answers.c   questions in flight, answers, and how long they are good for
 *   ahead_contents.c  small files read ahead, so that the kernel's cache is warm
 *   ahead_opened.c    inodes this process itself can change, whose answers are never used
 *
 * While it is out, only the calls that begin a directory or a file come here, and one call in
 * many is timed. Nothing is allocated, no ring exists, no system call is made. Processes with
 * more than one thread are left alone.
 */
#ifndef USHIM_AHEAD_H
#define USHIM_AHEAD_H

#include <stdbool.h>

#include "call.h"
#include "engine.h"

/* ARGV is the program's own, and stays where it is. */
void ahead_begin(int argc, char **argv);

/* True if OP is of interest while the shim is out; and while it is in. */
bool ahead_needs(enum op op, bool in);

/*
 * OP is about to be called as SYM. True when it has been answered or made here, with its
 * value in *VALUE (errno is the call's own) and how in *REASON.
 */
bool ahead_before(enum op op, enum sym sym, const struct regs *regs, long *value,
		  enum reason *reason);

#endif
