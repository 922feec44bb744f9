/* SPDX-License-Identifier: MIT
 *
 * Directory streams: the names of a listing become a sweep the moment the kernel has told
 * them, which is before the program has read the first.
 */
#include "ahead/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "call/plain.h"
#include "process/config.h"
#include "process/real.h"
#include "process/thread.h"
#include "walk/listing.h"

static void stream_name(void *context, const struct directory_entry *entry)
{
	struct sweep *sweep = context;

	size_t length = strlen(entry->name);

	/* Known already where it is read again, or listed twice. */
	if (!name_is_self(entry->name) && sweep_find(sweep, entry->name, length) == SWEEP_NONE)
		sweep_add(sweep, entry->name, length, entry->inode, entry->type);
}

/* New names have come from the kernel: take them down, and ask if that is the habit. */
static void stream_grew(struct ahead *ahead, DIR *stream, const struct directory_entry *entry,
			uint64_t asked_ns)
{
	int fd = listing_descriptor(stream);
	struct sweep *sweep = place_of_descriptor(ahead, fd);

	if (!sweep)
		return;
	sweep->typed_ms = (uint32_t)clock_ms_of(asked_ns);
	stream_name(sweep, entry);
	listing_ahead(stream, stream_name, sweep);
	if (ahead->listed_habit)
		ahead->habit = ahead->listed_habit;
	if (ahead->habit->confident && sweep->last == SWEEP_NONE) {
		answers_ask(ahead, sweep, SWEEP_NONE, fd);
		answers_get_going(ahead);
	}
}

/* What cannot be taken back is handed out in its turn, whatever happens meanwhile. */
void streams_take_back(struct ahead *ahead)
{
	if (ahead->read_on)
		listing_take_back(ahead->read_on);
	ahead->read_on = NULL;
}

/*
 * ls asks about each entry while it still lists, so it waits for the storage's last word on a
 * directory only after all of its answers. Read while these fly, that costs nothing. Only in
 * auto, and valid as an answer is (streams_take_back, read_on_valid).
 */
static void stream_read_on(struct ahead *ahead, DIR *stream)
{
	struct sweep *sweep = place_of_descriptor(ahead, listing_descriptor(stream));

	if (!sweep || !sweep->prefix_length || !ahead->flying || config.mode != MODE_AUTO ||
	    signals_handled() || listing_is_read_on(stream))
		return; /* (without a prefix it was made of a descriptor that others may have) */
	streams_take_back(ahead);
	ahead->read_on = stream;
	ahead->read_on_epoch = ahead->epoch;
	ahead->read_on_ns = clock_ns();
	sweep->typed_ms = (uint32_t)clock_ms_of(ahead->read_on_ns);
	listing_read_on(stream, stream_name, sweep);
}

static bool read_on_valid(const struct ahead *ahead)
{
	return ahead->read_on_epoch == ahead->epoch &&
	       clock_ns() - ahead->read_on_ns <= config.stale_ms * UINT64_C(1000000);
}

/* The next entry, or null, with errno untouched at the end and set after a failure. */
static const struct directory_entry *stream_next(struct ahead *ahead, DIR *stream)
{
	const struct directory_entry *entry;
	uint64_t asked_ns = ahead ? clock_ns() : 0;
	struct signals_held held;
	bool fresh;
	int error;

	if (ahead && ahead->read_on == stream && !read_on_valid(ahead))
		streams_take_back(ahead);
	entry = listing_next(stream, &fresh, &error);
	if (error && error != -ENOENT) /* removed meanwhile is the end, to libc as well */
		errno = -error;
	if (entry && fresh && ahead) {
		thread_enter(&held);
		stream_grew(ahead, stream, entry, asked_ns);
		stream_read_on(ahead, stream);
		thread_leave(&held);
	}
	return entry;
}

static bool stream_read(struct ahead *ahead, DIR *stream, long *value)
{
	if (!listing_has(stream))
		return false;
	listing_lock(stream);
	*value = (long)stream_next(ahead, stream);
	listing_unlock(stream);
	return true;
}

/* readdir_r(stream, entry, result): into the caller's memory, as libc does it. */
static bool stream_read_r(struct ahead *ahead, const struct regs *regs, long *value)
{
	DIR *stream = (DIR *)regs->arg[0];
	struct dirent *to = (struct dirent *)regs->arg[1];
	const struct directory_entry *entry;
	int saved = errno;

	if (!listing_has(stream))
		return false;
	errno = 0;
	listing_lock(stream);
	entry = stream_next(ahead, stream);
	if (entry)
		memcpy(to, entry, entry->size);
	listing_unlock(stream);
	*(struct dirent **)regs->arg[2] = entry ? to : NULL;
	*value = errno;
	if (!errno)
		errno = saved;
	return true;
}

/* seekdir(stream, position), rewinddir(stream): neither returns anything. */
static bool stream_move(const struct passage *passage)
{
	DIR *stream = (DIR *)passage->regs->arg[0];
	int error;

	if (!listing_has(stream))
		return false;
	listing_lock(stream);
	error = listing_move(stream, passage->op == OP_SEEKDIR ? passage->regs->arg[1] : 0);
	listing_unlock(stream);
	if (error)
		errno = -error;
	return true;
}

bool streams_concern(enum op op)
{
	if (!listing_count())
		return false;
	switch ((int)kind_of(op)) {
	case KIND_READDIR:
	case KIND_READDIR_R:
	case KIND_TELLDIR:
	case KIND_STREAM_MOVES:
	case KIND_CLOSEDIR:
		return true;
	default:
		return false;
	}
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
		return stream_move(passage);
	case KIND_READDIR_R:
		return stream_read_r(ahead, passage->regs, passage->value);
	case KIND_CLOSEDIR:
		if (ahead && listing_has(stream)) {
			thread_enter(&held);
			answers_release(ahead, listing_descriptor(stream));
			contents_release(ahead, listing_descriptor(stream));
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
	DIR *stream = (DIR *)plain_run(passage);
	struct identity identity;
	int fd;

	*passage->value = (long)stream;
	if (!stream)
		return true;
	directory_opened();
	fd = by_path ? REAL(dirfd)(stream) : (int)passage->regs->arg[0];
	opened_add(ahead, fd, &identity);
	if (listing_begin(stream, fd))
		place_sweep(ahead, fd, AT_FDCWD,
			    by_path ? (const char *)passage->regs->arg[0] : NULL);
	return true;
}
