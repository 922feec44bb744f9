/* SPDX-License-Identifier: MIT
 *
 * filter: seccomp(2), under which any system call of ours may be the one that kills, and a ring
 * would get around what the program, or who started it, has forbidden.
 *
 * What a filter refuses quietly looks like what it kills for until it is tried. So a child tries
 * (probe.h), once, in a process that has something to gain, under a container's filter; else only
 * the program's own calls are made. A ring is made under no filter, unless the user says that this
 * one never kills (USHIM_SECCOMP=ask).
 * sys.h asks here before the first call of ours; whether there is a filter is found by nothing but calls
 * that the loader has just made for us.
 */
#ifndef USHIM_FILTER_H
#define USHIM_FILTER_H

#include <stdbool.h>

#include "base/sys.h"

/* True once no system call of ours may be made: a filter was found, or seen to be installed. */
bool filter_forbids(void);

/* How a filter is treated that is there at start (USHIM_SECCOMP). */
enum filter_treatment {
	FILTER_AUTO,  /* a child tries what it lets through */
	FILTER_ASK,   /* the user says that it never kills: every call may be tried */
	FILTER_AVOID, /* nothing is tried */
};

/* Before the first system call of ours. */
void filter_treat(enum filter_treatment wanted);

/* FILTER_AUTO is FILTER_AVOID from here on: the first call of ours is due, and nothing gained by it. */
void filter_spare(void);

/* Some system calls of ours may be made, or all, and that is known. */
bool filter_acts(void);

/* There was a filter at start, and a child has found what it lets through: no ring may be had. */
bool filter_lets_some(void);

/*
 * Threads of ours, which live under the filter like the program, may make the calls that it might make itself.
 * With the user's leave each is tried here.
 */
bool filter_lets_threads(void);

/* True where there was one at start, and it was asked: by a child, or with the user's leave. */
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
