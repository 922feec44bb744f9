/* SPDX-License-Identifier: MIT */
#include "base/threads.h"

static bool seen;

bool threads_seen(void)
{
	return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}

void threads_note(void)
{
	__atomic_store_n(&seen, true, __ATOMIC_RELAXED);
}
