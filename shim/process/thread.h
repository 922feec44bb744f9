/* SPDX-License-Identifier: MIT
 *
 * thread: what every thread carries, from before its first call to after its last.
 *
 *   THREAD_NEW    no ring asked for yet; also again in the child of a fork
 *   THREAD_RING   has a ring
 *   THREAD_PLAIN  could not get one: plain calls for the rest of its life
 *   THREAD_DEAD   its destructors run, the ring is gone: plain calls
 *
 * It is one small block of initial-exec TLS: reached without a call, so that a signal handler
 * may look at it at any instruction.
 */
#ifndef USHIM_THREAD_H
#define USHIM_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include "process/signals.h"

struct ring;

enum thread_stage {
	THREAD_NEW,
	THREAD_RING,
	THREAD_PLAIN,
	THREAD_DEAD,
};

struct thread {
	unsigned depth;    /* above zero: the shim is at work here, every call is plain */
	uint8_t stage;     /* enum thread_stage */
	bool cancel_async; /* asynchronous cancellation: no instruction is safe, so plain */
	struct ring *ring; /* owned; null unless THREAD_RING */
};

extern __thread struct thread thread_self
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * The shim is at work in this thread between these two: no handler of the program runs, and
 * no call is intercepted. Handlers are held first and let go last, so that one that leaves by
 * longjmp never leaves the depth behind.
 */
void thread_enter(struct signals_held *held);
void thread_leave(const struct signals_held *held);

/* What POSIX's cancellation points do first. A caller may have nothing in flight. */
void thread_cancellation_point(void);

#endif
