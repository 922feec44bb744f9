/* SPDX-License-Identifier: MIT
 *
 * Directory streams: the names of a listing become a sweep the moment the kernel has told
 * them, which is before the program has read the first.
 */
#include "ahead_private.h"

#include <fcntl.h>
#include <string.h>

#include "listing.h"
#include "real.h"
#include "thread.h"

static void stream_name(void *context, const struct listing_entry *entry)
{
	struct sweep *sweep = context;

	if (!name_is_self(entry->name))
		sweep_add(sweep, entry->name, strlen(entry->name), entry->inode, entry->type);
}

/* New names have come from the kernel: take them down, and ask if that is the habit. */
static void stream_grew(struct ahead *ahead, DIR *stream, const struct listing_entry *entry)
{
	int fd = listing_descriptor(stream);
	struct sweep *sweep = place_of_descriptor(ahead, fd);

	if (!sweep)
		return;
	stream_name(sweep, entry);
	listing_ahead(stream, stream_name, sweep);
	if (ahead->habit.confident && ahead->stat.in && sweep->last == SWEEP_NONE)
		answers_ask(ahead, sweep, SWEEP_NONE, fd);
}

static bool stream_read(struct ahead *ahead, DIR *stream, long *value)
{
	const struct listing_entry *entry;
	struct signals_held held;
	bool fresh;
	int error;

	if (!listing_has(stream))
		return false;
	entry = listing_next(stream, &fresh, &error);
	if (error) {
		listing_hand_over(stream);
		return false;
	}
	if (entry && fresh && ahead) {
		thread_enter(&held);
		stream_grew(ahead, stream, entry);
		thread_leave(&held);
	}
	*value = (long)entry;
	return true;
}

bool streams_before(struct ahead *ahead, const struct passage *passage)
{
	DIR *stream = (DIR *)passage->regs->arg[0];
	struct signals_held held;

	if (!listing_count())
		return false;
	switch ((int)kind_of(passage->op)) {
	case KIND_READDIR:
		return stream_read(ahead, stream, passage->value);
	case KIND_TELLDIR:
		if (listing_has(stream))
			*passage->value = listing_position(stream);
		return listing_has(stream);
	case KIND_STREAM_MOVES:
		listing_end(stream);
		return false;
	case KIND_READDIR_R:
		listing_hand_over(stream);
		return false;
	case KIND_CLOSEDIR:
		if (ahead && listing_has(stream)) {
			thread_enter(&held);
			answers_release(ahead, listing_descriptor(stream));
			thread_leave(&held);
		}
		listing_end(stream);
		return false;
	default:
		return false;
	}
}

bool streams_open(struct ahead *ahead, const struct passage *passage)
{
	bool by_path = kind_of(passage->op) == KIND_OPENDIR;
	DIR *stream = (DIR *)passage_make(passage);
	int fd;

	*passage->value = (long)stream;
	if (!stream)
		return true;
	fd = by_path ? REAL(dirfd)(stream) : (int)passage->regs->arg[0];
	opened_add(ahead, fd);
	if (listing_begin(stream, fd))
		place_sweep(ahead, fd, AT_FDCWD,
			    by_path ? (const char *)passage->regs->arg[0] : NULL);
	return true;
}
