/* SPDX-License-Identifier: MIT
 *
 * A file is opened into the ring's own table, its beginning is read to nowhere, and it is
 * closed again: one chain of linked entries, with no descriptor the program could see. Only
 * regular files, never further than their first 64 KiB (the kernel reads on by itself for who
 * reads on), without touching access times where the owner may ask for that.
 */
#include "ahead/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "process/config.h"
#include "process/process.h"
#include "process/signals.h"
#include "process/watching.h"
#include "report/stats.h"
#include "report/trace.h"
#include "walk/pace.h"

enum {
	FETCH_WINDOW = 16,      /* files ahead of the program, at most */
	FETCH_WINDOW_FIRST = 4, /* and before any of them has been seen to help */
	FETCH_BYTES = 64 * 1024,
	CHAIN = FLIGHT_PARTS,   /* entries a file takes in the ring */
	PROBE_EVERY = 64,       /* files: one is left cold, to see whether this still pays */
	SETTLE_SLICE_MS = 20,
	/* Where a lookup takes less on the average of late, or half of what a file takes, it is made by
	 * hand; one that takes long counts two and a half times that: two in a row, or every other one,
	 * are too many, one in ten is not. */
	LOOKUP_SHORT_NS = 80 * 1000, /* as of walk/pace.h */
	LOOKUP_WEIGHT = 4,      /* a new one counts one fourth */
	TOKEN_SHIFT = 2,        /* of the slot; below it is enum flight_part */
	TOKEN_PARTS = (1 << TOKEN_SHIFT) - 1,
};

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
	unsigned slot = token >> TOKEN_SHIFT & (FLIGHT_SLOTS - 1);
	unsigned part = token & TOKEN_PARTS;

	if (part == FLIGHT_OPENED && result == -EPERM)
		ahead->no_noatime = true;
	if (part == FLIGHT_OPENED && result == -ECANCELED)
		flight_refuse(result);
	if (part != FLIGHT_ENDED)
		return;
	ahead->fetch_slots &= ~(UINT32_C(1) << slot);
	ahead->fetching--;
	trace_flight(AHEAD_ANSWERS + slot, "open, read, close", ahead->fetch_ns[slot], clock_ns());
}

/*
 * Its slot, or -1. A file whose name the kernel knows is opened in the program's thread, since io_uring
 * asks only whether looking the name up would wait (LOOKUP_CACHED): but over NFS 4, and by a daemon,
 * the open is a request of its own, and a window of files would be waited for one by one.
 */
static int chain_queue(struct ahead *ahead, int fd, const char *path)
{
	int slot = slot_take(ahead);
	uint32_t noatime = ahead->no_noatime ? 0 : O_NOATIME;
	const struct call file = {
		.fd = fd,
		.path = path,
		.flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | noatime,
		.data = ahead->scratch,
		.length = FETCH_BYTES,
		.slot = (unsigned)slot + 1,
		.by_worker = !ahead->lookup_local,
	};

	if (slot < 0)
		return -1;
	flight_queue_file(&file, FLIGHT_CONTENTS, (uint64_t)slot << TOKEN_SHIFT);
	ahead->fetching++;
	ahead->fetched_open = true;
	ahead->fetch_ns[slot] = clock_ns();
	ahead->fetch_fd[slot] = fd;
	stats_ring(RING_STAT_FETCHED);
	return slot;
}

/* Its type is being asked for. */
static bool entry_awaits_type(const struct ahead *ahead, const struct sweep_entry *entry)
{
	return entry->answer && !entry->fetched && !types_known(ahead, entry);
}

/* Neither read ahead nor, as far as was ever known, anything but a regular file. */
static bool entry_wanted(const struct sweep_entry *entry)
{
	return !entry->fetched && (entry->type == DT_REG || entry->type == DT_UNKNOWN);
}

static bool entry_fetchable(const struct ahead *ahead, const struct sweep_entry *entry)
{
	return entry->type == DT_REG && types_known(ahead, entry);
}

static uint64_t lookup_short(const struct ahead *ahead)
{
	uint64_t least = pace_of(LOOKUP_SHORT_NS), half = ahead->contents.cost_ns / 2;

	return half > least ? half : least;
}

void contents_looked_up(struct ahead *ahead, uint64_t ns)
{
	uint64_t most = lookup_short(ahead) / 2 * 5;

	if (ns > most)
		ns = most;
	ahead->lookup_ns = (ahead->lookup_ns * (LOOKUP_WEIGHT - 1) + ns) / LOOKUP_WEIGHT;
}

void contents_opened(struct ahead *ahead, uint64_t device, int fd)
{
	ahead->lookup_local = device_local(ahead, device, fd);
}

/*
 * A name the kernel has not looked up yet is opened by a worker (LOOKUP_CACHED, Linux 5.12), and
 * waking one costs 50 us where one lookup costs 5: on a local disk a block of inodes brings the
 * next 16 at least. There the lookups are made in the program's thread; then the chain starts
 * with its submission and goes on by itself, for the page cache calls back (FMODE_BUF_RASYNC,
 * Linux 5.9).
 */
static bool lookups_by_hand(const struct ahead *ahead)
{
	return ahead->lookup_local && ahead->lookup_ns < lookup_short(ahead);
}

