/* SPDX-License-Identifier: MIT
 *
 * late: failures of commands that were acknowledged already (mode auto).
 *
 * One line on stderr each, in the form
 *   ushim: linkat 'd/x': No space left on device (reported late)
 * and only if descriptor 2 is what it was when the program began: elsewhere nobody awaits such
 * a line. call/leave.h makes the exit status tell of it too.
 */
#ifndef USHIM_LATE_H
#define USHIM_LATE_H

#include <stdbool.h>

/* To be called once, before the program can have changed it: remembers what descriptor 2 is. */
void late_begin(void);

/*
 * OP (the system call's name) on PATH (null where none is known) failed with ERR, a positive errno,
 * after it had been acknowledged.
 */
void late_report(const char *op, const char *path, int err);

/* What failed late follows from a failure that was reported: it is counted, and adds no line. */
void late_follows(void);

/* What was to be removed (a name, an attribute) had gone: as asked, so this is counted and no more. */
void late_gone(void);

/*
 * True once this process reported anything. A forked child starts from false; the child of a
 * vfork sees its parent's.
 */
bool late_happened(void);

#endif
