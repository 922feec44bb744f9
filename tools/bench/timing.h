/* SPDX-License-Identifier: MIT
 *
 * timing: the clock, and measurements in order.
 */
#ifndef BENCH_TIMING_H
#define BENCH_TIMING_H

#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static inline int times_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* From the least to the most. */
static inline void times_sort(double *times, int count)
{
	qsort(times, (size_t)count, sizeof(*times), times_compare);
}

#endif
