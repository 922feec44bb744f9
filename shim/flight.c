/* SPDX-License-Identifier: MIT */
#include "flight.h"

#include <stddef.h>

#include "config.h"
#include "stats.h"
#include "thread.h"

enum {
	KIND_SHIFT = 56,
};

static ring_done *receivers[FLIGHT_KINDS];

struct ring *flight_ring(void)
{
	return thread_self.stage == THREAD_RING && ring_survived(thread_self.ring) && !ring_ceded()
		       ? thread_self.ring
		       : NULL;
}

bool flight_begin(void)
{
	int why = 0;

	if (flight_ring())
		return true;
	if (thread_ring(&why))
		ring_widen(thread_self.ring, config.depth, FLIGHT_SLOTS_ALL);
	if (why)
		stats_ring_error(why);
	return flight_ring() != NULL;
}

void flight_receive(enum flight kind, ring_done *done)
{
	receivers[kind] = done;
}

static uint64_t token_of(enum flight kind, uint64_t token)
{
	return (uint64_t)kind << KIND_SHIFT | token;
}

bool flight_queue(struct ring *ring, const struct call *call, enum flight kind, uint64_t token)
{
	return ring_queue(ring, call, token_of(kind, token));
}

void flight_queue_file(struct ring *ring, const struct call *file, enum flight kind, uint64_t token)
{
	struct call open = *file, read = *file;
	const struct call close = {.opcode = OPCODE_CLOSE, .slot = file->slot};

	open.opcode = OPCODE_OPENAT;
	open.linked = true;
	open.by_worker = false;
	read.opcode = OPCODE_READ;
	read.flags = 0;
	/* A short read breaks a link; the file has to be closed all the same. */
	read.hard_linked = true;
	flight_queue(ring, &open, kind, token + FLIGHT_OPENED);
	flight_queue(ring, &read, kind, token + FLIGHT_READ);
	flight_queue(ring, &close, kind, token + FLIGHT_CLOSED);
}

bool flight_queue_guard(struct ring *ring, enum flight kind, uint64_t token)
{
	return ring_guard(ring, FLIGHT_SLOT_GUARD) &&
	       ring_queue_guard(ring, token_of(kind, token));
}

static void flight_landed(uint64_t token, int result)
{
	unsigned kind = (unsigned)(token >> KIND_SHIFT);

	if (kind < FLIGHT_KINDS && receivers[kind])
		receivers[kind](token & ((UINT64_C(1) << KIND_SHIFT) - 1), result);
}

void flight_reap(struct ring *ring)
{
	ring_reap(ring, flight_landed);
}
