/* SPDX-License-Identifier: MIT
 *
 * Everything is done first, and then nothing is known: where a call may change what anything means.
 */
#include "backend/flight.h"
#include "behind/private.h"

void behind_forget(struct behind *behind)
{
	queue_wait_all(behind);
	behind->doubts = false; /* what landed last may have brought some */
	empties_end(behind);
	behind->identified = false; /* the call may be about to change it */
	for (int i = 0; i < BEHIND_DIRS && behind->descriptors; i++)
		if (behind->dirs[i].used)
			dir_drop(behind, &behind->dirs[i]);
	flight_rest();
}
