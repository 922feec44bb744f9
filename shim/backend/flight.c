/* SPDX-License-Identifier: MIT */
#include "backend/flight.h"

#include <errno.h>
#include <stddef.h>

#include "backend/ring/of_thread.h"
#include "process/config.h"
#include "process/process.h"
#include "process/threads_left.h"
#include "process/thread.h"
#include "report/stats.h"

enum {
	KIND_SHIFT = 56,
	LEFT_SHARE = 4,    /* workers may take one fourth of what processes may be added, */
	WORKERS_LEAST = 8, /* and where that is less than this, none are asked for */
};

#define FORCED_PATIENCE_NS UINT64_C(1000000000)

static ring_done *receivers[FLIGHT_KINDS];
static void (*guards_wait)(void);

/* Ordinary memory, so that children inherit it. */
static bool refused;
static bool slotless;
static unsigned vain; /* times in a row that the kernel took nothing */

struct ring *flight_ring(void)
{
	return thread_self.stage == THREAD_RING && ring_survived(thread_self.ring) && !ring_ceded()
		       ? thread_self.ring
		       : NULL;
}

void flight_refuse(int err)
{
	refused = true;
	stats_ring_error(err);
}

bool flight_refused(void)
{
	if (!refused && process_memory_refused())
		flight_refuse(-ENOMEM);
	return refused;
}

/* True if there is a worker by now, or in PATIENCE_NS. */
static bool worker_came(struct ring *ring, uint64_t patience_ns)
{
	int came = ring_worker(ring, patience_ns);

	if (came < 0)
		flight_refuse(came);
	return came > 0;
}

/* How many may run at once; 0 where others would go short of processes. */
static unsigned workers_most(void)
{
	uint64_t share = threads_left() / LEFT_SHARE;

	if (share >= config.depth)
		return config.depth;
	return share < WORKERS_LEAST ? 0 : (unsigned)share;
}

bool flight_begin(uint64_t cost_ns)
{
	struct ring *ring = flight_ring();
	unsigned workers;
	int why = 0;

	if (flight_refused() || ring)
		return !refused;
	workers = workers_most();
	if (!workers) {
		flight_refuse(-EAGAIN);
		return false;
	}
	ring = thread_ring(&why);
	if (why)
		stats_ring_error(why);
	if (!ring)
		return false;
	vain = 0;
	slotless = ring_widen(ring, workers, FLIGHT_SLOTS_ALL) < 0;
	worker_came(ring, config.force ? FORCED_PATIENCE_NS : cost_ns);
	return !refused;
}

struct ring *flight_open(void)
{
	struct ring *ring = flight_refused() ? NULL : flight_ring();

	return ring && worker_came(ring, 0) ? ring : NULL;
}

bool flight_has_slots(void)
{
	return !slotless;
}

int flight_hand_over(struct ring *ring)
{
	int taken = ring_flush(ring);
	bool passes = taken == -EAGAIN || taken == -EBUSY || taken == -EINTR || taken == -ENOMEM;

	vain = taken < 0 ? vain + 1 : 0;
	if (taken < 0 && (!passes || vain >= RING_VAIN_MOST))
		flight_refuse(taken);
	return taken;
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
	const struct call close = {.opcode = OPCODE_CLOSE, .slot = file->slot, .hard_linked = true};
	const struct call nothing = {.opcode = OPCODE_NOP};

	open.opcode = OPCODE_OPENAT;
	open.linked = true;
	read.opcode = OPCODE_READ;
	read.flags = 0;
	read.by_worker = false; /* the worker that opened goes on with it */
	/* A short read breaks a link; the file has to be closed all the same. */
	read.hard_linked = true;
	flight_queue(ring, &open, kind, token + FLIGHT_OPENED);
	flight_queue(ring, &read, kind, token + FLIGHT_READ);
	flight_queue(ring, &close, kind, token + FLIGHT_CLOSED);
	flight_queue(ring, &nothing, kind, token + FLIGHT_ENDED);
}

bool flight_queue_guard(struct ring *ring, enum flight kind, uint64_t token)
{
	return ring_guard(ring, FLIGHT_SLOT_GUARD) &&
	       ring_queue_guard(ring, token_of(kind, token));
}

void flight_guards_wait(void (*wait)(void))
{
	guards_wait = wait;
}

bool flight_puts_at_once(const struct ring *ring)
{
	return ring_puts_at_once(ring);
}

bool flight_files_put(struct ring *ring)
{
	if (guards_wait && !ring_puts_at_once(ring))
		guards_wait();
	return ring_files_put(ring);
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
