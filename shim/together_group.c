/* SPDX-License-Identifier: MIT
 *
 * A file is synced through the program's own descriptor, or where the program has closed it,
 * through a direct one of the ring's, which has no number, and ends without the close that
 * would take the process's POSIX locks on the file away (fcntl(2)).
 *
 * A worker that has posted a completion still holds the file for a moment: the program's close
 * would not be its last, and an exec, a lease, a lock or an unlink behind that would notice.
 * So an entry that does nothing is linked behind each fsync. It starts once the worker has
 * handed the fsync's remains back to this task (io_uring/io_uring.c, io_wq_free_work; Linux
 * 6.18), which lets go of them on its next way out of the kernel. For the same reason direct
 * descriptors are closed by this task and not by a worker.
 */
#include "together_private.h"

#include <errno.h>
#include <fcntl.h>

#include "clock.h"
#include "flight.h"
#include "ring.h"
#include "stats.h"
#include "sys.h"
#include "text.h"
#include "trace.h"
#include "watch.h"

enum step {
	STEP_OPEN,
	STEP_WRITE, /* is begun */
	STEP_SYNC,
	STEP_REST, /* does nothing, behind the fsync */
	STEP_CLOSE,
	STEPS,
};

enum {
	DATA_ONLY = 1, /* IORING_FSYNC_DATASYNC */
	AWAIT_SLICE_MS = 100,
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
	uint64_t slot = UINT64_C(1) << place;

	flying->flying--;
	switch ((enum step)(token % STEPS)) {
	case STEP_OPEN:
		if (result >= 0)
			flying->slots |= slot;
		if (result == -EAGAIN)
			flying->never_open = true;
		break;
	case STEP_WRITE:
		write_begun(&flying->stored[place], result);
		break;
	case STEP_SYNC:
		trace_flight(place, "fsync", flying->begun_ns, clock_ns());
		stored_keep(flying, &flying->stored[place], result);
		break;
	case STEP_CLOSE:
		if (result >= 0)
			flying->slots &= ~slot;
		break;
	case STEP_REST:
	case STEPS:
		break;
	}
}

/* Hands over what is queued: of the oldest entries, so many as the kernel takes. */
static void group_flush(struct together *together, struct ring *ring)
{
	int taken = together->queued ? ring_flush(ring) : 0;

	together->flying += taken > 0 ? (unsigned)taken : 0;
	together->queued = 0;
}

static bool step_queue(struct together *together, struct ring *ring, unsigned place,
		       enum step step, const struct candidate *candidate)
{
	bool ours = candidate->fd == OURS;
	struct call call = {
		.fd = ours ? AT_FDCWD : candidate->fd,
		.slot = ours ? FLIGHT_SLOTS + place + 1 : 0,
	};

	switch (step) {
	case STEP_OPEN:
		call.opcode = OPCODE_OPENAT;
		call.path = candidate->link;
		call.flags = O_RDONLY | O_NONBLOCK; /* waits for no lease */
		call.linked = true;
		break;
	case STEP_WRITE:
		call.opcode = OPCODE_SYNC_FILE_RANGE;
		call.flags = SYNC_FILE_RANGE_WRITE;
		break;
	case STEP_SYNC:
		call.opcode = OPCODE_FSYNC;
		call.flags = together->data_only ? DATA_ONLY : 0;
		call.hard_linked = true;
		break;
	case STEP_REST:
		call = (struct call){.opcode = OPCODE_NONE};
		break;
	case STEP_CLOSE:
		call.opcode = OPCODE_CLOSE;
		break;
	case STEPS:
		return false;
	}
	if (!flight_queue(ring, &call, FLIGHT_DURABLE, (uint64_t)place * STEPS + step))
		return false;
	together->queued++;
	return true;
}

static void room_make(struct together *together, struct ring *ring, unsigned entries)
{
	if (ring_room(ring) < entries)
		group_flush(together, ring);
}

static unsigned place_free(const struct together *together)
{
	unsigned place = 0;

	while (place < GROUP_MOST && together->stored[place].state != STORED_FREE)
		place++;
	return place;
}

