/* SPDX-License-Identifier: MIT
 *
 * flight: the one ring of auto and strict, and the operations of each module that are in
 * flight on it.
 *
 * Tokens carry the kind of operation, so that whoever picks up completions hands every one to
 * the module it belongs to.
 */
#ifndef USHIM_FLIGHT_H
#define USHIM_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "backend/ring/ring.h"

enum flight {
	FLIGHT_ANSWER,   /* questions asked ahead */
	FLIGHT_CONTENTS, /* files read ahead */
	FLIGHT_COMMAND,  /* commands acknowledged, and what they are prepared with */
	FLIGHT_DURABLE,  /* fsyncs started together */
	FLIGHT_GRACE,    /* a wait that spares them one */
	FLIGHT_LEASES,   /* a look for leases, before files are read ahead */
	FLIGHT_KINDS,
};

/*
 * Direct descriptors: files being read ahead, those of FLIGHT_GRACE and FLIGHT_LEASES, the one of
 * guards.
 */
#define FLIGHT_SLOTS 32
#define FLIGHT_SLOT_GRACE FLIGHT_SLOTS
#define FLIGHT_SLOT_GUARD (FLIGHT_SLOTS + 1)
#define FLIGHT_SLOT_LEASES (FLIGHT_SLOTS + 2)
#define FLIGHT_SLOTS_ALL (FLIGHT_SLOTS + 3)

/*
 * Makes the ring, for USHIM_DEPTH blocking operations at once. False where there is none, or it was
 * given up. For its first worker it waits as long as one plain call takes, COST_NS, and no longer: who
 * is refused one (RLIMIT_NPROC) is told so by the kernel after 48 ms, or never.
 */
bool flight_begin(uint64_t cost_ns);

/* The ring, to wait for what is in flight and pick it up; or null. */
struct ring *flight_ring(void);

/* The ring, to hand something over; null also until its first worker has come, and once it was given up. */
struct ring *flight_open(void);

/* True if there are direct descriptors. */
bool flight_has_slots(void);

/*
 * Something the ring needs was refused, with the negative ERR: nothing is handed over any more, in this
 * process and what it forks. Who has something in flight waits for it, and makes plain calls from then
 * on.
 */
void flight_refuse(int err);
bool flight_refused(void);

/* DONE is called with the token of every completion of its kind. */
void flight_receive(enum flight kind, ring_done *done);

/* As ring_queue, with a TOKEN below 2^56 of KIND's own. */
bool flight_queue(struct ring *ring, const struct call *call, enum flight kind, uint64_t token);

/*
 * Opens FILE's path below its descriptor into its slot, reads the first bytes, and closes it again, all
 * in a worker if it says so. Four entries: TOKEN plus one of these comes for each, the last whatever
 * became of the others. It is behind the close, for flight_files_put.
 */
enum flight_part {
	FLIGHT_OPENED,
	FLIGHT_READ,
	FLIGHT_CLOSED,
	FLIGHT_ENDED,
	FLIGHT_PARTS,
};
void flight_queue_file(struct ring *ring, const struct call *file, enum flight kind, uint64_t token);

/* As ring_queue_guard, with the slot for it. */
bool flight_queue_guard(struct ring *ring, enum flight kind, uint64_t token);

/*
 * As ring_flush. A kernel that takes nothing several times in a row, or says that it never will, has
 * refused.
 */
int flight_hand_over(struct ring *ring);

/*
 * Waits until none of the files whose FLIGHT_ENDED came is open any more. False where that cannot be
 * known. Where it is not cheap (flight_puts_at_once), everything of those who queue guards is waited
 * for by the function they gave to flight_guards_wait.
 */
bool flight_files_put(struct ring *ring);
bool flight_puts_at_once(const struct ring *ring);
void flight_guards_wait(void (*wait)(void));

/* Picks up what has arrived; makes no system call. */
void flight_reap(struct ring *ring);

#endif
