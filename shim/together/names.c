/* SPDX-License-Identifier: MIT
 *
 * Files the program has closed, and will open again to sync them. The evidence is that it does
 * so by the same number each time; their order on the command line or as they were made
 * (record.c), or in their directory, as listed, by inode or by name; and that each was
 * changed before the one before it was synced: a program that writes and syncs file after file has
 * nothing ready yet.
 */
#include "together/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/sys.h"
#include "process/config.h"
#include "process/watching.h"

enum {
	AT_ONCE = 48,
	ENTRIES_MOST = 4096,   /* bigger directories are not listed for this */
	SKIPS_MOST = 4,        /* files in the order that do not fit, in a row */
	RECENT_S = 60,         /* files changed so long before those synced are not waiting */
	RELIST_EVERY = 16,     /* entries to a listing: so many fsyncs are worth another one */
	VAIN_MOST = 4,         /* looks that found nothing, in a row, before */
	VAIN_EVERY = 32,       /* only one fsync in so many is looked behind */
	COMING = 4, /* files to come for each that was synced, as long as nobody listed them */
};

static bool list_entry(void *context, const struct directory_entry *entry)
{
	struct sweep *sweep = context;

	if (sweep->count >= ENTRIES_MOST)
		return false;
	return entry->type != DT_REG ||
	       sweep_add(sweep, entry->name, strlen(entry->name), entry->inode, DT_REG);
}

static uint32_t entry_of(const struct sweep *sweep, uint64_t inode)
{
	for (uint32_t entry = 0; entry < sweep->count; entry++)
		if (sweep->entries[entry].inode == inode)
			return entry;
	return SWEEP_NONE;
}

/* The directory FD's file was opened in, by the name the kernel has for it. */
static bool parent_path(int fd, char *path, size_t room)
{
	size_t length;

	if (descriptor_name(fd, path, room) <= 0)
		return false;
	path_split(path, &length);
	path[length] = '\0';
	return length > 0;
}

/* To be listed; not where the close would take a lock of this process's away. */
static int parent_open(const char *path)
{
	struct identity identity;

	if (!path_identify(AT_FDCWD, path, 0, &identity))
		return -ENOENT;
	if (locks_have(&identity))
		return -EACCES;
	return watching() ? -1 : directory_open(AT_FDCWD, path);
}

/* Lists the directory of what is being synced through FD, if that was not done lately. */
static bool parent_list(struct together *together, int fd)
{
	struct sweep *sweep = &together->listed;
	char path[SWEEP_PREFIX_MOST];
	bool listed;
	int dir;

	if (!parent_path(fd, path, sizeof(path)))
		return false;
	if (sweep->used && !strcmp(sweep->prefix, path) &&
	    next_noted() - together->listed_at < 1 + sweep->count / RELIST_EVERY)
		return false;
	dir = parent_open(path);
	if (dir < 0)
		return false;
	sweep_begin(sweep, &together->listed_bytes);
	memcpy(sweep->prefix, path, sizeof(path));
	together->listed_at = next_noted();
	listed = directory_list(dir, together->text, TEXT_SIZE, list_entry, sweep);
	sys(SYS_close, dir);
	return listed;
}

/* True where what was synced last stands in an order of the listing; *PLACE is where. */
static bool listing_follows(struct sweep *sweep, uint32_t *place)
{
	uint32_t entry = entry_of(sweep, next_newest(0)->identity.inode);
	uint32_t before = entry_of(sweep, next_newest(1)->identity.inode);
	bool follows = false;

	if (entry == SWEEP_NONE || before == SWEEP_NONE)
		return false;
	*place = sweep_follow(sweep, entry, sweep_place(sweep, before), &follows);
	return follows;
}

/* Changed not long before those that are being synced. */
static bool shape_recent(const struct shape *shape)
{
	return shape->changed.tv_sec + RECENT_S >= next_newest(1)->changed.tv_sec;
}

static unsigned listing_find(struct together *together, uint32_t place,
			     struct candidate *candidates, unsigned most)
{
	const struct sweep *sweep = &together->listed;
	long dir = sys(SYS_openat, AT_FDCWD, sweep->prefix, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned count = 0;

	for (int skipped = 0; dir >= 0 && count < most && skipped < SKIPS_MOST;) {
		struct candidate *candidate = &candidates[count];

		if (++place >= sweep->count)
			break;
		skipped++;
		if (!candidate_open((int)dir, sweep_name(sweep, sweep_at(sweep, place)),
				    O_NOFOLLOW, candidates, count))
			continue;
		if (!shape_recent(&candidate->shape)) {
			sys(SYS_close, candidate->by);
			continue;
		}
		skipped = 0;
		count++;
	}
	if (dir >= 0)
		sys(SYS_close, dir);
	return count;
}

static unsigned parent_find(struct together *together, int fd, struct candidate *candidates,
			    unsigned most)
{
	uint32_t place;

	if (!listing_follows(&together->listed, &place) &&
	    !(parent_list(together, fd) && listing_follows(&together->listed, &place)))
		return 0;
	return listing_find(together, place, candidates, most);
}

/* Looks that found nothing, in a row. */
static unsigned vain;

/* Files that may come, at the most. */
static unsigned coming_most(void)
{
	unsigned recorded = record_left(), listed = next_noted() * COMING;

	return recorded > listed || record_shows() ? recorded : listed;
}

bool names_may_find(const struct together *together)
{
	return next_reopens() && !together->never_open && together->pay->opens &&
	       !(vain >= VAIN_MOST && next_noted() % VAIN_EVERY) &&
	       locks_may_look(together, coming_most());
}

/*
 * Where what is done for a group (locks_look) is best done for many files, a first one may be as
 * large. Not in strict mode, where a group may lose for each of them.
 */
static bool window_first(const struct together *together)
{
	return together->pay->forced || config.mode == MODE_STRICT;
}

unsigned names_find(struct together *together, int fd, unsigned most)
{
	bool recorded = record_shows() && record_left() && next_changed_before(TRAIL - 1);
	unsigned count = 0;

	if (!names_may_find(together) || !(recorded || next_changed_before(TRAIL)) ||
	    !locks_look(together, recorded ? record_left() : next_noted() * COMING))
		return 0;
	if (most > AT_ONCE || !window_first(together))
		most = AT_ONCE;
	if (recorded)
		count = record_find(together->candidates, most);
	if (!count && next_changed_before(TRAIL))
		count = parent_find(together, fd, together->candidates, most);
	vain = count ? 0 : vain + 1;
	return count;
}
