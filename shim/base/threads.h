/* SPDX-License-Identifier: MIT
 *
 * threads: whether this process has, or ever had, a second thread: then memory and descriptors may
 * change at any moment.
 */
#ifndef USHIM_THREADS_H
#define USHIM_THREADS_H

#include <stdbool.h>

bool threads_seen(void);

/* One is about to begin. */
void threads_note(void);

#endif
