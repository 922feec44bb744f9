/* SPDX-License-Identifier: MIT
 *
 * worker: what waits is run by threads that the kernel makes when there is something to run. It is
 * refused them like the process itself, by RLIMIT_NPROC or pids.max. Then it tries three times more,
 * 48 ms in all, and ends the entry with ECANCELED (io_uring/io-wq.c, create_worker_cont; Linux 6.18);
 * before it learned to count, in July 2024, it tried for ever. So a ring is asked for its first worker
 * before anything depends on it: by an entry that does nothing, and is to do it in a worker. Who is idle
 * last stays, so after this one there is always one.
 */
#include "backend/ring/private.h"

#include <errno.h>

#include "base/clock.h"

enum {
	NS_PER_S = 1000 * 1000 * 1000,
};

int ring_worker_ask(struct ring *ring)
{
	const struct call nothing = {.opcode = OPCODE_NOP, .by_worker = true};
	struct io_uring_sqe *sqe = ring_knows(OPCODE_NOP) ? io_uring_get_sqe(&ring->uring) : NULL;
	int taken;

	if (!sqe) { /* it cannot be asked so */
		ring->worker = WORKER_CAME;
		return 0;
	}
	ring_prep(sqe, ring, &nothing);
	sqe->user_data = WORKER_ASKED;
	ring_publish(ring);
	taken = ring_enter(ring, 1, 0, NULL);
	return taken < 0 ? taken : 0;
}

static void ignore(uint64_t token, int result)
{
	(void)token;
	(void)result;
}

/* One wait, which ends when something is there. False when NS are over, or it cannot wait. */
static bool wait_within(struct ring *ring, uint64_t ns)
{
	const struct __kernel_timespec slice = {.tv_sec = (long long)(ns / NS_PER_S),
						.tv_nsec = (long long)(ns % NS_PER_S)};
	int err = ring_enter(ring, 0, 1, &slice);

	return err >= 0 || err == -EINTR;
}

int ring_worker(struct ring *ring, uint64_t patience_ns)
{
	bool waits = patience_ns && ring->uring.features & IORING_FEAT_EXT_ARG;
	uint64_t end = waits ? clock_ns() + patience_ns : 0, now;

	if (!ring->worker)
		ring_reap(ring, ignore);
	while (!ring->worker && waits && (now = clock_ns()) < end) {
		waits = wait_within(ring, end - now);
		ring_reap(ring, ignore);
	}
	return ring->worker;
}
