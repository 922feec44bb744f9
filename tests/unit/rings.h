/* SPDX-License-Identifier: MIT
 *
 * rings: a ring for a test, which is skipped where there can be none.
 */
#ifndef RINGS_H
#define RINGS_H

#include <errno.h>

#include "backend/ring/ring.h"
#include "check.h"

static inline struct ring *ring_needed(unsigned entries)
{
	struct ring *ring = NULL;
	int err = ring_open(&ring, entries, 0);

	if (err == -EPERM || err == -ENOSYS)
		skip("requires io_uring");
	CHECK_EQ(err, 0);
	NEED(!err && ring);
	return ring;
}

/* The same with SLOTS direct descriptors, and two workers for what blocks. */
static inline struct ring *ring_needed_wide(unsigned entries, unsigned slots)
{
	struct ring *ring = ring_needed(entries);

	NEED(ring_widen(ring, 2, slots) >= 0);
	return ring;
}

#endif
