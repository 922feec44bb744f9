/* SPDX-License-Identifier: MIT
 *
 * private: what the files of the ring module share: setup.c makes one, prep.c turns calls into
 * entries, enter.c hands them over, ring.c runs one and waits, batch.c has many in flight, guard.c
 * ends their chains, put.c waits for the end of files, worker.c finds out whether there is anybody
 * to run them, asked.c asks a seccomp filter what it allows.
 */
#ifndef USHIM_RING_PRIVATE_H
#define USHIM_RING_PRIVATE_H

#include <liburing.h>
#include <stddef.h>
#include <stdint.h>

#include "backend/ring/ring.h"

/* Kernel ABI that the headers of liburing 2.3 do not name yet. */
#ifndef IORING_SETUP_NO_MMAP
#define IORING_SETUP_NO_MMAP (1U << 14) /* Linux 6.5 */
#endif
#ifndef IORING_SETUP_REGISTERED_FD_ONLY
#define IORING_SETUP_REGISTERED_FD_ONLY (1U << 15) /* Linux 6.5 */
#endif
#define RING_FEAT_REG_REG (1U << 13)            /* IORING_FEAT_REG_REG_RING, Linux 6.3 */
#define RING_REGISTER_BY_INDEX (1U << 31)       /* IORING_REGISTER_USE_REGISTERED_RING, 6.3 */

struct ring {
	uint64_t magic; /* RING_MAGIC; wiped to zero in the child of a fork */
	struct io_uring uring;
	uint64_t sequence;   /* user_data of the newest entry */
	unsigned enter_with; /* IORING_ENTER_* for every enter */
	int owner;           /* thread id where the kernel does not check the issuer, or 0 */
	int high_fd;         /* descriptor kept before Linux 6.3, or -1 */
	void *memory;        /* NO_MMAP: ours; null where liburing mapped the kernel's */
	size_t memory_size;
	int worker;          /* as ring_worker says */
	unsigned vain;       /* calls in a row that the kernel was too busy to take */
	bool guard_refused;  /* there is none to be had */
	unsigned guard_slot; /* of what ring_queue_guard reads, + 1; or 0 */
	unsigned slots;      /* direct descriptors */
	struct statx statx;
};

/*
 * Sets up RING->uring and everything that depends on how: 0 or a negative errno. RING is
 * zeroed by the caller. ring_teardown undoes it.
 */
int ring_setup(struct ring *ring, unsigned entries, unsigned sqpoll_ms);
void ring_teardown(struct ring *ring);

/* io_uring_setup(2): a file of its own so that unit tests can play an older kernel. */
int ring_sys_setup(unsigned entries, struct io_uring_params *params);

/* Which opcodes the kernel behind RING knows, as bits. */
uint64_t ring_probe(const struct ring *ring);

/* Opcodes that would do what a filter refuses (asked.c), as bits. */
uint64_t ring_refused_by_filter(void);

/* io_uring_register(2) by whichever handle RING has. */
long ring_register(const struct ring *ring, unsigned what, void *argument, unsigned count);

/* Makes SLOTS empty direct descriptors where there are none: how many, or a negative errno. */
#define NO_FILE (-1)
int ring_slots_make(struct ring *ring, unsigned slots);

/* ---- enter.c ---- */

/* Asks once which opcodes there are (ring_knows), of the kernel behind RING, a filter, and the user. */
void ring_opcodes_ask(const struct ring *ring);

/* io_uring_enter(2): hands over SUBMIT entries and waits for LEAST completions, within SLICE. */
int ring_enter(struct ring *ring, unsigned submit, unsigned least,
	       const struct __kernel_timespec *slice);

/* A moment, where the ring cannot be waited on. */
void ring_wait_blindly(void);

/* Makes queued entries visible to the kernel; takes back what it did not take. */
void ring_publish(struct ring *ring);
void ring_take_back(struct ring *ring);

/*
 * The entry that asks for the first worker: no token has this bit alone, and no sequence number is
 * so high.
 */
#define WORKER_ASKED (UINT64_C(1) << 62)
#define WORKER_CAME 1

/* True if the completion with USER_DATA is that entry's; notes its RESULT. */
bool ring_worker_note(struct ring *ring, uint64_t user_data, int result);

/* ---- worker.c ---- */

/* Asks for RING's first worker. 0 or a negative errno. */
int ring_worker_ask(struct ring *ring);

/* ---- prep.c ---- */

/* Fills in SQE for CALL; user_data is the caller's. */
void ring_prep(struct io_uring_sqe *sqe, struct ring *ring, const struct call *call);

#endif
