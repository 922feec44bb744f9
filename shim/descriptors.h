/* SPDX-License-Identifier: MIT
 *
 * descriptors: the ones of this process, as /proc names them.
 */
#ifndef USHIM_DESCRIPTORS_H
#define USHIM_DESCRIPTORS_H

#include <stdbool.h>

/*
 * Calls EACH for every descriptor but the one they are listed by, until it returns false. False
 * then, and where there is no /proc.
 */
bool descriptors_list(bool (*each)(void *context, int fd), void *context);

#endif
