/* SPDX-License-Identifier: MIT
 *
 * enter: the ways into the kernel and what it knows: entries handed over or taken back, the
 * first worker's completion told from others.
 */
#include "backend/ring/private.h"

#include <time.h>

#include "base/filter.h"
#include "base/sys.h"
#include "process/config.h"
#include "process/signals.h"
#include "report/stats.h"

static uint64_t opcodes_known;
static bool opcodes_asked;

void ring_opcodes_ask(const struct ring *ring)
{
	uint64_t without = config.without;

	if (__atomic_load_n(&opcodes_asked, __ATOMIC_ACQUIRE))
		return;
	if (filter_was_asked())
		without |= ring_refused_by_filter();
	__atomic_store_n(&opcodes_known, ring_probe(ring) & ~without, __ATOMIC_RELAXED);
	__atomic_store_n(&opcodes_asked, true, __ATOMIC_RELEASE);
}

bool ring_knows(enum opcode opcode)
{
	return opcode >= 0 && __atomic_load_n(&opcodes_known, __ATOMIC_RELAXED) >> opcode & 1;
}

/*
 * io_uring_enter(2), with a time limit where SLICE is given (EXT_ARG, Linux 5.11). liburing
 * 2.3 exports no plain enter, and its waiting functions hide how far they came.
 */
int ring_enter(struct ring *ring, unsigned submit, unsigned least,
	       const struct __kernel_timespec *slice)
{
	struct io_uring_getevents_arg extra = {.ts = (uintptr_t)slice};
	unsigned flags = ring->enter_with | (least ? IORING_ENTER_GETEVENTS : 0);
	bool extended = slice && ring->uring.features & IORING_FEAT_EXT_ARG;

	if (ring->uring.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	stats_ring(RING_STAT_ENTERS);
	if (extended)
		return (int)sys(SYS_io_uring_enter, ring->uring.enter_ring_fd, submit, least,
				flags | IORING_ENTER_EXT_ARG, &extra, sizeof(extra));
	return (int)sys(SYS_io_uring_enter, ring->uring.enter_ring_fd, submit, least, flags, NULL,
			sizeof(signal_bits));
}

void ring_publish(struct ring *ring)
{
	io_uring_smp_store_release(ring->uring.sq.ktail, ring->uring.sq.sqe_tail);
}

/* An entry left in the queue would run as part of somebody's next call. */
void ring_take_back(struct ring *ring)
{
	ring->uring.sq.sqe_tail = *ring->uring.sq.khead;
	ring->uring.sq.sqe_head = ring->uring.sq.sqe_tail;
	ring_publish(ring);
}

/* When the ring cannot even be waited on (a filter came): workers still post to memory. */
void ring_wait_blindly(void)
{
	const struct timespec pause = {.tv_nsec = 1000 * 1000};

	sys(SYS_nanosleep, &pause, NULL);
}

bool ring_worker_note(struct ring *ring, uint64_t user_data, int result)
{
	if (user_data != WORKER_ASKED)
		return false;
	ring->worker = result < 0 ? result : WORKER_CAME;
	return true;
}
