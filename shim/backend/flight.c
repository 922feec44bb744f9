/* SPDX-License-Identifier: MIT */
#include "backend/flight.h"

#include <errno.h>
#include <stddef.h>

#include "backend/backend.h"
#include "backend/crew/crew.h"
#include "backend/crew/lane.h"
#include "backend/ring/lane.h"
#include "backend/ring/of_thread.h"
#include "backend/ring/ring.h"
#include "process/config.h"
#include "process/process.h"
#include "process/thread.h"
#include "process/threads_left.h"
#include "report/stats.h"

enum {
	KIND_SHIFT = 56,
	LEFT_SHARE = 4,    /* workers may take one fourth of what processes may be added, */
	WORKERS_LEAST = 8, /* and where that is less than this, none are asked for */
};

#define FORCED_PATIENCE_NS UINT64_C(1000000000)

static flight_done *receivers[FLIGHT_KINDS];
static void (*guards_wait)(void);

/* Ordinary memory, so that children inherit it. */
static const struct backend *way; /* null: none was wanted yet */
static bool refused;
static unsigned vain; /* times in a row that nothing was taken */

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

bool flight_ceded(void)
{
	return ring_ceded();
}

/* How many may run at once; 0 where others would go short of processes. */
static unsigned workers_most(void)
{
	uint64_t share = threads_left() / LEFT_SHARE;

	if (share >= config.depth)
		return config.depth;
	return share < WORKERS_LEAST ? 0 : (unsigned)share;
}

/* The ring, unless the user wants none, and where that cannot be had the crew, unless he wants no other. */
static int way_begin(unsigned workers, uint64_t patience_ns)
{
	int ring_err, err;

	if (!workers)
		return -EAGAIN;
	if (config.backend == BACKEND_CREW) {
		way = &crew_lane;
		return crew_lane_begin(workers);
	}
	way = &ring_lane;
	ring_err = ring_lane_begin(workers, FLIGHT_SLOTS_ALL, patience_ns);
	if (!ring_err || ring_err == -EXDEV || config.backend == BACKEND_RING)
		return ring_err;
	stats_ring_error(ring_err);
	way = &crew_lane;
	err = crew_lane_begin(workers);
	return err ? ring_err : 0;
}

bool flight_begin(uint64_t cost_ns)
{
	int err;

	if (flight_refused() || flight_exists())
		return !refused;
	vain = 0;
	err = way_begin(workers_most(), config.force ? FORCED_PATIENCE_NS : cost_ns);
	if (err == -EXDEV) /* a borrowed address space: it is for the lender to say */
		return false;
	if (err)
		flight_refuse(err);
	return !refused;
}

bool flight_exists(void)
{
	return way && way->exists();
}

bool flight_open(void)
{
	if (flight_refused() || !way)
		return false;
	if (way->open())
		return true;
	if (way->refused())
		flight_refuse(way->refused());
	return false;
}

bool flight_knows(enum opcode opcode)
{
	return way && way->knows(opcode);
}

bool flight_has_slots(void)
{
	return way == &crew_lane ? crew_lane_has_slots() : ring_lane_has_slots();
}

bool flight_has_threads(void)
{
	return crew_lane_runs();
}

void flight_rest(void)
{
	crew_end();
	crew_lane_rest();
}

/* All kinds go the same way, so far. */
static const struct backend *way_of(enum flight kind)
{
	(void)kind;
	return way;
}

unsigned flight_room(enum flight kind)
{
	return way_of(kind)->room();
}

unsigned flight_chain_room(enum flight kind)
{
	return way_of(kind)->chain_room();
}

int flight_hand_over(enum flight kind)
{
	int taken = way_of(kind)->hand_over();
	bool passes = taken == -EAGAIN || taken == -EBUSY || taken == -EINTR || taken == -ENOMEM;

	vain = taken < 0 ? vain + 1 : 0;
	if (taken < 0 && (!passes || vain >= RING_VAIN_MOST))
		flight_refuse(taken);
	return taken;
}

void flight_receive(enum flight kind, flight_done *done)
{
	receivers[kind] = done;
}

static uint64_t token_of(enum flight kind, uint64_t token)
{
	return (uint64_t)kind << KIND_SHIFT | token;
}

bool flight_queue(const struct call *call, enum flight kind, uint64_t token)
{
	return way_of(kind)->queue(call, token_of(kind, token));
}

void flight_file_parts(const struct call *file, struct call parts[FLIGHT_PARTS])
{
	parts[FLIGHT_OPENED] = parts[FLIGHT_READ] = *file;
	parts[FLIGHT_OPENED].opcode = OPCODE_OPENAT;
	parts[FLIGHT_OPENED].linked = true;
	parts[FLIGHT_READ].opcode = OPCODE_READ;
	parts[FLIGHT_READ].flags = 0;
	parts[FLIGHT_READ].by_worker = false; /* the worker that opened goes on with it */
	/* A short read breaks a link; the file has to be closed all the same. */
	parts[FLIGHT_READ].hard_linked = true;
	parts[FLIGHT_CLOSED] =
		(struct call){.opcode = OPCODE_CLOSE, .slot = file->slot, .hard_linked = true};
	parts[FLIGHT_ENDED] = (struct call){.opcode = OPCODE_NOP};
}

void flight_queue_file(const struct call *file, enum flight kind, uint64_t token)
{
	struct call parts[FLIGHT_PARTS];

	flight_file_parts(file, parts);
	for (unsigned part = 0; part < FLIGHT_PARTS; part++)
		flight_queue(&parts[part], kind, token + part);
}

void flight_queue_guard(enum flight kind, uint64_t token)
{
	way_of(kind)->queue_guard(token_of(kind, token));
}

bool flight_tells_of_guards(void)
{
	return way->tells_of_guards();
}

void flight_guards_wait(void (*wait)(void))
{
	guards_wait = wait;
}

bool flight_puts_at_once(void)
{
	return way->puts_at_once();
}

bool flight_files_put(void)
{
	if (guards_wait && !way->puts_at_once())
		guards_wait();
	return way->files_put();
}

static void flight_landed(uint64_t token, int result)
{
	unsigned kind = (unsigned)(token >> KIND_SHIFT);

	if (kind < FLIGHT_KINDS && receivers[kind])
		receivers[kind](token & ((UINT64_C(1) << KIND_SHIFT) - 1), result);
}

void flight_reap(void)
{
	way->reap(flight_landed);
}

bool flight_has_done(enum flight kind)
{
	return flight_exists() && way_of(kind)->has_done();
}

void flight_await(enum flight kind, unsigned count, unsigned slice_ms)
{
	way_of(kind)->await(count, slice_ms);
}

bool flight_is_at(uintptr_t address)
{
	return way == &ring_lane && ring_lane_is_at(address);
}
