/* SPDX-License-Identifier: MIT
 *
 * A file is synced through the program's own descriptor, or where the program has closed it,
 * through one of ours, which is closed again before the program goes on.
 *
 * A worker that has posted a completion still holds the file for a moment: a close would not be
 * the last, and an exec (ETXTBSY), a lease, a lock or an unlink behind that would notice. So an
 * entry that does nothing is linked behind each fsync. It starts once the worker has handed the
 * fsync's remains back to this task (io_uring/io_uring.c, io_wq_free_work; Linux 6.18), which
 * lets go of them on its next way out of the kernel.
 */
#include "together/private.h"

#include <errno.h>
#include <fcntl.h>

#include "backend/flight.h"
#include "base/clock.h"
#include "base/sys.h"
#include "call/plain.h"
#include "process/config.h"
#include "process/watching.h"
#include "report/stats.h"
#include "report/trace.h"

enum step {
	STEP_SYNC,
	STEP_REST, /* does nothing, behind the fsync */
	STEPS,
};

enum {
	AWAIT_SLICE_MS = 100,
	OWN_PLACE = GROUP_MOST, /* of the call that started the group */
};

/* Whose fsyncs are in flight. */
static struct together *flying;

/*
 * A failure that the storage had, and may tell only once. The others say that the ring could
 * not, or that the file never can: the program's own call will be told the same.
 */
static bool error_is_owed(int err, bool ours)
{
	switch (-err) {
	case EACCES:
	case EPERM:
		return !ours; /* of a descriptor the program never had */
	case ECANCELED:
	case EINTR:
	case EBADF:
	case EINVAL:
	case ENOSYS:
	case EOPNOTSUPP:
	case EROFS:
		return false;
	default:
		return true;
	}
}

static void stored_keep(struct together *together, struct stored *stored, int result)
{
	stored->result = stored->result ? stored->result : result;
	stored->state = STORED_FREE;
	if (!stored->result) {
		stored->state = STORED_READY;
		together->ready++;
	} else if (error_is_owed(stored->result, stored->fd == OURS)) {
		stored->state = STORED_OWED;
		together->owed++;
	}
}

/* The fsync behind it may never hear of these. */
static void write_begun(struct stored *stored, int result)
{
	if (result == -EIO || result == -ENOSPC || result == -EDQUOT)
		stored->result = result;
}

static void group_landed(uint64_t token, int result)
{
	unsigned place = (unsigned)(token / STEPS);

	flying->flying--;
	if (token % STEPS != STEP_SYNC)
		return;
	if (result == -ECANCELED)
		flight_refuse(result);
	if (place == OWN_PLACE) {
		flying->own_result = result;
		return;
	}
	trace_flight(place, "fsync", flying->begun_ns, clock_ns());
	stored_keep(flying, &flying->stored[place], result);
}

/* Hands over what is queued: of the oldest entries, so many as the kernel takes. */
static void group_flush(struct together *together)
{
	int taken = together->queued ? flight_hand_over(FLIGHT_DURABLE) : 0;

	together->flying += taken > 0 ? (unsigned)taken : 0;
	together->queued = 0;
}

static bool step_queue(struct together *together, unsigned place, enum step step,
		       const struct call *call)
{
	if (!flight_queue(call, FLIGHT_DURABLE, (uint64_t)place * STEPS + step))
		return false;
	together->queued++;
	return true;
}

static unsigned place_free(const struct together *together)
{
	unsigned place = 0;

	while (place < GROUP_MOST && together->stored[place].state != STORED_FREE)
		place++;
	return place;
}

/* From what was found by its name, whatever that leads to by now. Waits for no lease. */
static bool candidate_reopen(struct together *together, struct candidate *candidate)
{
	char link[LINK_SIZE];
	long fd;

	if (watching())
		return false;
	descriptor_link(candidate->by, link);
	fd = sys(SYS_openat, AT_FDCWD, link, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd == -EAGAIN)
		together->never_open = true;
	if (fd < 0)
		return false;
	sys(SYS_close, candidate->by);
	candidate->by = (int)fd;
	return true;
}

