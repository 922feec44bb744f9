/* SPDX-License-Identifier: MIT */
#include "backend/ring/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/resource.h>

#include "base/sys.h"
#include "process/process.h"

enum {
	PAGE = 4096,
	/* io_uring's header before the completion entries; its exact size is the kernel's
	 * secret until set-up is over, so leave room. */
	RINGS_HEADER = 1024,
	INT_FLAG_REGISTERED = 1, /* liburing's own mark for a registered ring */
};

#define FLAGS_NO_DESCRIPTOR (IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY)

/*
 * What to ask for, newest first; each is left out in turn when the kernel says EINVAL.
 * SINGLE_ISSUER | COOP_TASKRUN rather than DEFER_TASKRUN: completions become visible without
 * a system call (DESIGN F5).
 */
static const unsigned setup_steps[] = {
	FLAGS_NO_DESCRIPTOR,        /* 6.5 */
	IORING_SETUP_SINGLE_ISSUER, /* 6.0 */
	IORING_SETUP_COOP_TASKRUN,  /* 5.19 */
	IORING_SETUP_SUBMIT_ALL,    /* 5.18 */
	IORING_SETUP_CLAMP,         /* 5.6 */
};

static size_t page_round(size_t size)
{
	return (size + PAGE - 1) & ~(size_t)(PAGE - 1);
}

static unsigned power_of_two(unsigned at_least)
{
	unsigned power = 1;

	while (power < at_least)
		power *= 2;
	return power;
}

/* Memory for NO_MMAP: the queue entries first, then both rings. */
static bool memory_make(struct ring *ring, unsigned entries, size_t *rings_at)
{
	unsigned sq = power_of_two(entries);
	size_t rings = RINGS_HEADER + 2 * sq * sizeof(struct io_uring_cqe) + sq * sizeof(unsigned);

	*rings_at = page_round(sq * sizeof(struct io_uring_sqe));
	ring->memory_size = *rings_at + page_round(rings);
	ring->memory = process_map_private(ring->memory_size);
	return ring->memory != NULL;
}

static void memory_free(struct ring *ring)
{
	if (ring->memory)
		process_unmap(ring->memory, ring->memory_size);
	ring->memory = NULL;
}

/* What liburing's mapping does (io_uring_queue_mmap), for memory of our own. */
static void uring_point(struct io_uring *uring, const struct io_uring_params *params,
			char *entries, char *rings)
{
	struct io_uring_sq *sq = &uring->sq;
	struct io_uring_cq *cq = &uring->cq;

	sq->khead = (unsigned *)(rings + params->sq_off.head);
	sq->ktail = (unsigned *)(rings + params->sq_off.tail);
	sq->kring_mask = (unsigned *)(rings + params->sq_off.ring_mask);
	sq->kring_entries = (unsigned *)(rings + params->sq_off.ring_entries);
	sq->kflags = (unsigned *)(rings + params->sq_off.flags);
	sq->kdropped = (unsigned *)(rings + params->sq_off.dropped);
	sq->array = (unsigned *)(rings + params->sq_off.array);
	sq->sqes = (struct io_uring_sqe *)entries;
	sq->ring_mask = *sq->kring_mask;
	sq->ring_entries = *sq->kring_entries;
	cq->khead = (unsigned *)(rings + params->cq_off.head);
	cq->ktail = (unsigned *)(rings + params->cq_off.tail);
	cq->kring_mask = (unsigned *)(rings + params->cq_off.ring_mask);
	cq->kring_entries = (unsigned *)(rings + params->cq_off.ring_entries);
	cq->kflags = (unsigned *)(rings + params->cq_off.flags);
	cq->koverflow = (unsigned *)(rings + params->cq_off.overflow);
	cq->cqes = (struct io_uring_cqe *)(rings + params->cq_off.cqes);
	cq->ring_mask = *cq->kring_mask;
	cq->ring_entries = *cq->kring_entries;
	uring->flags = params->flags;
	uring->features = params->features;
}

/* The last field of both offset structures: user_addr since 6.5, nameless in older headers. */
static void offsets_set_memory(void *end, const char *memory)
{
	((uint64_t *)end)[-1] = (uintptr_t)memory;
}

static int setup_no_descriptor(struct ring *ring, unsigned entries, struct io_uring_params *params)
{
	size_t rings_at;
	char *memory;
	int index;

	if (!memory_make(ring, entries, &rings_at))
		return -ENOMEM;
	memory = ring->memory;
	offsets_set_memory(&params->sq_off + 1, memory);
	offsets_set_memory(&params->cq_off + 1, memory + rings_at);
	index = ring_sys_setup(entries, params);
	if (index < 0) {
		memory_free(ring);
		return index;
	}
	uring_point(&ring->uring, params, memory, memory + rings_at);
	ring->uring.ring_fd = ring->uring.enter_ring_fd = index;
	ring->uring.int_flags = INT_FLAG_REGISTERED;
	return 0;
}

/* As far up as the limit allows, out of the way of programs that count on low numbers. */
static int descriptor_raise(int fd)
{
	struct rlimit limit = {0, 0};
	long high = -1;

	sys(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	for (rlim_t from = limit.rlim_cur < 1024 ? limit.rlim_cur : 1024; high < 0 && from > 16;
	     from -= 8)
		high = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from - 8);
	if (high < 0)
		return fd;
	sys(SYS_close, fd);
	return (int)high;
}