/* The same is a question as the program would ask it, for those who decide about these. */
static void look_up(struct ahead *ahead, struct sweep_entry *entry, int fd, const char *path)
{
	uint64_t before = clock_ns(), ns;
	struct statx statx;

	if (path_statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &statx) != 0)
		statx.stx_mode = 0;
	ns = clock_ns() - before;
	entry->type = IFTODT(statx.stx_mode) & 0xff;
	entry->typed_ms = (uint32_t)clock_ms_of(before);
	contents_looked_up(ahead, ns);
	governor_plain(&ahead->stat, ns);
}

/* Chains queued, oldest first: the kernel takes entries in this order. */
struct chains {
	unsigned count;
	int slot[FETCH_WINDOW];
};

static void fetch_queue(struct ahead *ahead, struct sweep *sweep, uint32_t until, int fd,
			struct chains *chains)
{
	for (; sweep->fetch_next < sweep->count && sweep->fetch_next < until &&
	       chains->count < FETCH_WINDOW;
	     sweep->fetch_next++) {
		uint32_t entry = sweep_at(sweep, sweep->fetch_next);
		const char *path;
		int at = fd;
		int slot;

		if (entry_awaits_type(ahead, &sweep->entries[entry]))
			break;
		if (!entry_wanted(&sweep->entries[entry]) ||
		    sweep->fetch_next % PROBE_EVERY == PROBE_EVERY - 1)
			continue;
		path = flight_room(FLIGHT_CONTENTS) < CHAIN ? NULL : place_spell(ahead, sweep, entry, &at);
		if (!path)
			break;
		if (lookups_by_hand(ahead))
			look_up(ahead, &sweep->entries[entry], at, path);
		if (!entry_fetchable(ahead, &sweep->entries[entry]))
			continue;
		slot = chain_queue(ahead, at, path);
		if (slot < 0)
			break;
		sweep->entries[entry].fetched = true;
		chains->slot[chains->count++] = slot;
	}
}

/* Chains the kernel did not take whole will never complete. */
static void chains_submit(struct ahead *ahead, const struct chains *chains)
{
	int taken = chains->count ? flight_hand_over(FLIGHT_CONTENTS) : 0;

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

/*
 * How long the program is likely to wait for files yet: for those of this directory; and, as far as anybody
 * knows, for as long as it has.
 */
static uint64_t coming_ns(const struct ahead *ahead, const struct sweep *sweep, uint32_t place)
{
	uint64_t here = (sweep->count - place) * ahead->contents.cost_ns;

	return here > ahead->plain_ns ? here : ahead->plain_ns;
}

void contents_fetch(struct ahead *ahead, struct sweep *sweep, uint32_t place, int fd)
{
	struct chains chains = {.count = 0};
	uint32_t window = fetch_window(ahead);
	struct signals_held held;

	if (!flight_open() || !flight_has_slots() || ahead->fetches_none || watching() ||
	    !leases_spared(ahead, coming_ns(ahead, sweep, place)))
		return;
	if (!ahead->scratch)
		ahead->scratch = process_map_private(FETCH_BYTES);
	if (!ahead->scratch)
		return;
	answers_reap(ahead);
	if (!lookups_by_hand(ahead))
		answers_probe(ahead, sweep, place, place + 1 + 2 * window, fd);
	if (sweep->fetch_next <= place)
		sweep->fetch_next = place + 1;
	if (sweep->fetch_next - place > window / 2 + 1)
		return;
	signals_hold(&held);
	fetch_queue(ahead, sweep, place + 1 + window, fd, &chains);
	chains_submit(ahead, &chains);
	signals_release(&held);
}

void contents_settle(struct ahead *ahead, unsigned most_ms)
{
	uint64_t end = clock_ns() + most_ms * UINT64_C(1000000);
	struct signals_held held;

	answers_reap(ahead);
	signals_hold(&held);
	while (flight_exists() && ahead->fetching && clock_ns() < end && !signals_waiting(&held)) {
		flight_await(FLIGHT_CONTENTS, ahead->fetching, SETTLE_SLICE_MS);
		answers_reap(ahead);
	}
	signals_release(&held);
}

void contents_close(struct ahead *ahead, unsigned most_ms)
{
	struct signals_held held;

	contents_settle(ahead, most_ms);
	leases_settle(ahead);
	if (!flight_exists() || !ahead->fetched_open || ahead->fetching)
		return;
	signals_hold(&held);
	ahead->fetches_none |= !flight_puts_at_once();
	ahead->fetched_open = !flight_files_put();
	signals_release(&held);
}

/*
 * A wait that the kernel does not restart by itself (signal(7): semop, epoll_wait, sigtimedwait,
 * sockets with a timeout, ...) returns EINTR, with no signal to be seen, when io_uring wants
 * the thread for making one worker more, which it does while entries queue (Linux 6.18,
 * create_worker_cb by TWA_SIGNAL). So none may queue.
 */
void interruptions_settle(struct ahead *ahead)
{
	answers_release(ahead, -1);
	contents_settle(ahead, CONTENTS_SETTLE_MS);
	leases_settle(ahead);
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
