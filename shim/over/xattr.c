/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <stdint.h>

/* Sizes travel in 32 bits; libc passes anything on, and the kernel's limit is 64 KiB. */
#define XATTR_MOST 65536

static enum reason value_marshal(struct call *call, const long *a)
{
	call->path2 = PATH(a[1]);
	call->data = POINTER(a[2]);
	call->length = (uint64_t)a[3];
	return call->length > XATTR_MOST ? REASON_ARGUMENT : REASON_NONE;
}

/* getxattr(path, name, value, size) */
OVER(GETXATTR)
{
	call->path = PATH(a[0]);
	return value_marshal(call, a);
}

/* fgetxattr(fd, name, value, size) */
OVER(FGETXATTR)
{
	call->fd = (int)a[0];
	return value_marshal(call, a);
}

/* setxattr(path, name, value, size, flags) */
OVER(SETXATTR)
{
	call->flags = (uint32_t)a[4];
	return over_GETXATTR(call, a);
}

/* fsetxattr(fd, name, value, size, flags) */
OVER(FSETXATTR)
{
	call->flags = (uint32_t)a[4];
	return over_FGETXATTR(call, a);
}
