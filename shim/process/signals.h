/* SPDX-License-Identifier: MIT
 *
 * signals: keeps the program's handlers out of the shim's short critical moments.
 *
 * libc's regular-file calls let a handler run before or after, never in the middle; so must
 * a wait on the ring, and a handler that leaves by longjmp must not leave half an entry
 * behind. Signals without a handler stay deliverable: a fatal one ends a program that waits
 * for a hung server, a stop signal stops it.
 */
#ifndef USHIM_SIGNALS_H
#define USHIM_SIGNALS_H

#include <stdbool.h>
#include <stdint.h>

/* A set of signals as the kernel has it: bit n - 1 is signal n. */
typedef uint64_t signal_bits;

struct signals_held {
	signal_bits before; /* the thread's mask as the program left it */
	signal_bits held;   /* signals with handlers; 0: nothing was changed */
	bool outermost;     /* the one whose release lets them through */
};

/* Defers every signal that has a handler. A hold inside another one costs nothing. */
void signals_hold(struct signals_held *held);
void signals_release(const struct signals_held *held);

/*
 * Lets them through after all, for the time of a call of the program's own, and back to what
 * it returned. A handler that leaves by longjmp then finds nothing held.
 */
bool signals_let(void);
void signals_let_no_more(bool was_holding);

/* Waits, within reason, until no thread has its signals held: soon they could not be let go any more. */
void signals_await_release(void);

/* Signals the program would have handled by now, had they not been held. */
signal_bits signals_waiting(const struct signals_held *held);

/* True if the handler of one of SIGNALS ends a call with EINTR (no SA_RESTART). */
bool signals_interrupt(signal_bits signals);

/* True if any signal has a handler: news may come at any instruction. */
bool signals_handled(void);

/* To be told after every change of a disposition. */
void signals_note_change(void);

#endif
