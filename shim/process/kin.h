/* SPDX-License-Identifier: MIT
 *
 * kin: operations that stand or fall together where another library comes between us and libc.
 *
 * A library preloaded behind this one (fakeroot, faketime, eatmydata, ...) works only while every call
 * reaches it. So an operation is answered, acknowledged or sent through the ring only if the next
 * definition of each of its symbols, and of its kin's, is libc's own.
 */
#ifndef USHIM_KIN_H
#define USHIM_KIN_H

#include <stdbool.h>

#include "table/table.h"

enum kin {
	KIN_NONE,    /* always made as it is */
	KIN_STAT,
	KIN_XATTR,
	KIN_COMMAND, /* what acts on names and attributes */
	KIN_OPEN,    /* opening and closing files and directories */
	KIN_LISTING,
	KIN_DATA,
	KIN_SYNC,
};

enum kin kin_of(enum op op);

/*
 * True if somebody else than libc is the next to define any symbol of KIN. The first question looks through
 * the objects that are loaded, some 20 us; objects that come later are behind libc.
 */
bool kin_interposed(enum kin kin);

/* The same of OP's kin, as far as it has been looked for. */
bool kin_seen_interposed(enum op op);

#endif
