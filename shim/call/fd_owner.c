/* SPDX-License-Identifier: MIT */
#include "call/fd_owner.h"

#include <stdint.h>

#include "base/threads.h"

enum {
	DESCRIPTORS = 1024, /* remembered; higher ones count as unknown */
};

/* A descriptor is its opener's own while its generation is the current one. */
static uint32_t own[DESCRIPTORS];
static uint32_t generation = 1;

bool fd_owner_is_us(int fd)
{
	return !threads_seen() && fd >= 0 && fd < DESCRIPTORS &&
	       __atomic_load_n(&own[fd], __ATOMIC_RELAXED) ==
		       __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

void fd_owner_opened(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS && !threads_seen())
		__atomic_store_n(&own[fd], __atomic_load_n(&generation, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

void fd_owner_closed(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		__atomic_store_n(&own[fd], 0, __ATOMIC_RELAXED);
}

void fd_owner_copied(int from, int to)
{
	if (fd_owner_is_us(from))
		fd_owner_opened(to);
	else
		fd_owner_closed(to);
}

void fd_owner_forget(void)
{
	__atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}
