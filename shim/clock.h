/* SPDX-License-Identifier: MIT
 *
 * clock: the monotonic clock in nanoseconds, read without a system call (vdso(7)).
 */
#ifndef USHIM_CLOCK_H
#define USHIM_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_ms_of(uint64_t ns)
{
	return ns / 1000000;
}

#endif
