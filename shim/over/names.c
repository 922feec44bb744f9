/* SPDX-License-Identifier: MIT */
#include "over/over.h"

#include <fcntl.h>

static enum reason one_name(struct call *call, int fd, const char *path, uint32_t flags, mode_t mode)
{
	call->fd = fd;
	call->path = path;
	call->flags = flags;
	call->mode = mode;
	return REASON_NONE;
}

static enum reason two_names(struct call *call, int fd, const char *path, int fd2,
			     const char *path2, uint32_t flags)
{
	call->fd2 = fd2;
	call->path2 = path2;
	return one_name(call, fd, path, flags, 0);
}

/* link(path, path2) */
OVER(LINK)
{
	return two_names(call, AT_FDCWD, PATH(a[0]), AT_FDCWD, PATH(a[1]), 0);
}

/* linkat(dirfd, path, dirfd2, path2, flags) */
OVER(LINKAT)
{
	return two_names(call, (int)a[0], PATH(a[1]), (int)a[2], PATH(a[3]), (uint32_t)a[4]);
}

/* unlink(path) */
OVER(UNLINK)
{
	return one_name(call, AT_FDCWD, PATH(a[0]), 0, 0);
}

/* unlinkat(dirfd, path, flags) */
OVER(UNLINKAT)
{
	return one_name(call, (int)a[0], PATH(a[1]), (uint32_t)a[2], 0);
}

/* rmdir(path) */
OVER(RMDIR)
{
	return one_name(call, AT_FDCWD, PATH(a[0]), AT_REMOVEDIR, 0);
}

/* remove(path): a directory is EISDIR to the ring, and the plain call removes it */
OVER(REMOVE)
{
	return one_name(call, AT_FDCWD, PATH(a[0]), 0, 0);
}

/* rename(path, path2) */
OVER(RENAME)
{
	return two_names(call, AT_FDCWD, PATH(a[0]), AT_FDCWD, PATH(a[1]), 0);
}

/* renameat(dirfd, path, dirfd2, path2) */
OVER(RENAMEAT)
{
	return two_names(call, (int)a[0], PATH(a[1]), (int)a[2], PATH(a[3]), 0);
}

/* renameat2(dirfd, path, dirfd2, path2, flags) */
OVER(RENAMEAT2)
{
	return two_names(call, (int)a[0], PATH(a[1]), (int)a[2], PATH(a[3]), (uint32_t)a[4]);
}

/* mkdir(path, mode) */
OVER(MKDIR)
{
	return one_name(call, AT_FDCWD, PATH(a[0]), 0, (mode_t)a[1]);
}

/* mkdirat(dirfd, path, mode) */
OVER(MKDIRAT)
{
	return one_name(call, (int)a[0], PATH(a[1]), 0, (mode_t)a[2]);
}

/* symlink(target, path2) */
OVER(SYMLINK)
{
	return two_names(call, AT_FDCWD, PATH(a[0]), AT_FDCWD, PATH(a[1]), 0);
}

/* symlinkat(target, dirfd2, path2) */
OVER(SYMLINKAT)
{
	return two_names(call, AT_FDCWD, PATH(a[0]), (int)a[1], PATH(a[2]), 0);
}
