/* SPDX-License-Identifier: MIT */
#include "backend/crew/perform.h"

#include <errno.h>

#include "backend/crew/clone.h"
#include "base/sys.h"

CLONE_UNWATCHED static long file_read(const struct call *call)
{
	if (call->offset == UINT64_MAX)
		return sys(SYS_read, call->fd, call->data, call->length);
	return sys(SYS_pread64, call->fd, call->data, call->length, call->offset);
}

bool call_performable(enum opcode opcode)
{
	switch ((int)opcode) {
	case OPCODE_NONE:
	case OPCODE_NOP:
	case OPCODE_FSYNC:
	case OPCODE_OPENAT:
	case OPCODE_CLOSE:
	case OPCODE_STATX:
	case OPCODE_READ:
	case OPCODE_RENAMEAT:
	case OPCODE_UNLINKAT:
	case OPCODE_MKDIRAT:
	case OPCODE_SYMLINKAT:
	case OPCODE_LINKAT:
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
		return sys(call->flags & CALL_DATA_ONLY ? SYS_fdatasync : SYS_fsync, call->fd);
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
	default:
		return -EINVAL;
	}
}
