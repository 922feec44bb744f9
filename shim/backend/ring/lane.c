/* SPDX-License-Identifier: MIT */
#include "backend/ring/lane.h"

#include <errno.h>
#include <stddef.h>

#include "backend/ring/of_thread.h"
#include "backend/ring/ring.h"
#include "process/thread.h"

/* Ordinary memory, so that children inherit it. */
static int refused; /* the negative errno of the first worker that is not to come */
static bool slotless;
static unsigned guard_slot; /* behind those of the users */
static unsigned guards; /* queued and not handed over */

static struct ring *own(void)
{
	return thread_self.stage == THREAD_RING && ring_survived(thread_self.ring) && !ring_ceded()
		       ? thread_self.ring
		       : NULL;
}

/* True if there is a worker by now, or in PATIENCE_NS. */
static bool worker_came(struct ring *ring, uint64_t patience_ns)
{
	int came = ring_worker(ring, patience_ns);

	if (came < 0)
		refused = came;
	return came > 0;
}

int ring_lane_begin(unsigned workers, unsigned slots, uint64_t patience_ns)
{
	struct ring *ring = own();
	int why = 0;

	if (ring || refused)
		return refused;
	ring = thread_ring(&why);
	if (!ring)
		return why ? why : -EPERM;
	slotless = ring_widen(ring, workers, slots + 1) < 0;
	guard_slot = slots;
	worker_came(ring, patience_ns);
	return refused;
}

bool ring_lane_has_slots(void)
{
	return !slotless;
}

bool ring_lane_is_at(uintptr_t address)
{
	return ring_is_at(own(), address);
}

static bool lane_exists(void)
{
	return own() != NULL;
}

static bool lane_open(void)
{
	struct ring *ring = own();

	return ring && worker_came(ring, 0);
}

static int lane_refused(void)
{
	return refused;
}

static unsigned lane_room(void)
{
	return ring_room(own());
}

/*
 * A kill may take a call of a chain back, and none behind it may be done then: a guard comes between
 * two, or they go one by one.
 */
static unsigned lane_chain_room(void)
{
	unsigned room = ring_room(own()), most = (room + 1) / 2;

	return most > 1 && !ring_guard(own(), guard_slot) ? 1 : most;
}

static bool lane_queue(const struct call *call, uint64_t token)
{
	return ring_queue(own(), call, token);
}

static void lane_queue_guard(uint64_t token)
{
	guards += ring_queue_guard(own(), token);
}

static bool lane_tells_of_guards(void)
{
	return ring_tells_of_guards(own());
}

/* With guards there is one behind each call but the last. */
static int lane_hand_over(void)
{
	int taken = ring_flush(own());
	bool guarded = guards > 0;

	guards = 0;
	return guarded && taken > 0 ? (taken + 1) / 2 : taken;
}

static void lane_reap(backend_done *done)
{
	ring_reap(own(), done);
}

static bool lane_has_done(void)
{
	return ring_has_done(own());
}

static void lane_await(unsigned count, unsigned slice_ms)
{
	ring_await(own(), count, slice_ms);
}

static bool lane_files_put(void)
{
	return ring_files_put(own());
}

static bool lane_puts_at_once(void)
{
	return ring_puts_at_once(own());
}

const struct backend ring_lane = {
	.exists = lane_exists,
	.open = lane_open,
	.refused = lane_refused,
	.knows = ring_knows,
	.room = lane_room,
	.chain_room = lane_chain_room,
	.queue = lane_queue,
	.queue_guard = lane_queue_guard,
	.tells_of_guards = lane_tells_of_guards,
	.hand_over = lane_hand_over,
	.reap = lane_reap,
	.has_done = lane_has_done,
	.await = lane_await,
	.files_put = lane_files_put,
	.puts_at_once = lane_puts_at_once,
};
