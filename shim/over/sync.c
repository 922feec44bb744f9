/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <stdint.h>

/* fsync(fd) */
OVER(FSYNC)
{
	call->guard = GUARD_SYNC;
	call->fd = (int)a[0];
	return REASON_NONE;
}

/* fdatasync(fd) */
OVER(FDATASYNC)
{
	call->flags = CALL_DATA_ONLY;
	return over_FSYNC(call, a);
}

/* sync_file_range(fd, offset, length, flags): the ring has 32 bits for the length */
OVER(SYNC_FILE_RANGE)
{
	call->guard = GUARD_FILE;
	call->fd = (int)a[0];
	call->offset = (uint64_t)a[1];
	call->length = (uint64_t)a[2];
	call->flags = (uint32_t)a[3];
	return a[1] < 0 || (uint64_t)a[2] > UINT32_MAX ? REASON_ARGUMENT : REASON_NONE;
}
