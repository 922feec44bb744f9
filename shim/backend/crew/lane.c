/* SPDX-License-Identifier: MIT
 *
 * A call that is queued is an entry, and stays one until it is reaped. Entries of a chain point to the next
 * one; the pool is posted the first. A thread that is done with an entry puts it on top of the list of those
 * that are done, which the program takes as a whole and turns round.
 */
#include "backend/crew/lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "backend/crew/clone.h"
#include "backend/crew/perform.h"
#include "backend/crew/pool.h"
#include "base/clock.h"
#include "base/futex.h"
#include "base/invariant.h"
#include "base/path.h"
#include "base/word.h"
#include "process/process.h"
#include "report/stats.h"

enum {
	ENTRIES = POOL_WORK,
	NAMES_SIZE = 576, /* of an entry: two names, or a path of some depth */
	NS_PER_MS = 1000 * 1000,
};

#define LANE_MAGIC UINT64_C(0x757368696d637277)

/* Entries are named by their place, counted from 1; 0 is none. */
struct entry {
	struct call call;
	uint64_t token;
	uint32_t next; /* of its chain; of what is done; of what is free */
	int result;
	char names[NAMES_SIZE];
};

/* In wiped memory: what is in flight is the parent's. */
struct lane {
	uint64_t magic;
	struct pool *sharing; /* threads with the program's descriptors, */
	struct pool *apart;   /* and with their own; null: there can be none */
	uint32_t free;
	uint32_t left;        /* entries that are free */
	uint32_t last;        /* of the chain that is being queued, which is the newest of these; or 0 */
	uint32_t chains;      /* queued and not handed over: */
	struct {
		uint32_t first, count;
		bool apart;
	} chain[ENTRIES];
	uint32_t reaped;      /* ever */
	uint32_t landed;      /* what is done and not reaped: the newest */
	uint32_t done;        /* ever; may be ahead of what is told of here for a moment */
	uint32_t waiting;     /* the program waits until as many as */
	uint32_t wanted;      /* this are done */
	uint32_t bell;        /* futex */
	uint32_t used;        /* entries that were ever used: the others are not touched */
	struct entry entries[ENTRIES];
};

static struct lane *lane;
static int refused; /* the negative errno: ordinary memory, so that children inherit it */

static struct lane *own(void)
{
	return lane && lane->magic == LANE_MAGIC ? lane : NULL;
}

CLONE_UNWATCHED static struct entry *entry_at(struct lane *in, uint32_t place)
{
	return &in->entries[place - 1];
}

/* ---- what a thread does ---- */

/* The one that waits for so many, if this is the last of them. */
CLONE_UNWATCHED static void bell_ring(struct lane *in, uint32_t done)
{
	uint32_t yes = 1;

	if (!word_load(&in->waiting) || (int32_t)(done - word_load(&in->wanted)) < 0 ||
	    !word_swap(&in->waiting, &yes, 0))
		return;
	word_add(&in->bell, 1);
	futex_wake(&in->bell, 1);
}

CLONE_UNWATCHED static void entry_land(struct lane *in, uint32_t place, int result)
{
	struct entry *entry = entry_at(in, place);
	uint32_t newest = word_load(&in->landed);

	entry->result = result;
	do
		entry->next = newest;
	while (!word_swap(&in->landed, &newest, place));
	bell_ring(in, word_add(&in->done, 1));
}

/* Of a chain with a slot: FILE is its number in this thread's own table. */
CLONE_UNWATCHED static long slot_perform(struct call *call, int *file)
{
	long result;

	if (call->opcode == OPCODE_OPENAT) {
		result = call_perform(call);
		*file = (int)result;
		return result < 0 ? result : 0;
	}
	call->fd = *file;
	result = call_perform(call);
	if (call->opcode == OPCODE_CLOSE)
		*file = -EBADF;
	return result;
}

/* As io_uring's links: one that fails, or reads less than it was to, breaks a soft one. */
CLONE_UNWATCHED static bool breaks(const struct call *call, long result)
{
	return call->linked &&
	       (result < 0 || (call->opcode == OPCODE_READ && (uint64_t)result < call->length));
}

