/* SPDX-License-Identifier: MIT */
#include "backend/ring/private.h"

#include <errno.h>

#include "base/filter.h"
#include "base/sys.h"
#include "process/process.h"
#include "process/signals.h"
#include "report/stats.h"

#define RING_MAGIC UINT64_C(0x756368696d72696e)

/* How long a wait lasts before handlers that became due meanwhile are looked for. */
static const struct __kernel_timespec wait_slice = {.tv_nsec = 50 * 1000 * 1000};

static bool ceded;

/* Counts the threads of this process between ring_begin and ring_finish. */
static bool ring_begin(void)
{
	__atomic_fetch_add(process_busy(), 1, __ATOMIC_SEQ_CST);
	return !ring_ceded();
}

static void ring_finish(void)
{
	__atomic_fetch_sub(process_busy(), 1, __ATOMIC_SEQ_CST);
}

static int ring_make(struct ring **made, unsigned entries, unsigned sqpoll_ms)
{
	struct ring *ring;
	int err;

	if (filter_lets_some() || filter_in_force())
		return -EPERM;
	if (process_emulated())
		return -EOPNOTSUPP;
	ring = process_map_wiped(sizeof(*ring));
	if (!ring)
		return -ENOMEM;
	err = ring_setup(ring, entries, sqpoll_ms);
	if (err) {
		process_unmap(ring, sizeof(*ring));
		return err;
	}
	ring_opcodes_ask(ring);
	err = ring_worker_ask(ring);
	if (err) {
		ring_teardown(ring);
		process_unmap(ring, sizeof(*ring));
		return err;
	}
	stats_ring(RING_STAT_RINGS);
	ring->magic = RING_MAGIC;
	*made = ring;
	return 0;
}

int ring_open(struct ring **made, unsigned entries, unsigned sqpoll_ms)
{
	int err;

	if (!process_owns_memory())
		return -EXDEV;
	err = ring_begin() ? ring_make(made, entries, sqpoll_ms) : -EPERM;
	ring_finish();
	return err;
}

/*
 * After another thread has ceded, a filter may be in force that kills whoever makes an
 * io_uring call: the kernel then ends the ring with its thread.
 */
void ring_close(struct ring *ring)
{
	if (ring_begin())
		ring_teardown(ring);
	ring_finish();
	process_unmap(ring, sizeof(*ring));
}

bool ring_survived(const struct ring *ring)
{
	return ring->magic == RING_MAGIC;
}

const struct statx *ring_statx(const struct ring *ring)
{
	return &ring->statx;
}

static struct io_uring_sqe *entry_take(struct ring *ring)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	return sqe;
}

/* True if the kernel took every published entry. */
static bool entry_taken(const struct ring *ring)
{
	return io_uring_smp_load_acquire(ring->uring.sq.khead) == ring->uring.sq.sqe_tail;
}

/* Takes completions off the queue until SEQUENCE's is found. */
static bool completion_find(struct ring *ring, uint64_t sequence, int *result)
{
	struct io_uring_cq *cq = &ring->uring.cq;
	unsigned head = *cq->khead;
	bool found = false;

	while (!found && head != io_uring_smp_load_acquire(cq->ktail)) {
		const struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];

		found = cqe->user_data == sequence;
		if (found)
			*result = cqe->res;
		else if (!ring_worker_note(ring, cqe->user_data, cqe->res))
			stats_ring(RING_STAT_STALE);
		io_uring_smp_store_release(cq->khead, ++head);
	}
	return found;
}

/* Asks the kernel to end the entry SEQUENCE; its completion says whether that worked. */
static void entry_cancel(struct ring *ring, uint64_t sequence)
{
	const struct call cancel = {.opcode = OPCODE_ASYNC_CANCEL, .offset = sequence};
	struct io_uring_sqe *sqe = entry_take(ring);

	if (!sqe)
		return;
	ring_prep(sqe, ring, &cancel);
	sqe->user_data = ++ring->sequence;
	ring_publish(ring);
	if (ring_enter(ring, 1, 1, &wait_slice) < 0 && !entry_taken(ring))
		ring_take_back(ring);
	stats_ring(RING_STAT_CANCELLED);
}

/*
 * Waits until entry SEQUENCE, which the kernel has, is complete. A program with handlers is
 * looked after in slices: a handler that becomes due ends the operation if that can be ended
 * (a question to a FUSE or NFS server that does not answer), as it ends the plain call.
 * Returns the signals for which the operation was asked to end, or 0.
 */