/* Registered and closed where that is enough (6.3), else kept, high up. */
static void descriptor_hide(struct ring *ring)
{
	struct io_uring *uring = &ring->uring;

	if (uring->features & RING_FEAT_REG_REG && io_uring_register_ring_fd(uring) == 1) {
		sys(SYS_close, uring->ring_fd);
		uring->ring_fd = uring->enter_ring_fd;
		return;
	}
	uring->ring_fd = uring->enter_ring_fd = descriptor_raise(uring->ring_fd);
	ring->high_fd = uring->ring_fd;
}

static int setup_descriptor(struct ring *ring, unsigned entries, struct io_uring_params *params)
{
	int fd = ring_sys_setup(entries, params);
	int err;

	if (fd < 0)
		return fd;
	err = io_uring_queue_mmap(fd, params, &ring->uring);
	if (err) {
		sys(SYS_close, fd);
		return err;
	}
	ring->uring.features = params->features; /* io_uring_queue_mmap leaves it 0 */
	io_uring_ring_dontfork(&ring->uring);
	descriptor_hide(ring);
	return 0;
}

static int setup_with(struct ring *ring, unsigned flags, unsigned entries, unsigned sqpoll_ms)
{
	struct io_uring_params params = {.flags = flags, .sq_thread_idle = sqpoll_ms};

	if (flags & IORING_SETUP_NO_MMAP)
		return setup_no_descriptor(ring, entries, &params);
	return setup_descriptor(ring, entries, &params);
}

/* The entry array stays the identity: entry n is always slot n. */
static void array_fill(struct io_uring_sq *sq)
{
	for (unsigned i = 0; i < sq->ring_entries; i++)
		sq->array[i] = i;
}

static void ring_settle(struct ring *ring, unsigned flags)
{
	ring->enter_with = ring->uring.int_flags & INT_FLAG_REGISTERED
				   ? IORING_ENTER_REGISTERED_RING
				   : 0;
	if (flags & IORING_SETUP_SQPOLL || !(flags & IORING_SETUP_SINGLE_ISSUER))
		ring->owner = (int)sys(SYS_gettid);
	array_fill(&ring->uring.sq);
}

int ring_setup(struct ring *ring, unsigned entries, unsigned sqpoll_ms)
{
	unsigned flags = sqpoll_ms ? IORING_SETUP_SQPOLL : 0;
	int err = -EINVAL;

	ring->high_fd = -1;
	for (size_t i = 0; i < sizeof(setup_steps) / sizeof(*setup_steps); i++)
		flags |= setup_steps[i];
	if (sqpoll_ms)
		flags &= ~IORING_SETUP_COOP_TASKRUN; /* EINVAL together */
	for (size_t step = 0;; step++) {
		err = setup_with(ring, flags, entries, sqpoll_ms);
		/* EBUSY: the task's 16 places for registered rings are taken. */
		if (err != -EINVAL && !(err == -EBUSY && flags & IORING_SETUP_NO_MMAP))
			break;
		if (step == sizeof(setup_steps) / sizeof(*setup_steps))
			break;
		flags &= ~setup_steps[step];
	}
	if (!err)
		ring_settle(ring, flags);
	return err;
}

long ring_register(const struct ring *ring, unsigned what, void *argument, unsigned count)
{
	if (ring->uring.int_flags & INT_FLAG_REGISTERED)
		what |= RING_REGISTER_BY_INDEX;
	return sys(SYS_io_uring_register, ring->uring.ring_fd, what, argument, count);
}

uint64_t ring_probe(const struct ring *ring)
{
	struct {
		struct io_uring_probe head;
		struct io_uring_probe_op ops[OPCODE_COUNT];
	} probe = {.head = {.ops_len = 0}};
	uint64_t known = 0;

	if (ring_register(ring, IORING_REGISTER_PROBE, &probe, OPCODE_COUNT) < 0)
		return 0; /* before Linux 5.6: nothing we use was there */
	for (unsigned i = 0; i < probe.head.ops_len && i < OPCODE_COUNT; i++)
		if (probe.ops[i].flags & IO_URING_OP_SUPPORTED)
			known |= UINT64_C(1) << probe.ops[i].op;
	return known;
}

/* Is the number we keep still the ring's? The program may have closed it and used it again. */
static bool descriptor_is_ring(const struct ring *ring)
{
	long err = ring_register(ring, IORING_UNREGISTER_FILES, NULL, 0); /* ENXIO: no files */

	return err != -EBADF && err != -EOPNOTSUPP;
}

static void mappings_free(struct io_uring *uring)
{
	process_unmap(uring->sq.sqes, uring->sq.ring_entries * sizeof(struct io_uring_sqe));
	process_unmap(uring->sq.ring_ptr, uring->sq.ring_sz);
	if (uring->cq.ring_ptr && uring->cq.ring_ptr != uring->sq.ring_ptr)
		process_unmap(uring->cq.ring_ptr, uring->cq.ring_sz);
}

void ring_teardown(struct ring *ring)
{
	struct io_uring_rsrc_update unregister = {.offset = ring->uring.enter_ring_fd};

	if (ring->uring.int_flags & INT_FLAG_REGISTERED)
		ring_register(ring, IORING_UNREGISTER_RING_FDS, &unregister, 1);
	else if (ring->high_fd >= 0 && descriptor_is_ring(ring))
		sys(SYS_close, ring->high_fd);
	if (ring->memory)
		memory_free(ring);
	else
		mappings_free(&ring->uring);
}
