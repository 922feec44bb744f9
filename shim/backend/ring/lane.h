/* SPDX-License-Identifier: MIT
 *
 * lane: the ring of the program's only thread, as a way to get calls done beside it (backend.h).
 */
#ifndef USHIM_RING_LANE_H
#define USHIM_RING_LANE_H

#include <stdint.h>

#include "backend/backend.h"

extern const struct backend ring_lane __attribute__((visibility("hidden")));

/*
 * Makes the ring, if there is none, for WORKERS operations that block at once and with SLOTS direct
 * descriptors for its users, and waits PATIENCE_NS at most for its first worker. 0, or the negative errno with
 * which it is refused for good.
 */
int ring_lane_begin(unsigned workers, unsigned slots, uint64_t patience_ns);

/* There are direct descriptors. */
bool ring_lane_has_slots(void);

/* True if memory at ADDRESS is the ring's, as the kernel gave it (before Linux 6.5). */
bool ring_lane_is_at(uintptr_t address);

#endif
