/* SPDX-License-Identifier: MIT
 *
 * A file is opened into the ring's own table, its beginning is read to nowhere, and it is
 * closed again: one chain of linked entries, with no descriptor the program could see. Only
 * regular files, never further than their first 64 KiB (the kernel reads on by itself for who
 * reads on), without touching access times where the owner may ask for that.
 */
#include "ahead_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "config.h"
#include "process.h"
#include "ring.h"
#include "signals.h"
#include "stats.h"
#include "trace.h"

enum {
	FETCH_WINDOW = 16,      /* files ahead of the program, at most */
	FETCH_WINDOW_FIRST = 4, /* and before any of them has been seen to help */
	FETCH_BYTES = 64 * 1024,
	CHAIN = 3,              /* entries a file takes in the ring */
	PROBE_EVERY = 64,       /* files: one is left cold, to see whether this still pays */
	SETTLE_SLICE_MS = 20,
	/* Parts of a token. */
	PART_OPEN = 0,
	PART_READ = 1,
	PART_CLOSE = 2,
};

static uint64_t token_of(unsigned slot, unsigned part)
{
	return slot << 2 | part;
}

static int slot_take(struct ahead *ahead)
{
	for (int slot = 0; slot < FLIGHT_SLOTS; slot++)
		if (!(ahead->fetch_slots >> slot & 1)) {
			ahead->fetch_slots |= UINT32_C(1) << slot;
			return slot;
		}
	return -1;
}

/* The last entry of a chain completes whatever became of the first (ECANCELED). */
void contents_done(uint64_t token, int result)
{
	struct ahead *ahead = ahead_root();
	unsigned slot = token >> 2 & (FLIGHT_SLOTS - 1);

	if ((token & 3) == PART_OPEN && result == -EPERM)
		ahead->no_noatime = true;
	if ((token & 3) != PART_CLOSE)
		return;
	ahead->fetch_slots &= ~(UINT32_C(1) << slot);
	ahead->fetching--;
	trace_flight(AHEAD_ANSWERS + slot, "open, read, close", ahead->fetch_ns[slot], clock_ns());
}

/* Its slot, or -1. */
static int chain_queue(struct ahead *ahead, struct ring *ring, int fd, const char *path)
{
	int slot = slot_take(ahead);
	uint32_t noatime = ahead->no_noatime ? 0 : O_NOATIME;
	struct call call = {.slot = (unsigned)slot + 1};

	if (slot < 0)
		return -1;
	call.opcode = OPCODE_OPENAT;
	call.fd = fd;
	call.path = path;
	call.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | noatime;
	call.linked = true;
	flight_queue(ring, &call, FLIGHT_CONTENTS, token_of((unsigned)slot, PART_OPEN));
	call.opcode = OPCODE_READ;
	call.data = ahead->scratch;
	call.length = FETCH_BYTES;
	/* A short read breaks a link; the file has to be closed all the same. */
	call.linked = false;
	call.hard_linked = true;
	flight_queue(ring, &call, FLIGHT_CONTENTS, token_of((unsigned)slot, PART_READ));
	call.opcode = OPCODE_CLOSE;
	call.hard_linked = false;
	flight_queue(ring, &call, FLIGHT_CONTENTS, token_of((unsigned)slot, PART_CLOSE));
	ahead->fetching++;
	ahead->fetch_ns[slot] = clock_ns();
	ahead->fetch_fd[slot] = fd;
	stats_ring(RING_STAT_FETCHED);
	return slot;
}

/*
 * A FIFO that took a file's name must not be opened: its writer would think that somebody
 * reads. So a type is believed as long as an answer is, and not past what this process does
 * that gives names another meaning.
 */
bool contents_type_known(const struct ahead *ahead, const struct sweep_entry *entry)
{
	uint64_t now = clock_ms_of(clock_ns());
	uint32_t age = (uint32_t)now - entry->typed_ms;

	if (entry->type == DT_UNKNOWN)
		return false;
	return entry->type != DT_REG ||
	       (age <= config.stale_ms && now - age > ahead->types_void_ms);
}

void contents_types_void(struct ahead *ahead)
{
	ahead->types_void_ms = clock_ms_of(clock_ns());
}