CLONE_UNWATCHED static void chain_run(void *context, uint32_t place, bool able)
{
	struct lane *in = context;
	bool broken = false;
	int file = -EBADF;
	long result;

	while (place) {
		struct entry *entry = entry_at(in, place);
		struct call *call = &entry->call;
		uint32_t next = entry->next; /* it is somebody else's once it has landed */

		if (broken || (call->slot && !able))
			result = -ECANCELED;
		else
			result = call->slot ? slot_perform(call, &file) : call_perform(call);
		broken |= breaks(call, result);
		entry_land(in, place, (int)result);
		place = next;
	}
}

/* ---- the program's side ---- */

static struct lane *lane_make(unsigned workers)
{
	struct lane *made = process_map_wiped(sizeof(*made));

	if (!made)
		return NULL;
	made->sharing = pool_make(chain_run, made, workers, false);
	made->apart = pool_make(chain_run, made, workers, true);
	made->left = ENTRIES;
	if (made->sharing) {
		made->magic = LANE_MAGIC;
		return made;
	}
	process_unmap(made, sizeof(*made));
	return NULL;
}

int crew_lane_begin(unsigned workers)
{
	int err;

	if (own() || refused)
		return refused;
	if (!process_owns_memory())
		return -EXDEV;
	if (process_emulated())
		return refused = -EOPNOTSUPP;
	lane = lane_make(workers);
	err = lane ? pool_post(lane->sharing) : -EPERM; /* the first thread */
	return refused = err;
}

bool crew_lane_has_slots(void)
{
	return own() && own()->apart;
}

bool crew_lane_runs(void)
{
	const struct lane *in = own();

	return in && (pool_threads(in->sharing) || (in->apart && pool_threads(in->apart)));
}

void crew_lane_rest(void)
{
	struct lane *in = own();

	if (!in)
		return;
	pool_end(in->sharing);
	if (in->apart)
		pool_end(in->apart);
}

static bool lane_exists(void)
{
	return own() != NULL;
}

static bool lane_open(void)
{
	return own() && !refused;
}

static int lane_refused(void)
{
	return refused;
}

static unsigned lane_room(void)
{
	return own()->left;
}

/* NAME in the room there is at *AT; null where it does not fit. */
static const char *name_keep(char **at, const char *end, const char *name)
{
	size_t size = strlen(name) + 1;
	char *kept = *at;

	if (size > (size_t)(end - kept))
		return NULL;
	memcpy(kept, name, size);
	*at += size;
	return kept;
}

/*
 * What is below a descriptor of the program's, as a thread with a table of its own gets there: by the link that
 * /proc has, for the program, whoever asks.
 */
static bool path_from_apart(struct call *call, char **at, const char *end)
{
	size_t length;

	if (call->fd == AT_FDCWD || call->path[0] == '/')
		return true;
	if (end - *at < LINK_SIZE + 1)
		return false;
	descriptor_link(call->fd, *at);
	length = strlen(*at);
	(*at)[length] = '/';
	*at += length + 1;
	call->fd = AT_FDCWD;
	return true;
}

static bool entry_fill(struct entry *entry, const struct call *call, uint64_t token)
{
	const char *end = entry->names + NAMES_SIZE;
	char *at = entry->names;

	entry->call = *call; /* the program's thread: what copies may be libc's */
	entry->token = token;
	entry->next = 0;
	if (call->path) {
		if (call->slot && !path_from_apart(&entry->call, &at, end))
			return false;
		entry->call.path = entry->names;
		if (!name_keep(&at, end, call->path))
			return false;
	}
	return !call->path2 || (entry->call.path2 = name_keep(&at, end, call->path2));
}

static uint32_t entry_take(struct lane *in)
{
	uint32_t place = in->free;

	if (!in->left)
		return 0;
	in->left--;
	if (!place)
		return ++in->used;
	in->free = entry_at(in, place)->next;
	return place;
}

static void entry_give(struct lane *in, uint32_t place)
{
	entry_at(in, place)->next = in->free;
	in->free = place;
	in->left++;
}

