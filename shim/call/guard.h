/* SPDX-License-Identifier: MIT
 *
 * guard: whether what a call's descriptor or path leads to is something that the ring does as the
 * call would.
 */
#ifndef USHIM_GUARD_H
#define USHIM_GUARD_H

#include "table/call.h"

/* What GUARD asks of CALL: REASON_NONE, or why the call is not for the ring. May ask the kernel. */
enum reason guard_check(const struct call *call);

#endif