/* False where there is no room for it: it is left out. */
static bool candidate_begin(struct together *together, struct ring *ring,
			    const struct candidate *candidate)
{
	unsigned place = place_free(together);
	struct stored *stored = &together->stored[place];

	if (place == GROUP_MOST)
		return false;
	stored->state = STORED_FLYING;
	stored->fd = candidate->fd;
	stored->path_fd = candidate->path_fd;
	stored->result = 0;
	stored->told = false;
	stored->shape = candidate->shape;
	if (candidate->fd != OURS) {
		write_begun(stored, (int)sys(SYS_sync_file_range, candidate->fd, 0, 0,
					     SYNC_FILE_RANGE_WRITE));
		return true;
	}
	room_make(together, ring, 2);
	return step_queue(together, ring, place, STEP_OPEN, candidate) &&
	       step_queue(together, ring, place, STEP_WRITE, candidate);
}

static void sync_queue(struct together *together, struct ring *ring, unsigned place)
{
	const struct candidate by = {.fd = together->stored[place].fd};

	if (by.fd == OURS && !(together->slots >> place & 1))
		return;
	room_make(together, ring, 2);
	if (step_queue(together, ring, place, STEP_SYNC, &by) &&
	    step_queue(together, ring, place, STEP_REST, &by))
		stats_ring(RING_STAT_GROUPED);
}

static void group_await(struct together *together, struct ring *ring)
{
	flight_reap(ring);
	while (together->flying) {
		ring_await_all(ring, together->flying, AWAIT_SLICE_MS);
		flight_reap(ring);
	}
}

/*
 * Writing is begun for all of them first: what the first of the fsyncs commits then holds as
 * much as possible of what the others wait for.
 */
static void group_start(struct together *together, struct ring *ring, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (!candidate_begin(together, ring, &together->candidates[i]))
			break;
	group_flush(together, ring);
	group_await(together, ring);
	for (unsigned place = 0; place < GROUP_MOST; place++)
		if (together->stored[place].state == STORED_FLYING)
			sync_queue(together, ring, place);
	group_flush(together, ring);
}

static void slots_empty(struct together *together, struct ring *ring)
{
	const struct candidate ours = {.fd = OURS};

	for (unsigned place = 0; place < GROUP_MOST; place++) {
		if (!(together->slots >> place & 1))
			continue;
		room_make(together, ring, 1);
		step_queue(together, ring, place, STEP_CLOSE, &ours);
	}
	group_flush(together, ring);
	group_await(together, ring);
}

/* The name of STORED's file, for a line about it. */
static void stored_name(struct stored *stored)
{
	char link[LINK_SIZE];
	long length;

	descriptor_link(stored->fd == OURS ? stored->path_fd : stored->fd, link);
	length = sys(SYS_readlink, link, stored->path, sizeof(stored->path) - 1);
	stored->path[length > 0 ? length : 0] = '\0';
}

/* All is over; entries that never flew leave no completion. */
static void group_end(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++) {
		struct stored *stored = &together->stored[i];

		if (stored->state == STORED_FLYING)
			stored->state = STORED_FREE;
		if (stored->state == STORED_OWED && !stored->path[0])
			stored_name(stored);
	}
}

void candidates_close(struct together *together, unsigned count)
{
	if (together->candidates[0].fd != OURS)
		return;
	for (unsigned i = 0; i < count; i++)
		sys(SYS_close, together->candidates[i].path_fd);
	stored_number_look(together);
}

void group_run(struct together *together, const struct passage *passage, unsigned count)
{
	struct ring *ring = flight_ring();
	int saved;

	flying = together;
	flight_receive(FLIGHT_DURABLE, group_landed);
	together->begun_ns = clock_ns();
	together->data_only = passage->op == OP_FDATASYNC;
	together->used = 0;
	group_start(together, ring, count);
	stats_ring(RING_STAT_GROUPS);
	stats_flight(together->flying + 1);
	*passage->value = watch_call_real(passage->sym, passage->regs);
	saved = errno;
	*passage->reason = REASON_TIMED;
	group_await(together, ring);
	slots_empty(together, ring);
	sys(SYS_getpid); /* the way out of the kernel */
	together->spent_ns = clock_ns() - together->begun_ns;
	group_end(together);
	errno = saved;
}
