/* SPDX-License-Identifier: MIT
 *
 * Files opened for reading one after another: when the order is seen and waiting is what they
 * cost, the next ones are read ahead (contents.c).
 */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "call/plain.h"
#include "over/over.h"

enum {
	RUN_PROOF = 2, /* files in order before any is read ahead */
};

static bool file_foreseen(const struct ahead *ahead, const struct sweep *sweep, bool follows)
{
	return follows && (sweep->fetch_run >= RUN_PROOF || ahead->read_to_end);
}

static void file_step(struct ahead *ahead, struct place *place)
{
	struct sweep *sweep = place->sweep;
	bool follows;
	uint32_t at = sweep_follow(sweep, place->entry, sweep->fetch_last, &follows);

	sweep->fetch_run = follows ? sweep->fetch_run + 1 : 0;
	sweep->fetch_last = at;
	if (!follows)
		ahead->read_to_end = 0;
	else if (at + 1 == sweep->count && sweep->fetch_run + 1 >= sweep->count / 2)
		ahead->read_to_end++;
	if (ahead->contents.in && file_foreseen(ahead, sweep, follows))
		contents_fetch(ahead, sweep, at, place->fd);
}

/* CALL gave FD after NS. */
static void file_opened(struct ahead *ahead, const struct call *call, int fd, uint64_t ns)
{
	struct place *place = &ahead->place;
	struct identity identity;

	/* Made, truncated or taken as a lock: others may have waited. Of a FIFO: we may have. */
	if (!opened_add(ahead, fd, &identity) || !passage_flags_read(call->flags)) {
		ahead->epoch++;
		return;
	}
	if (scouting_is_proc(ahead, &identity) || !place_find_opened(ahead, call, place))
		return;
	if (!place->sweep && ahead->contents.in)
		questions_unlisted(ahead, place, ns);
	if (place->sweep && place->entry != SWEEP_NONE) {
		bool fetched = place->sweep->entries[place->entry].fetched;

		contents_opened(ahead, identity.device, fd);
		file_step(ahead, place);
		read_await(fd, call->op == OP_FOPEN, fetched, ns);
	}
}

/* fopen(path, mode); the mode only where the open succeeded, so that libc has read it */
static bool stream_open(struct ahead *ahead, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	struct call call = {.op = OP_FOPEN, .fd = AT_FDCWD, .path = PATH(arg[0])};
	uint64_t ns;

	*passage->value = plain_time(passage, &ns);
	if (!*passage->value)
		return true;
	if (PATH(arg[1])[0] != 'r' || strchr(PATH(arg[1]), '+'))
		call.flags = O_RDWR;
	file_opened(ahead, &call, fileno((struct _IO_FILE *)*passage->value), ns);
	return true;
}

/* An open that only a directory lets through. */
static bool directory_open_ahead(struct ahead *ahead, const struct passage *passage,
				 const struct call *call)
{
	struct place *place = &ahead->place;
	struct identity identity;
	bool known = place_find(ahead, call, place);
	int fd = known ? scouting_serve(ahead, place, (int)call->flags) : -1;

	if (fd >= 0) {
		*passage->value = fd;
		*passage->reason = REASON_ANSWERED;
	} else {
		*passage->value = plain_run(passage);
		fd = (int)*passage->value;
	}
	if (fd < 0)
		return true;
	opened_add(ahead, fd, &identity);
	if (known)
		scouting_opened(ahead, place, fd, (int)call->flags);
	return true;
}

bool files_open(struct ahead *ahead, const struct passage *passage)
{
	const uint32_t kinds = O_ACCMODE | O_CREAT | O_TRUNC | O_DIRECTORY | O_PATH;
	struct call call = {.op = passage->op};
	uint64_t ns;

	*passage->reason = REASON_TIMED;
	if (kind_of(passage->op) == KIND_FOPEN)
		return stream_open(ahead, passage);
	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE)
		return false;
	if ((call.flags & kinds) == (O_RDONLY | O_DIRECTORY))
		return directory_open_ahead(ahead, passage, &call);
	*passage->value = plain_time(passage, &ns);
	if (*passage->value >= 0)
		file_opened(ahead, &call, (int)*passage->value, ns);
	return true;
}

/*
 * Opening and reading took NS, and nothing was read ahead. Whether that pays is not asked while we
 * would read ahead and may not yet: three that happen to be fast are soon found in the time that a
 * look takes.
 */
static void file_read_plainly(struct ahead *ahead, uint64_t ns)
{
	ahead->plain_ns += ns;
	if (!leases_awaited(ahead))
		governor_plain(&ahead->contents, ns);
}

bool files_read(struct ahead *ahead, const struct passage *passage)
{
	uint64_t ns;

	if (!read_awaited(passage))
		return false;
	*passage->value = plain_time(passage, &ns);
	*passage->reason = REASON_TIMED;
	if (read_fetched()) {
		governor_prepared(&ahead->contents, read_open_ns() + ns);
	} else {
		contents_looked_up(ahead, read_open_ns());
		file_read_plainly(ahead, read_open_ns() + ns);
	}
	return true;
}
