/* SPDX-License-Identifier: MIT */
#include "call/yield.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "base/sys.h"

/*
 * Whether the program's BYTES may be written: the kernel is asked to write eight bytes at
 * either end (the old signal mask, which is put back to the caller as it is) and says EFAULT
 * where the program's own call would have.
 */
static bool memory_writable(char *memory, size_t bytes)
{
	enum { CHUNK = 8 };

	return sys(SYS_rt_sigprocmask, 0, NULL, memory, CHUNK) == 0 &&
	       sys(SYS_rt_sigprocmask, 0, NULL, memory + bytes - CHUNK, CHUNK) == 0;
}

static void stat_from_statx(struct stat *stat, const struct statx *statx)
{
	memset(stat, 0, sizeof(*stat));
	stat->st_dev = makedev(statx->stx_dev_major, statx->stx_dev_minor);
	stat->st_ino = statx->stx_ino;
	stat->st_nlink = statx->stx_nlink;
	stat->st_mode = statx->stx_mode;
	stat->st_uid = statx->stx_uid;
	stat->st_gid = statx->stx_gid;
	stat->st_rdev = makedev(statx->stx_rdev_major, statx->stx_rdev_minor);
	stat->st_size = (off_t)statx->stx_size;
	stat->st_blksize = statx->stx_blksize;
	stat->st_blocks = (blkcnt_t)statx->stx_blocks;
	stat->st_atim.tv_sec = statx->stx_atime.tv_sec;
	stat->st_atim.tv_nsec = statx->stx_atime.tv_nsec;
	stat->st_mtim.tv_sec = statx->stx_mtime.tv_sec;
	stat->st_mtim.tv_nsec = statx->stx_mtime.tv_nsec;
	stat->st_ctim.tv_sec = statx->stx_ctime.tv_sec;
	stat->st_ctim.tv_nsec = statx->stx_ctime.tv_nsec;
}

bool yield_stat(struct stat *to, const struct statx *from)
{
	if (!memory_writable((char *)to, sizeof(*to)))
		return false;
	stat_from_statx(to, from);
	return true;
}

bool yield_statx(struct statx *to, const struct statx *from)
{
	if (!memory_writable((char *)to, sizeof(*to)))
		return false;
	*to = *from;
	return true;
}
