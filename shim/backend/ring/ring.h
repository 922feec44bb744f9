/* SPDX-License-Identifier: MIT
 *
 * ring: one io_uring, owned by the thread that made it. The only module that knows liburing.
 *
 * Where the kernel allows (6.5), a ring has no descriptor at all: NO_MMAP with
 * REGISTERED_FD_ONLY. From 6.3 the descriptor is registered and closed at once. Before, it
 * is moved far up and close-on-exec; a program that closes it nevertheless gets plain calls
 * from then on.
 */
#ifndef USHIM_RING_H
#define USHIM_RING_H

#include <stdbool.h>

#include "table/call.h"

struct ring;
struct statx;

/*
 * Makes a ring for the calling thread with ENTRIES submission entries (rounded by the
 * kernel), polled by a kernel thread that sleeps after SQPOLL_MS idle milliseconds if that is
 * not 0. 0 and *RING, or a negative errno: -EPERM and -ENOSYS (refused, also by a seccomp
 * filter in force), -EOPNOTSUPP (under valgrind), -ENOMEM (memlock), -EXDEV (the address space
 * is borrowed).
 */
int ring_open(struct ring **ring, unsigned entries, unsigned sqpoll_ms);

/*
 * Whether the kernel makes worker threads for RING, for the first of which ring_open has asked. 1: it
 * has come. 0: it has not yet, in PATIENCE_NS either (which is not waited on kernels that cannot, before
 * Linux 5.11). Else the negative errno with which it was refused, -ECANCELED. Until it has come nothing
 * else may be queued.
 */
int ring_worker(struct ring *ring, uint64_t patience_ns);

/* Ends it and frees it. Its workers leave within some 20 ms. */
void ring_close(struct ring *ring);

/* False in the child of a fork, where the ring is the parent's. */
bool ring_survived(const struct ring *ring);

/* True if OPCODE is known to this kernel. Asked of the kernel once per process. */
bool ring_knows(enum opcode opcode);

/* Where a YIELD_STAT call that succeeded left the kernel's answer; until the next call. */
const struct statx *ring_statx(const struct ring *ring);

/*
 * Runs CALL and waits for it. REASON_NONE: it ran, and *RESULT is the kernel's. Anything
 * else: nothing was done. REASON_NO_RING: nor will RING do anything from now on. With
 * REASON_INTERRUPTED, *RESULT is -EINTR where a plain call would have ended so, 0 where it would have
 * been restarted.
 */
enum reason ring_run(struct ring *ring, const struct call *call, int *result);

/*
 * Asking ahead. Entries are queued, flushed together, and reaped when they are done; signals
 * with handlers have to be held (process/signals.h) from the first ring_queue to ring_flush. What CALL
 * points to, paths apart, has to live until its token is reaped.
 */

/* Lets WORKERS operations that block run at once (DESIGN F4), and makes SLOTS direct
 * descriptors. 0 or a negative errno. */
int ring_widen(struct ring *ring, unsigned workers, unsigned slots);

/*
 * A guard between two hard-linked entries: the second is not begun once the process is about to die
 * or stop, so that the first cannot be given up for it alone. Needs the free direct descriptor SLOT;
 * false where there is none to be had.
 *
 * ring_queue_guard queues one; false when the ring is full or has none. One that is passed says
 * nothing. Else nothing behind it is begun, and either TOKEN tells so (with a result above 0 when
 * the process was stopped), or every single entry does with -ECANCELED (before Linux 5.17).
 */
bool ring_guard(struct ring *ring, unsigned slot);
bool ring_queue_guard(struct ring *ring, uint64_t token);
bool ring_tells_of_guards(const struct ring *ring); /* by the token */

/*
 * Waits until no file is open any more that was opened by a direct descriptor and closed again; behind each
 * close an entry that does nothing has to be hard-linked, all of them have to be complete, and no other
 * entry may be using a direct descriptor. False where that cannot be known.
 *
 * ring_puts_at_once: that takes one system call. Else (before Linux 6.5) some 50 ms, and
 * guards have to be asked for again.
 */
bool ring_files_put(struct ring *ring);
bool ring_puts_at_once(const struct ring *ring);

/* Entries that still fit. */
unsigned ring_room(const struct ring *ring);

/* Queues CALL under TOKEN, whose highest bit is set. False when the ring is full. */
#define RING_TOKEN (UINT64_C(1) << 63)
bool ring_queue(struct ring *ring, const struct call *call, uint64_t token);

/* Hands everything queued to the kernel; returns how many entries it took, the oldest first.
 * The others are gone, or a negative errno says why none was taken. */
int ring_flush(struct ring *ring);

/* Calls DONE for every completion that is there; makes no system call. */
typedef void ring_done(uint64_t token, int result);
void ring_reap(struct ring *ring, ring_done *done);

/* True if there is something to reap. Changes nothing, so it may be asked anywhere. */
bool ring_has_done(const struct ring *ring);

/* So many times in a row the kernel may be too busy before the ring is given up. */
#define RING_VAIN_MOST 8

/* Waits until COUNT completions are there, at most SLICE_MS. */
void ring_await(struct ring *ring, unsigned count, unsigned slice_ms);

/* True if memory at ADDRESS is the ring's, as the kernel gave it (before Linux 6.5). */
bool ring_is_at(const struct ring *ring, uintptr_t address);

/*
 * No ring for anybody from now on. Waits until no other thread is inside this module, at most
 * 100 ms; those threads' rings end with them. OWN, the caller's ring or null, ends here.
 */
void ring_cede(struct ring *own);
bool ring_ceded(void);

#endif
