/* SPDX-License-Identifier: MIT
 *
 * batch: many entries in flight at once, for what is asked ahead of the program.
 */

#include "backend/ring/private.h"

#include <errno.h>

#include "report/stats.h"

enum {
	SLOTS_MOST = 64,
};

int ring_slots_make(struct ring *ring, unsigned slots)
{
	int files[SLOTS_MOST];
	long err;

	if (slots > SLOTS_MOST)
		slots = SLOTS_MOST;
	for (unsigned i = 0; i < slots; i++)
		files[i] = NO_FILE; /* an empty place, since Linux 5.5 */
	err = ring_register(ring, IORING_REGISTER_FILES, files, slots);
	ring->slots = err < 0 ? 0 : slots;
	return (int)err;
}

int ring_widen(struct ring *ring, unsigned workers, unsigned slots)
{
	unsigned most[2] = {workers, workers}; /* bounded, unbounded; Linux 5.15 */

	ring_register(ring, IORING_REGISTER_IOWQ_MAX_WORKERS, most, 2);
	return slots ? ring_slots_make(ring, slots) : 0;
}

unsigned ring_room(const struct ring *ring)
{
	return io_uring_sq_space_left(&ring->uring);
}

bool ring_queue(struct ring *ring, const struct call *call, uint64_t token)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

	if (!sqe)
		return false;
	ring_prep(sqe, ring, call);
	sqe->user_data = token | RING_TOKEN;
	return true;
}

int ring_flush(struct ring *ring)
{
	unsigned before = *ring->uring.sq.khead;
	unsigned queued = ring->uring.sq.sqe_tail - before;
	unsigned taken;
	int err;

	if (!queued)
		return 0;
	ring_publish(ring);
	err = ring_enter(ring, queued, 0, NULL);
	if (ring->uring.flags & IORING_SETUP_SQPOLL && err >= 0)
		return (int)queued;
	taken = io_uring_smp_load_acquire(ring->uring.sq.khead) - before;
	for (unsigned i = 0; i < taken; i++)
		stats_ring(RING_STAT_SUBMITTED);
	if (taken < queued)
		ring_take_back(ring);
	return taken || err >= 0 ? (int)taken : err;
}

void ring_reap(struct ring *ring, ring_done *done)
{
	struct io_uring_cq *cq = &ring->uring.cq;
	unsigned head = *cq->khead;

	while (head != io_uring_smp_load_acquire(cq->ktail)) {
		const struct io_uring_cqe *cqe = &cq->cqes[head & cq->ring_mask];
		uint64_t token = cqe->user_data;
		int result = cqe->res;

		io_uring_smp_store_release(cq->khead, ++head);
		if (!ring_worker_note(ring, token, result) && token & RING_TOKEN)
			done(token & ~RING_TOKEN, result);
	}
}

bool ring_has_done(const struct ring *ring)
{
	const struct io_uring_cq *cq = &ring->uring.cq;

	return *cq->khead != io_uring_smp_load_acquire(cq->ktail);
}

void ring_await(struct ring *ring, unsigned count, unsigned slice_ms)
{
	const struct __kernel_timespec slice = {.tv_sec = slice_ms / 1000,
						.tv_nsec = slice_ms % 1000 * 1000000LL};

	int err = ring_enter(ring, 0, count, &slice);

	if (err < 0 && err != -ETIME && err != -EINTR)
		ring_wait_blindly(); /* workers post to memory all the same */
}

bool ring_is_at(const struct ring *ring, uintptr_t address)
{
	return ring && !ring->memory &&
	       (address == (uintptr_t)ring->uring.sq.ring_ptr ||
		address == (uintptr_t)ring->uring.cq.ring_ptr ||
		address == (uintptr_t)ring->uring.sq.sqes);
}
