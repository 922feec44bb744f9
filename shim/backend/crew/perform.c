/* SPDX-License-Identifier: MIT */
#include "backend/crew/perform.h"

#include <errno.h>

#include "backend/crew/clone.h"
#include "base/sys.h"

enum {
	DATA_ONLY = 1, /* IORING_FSYNC_DATASYNC */
};

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452 /* Linux 6.6 */
#endif

CLONE_UNWATCHED static long file_read(const struct call *call)
{
	if (call->offset == UINT64_MAX)
		return sys(SYS_read, call->fd, call->data, call->length);
	return sys(SYS_pread64, call->fd, call->data, call->length, call->offset);
}

CLONE_UNWATCHED static long mode_set(const struct call *call)
{
	if (call->flags)
		return sys(SYS_fchmodat2, call->fd, call->path, call->mode, call->flags);
	return sys(SYS_fchmodat, call->fd, call->path, call->mode);
}

bool call_performable(enum opcode opcode)
{
	switch ((int)opcode) {
	case OPCODE_NONE:
	case OPCODE_NOP:
	case OPCODE_FSYNC:
	case OPCODE_SYNC_FILE_RANGE:
	case OPCODE_OPENAT:
	case OPCODE_CLOSE:
	case OPCODE_STATX:
	case OPCODE_READ:
	case OPCODE_RENAMEAT:
	case OPCODE_UNLINKAT:
	case OPCODE_MKDIRAT:
	case OPCODE_SYMLINKAT:
	case OPCODE_LINKAT:
	case OPCODE_UTIMENSAT:
	case OPCODE_FCHMODAT:
	case OPCODE_FCHOWNAT:
	case OPCODE_LSETXATTR:
	case OPCODE_LREMOVEXATTR:
		return true;
	default:
		return false;
	}
}

CLONE_UNWATCHED long call_perform(const struct call *call)
{
	switch ((int)call->opcode) {
	case OPCODE_NONE:
	case OPCODE_NOP:
		return 0;
	case OPCODE_FSYNC:
		return sys(call->flags & DATA_ONLY ? SYS_fdatasync : SYS_fsync, call->fd);
	case OPCODE_SYNC_FILE_RANGE:
		return sys(SYS_sync_file_range, call->fd, call->offset, call->length, call->flags);
	case OPCODE_OPENAT:
		return sys(SYS_openat, call->fd, call->path, call->flags, call->mode);
	case OPCODE_CLOSE:
		return sys(SYS_close, call->fd);
	case OPCODE_STATX:
		return sys(SYS_statx, call->fd, call->path, call->flags, call->length, call->data);
	case OPCODE_READ:
		return file_read(call);
	case OPCODE_RENAMEAT:
		return sys(SYS_renameat2, call->fd, call->path, call->fd2, call->path2, call->flags);
	case OPCODE_UNLINKAT:
		return sys(SYS_unlinkat, call->fd, call->path, call->flags);
	case OPCODE_MKDIRAT:
		return sys(SYS_mkdirat, call->fd, call->path, call->mode);
	case OPCODE_SYMLINKAT:
		return sys(SYS_symlinkat, call->path, call->fd2, call->path2);
	case OPCODE_LINKAT:
		return sys(SYS_linkat, call->fd, call->path, call->fd2, call->path2, call->flags);
	case OPCODE_UTIMENSAT:
		return sys(SYS_utimensat, call->fd, call->path, call->data, call->flags);
	case OPCODE_FCHMODAT:
		return mode_set(call);
	case OPCODE_FCHOWNAT:
		return sys(SYS_fchownat, call->fd, call->path, call->owner, call->group, call->flags);
	case OPCODE_LSETXATTR:
		return sys(SYS_lsetxattr, call->path, call->path2, call->data, call->length,
			   call->flags);
	case OPCODE_LREMOVEXATTR:
		return sys(SYS_lremovexattr, call->path, call->path2);
	default:
		return -EINVAL;
	}
}