static void candidate_begin(struct together *together, struct candidate *candidate)
{
	unsigned place = place_free(together);
	struct stored *stored = &together->stored[place];

	if (place == GROUP_MOST ||
	    (candidate->fd == OURS && !candidate_reopen(together, candidate)))
		return;
	stored->state = STORED_FLYING;
	stored->fd = candidate->fd;
	stored->by = candidate->by;
	stored->told = stored->said = false;
	stored->shape = candidate->shape;
	stored->result = 0;
	write_begun(stored, (int)sys(SYS_sync_file_range, candidate->by, 0, 0,
				     SYNC_FILE_RANGE_WRITE));
}

static bool sync_queue(struct together *together, unsigned place, int fd)
{
	const struct call rest = {.opcode = OPCODE_NONE};
	const struct call sync = {
		.opcode = OPCODE_FSYNC,
		.fd = fd,
		.flags = together->data_only ? CALL_DATA_ONLY : 0,
		.hard_linked = true,
	};

	if (flight_room(FLIGHT_DURABLE) < STEPS)
		group_flush(together);
	return step_queue(together, place, STEP_SYNC, &sync) &&
	       step_queue(together, place, STEP_REST, &rest);
}

static void group_await(struct together *together)
{
	flight_reap();
	while (together->flying) {
		flight_await(FLIGHT_DURABLE, together->flying, AWAIT_SLICE_MS);
		flight_reap();
	}
}

/*
 * Writing is begun for all of them first: what the first of the fsyncs commits then holds as
 * much as possible of what the others wait for.
 */
static void group_start(struct together *together, int own, unsigned count)
{
	sys(SYS_sync_file_range, own, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (unsigned i = 0; i < count; i++)
		candidate_begin(together, &together->candidates[i]);
	together->own_result = -ECANCELED;
	if (config.mode != MODE_STRICT)
		sync_queue(together, OWN_PLACE, own);
	for (unsigned place = 0; place < GROUP_MOST; place++)
		if (together->stored[place].state == STORED_FLYING &&
		    sync_queue(together, place, together->stored[place].by))
			stats_ring(RING_STAT_GROUPED);
	group_flush(together);
}

/* All is over; entries that never flew leave no completion, failures are told by name. */
static void group_end(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++) {
		struct stored *stored = &together->stored[i];

		if (stored->state == STORED_FLYING)
			stored->state = STORED_FREE;
		if (stored->state == STORED_OWED && !stored->path[0])
			descriptor_name(stored->by, stored->path, sizeof(stored->path));
	}
}

void candidates_close(struct together *together, unsigned count)
{
	if (together->candidates[0].fd != OURS)
		return;
	for (unsigned i = 0; i < count; i++)
		sys(SYS_close, together->candidates[i].by);
	stored_number_look(together);
}

/*
 * The program's call was made on the ring, by the program's own descriptor. It is made plainly
 * where the ring could not, and in strict mode.
 */
static void own_finish(const struct together *together, const struct passage *passage)
{
	int err = -together->own_result;

	*passage->reason = REASON_NONE;
	if (!err) {
		*passage->value = 0;
		return;
	}
	if (error_is_owed(-err, false)) {
		*passage->value = -1;
		errno = err;
		return;
	}
	*passage->value = plain_call(passage->sym, passage->regs);
	*passage->reason = REASON_TIMED;
}

/*
 * With so many in flight the kernel gets a new worker going only when one falls asleep, and by
 * way of this thread (task work; io_uring/io-wq.c, io_wq_dec_running), which must not itself
 * sleep in an fsync then.
 */
void group_run(struct together *together, const struct passage *passage, unsigned count)
{
	int saved = errno;

	flying = together;
	flight_receive(FLIGHT_DURABLE, group_landed);
	together->data_only = passage->op == OP_FDATASYNC;
	together->used = 0;
	group_start(together, (int)passage->regs->arg[0], count);
	stats_ring(RING_STAT_GROUPS);
	stats_flight(together->flying / STEPS);
	group_await(together);
	sys(SYS_getpid); /* the way out of the kernel */
	group_end(together);
	errno = saved;
	own_finish(together, passage);
	saved = errno;
	together->spent_ns = clock_ns() - together->begun_ns;
	errno = saved;
}
