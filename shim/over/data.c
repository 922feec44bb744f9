/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <stdint.h>
#include <sys/uio.h>

/* The most one read or write moves, read(2); a length above is cut by the kernel. */
#define IO_MOST 0x7ffff000

/* Ring offset -1 means the current position. */
#define OFFSET_POSITION UINT64_MAX

static enum reason io_marshal(struct call *call, const long *a, uint64_t offset, enum guard guard)
{
	call->guard = guard;
	call->fd = (int)a[0];
	call->data = POINTER(a[1]);
	call->length = (uint64_t)a[2];
	call->offset = offset;
	return REASON_NONE;
}

/*
 * Zero lengths fail on some descriptors and not on others; lengths above IO_MOST lose their
 * upper half in the 32 bits the ring has for them.
 */
static enum reason at_position(struct call *call, const long *a)
{
	if (a[2] <= 0 || a[2] > IO_MOST)
		return REASON_ARGUMENT;
	return io_marshal(call, a, OFFSET_POSITION, GUARD_POSITION);
}

static enum reason at_offset(struct call *call, const long *a)
{
	if (a[2] <= 0 || a[2] > IO_MOST || a[3] < 0)
		return REASON_ARGUMENT;
	return io_marshal(call, a, (uint64_t)a[3], GUARD_FILE);
}

/* readv, writev: a[2] counts vectors; more than IOV_MAX is the kernel's EINVAL */
static enum reason vector_at_position(struct call *call, const long *a)
{
	return (int)a[2] <= 0 ? REASON_ARGUMENT
			      : io_marshal(call, a, OFFSET_POSITION, GUARD_POSITION);
}

static enum reason vector_at_offset(struct call *call, const long *a)
{
	return (int)a[2] <= 0 || a[3] < 0 ? REASON_ARGUMENT
					  : io_marshal(call, a, (uint64_t)a[3], GUARD_FILE);
}

/* preadv2, pwritev2: offset -1 is the position here too (preadv2(2)) */
static enum reason vector_with_flags(struct call *call, const long *a)
{
	call->flags = (uint32_t)a[4];
	if (a[3] == -1 && call->flags & RWF_APPEND) /* the position becomes the file's end */
		return REASON_ARGUMENT;
	return a[3] == -1 ? vector_at_position(call, a) : vector_at_offset(call, a);
}

/* read(fd, buffer, length) */
OVER(READ)
{
	return at_position(call, a);
}

/* __read_chk(fd, buffer, length, room): libc aborts on an overflow */
OVER(READ_CHK)
{
	return (size_t)a[2] > (size_t)a[3] ? REASON_ARGUMENT : at_position(call, a);
}

/* pread(fd, buffer, length, offset) */
OVER(PREAD)
{
	return at_offset(call, a);
}

/* __pread_chk(fd, buffer, length, offset, room) */
OVER(PREAD_CHK)
{
	return (size_t)a[2] > (size_t)a[4] ? REASON_ARGUMENT : at_offset(call, a);
}

/* readv(fd, vectors, count) */
OVER(READV)
{
	return vector_at_position(call, a);
}

/* preadv(fd, vectors, count, offset) */
OVER(PREADV)
{
	return vector_at_offset(call, a);
}

/* preadv2(fd, vectors, count, offset, flags) */
OVER(PREADV2)
{
	return vector_with_flags(call, a);
}

/* write(fd, buffer, length) */
OVER(WRITE)
{
	return at_position(call, a);
}

/* pwrite(fd, buffer, length, offset) */
OVER(PWRITE)
{
	return at_offset(call, a);
}

/* writev(fd, vectors, count) */
OVER(WRITEV)
{
	return vector_at_position(call, a);
}

/* pwritev(fd, vectors, count, offset) */
OVER(PWRITEV)
{
	return vector_at_offset(call, a);
}

/* pwritev2(fd, vectors, count, offset, flags) */
OVER(PWRITEV2)
{
	return vector_with_flags(call, a);
}

/* fallocate(fd, mode, offset, length) */
OVER(FALLOCATE)
{
	call->guard = GUARD_FILE;
	call->fd = (int)a[0];
	call->flags = (uint32_t)a[1];
	call->offset = (uint64_t)a[2];
	call->length = (uint64_t)a[3];
	return REASON_NONE;
}

/* posix_fallocate(fd, offset, length): where the file system cannot, libc writes zeros */
OVER(POSIX_FALLOCATE)
{
	call->guard = GUARD_FILE;
	call->fd = (int)a[0];
	call->offset = (uint64_t)a[1];
	call->length = (uint64_t)a[2];
	return a[1] < 0 || a[2] <= 0 ? REASON_ARGUMENT : REASON_NONE;
}

/* posix_fadvise(fd, offset, length, advice): 32 bits of length before Linux 6.11 */
OVER(FADVISE)
{
	call->guard = GUARD_FILE;
	call->fd = (int)a[0];
	call->offset = (uint64_t)a[1];
	call->length = (uint64_t)a[2];
	call->flags = (uint32_t)a[3];
	return (uint64_t)a[2] > UINT32_MAX ? REASON_ARGUMENT : REASON_NONE;
}

/* ftruncate(fd, length) */
OVER(FTRUNCATE)
{
	call->guard = GUARD_FILE;
	call->fd = (int)a[0];
	call->offset = (uint64_t)a[1];
	return a[1] < 0 ? REASON_ARGUMENT : REASON_NONE;
}
