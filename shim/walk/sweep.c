/* SPDX-License-Identifier: MIT */
#include "walk/sweep.h"

#include <string.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "process/process.h"

enum {
	ENTRIES_FIRST = 128,
	NAMES_FIRST = 4096,
	REORDERS_MOST = 4,
};

static uint64_t touches;

static void *block_map(struct sweep *sweep, size_t size)
{
	void *block = *sweep->total + size <= SWEEP_BYTES_MOST ? process_map_private(size) : NULL;

	if (block)
		*sweep->total += size;
	return block;
}

/* Memory that grows by doubling; null (and the old block kept) where there is none. */
static void *block_grow(struct sweep *sweep, void *old, size_t old_size, size_t new_size)
{
	long moved;

	if (!old)
		return block_map(sweep, new_size);
	if (*sweep->total + new_size - old_size > SWEEP_BYTES_MOST)
		return NULL;
	moved = sys(SYS_mremap, old, old_size, new_size, MREMAP_MAYMOVE);
	if (moved < 0 && moved > -4096)
		return NULL;
	*sweep->total += new_size - old_size;
	return (void *)moved;
}

static void block_free(struct sweep *sweep, void *block, size_t size)
{
	if (!block)
		return;
	process_unmap(block, size);
	*sweep->total -= size;
}

static void orders_forget(struct sweep *sweep)
{
	block_free(sweep, sweep->ranks, sweep->room * sizeof(uint32_t));
	block_free(sweep, sweep->walk, sweep->room * sizeof(uint32_t));
	sweep->ranks = sweep->walk = NULL;
	sweep->order = SWEEP_LISTED;
}

void sweep_end(struct sweep *sweep)
{
	uint32_t serial = sweep->serial;

	orders_forget(sweep);
	block_free(sweep, sweep->entries, sweep->room * sizeof(struct sweep_entry));
	block_free(sweep, sweep->names, sweep->names_room);
	block_free(sweep, sweep->table, sweep->table_room * sizeof(uint32_t));
	memset(sweep, 0, sizeof(*sweep));
	sweep->serial = serial;
}

struct sweep *sweep_oldest(struct sweep *sweeps)
{
	struct sweep *sweep = &sweeps[0];

	for (int i = 0; i < SWEEPS; i++)
		if (sweeps[i].touched < sweep->touched)
			sweep = &sweeps[i];
	return sweep;
}

void sweep_begin(struct sweep *sweep, size_t *total)
{
	sweep_end(sweep);
	sweep->used = true;
	sweep->total = total;
	sweep->serial++;
	sweep->touched = ++touches;
	sweep->last = sweep->fetch_last = sweep->dirs_last = SWEEP_NONE;
	sweep->dirs_fd = -1;
}

struct sweep_ref sweep_refer(struct sweep *sweep)
{
	return (struct sweep_ref){sweep, sweep->serial};
}

struct sweep *sweep_referred(const struct sweep_ref *ref)
{
	struct sweep *sweep = ref->sweep;

	return sweep && sweep->used && sweep->serial == ref->serial ? sweep : NULL;
}

static uint32_t name_hash(const char *name, size_t length)
{
	uint32_t hash = 2166136261u; /* FNV-1a */

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash;
}

const char *sweep_name(const struct sweep *sweep, uint32_t entry)
{
	return sweep->names + sweep->entries[entry].name;
}

static void table_insert(struct sweep *sweep, uint32_t entry)
{
	const struct sweep_entry *it = &sweep->entries[entry];
	uint32_t place = name_hash(sweep->names + it->name, it->length) & (sweep->table_room - 1);

	while (sweep->table[place])
		place = (place + 1) & (sweep->table_room - 1);
	sweep->table[place] = entry + 1;
}

static bool table_grow(struct sweep *sweep, uint32_t room)
{
	uint32_t *table = block_map(sweep, 2 * room * sizeof(uint32_t));

	if (!table)
		return false;
	block_free(sweep, sweep->table, sweep->table_room * sizeof(uint32_t));
	sweep->table = table;
	sweep->table_room = 2 * room;
	for (uint32_t i = 0; i < sweep->count; i++)
		table_insert(sweep, i);
	return true;
}

