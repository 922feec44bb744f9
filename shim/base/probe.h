/* SPDX-License-Identifier: MIT
 *
 * probe: which system calls of ours a seccomp filter lets through, learned by a child that is made for it.
 *
 * The child shares no memory but one page, takes no signal, is seen by no wait of the program, and
 * makes each call with arguments for which the kernel has one answer only. A filter that kills for
 * one kills the child.
 */
#ifndef USHIM_PROBE_H
#define USHIM_PROBE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	PROBE_NUMBERS = 512, /* system call numbers are below this */
};

/* A bit for each number. */
struct permits {
	uint64_t bits[PROBE_NUMBERS / 64];
};

/*
 * Fills PERMITS. False where a call is refused, or kills, without which nothing can be done, or where no
 * child could be made. Makes system calls whatever is in force: the caller knows that clone, mmap and
 * rt_sigprocmask are let through. For a process with one thread.
 */
bool probe_filter(struct permits *permits);

/* The same, by this process itself, where nothing kills: true where nothing that is needed is refused. */
bool probe_each(void);

static inline bool permits_has(const struct permits *permits, long number)
{
	return number >= 0 && number < PROBE_NUMBERS &&
	       permits->bits[number / 64] >> (number % 64) & 1;
}

#endif
