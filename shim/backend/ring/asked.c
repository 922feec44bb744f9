/* SPDX-License-Identifier: MIT
 *
 * asked: what a seccomp filter that was there at start allows, where the user says that it may be
 * asked (USHIM_SECCOMP=ask). The ring would get around it, so an opcode is used only if every system
 * call that does the same is let through to the kernel's own refusal: of no path, of no descriptor.
 */
#include "backend/ring/private.h"

#include <errno.h>

#include "base/sys.h"

/* FIRST: the argument before all zeros: no path, or no descriptor. */
static const struct {
	int opcode, number, first;
} calls[] = {
	{OPCODE_READV, SYS_readv, -1},
	{OPCODE_READV, SYS_preadv, -1},
	{OPCODE_READV, SYS_preadv2, -1},
	{OPCODE_WRITEV, SYS_writev, -1},
	{OPCODE_WRITEV, SYS_pwritev, -1},
	{OPCODE_WRITEV, SYS_pwritev2, -1},
	{OPCODE_FSYNC, SYS_fsync, -1},
	{OPCODE_FSYNC, SYS_fdatasync, -1},
	{OPCODE_SYNC_FILE_RANGE, SYS_sync_file_range, -1},
	{OPCODE_FALLOCATE, SYS_fallocate, -1},
	{OPCODE_OPENAT, SYS_open, 0},
	{OPCODE_OPENAT, SYS_openat, -1},
	{OPCODE_OPENAT, SYS_creat, 0},
	{OPCODE_CLOSE, SYS_close, -1},
	{OPCODE_STATX, SYS_stat, 0},
	{OPCODE_STATX, SYS_lstat, 0},
	{OPCODE_STATX, SYS_fstat, -1},
	{OPCODE_STATX, SYS_newfstatat, -1},
	{OPCODE_STATX, SYS_statx, -1},
	{OPCODE_READ, SYS_read, -1},
	{OPCODE_READ, SYS_pread64, -1},
	{OPCODE_WRITE, SYS_write, -1},
	{OPCODE_WRITE, SYS_pwrite64, -1},
	{OPCODE_FADVISE, SYS_fadvise64, -1},
	{OPCODE_OPENAT2, SYS_openat2, -1},
	{OPCODE_RENAMEAT, SYS_rename, 0},
	{OPCODE_RENAMEAT, SYS_renameat, -1},
	{OPCODE_RENAMEAT, SYS_renameat2, -1},
	{OPCODE_UNLINKAT, SYS_unlink, 0},
	{OPCODE_UNLINKAT, SYS_rmdir, 0},
	{OPCODE_UNLINKAT, SYS_unlinkat, -1},
	{OPCODE_MKDIRAT, SYS_mkdir, 0},
	{OPCODE_MKDIRAT, SYS_mkdirat, -1},
	{OPCODE_SYMLINKAT, SYS_symlink, 0},
	{OPCODE_SYMLINKAT, SYS_symlinkat, 0},
	{OPCODE_LINKAT, SYS_link, 0},
	{OPCODE_LINKAT, SYS_linkat, -1},
	{OPCODE_FSETXATTR, SYS_fsetxattr, -1},
	{OPCODE_SETXATTR, SYS_setxattr, 0},
	{OPCODE_FGETXATTR, SYS_fgetxattr, -1},
	{OPCODE_GETXATTR, SYS_getxattr, 0},
	{OPCODE_FTRUNCATE, SYS_ftruncate, -1},
};

/* The kernel's own word about such arguments; anything else is the filter's. */
static bool lets_through(int number, int first)
{
	switch (sys(number, first)) {
	case -EFAULT:
	case -EBADF:
	case -EINVAL:
	case -ENOENT:
		return true;
	default:
		return false;
	}
}

uint64_t ring_refused_by_filter(void)
{
	uint64_t refused = 0;

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (!lets_through(calls[i].number, calls[i].first))
			refused |= UINT64_C(1) << calls[i].opcode;
	return refused;
}