/* The table first: there must be a free place in it for every entry there is room for. */
static bool entries_reserve(struct sweep *sweep)
{
	uint32_t room = sweep->room ? 2 * sweep->room : ENTRIES_FIRST;
	struct sweep_entry *entries;

	if (sweep->count < sweep->room)
		return true;
	if (sweep->count >= SWEEP_ENTRIES_MOST)
		return false;
	orders_forget(sweep);
	if (sweep->table_room < 2 * room && !table_grow(sweep, room))
		return false;
	entries = block_grow(sweep, sweep->entries, sweep->room * sizeof(*entries),
			     room * sizeof(*entries));
	if (!entries)
		return false;
	sweep->entries = entries;
	sweep->room = room;
	return true;
}

static bool names_reserve(struct sweep *sweep, size_t length)
{
	size_t room = sweep->names_room ? 2 * sweep->names_room : NAMES_FIRST;
	char *names;

	if (sweep->names_used + length + 1 <= sweep->names_room)
		return true;
	while (room < sweep->names_used + length + 1)
		room *= 2;
	names = block_grow(sweep, sweep->names, sweep->names_room, room);
	if (!names)
		return false;
	sweep->names = names;
	sweep->names_room = room;
	return true;
}

bool sweep_add(struct sweep *sweep, const char *name, size_t length, uint64_t inode, uint8_t type)
{
	if (length > UINT16_MAX || !entries_reserve(sweep) || !names_reserve(sweep, length))
		return false;
	sweep->entries[sweep->count] = (struct sweep_entry){
		.inode = inode,
		.name = (uint32_t)sweep->names_used,
		.length = (uint16_t)length,
		.type = type,
		.typed_ms = sweep->typed_ms,
	};
	memcpy(sweep->names + sweep->names_used, name, length);
	sweep->names[sweep->names_used + length] = '\0';
	sweep->names_used += length + 1;
	table_insert(sweep, sweep->count++);
	if (sweep->order != SWEEP_LISTED)
		orders_forget(sweep); /* late names have no place in a sorted order */
	return true;
}

uint32_t sweep_find(const struct sweep *sweep, const char *name, size_t length)
{
	uint32_t place;

	if (!sweep->table)
		return SWEEP_NONE;
	place = name_hash(name, length) & (sweep->table_room - 1);
	for (; sweep->table[place]; place = (place + 1) & (sweep->table_room - 1)) {
		uint32_t entry = sweep->table[place] - 1;

		if (sweep->entries[entry].length == length &&
		    !memcmp(sweep_name(sweep, entry), name, length))
			return entry;
	}
	return SWEEP_NONE;
}

uint32_t sweep_at(const struct sweep *sweep, uint32_t place)
{
	return sweep->walk ? sweep->walk[place] : place;
}

uint32_t sweep_place(const struct sweep *sweep, uint32_t entry)
{
	return sweep->ranks ? sweep->ranks[entry] : entry;
}

