/* SPDX-License-Identifier: MIT
 *
 * threads_left: how many threads may be added where this process is, as far as cgroups limit them
 * (pids.max).
 *
 * Workers of a ring count there as processes do. Where others then get none, the program's own fork
 * fails, or its child's, or that of a stranger in the same container; nobody of them could know
 * why. So who wants workers asks first, and leaves most of what there is to the others.
 */
#ifndef USHIM_THREADS_LEFT_H
#define USHIM_THREADS_LEFT_H

#include <stdint.h>

/* UINT64_MAX: no limit, or none that can be seen. Some ten system calls. */
uint64_t threads_left(void);

#endif
