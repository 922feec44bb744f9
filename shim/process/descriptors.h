/* SPDX-License-Identifier: MIT
 *
 * descriptors: what /proc tells of this process's.
 */
#ifndef USHIM_DESCRIPTORS_H
#define USHIM_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Calls EACH for every descriptor but the one they are listed by, until it returns false. False
 * then, and where there is no /proc.
 */
bool descriptors_list(bool (*each)(void *context, int fd), void *context);

/* Does FD's open file hold a lock or a lease, which its close gives to others? If in doubt, yes. */
bool descriptor_locked(int fd);

#endif