/* Negative where A comes before B. */
static int entry_compare(const struct sweep *sweep, enum sweep_order order, uint32_t a, uint32_t b)
{
	const struct sweep_entry *x = &sweep->entries[a], *y = &sweep->entries[b];

	if (order == SWEEP_BY_INODE && x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if (order == SWEEP_BY_NAME)
		return strcmp(sweep->names + x->name, sweep->names + y->name);
	return a < b ? -1 : 1;
}

static void heap_sift(const struct sweep *sweep, enum sweep_order order, uint32_t *walk,
		      uint32_t root, uint32_t count)
{
	for (;;) {
		uint32_t child = 2 * root + 1;
		uint32_t swap;

		if (child >= count)
			return;
		if (child + 1 < count && entry_compare(sweep, order, walk[child], walk[child + 1]) < 0)
			child++;
		if (entry_compare(sweep, order, walk[root], walk[child]) >= 0)
			return;
		swap = walk[root];
		walk[root] = walk[child];
		walk[child] = swap;
		root = child;
	}
}

/* Heapsort: in place, and never more than n log n in a stranger's process. */
static void walk_sort(const struct sweep *sweep, enum sweep_order order, uint32_t *walk)
{
	uint32_t count = sweep->count;

	for (uint32_t i = count / 2; i-- > 0;)
		heap_sift(sweep, order, walk, i, count);
	for (uint32_t end = count; end-- > 1;) {
		uint32_t swap = walk[0];

		walk[0] = walk[end];
		walk[end] = swap;
		heap_sift(sweep, order, walk, 0, end);
	}
}

/* Room for ranks and walk; false where there is none. */
static bool walk_make(struct sweep *sweep)
{
	orders_forget(sweep);
	sweep->ranks = block_map(sweep, sweep->room * sizeof(uint32_t));
	sweep->walk = block_map(sweep, sweep->room * sizeof(uint32_t));
	if (sweep->ranks && sweep->walk)
		return true;
	orders_forget(sweep);
	return false;
}

static bool order_take(struct sweep *sweep, enum sweep_order order)
{
	if (order == SWEEP_LISTED) {
		orders_forget(sweep);
		return true;
	}
	if (!walk_make(sweep))
		return false;
	for (uint32_t i = 0; i < sweep->count; i++)
		sweep->walk[i] = i;
	walk_sort(sweep, order, sweep->walk);
	for (uint32_t i = 0; i < sweep->count; i++)
		sweep->ranks[sweep->walk[i]] = i;
	sweep->order = order;
	return true;
}

static void walk_add(struct sweep *sweep, uint32_t entry, uint32_t *places)
{
	sweep->walk[*places] = entry;
	sweep->ranks[entry] = (*places)++;
}

void sweep_pair(struct sweep *sweep, const struct sweep *other)
{
	uint32_t places = 0;

	if (!walk_make(sweep))
		return;
	for (uint32_t i = 0; i < sweep->count; i++)
		sweep->ranks[i] = SWEEP_NONE;
	for (uint32_t place = 0; place < other->count; place++) {
		uint32_t theirs = sweep_at(other, place);
		uint32_t entry = sweep_find(sweep, sweep_name(other, theirs),
					    other->entries[theirs].length);

		if (entry != SWEEP_NONE && sweep->ranks[entry] == SWEEP_NONE)
			walk_add(sweep, entry, &places);
	}
	for (uint32_t i = 0; i < sweep->count; i++)
		if (sweep->ranks[i] == SWEEP_NONE)
			walk_add(sweep, i, &places);
	sweep->order = SWEEP_PAIRED;
	sweep->reorders = REORDERS_MOST; /* no other order is worth trying */
}

/* ENTRY right behind BEFORE, or a few places on (programs skip what they need not ask)? */
static bool place_follows(uint32_t before, uint32_t place)
{
	enum { SKIPPED_MOST = 3 };

	return place > before && place - before <= SKIPPED_MOST + 1;
}

/* Is ENTRY the next after BEFORE (SWEEP_NONE: the first) in the order in force? */
static bool entry_follows(const struct sweep *sweep, uint32_t before, uint32_t entry)
{
	uint32_t place = sweep_place(sweep, entry);

	return before == SWEEP_NONE ? place == 0 : place_follows(sweep_place(sweep, before), place);
}

/* Is ENTRY the first of ORDER? One look at each entry tells, so nothing has to be sorted for it. */
static bool entry_is_first(const struct sweep *sweep, enum sweep_order order, uint32_t entry)
{
	for (uint32_t i = 0; i < sweep->count; i++)
		if (i != entry && entry_compare(sweep, order, i, entry) < 0)
			return false;
	return true;
}

/* Is ENTRY the next after BEFORE in ORDER? Takes to it to see, so who is told no goes back. */
static bool order_try(struct sweep *sweep, enum sweep_order order, uint32_t before, uint32_t entry)
{
	if (before == SWEEP_NONE && !entry_is_first(sweep, order, entry))
		return false;
	return order_take(sweep, order) && entry_follows(sweep, before, entry);
}

uint32_t sweep_follow(struct sweep *sweep, uint32_t entry, uint32_t last, bool *follows)
{
	uint32_t before = last == SWEEP_NONE ? SWEEP_NONE : sweep_at(sweep, last);
	enum sweep_order found = sweep->order;

	sweep->touched = ++touches;
	*follows = entry_follows(sweep, before, entry);
	if (*follows || sweep->reorders >= REORDERS_MOST)
		return sweep_place(sweep, entry);
	sweep->reorders++;
	for (enum sweep_order order = SWEEP_LISTED; !*follows && order < SWEEP_ORDERS; order++)
		*follows = order != found && order_try(sweep, order, before, entry);
	if (!*follows && sweep->order != found)
		order_take(sweep, found);
	if (sweep->order != found)
		sweep->next = sweep->fetch_next = 0;
	return sweep_place(sweep, entry);
}

bool sweep_catches_up(const struct sweep *sweep, uint32_t entry, uint32_t last)
{
	return last != SWEEP_NONE && !sweep->entries[entry].asked &&
	       place_follows(sweep_place(sweep, entry), last);
}