static signal_bits entry_wait(struct ring *ring, uint64_t sequence,
			      const struct signals_held *held, int *result)
{
	signal_bits due = 0;

	while (!completion_find(ring, sequence, result)) {
		bool sliced = held->held && !due;
		int err = ring_enter(ring, 0, 1, sliced ? &wait_slice : NULL);

		if (err == -ETIME) {
			due = signals_waiting(held);
			if (due)
				entry_cancel(ring, sequence);
		} else if (err < 0 && err != -EINTR) {
			ring_wait_blindly();
		}
	}
	return due;
}

/* It does nothing any more, for ERR: to be given up. */
static enum reason ring_lost(int err)
{
	stats_ring_error(err);
	return REASON_NO_RING;
}

static enum reason submit_failed(struct ring *ring, int err)
{
	switch (err) {
	case -EAGAIN:
	case -EBUSY:
	case -ENOMEM:
	case -EINTR:
	case -ETIME:
		return ++ring->vain < RING_VAIN_MOST ? REASON_RING_BUSY : ring_lost(err);
	case -EPERM:
	case -EACCES:
	case -EBADF:
	case -EOPNOTSUPP:
	case -ENOSYS:
		return ring_lost(err);
	default:
		/* EINVAL, EEXIST: another task's ring, so this is a borrowed address space, and
		 * what was learned here of its signal handlers is not the lender's. */
		signals_note_change();
		return REASON_BORROWED;
	}
}

/*
 * A poller that is awake may take the entry at any moment; one that sleeps, or is dead, has said
 * so and looks no more until it is woken.
 */
static void poller_settle(const struct ring *ring)
{
	enum { SURE = 2 };

	for (int asleep = 0; asleep < SURE && !entry_taken(ring); ring_wait_blindly())
		asleep += (io_uring_smp_load_acquire(ring->uring.sq.kflags) &
			   IORING_SQ_NEED_WAKEUP) != 0;
}

static enum reason entry_submit(struct ring *ring, const struct signals_held *held)
{
	int err;

	ring_publish(ring);
	err = ring_enter(ring, 1, 1, held->held ? &wait_slice : NULL);
	if (ring->uring.flags & IORING_SETUP_SQPOLL && err >= 0)
		return REASON_NONE; /* published is submitted */
	if (ring->uring.flags & IORING_SETUP_SQPOLL)
		poller_settle(ring);
	if (entry_taken(ring)) {
		ring->vain = 0;
		stats_ring(RING_STAT_SUBMITTED);
		return REASON_NONE;
	}
	ring_take_back(ring);
	return submit_failed(ring, err);
}

static enum reason run_held(struct ring *ring, const struct call *call,
			    const struct signals_held *held, int *result)
{
	struct io_uring_sqe *sqe = entry_take(ring);
	uint64_t sequence = ++ring->sequence;
	enum reason reason;
	signal_bits due;

	if (!sqe)
		return REASON_RING_BUSY;
	ring_prep(sqe, ring, call);
	sqe->user_data = sequence;
	reason = entry_submit(ring, held);
	if (reason != REASON_NONE)
		return reason;
	due = entry_wait(ring, sequence, held, result);
	if (due && (*result == -ECANCELED || *result == -EINTR)) {
		*result = signals_interrupt(due) ? -EINTR : 0;
		return REASON_INTERRUPTED;
	}
	/* Nobody asked for that: there is no worker. */
	return *result == -ECANCELED ? ring_lost(-ECANCELED) : REASON_NONE;
}

enum reason ring_run(struct ring *ring, const struct call *call, int *result)
{
	struct signals_held held;
	enum reason reason;

	if (ring->owner && ring->owner != (int)sys(SYS_gettid))
		return REASON_BORROWED;
	if (ring_begin()) {
		signals_hold(&held);
		reason = run_held(ring, call, &held, result);
		signals_release(&held);
	} else {
		reason = REASON_CEDED;
	}
	ring_finish();
	return reason;
}

void ring_cede(struct ring *own)
{
	enum { PATIENCE_MS = 100 };
	const int *busy = process_busy();

	__atomic_store_n(&ceded, true, __ATOMIC_SEQ_CST);
	for (int i = 0; busy && i < PATIENCE_MS && __atomic_load_n(busy, __ATOMIC_SEQ_CST); i++)
		ring_wait_blindly();
	if (!own)
		return;
	ring_teardown(own);
	process_unmap(own, sizeof(*own));
}

bool ring_ceded(void)
{
	return __atomic_load_n(&ceded, __ATOMIC_SEQ_CST);
}
