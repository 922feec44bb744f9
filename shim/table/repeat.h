/* SPDX-License-Identifier: MIT
 *
 * repeat: which calls that failed on the ring the plain call may be made for again, so that the
 * program gets the errno, the signal and the return convention of libc and not the ring's.
 */
#ifndef USHIM_REPEAT_H
#define USHIM_REPEAT_H

#include <stdbool.h>

#include "table/call.h"

/* ERR: the negative errno CALL failed with. False: that is the call's own answer. */
bool repeat_allowed(const struct call *call, int err);

#endif
