/* SPDX-License-Identifier: MIT
 *
 * backend: a way of getting calls done beside the program's thread. There are two: the kernel's
 * io_uring (ring/lane.c) and threads of our own (crew/lane.c). Only flight.c knows which one
 * does what.
 *
 * Calls are queued, handed over together, and reaped when they are done. A call that is linked or
 * hard-linked to the next one makes a chain with it, which runs in order; chains run at once. What a
 * call points to, paths apart, lives until its token is reaped. All functions are the program's
 * thread's, with the depth above zero and handlers held between the first queue and hand_over.
 */
#ifndef USHIM_BACKEND_H
#define USHIM_BACKEND_H

#include <stdbool.h>
#include <stdint.h>

#include "table/call.h"

/* Is called with the token of each call that is done, and its result or negative errno. */
typedef void backend_done(uint64_t token, int result);

struct backend {
	/* It is there: there may be something in flight. */
	bool (*exists)(void);

	/* Calls may be handed over: there is somebody to run them. If not yet, or never: refused. */
	bool (*open)(void);

	/* The negative errno with which it was refused for good, or 0. */
	int (*refused)(void);

	/* Can run calls with OPCODE at all. */
	bool (*knows)(enum opcode opcode);

	/* How many calls, and how many calls of one chain with guards, can be queued now. */
	unsigned (*room)(void);
	unsigned (*chain_room)(void);

	/* Queues CALL under TOKEN, below 2^63. False when there is no room. */
	bool (*queue)(const struct call *call, uint64_t token);

	/*
	 * Between two hard-linked calls: the second is not begun once the process is about to die or
	 * stop. Nothing is told of a guard that is passed. Else nothing behind it is begun, and where
	 * tells_of_guards either TOKEN tells so (with a result above 0 when the process was
	 * stopped), else every single call does with -ECANCELED.
	 */
	void (*queue_guard)(uint64_t token);
	bool (*tells_of_guards)(void);

	/* Hands everything over; how many calls were taken, the oldest first. The others are gone, or a
	 * negative errno says why none was taken. */
	int (*hand_over)(void);

	/* Calls DONE for each call that is done; makes no system call. */
	void (*reap)(backend_done *done);

	/* Is there something to reap? Changes nothing. */
	bool (*has_done)(void);

	/* Waits until COUNT calls more are done, at most SLICE_MS. */
	void (*await)(unsigned count, unsigned slice_ms);

	/*
	 * Waits until no file is open any more that a chain of flight_queue_file opened and closed; no such
	 * chain is in flight. False where that cannot be known. puts_at_once: that takes a system call at most.
	 */
	bool (*files_put)(void);
	bool (*puts_at_once)(void);
};

#endif
