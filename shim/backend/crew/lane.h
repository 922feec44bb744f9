/* SPDX-License-Identifier: MIT
 *
 * lane: threads of our own (pool.h) as a way to get calls done beside the program (backend.h).
 *
 * A chain is worked off by one thread, call after call. No guard is needed between them: a thread that a
 * fatal signal finds in a call never comes back from it. Calls that name a slot are run by threads with a
 * table of descriptors of their own, where the slot is a number that only that chain knows.
 */
#ifndef USHIM_CREW_LANE_H
#define USHIM_CREW_LANE_H

#include "backend/backend.h"

extern const struct backend crew_lane __attribute__((visibility("hidden")));

/*
 * Prepares it, if that has not been done, for WORKERS calls at once, and makes the first thread. 0, or a negative
 * errno where there can be none.
 */
int crew_lane_begin(unsigned workers);

/* Files can be opened and closed by threads with a table of their own. */
bool crew_lane_has_slots(void);

/* There is a thread, or has just been. */
bool crew_lane_runs(void);

/* No thread is left when this returns; what was handed over is done. */
void crew_lane_rest(void);

#endif
