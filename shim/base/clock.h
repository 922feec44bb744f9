/* SPDX-License-Identifier: MIT
 *
 * clock: the monotonic clock in nanoseconds, read without a system call (vdso(7)).
 */
#ifndef USHIM_CLOCK_H
#define USHIM_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "base/sys.h"

static inline uint64_t clock_ns_of(const struct timespec *time)
{
	return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return clock_ns_of(&now);
}

/* How long this thread has had a processor; this one asks the kernel. */
static inline uint64_t clock_thread_ns(void)
{
	struct timespec now = {.tv_sec = 0};

	sys(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, &now);
	return clock_ns_of(&now);
}

static inline uint64_t clock_ms_of(uint64_t ns)
{
	return ns / 1000000;
}

#endif
