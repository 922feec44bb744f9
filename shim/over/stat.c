/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <fcntl.h>
#include <stdbool.h>

/* What the stat family asks for; the kernel's own fstatat asks for the same (fs/stat.c). */
#define STAT_MASK STATX_BASIC_STATS

enum {
	STAT_FLAGS = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH,
	LAYOUT_KERNEL = 0, /* _STAT_VER_KERNEL and _STAT_VER_LINUX: one layout on x86-64 */
	LAYOUT_LINUX = 1,
};

/* The stat family never triggers automounts (stat(2), AT_NO_AUTOMOUNT since Linux 4.11). */
static enum reason stat_marshal(struct call *call, int fd, const char *path, int flags, void *out)
{
	if (flags & ~STAT_FLAGS || !path)
		return REASON_ARGUMENT;
	call->yield = YIELD_STAT;
	call->fd = fd;
	call->path = path;
	call->flags = (unsigned)flags | AT_NO_AUTOMOUNT;
	call->length = STAT_MASK;
	call->stat = out;
	return REASON_NONE;
}

static bool layout_known(long layout)
{
	return (int)layout == LAYOUT_KERNEL || (int)layout == LAYOUT_LINUX;
}

/* stat(path, out) */
OVER(STAT)
{
	return stat_marshal(call, AT_FDCWD, PATH(a[0]), 0, POINTER(a[1]));
}

/* lstat(path, out) */
OVER(LSTAT)
{
	return stat_marshal(call, AT_FDCWD, PATH(a[0]), AT_SYMLINK_NOFOLLOW, POINTER(a[1]));
}

/* fstat(fd, out): AT_FDCWD would be the current directory, a negative number is EBADF */
OVER(FSTAT)
{
	return (int)a[0] < 0 ? REASON_ARGUMENT
			     : stat_marshal(call, (int)a[0], "", AT_EMPTY_PATH, POINTER(a[1]));
}

/* fstatat(dirfd, path, out, flags) */
OVER(FSTATAT)
{
	return stat_marshal(call, (int)a[0], PATH(a[1]), (int)a[3], POINTER(a[2]));
}

/* __xstat(layout, path, out) */
OVER(XSTAT)
{
	return layout_known(a[0]) ? over_STAT(call, a + 1) : REASON_ARGUMENT;
}

/* __lxstat(layout, path, out) */
OVER(LXSTAT)
{
	return layout_known(a[0]) ? over_LSTAT(call, a + 1) : REASON_ARGUMENT;
}

/* __fxstat(layout, fd, out) */
OVER(FXSTAT)
{
	return layout_known(a[0]) ? over_FSTAT(call, a + 1) : REASON_ARGUMENT;
}

/* __fxstatat(layout, dirfd, path, out, flags) */
OVER(FXSTATAT)
{
	return layout_known(a[0]) ? over_FSTATAT(call, a + 1) : REASON_ARGUMENT;
}

/* statx(dirfd, path, flags, mask, out) */
OVER(STATX)
{
	if (!a[1]) /* with AT_EMPTY_PATH fine since Linux 6.11, EFAULT on the ring */
		return REASON_ARGUMENT;
	call->fd = (int)a[0];
	call->path = PATH(a[1]);
	call->flags = (uint32_t)a[2];
	call->length = (uint32_t)a[3];
	call->data = POINTER(a[4]);
	return REASON_NONE;
}
