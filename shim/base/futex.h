/* SPDX-License-Identifier: MIT
 *
 * futex: a word in memory that threads of one process wait on (futex(2)).
 */
#ifndef USHIM_FUTEX_H
#define USHIM_FUTEX_H

#include <linux/futex.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/sys.h"

/* Wakes COUNT of who waits on WORD. */
static inline void futex_wake(uint32_t *word, int count)
{
	sys(SYS_futex, word, FUTEX_WAKE, count);
}

/* Waits, while WORD is VALUE, to be woken; MOST_NS at most, or for ever where it is 0. 0 or a negative errno. */
static inline long futex_wait(const uint32_t *word, uint32_t value, uint64_t most_ns)
{
	const struct timespec most = {
		.tv_sec = (time_t)(most_ns / 1000000000),
		.tv_nsec = (long)(most_ns % 1000000000),
	};

	return sys(SYS_futex, word, FUTEX_WAIT, value, most_ns ? &most : NULL);
}

#endif
