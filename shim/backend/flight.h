/* SPDX-License-Identifier: MIT
 *
 * flight: what auto and strict have in flight beside the program: calls of each module, the way they
 * go (backend.h), and whom to tell when they are done. Nobody above knows the way.
 *
 * Tokens carry the kind of operation, so that whoever picks up completions hands every one to
 * the module it belongs to.
 */
#ifndef USHIM_FLIGHT_H
#define USHIM_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "table/call.h"

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
 * Files that are open in flight only, by the slots they are in: files being read ahead, those of FLIGHT_GRACE
 * and FLIGHT_LEASES.
 */
#define FLIGHT_SLOTS 32
#define FLIGHT_SLOT_GRACE FLIGHT_SLOTS
#define FLIGHT_SLOT_LEASES (FLIGHT_SLOTS + 1)
#define FLIGHT_SLOTS_ALL (FLIGHT_SLOTS + 2)

/*
 * Makes a way, for USHIM_DEPTH blocking operations at once. False where there is none, or it was
 * given up. For the first worker of a ring it waits as long as one plain call takes, COST_NS, and no
 * longer: who is refused one (RLIMIT_NPROC) is told so by the kernel after 48 ms, or never.
 */
bool flight_begin(uint64_t cost_ns);

/* There may be something in flight, to be waited for and picked up. */
bool flight_exists(void);

/* Something may be handed over: not until the first worker has come, nor once it was given up. */
bool flight_open(void);

/* There are calls with OPCODE in flight that is open. */
bool flight_knows(enum opcode opcode);

/* There are slots for files. */
bool flight_has_slots(void);

/*
 * Something that flight needs was refused, with the negative ERR: nothing is handed over any more, in this
 * process and what it forks. Who has something in flight waits for it, and makes plain calls from then
 * on.
 */
void flight_refuse(int err);
bool flight_refused(void);

/*
 * Are there threads of our own? They have the credentials, the priority and the like of the moment they were
 * made, and show in the list of this process's threads. flight_rest ends them, with all they have done, before
 * any of that is changed or looked at; there will be new ones.
 */
bool flight_has_threads(void);
void flight_rest(void);

/* Every way was given up for good, before something it would get around (dispatch/watch.c). */
bool flight_ceded(void);

/* DONE is called with the token of every completion of its kind. */
typedef void flight_done(uint64_t token, int result);
void flight_receive(enum flight kind, flight_done *done);

/* How many calls of KIND still fit, and how many of one chain with guards between them. */
unsigned flight_room(enum flight kind);
unsigned flight_chain_room(enum flight kind);

/* Queues CALL with a TOKEN below 2^56 of KIND's own. False when there is no room. */
bool flight_queue(const struct call *call, enum flight kind, uint64_t token);

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
void flight_queue_file(const struct call *file, enum flight kind, uint64_t token);
void flight_file_parts(const struct call *file, struct call parts[FLIGHT_PARTS]);

/* Queues a guard, behind a hard-linked call and before the next one (backend.h). */
void flight_queue_guard(enum flight kind, uint64_t token);
bool flight_tells_of_guards(void);

/*
 * Hands over what is queued for KIND: how many calls were taken, the oldest first, or a negative errno. Who
 * takes nothing several times in a row, or says that it never will, has refused.
 */
int flight_hand_over(enum flight kind);

/*
 * Waits until none of the files whose FLIGHT_ENDED came is open any more. False where that cannot be
 * known. Where it is not cheap (flight_puts_at_once), everything of those who queue guards is waited
 * for by the function they gave to flight_guards_wait.
 */
bool flight_files_put(void);
bool flight_puts_at_once(void);
void flight_guards_wait(void (*wait)(void));

/* Picks up what has arrived; makes no system call. */
void flight_reap(void);
bool flight_has_done(enum flight kind);

/* Waits until COUNT more calls of KIND, or of others that go the same way, are done; at most SLICE_MS. */
void flight_await(enum flight kind, unsigned count, unsigned slice_ms);

/* True if memory at ADDRESS is the kernel's part of a way. */
bool flight_is_at(uintptr_t address);

#endif