/* The chain that an entry becomes part of. */
static void chain_add(struct lane *in, uint32_t place)
{
	const struct call *call = &entry_at(in, place)->call;

	if (in->last) {
		entry_at(in, in->last)->next = place;
	} else {
		in->chain[in->chains].first = place;
		in->chain[in->chains].count = 0;
		in->chain[in->chains].apart = false;
		in->chains++;
	}
	in->chain[in->chains - 1].count++;
	in->chain[in->chains - 1].apart |= call->slot != 0;
	in->last = call->linked || call->hard_linked ? place : 0;
}

static bool lane_queue(const struct call *call, uint64_t token)
{
	struct lane *in = own();
	uint32_t place = entry_take(in);

	if (!place)
		return false;
	if (!entry_fill(entry_at(in, place), call, token)) {
		entry_give(in, place);
		return false;
	}
	chain_add(in, place);
	return true;
}

static void lane_queue_guard(uint64_t token)
{
	(void)token;
}

static bool lane_tells_of_guards(void)
{
	return true;
}

static void chain_drop(struct lane *in, uint32_t place)
{
	while (place) {
		uint32_t next = entry_at(in, place)->next;

		entry_give(in, place);
		place = next;
	}
}

/* Hands over the chains that are for POOL: how many calls that were, or a negative errno. */
static int chains_post(struct lane *in, struct pool *pool, bool apart)
{
	int calls = 0, err;

	for (uint32_t i = 0; i < in->chains; i++)
		if (in->chain[i].apart == apart) {
			pool_add(pool, in->chain[i].first);
			calls += (int)in->chain[i].count;
		}
	err = calls ? pool_post(pool) : 0;
	for (uint32_t i = 0; err && i < in->chains; i++)
		if (in->chain[i].apart == apart)
			chain_drop(in, in->chain[i].first);
	return err ? err : calls;
}

/* All that is queued at once is for the same threads. */
static int lane_hand_over(void)
{
	struct lane *in = own();
	bool apart = in->chains && in->chain[0].apart;
	int calls;

	INVARIANT(!in->last);
	calls = chains_post(in, apart ? in->apart : in->sharing, apart);
	in->chains = 0;
	for (int i = 0; i < calls; i++)
		stats_ring(RING_STAT_BY_CREW);
	return calls;
}

/* The oldest first: the list begins with the newest. */
static uint32_t turned_round(struct lane *in, uint32_t newest)
{
	uint32_t oldest = 0;

	while (newest) {
		uint32_t next = entry_at(in, newest)->next;

		entry_at(in, newest)->next = oldest;
		oldest = newest;
		newest = next;
	}
	return oldest;
}

static void lane_reap(backend_done *done)
{
	struct lane *in = own();
	uint32_t place = word_exchange(&in->landed, 0);

	place = turned_round(in, place);
	while (place) {
		struct entry *entry = entry_at(in, place);
		uint64_t token = entry->token;
		int result = entry->result;
		uint32_t next = entry->next;

		entry_give(in, place);
		in->reaped++;
		done(token, result);
		place = next;
	}
}

static bool lane_has_done(void)
{
	return word_load(&own()->landed) != 0;
}

static void lane_await(unsigned count, unsigned slice_ms)
{
	struct lane *in = own();
	uint32_t wanted = in->reaped + count;
	uint64_t now = clock_ns(), end = now + (uint64_t)slice_ms * NS_PER_MS;
	long err = 0;

	for (; now < end && err != -EINTR; now = clock_ns()) {
		uint32_t bell = word_load(&in->bell);

		word_store(&in->wanted, wanted);
		word_store(&in->waiting, 1);
		if ((int32_t)(word_load(&in->done) - wanted) >= 0)
			break;
		err = futex_wait(&in->bell, bell, end - now);
	}
	word_store(&in->waiting, 0);
}

/* A thread that has closed a file is behind its last use when it says so. */
static bool lane_files_put(void)
{
	return true;
}

const struct backend crew_lane = {
	.exists = lane_exists,
	.open = lane_open,
	.refused = lane_refused,
	.knows = call_performable,
	.room = lane_room,
	.chain_room = lane_room,
	.queue = lane_queue,
	.queue_guard = lane_queue_guard,
	.tells_of_guards = lane_tells_of_guards,
	.hand_over = lane_hand_over,
	.reap = lane_reap,
	.has_done = lane_has_done,
	.await = lane_await,
	.files_put = lane_files_put,
	.puts_at_once = lane_files_put,
};