static bool entry_fetchable(const struct ahead *ahead, const struct sweep_entry *entry)
{
	return entry->type == DT_REG && !entry->fetched && contents_type_known(ahead, entry);
}

/* Chains queued, oldest first: the kernel takes entries in this order. */
struct chains {
	unsigned count;
	int slot[FETCH_WINDOW];
};

static void fetch_queue(struct ahead *ahead, struct ring *ring, struct sweep *sweep,
			uint32_t until, int fd, struct chains *chains)
{
	for (; sweep->fetch_next < sweep->count && sweep->fetch_next < until &&
	       chains->count < FETCH_WINDOW;
	     sweep->fetch_next++) {
		uint32_t entry = sweep_at(sweep, sweep->fetch_next);
		const char *path;
		int at = fd;
		int slot;

		if (sweep->entries[entry].answer && !sweep->entries[entry].fetched &&
		    !contents_type_known(ahead, &sweep->entries[entry]))
			break; /* its type is being asked for */
		if (!entry_fetchable(ahead, &sweep->entries[entry]) ||
		    sweep->fetch_next % PROBE_EVERY == PROBE_EVERY - 1)
			continue;
		path = ring_room(ring) < CHAIN ? NULL : place_spell(ahead, sweep, entry, &at);
		if (!path)
			break;
		slot = chain_queue(ahead, ring, at, path);
		if (slot < 0)
			break;
		sweep->entries[entry].fetched = true;
		chains->slot[chains->count++] = slot;
	}
}

/* Chains the kernel did not take whole will never complete. */
static void chains_submit(struct ahead *ahead, struct ring *ring, const struct chains *chains)
{
	int taken = chains->count ? ring_flush(ring) : 0;

	place_spelled_forget(ahead);
	for (unsigned i = taken > 0 ? (unsigned)taken / CHAIN : 0; i < chains->count; i++) {
		ahead->fetch_slots &= ~(UINT32_C(1) << chains->slot[i]);
		ahead->fetching--;
	}
}

static uint32_t fetch_window(const struct ahead *ahead)
{
	uint32_t window = FETCH_WINDOW_FIRST + ahead->contents.helpful;

	return window < FETCH_WINDOW ? window : FETCH_WINDOW;
}

void contents_fetch(struct ahead *ahead, struct sweep *sweep, uint32_t place, int fd)
{
	struct ring *ring = flight_ring();
	struct chains chains = {.count = 0};
	uint32_t window = fetch_window(ahead);
	struct signals_held held;

	if (!ring)
		return;
	if (!ahead->scratch)
		ahead->scratch = process_map_private(FETCH_BYTES);
	if (!ahead->scratch)
		return;
	answers_reap(ahead);
	answers_probe(ahead, sweep, place, place + 1 + 2 * window, fd);
	if (sweep->fetch_next <= place)
		sweep->fetch_next = place + 1;
	if (sweep->fetch_next - place > window / 2 + 1)
		return;
	signals_hold(&held);
	fetch_queue(ahead, ring, sweep, place + 1 + window, fd, &chains);
	chains_submit(ahead, ring, &chains);
	signals_release(&held);
}

void contents_settle(struct ahead *ahead, unsigned most_ms)
{
	struct ring *ring = flight_ring();
	uint64_t end = clock_ns() + most_ms * UINT64_C(1000000);
	struct signals_held held;

	answers_reap(ahead);
	signals_hold(&held);
	while (ring && ahead->fetching && clock_ns() < end && !signals_waiting(&held)) {
		ring_await(ring, SETTLE_SLICE_MS);
		answers_reap(ahead);
	}
	signals_release(&held);
}

/* A chain that waits for a worker would be opened in whatever directory FD is by then. */
void contents_release(struct ahead *ahead, int fd)
{
	answers_reap(ahead);
	for (int slot = 0; slot < FLIGHT_SLOTS; slot++)
		if (ahead->fetch_slots >> slot & 1 && (fd < 0 || ahead->fetch_fd[slot] == fd)) {
			contents_settle(ahead, CONTENTS_SETTLE_MS);
			return;
		}
}
