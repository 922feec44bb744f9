/* SPDX-License-Identifier: MIT
 *
 * filter: seccomp(2), under which any system call of ours may be the one that kills, and a ring
 * would get around what the program, or who started it, has forbidden.
 *
 * What a filter refuses quietly looks like what it kills for until it is tried, so one is not asked unless
 * the user says that this one never kills (USHIM_SECCOMP=ask): only the program's own calls are made.
 * sys.h asks here before the first call of ours; whether there is a filter is found by nothing but calls
 * that the loader has just made for us.
 */
#ifndef USHIM_FILTER_H
#define USHIM_FILTER_H

#include <stdbool.h>

#include "base/sys.h"

/* True once no system call of ours may be made: a filter was found, or seen to be installed. */
bool filter_forbids(void);

/* MAY: the user says that a filter which is there at start never kills (USHIM_SECCOMP=ask). */
void filter_may_be_asked(bool may);

/* True where there was one at start and the user lets it be asked (USHIM_SECCOMP). */
bool filter_was_asked(void);

/* The program is about to install one; what was permitted BEFORE is so again if that fails. */
enum sys_permit filter_comes(void);
void filter_came_not(enum sys_permit before);

/*
 * True where the calling thread lives under a filter now that was not asked, by its own look each time, or
 * where that cannot be told. For what is about to make a ring or to write a record.
 */
bool filter_in_force(void);

#endif
