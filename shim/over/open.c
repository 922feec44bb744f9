/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <fcntl.h>
#include <stdbool.h>
#include <linux/openat2.h>

/* O_TMPFILE contains O_DIRECTORY, so both bits have to be there (open(2)). */
static bool takes_mode(int flags)
{
	return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE;
}

static enum reason open_marshal(struct call *call, int fd, const char *path, int flags, mode_t mode)
{
	call->guard = GUARD_OPEN;
	call->fd = fd;
	call->path = path;
	call->flags = (uint32_t)flags;
	call->mode = takes_mode(flags) ? mode : 0;
	return REASON_NONE;
}

/* open(path, flags[, mode]) */
OVER(OPEN)
{
	return open_marshal(call, AT_FDCWD, PATH(a[0]), (int)a[1], (mode_t)a[2]);
}

/* openat(dirfd, path, flags[, mode]) */
OVER(OPENAT)
{
	return open_marshal(call, (int)a[0], PATH(a[1]), (int)a[2], (mode_t)a[3]);
}

/* __open_2(path, flags): without a mode; libc aborts if one were needed */
OVER(OPEN_2)
{
	return takes_mode((int)a[1])
		       ? REASON_ARGUMENT
		       : open_marshal(call, AT_FDCWD, PATH(a[0]), (int)a[1], 0);
}

/* __openat_2(dirfd, path, flags) */
OVER(OPENAT_2)
{
	return takes_mode((int)a[2])
		       ? REASON_ARGUMENT
		       : open_marshal(call, (int)a[0], PATH(a[1]), (int)a[2], 0);
}

/* creat(path, mode) */
OVER(CREAT)
{
	return open_marshal(call, AT_FDCWD, PATH(a[0]), O_CREAT | O_WRONLY | O_TRUNC, (mode_t)a[1]);
}

/* syscall(SYS_openat2, dirfd, path, how, size): other sizes are other kernels' structures */
OVER(OPENAT2)
{
	if ((size_t)a[3] != sizeof(struct open_how))
		return REASON_ARGUMENT;
	call->guard = GUARD_OPEN;
	call->fd = (int)a[0];
	call->path = PATH(a[1]);
	call->data = POINTER(a[2]);
	return REASON_NONE;
}

/* close(fd) */
OVER(CLOSE)
{
	call->guard = GUARD_CLOSE;
	call->fd = (int)a[0];
	return REASON_NONE;
}
