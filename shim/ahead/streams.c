/* SPDX-License-Identifier: MIT
 *
 * Directory streams: the names of a listing become a sweep the moment the kernel has told
 * them, which is before the program has read the first.
 */
#include "ahead/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/sys.h"
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

/* Its names are there: ask about them if that is the habit. */
static void stream_known(struct ahead *ahead, struct sweep *sweep, int fd)
{
	if (ahead->listed_habit)
		ahead->habit = ahead->listed_habit;
	if (ahead->habit->confident && sweep->last == SWEEP_NONE) {
		answers_ask(ahead, sweep, SWEEP_NONE, fd);
		answers_get_going(ahead);
	}
	scouting_send(ahead, sweep, fd);
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
	stream_known(ahead, sweep, fd);
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
	       clock_ns() - ahead->read_on_ns <= config_stale_ns();
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

/* As libc opens them. */
#define OPENDIR_FLAGS (O_RDONLY | O_NONBLOCK | O_DIRECTORY | O_CLOEXEC)

/* opendir(path) of a directory that was opened ahead, or null. */
static DIR *stream_serve(struct ahead *ahead, const struct passage *passage)
{
	int fd = scouting_serve(ahead, &ahead->place, OPENDIR_FLAGS), saved;
	DIR *stream;

	if (fd < 0)
		return NULL;
	stream = REAL(fdopendir)(fd);
	if (!stream) { /* no memory: opendir will say so */
		saved = errno;
		sys(SYS_close, fd);
		errno = saved;
	} else {
		*passage->reason = REASON_ANSWERED;
	}
	return stream;
}

/* What was listed ahead is known before the program has read the first. */
static void stream_begin(struct ahead *ahead, DIR *stream, int fd, const char *path)
{
	struct sweep *sweep;

	if (!listing_begin(stream, fd))
		return;
	sweep = place_sweep(ahead, fd, AT_FDCWD, path);
	if (!sweep)
		return;
	scouting_streams(ahead, sweep);
	if (!scouting_give(ahead, stream, fd))
		return;
	sweep->typed_ms = (uint32_t)clock_ms_of(clock_ns());
	listing_ahead(stream, stream_name, sweep);
	stream_known(ahead, sweep, fd);
}

bool streams_open(struct ahead *ahead, const struct passage *passage)
{
	bool by_path = kind_of(passage->op) == KIND_OPENDIR, known = false;
	struct call call = {.fd = AT_FDCWD};
	struct identity identity;
	DIR *stream = NULL;
	int fd;

	if (by_path) {
		call.path = (const char *)passage->regs->arg[0];
		known = place_find(ahead, &call, &ahead->place);
		stream = known ? stream_serve(ahead, passage) : NULL;
	}
	if (!stream)
		stream = (DIR *)plain_run(passage);
	*passage->value = (long)stream;
	if (!stream)
		return true;
	directory_opened();
	fd = by_path ? REAL(dirfd)(stream) : (int)passage->regs->arg[0];
	if (opened_add(ahead, fd, &identity) && scouting_is_proc(ahead, &identity))
		return true;
	if (known)
		scouting_opened(ahead, &ahead->place, fd, OPENDIR_FLAGS);
	stream_begin(ahead, stream, fd, call.path);
	return true;
}
