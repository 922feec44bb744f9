/* SPDX-License-Identifier: MIT */
#include "backend/ring/private.h"

_Static_assert((int)OPCODE_NOP == (int)IORING_OP_NOP, "opcodes.h");
_Static_assert((int)OPCODE_READV == (int)IORING_OP_READV, "opcodes.h");
_Static_assert((int)OPCODE_ASYNC_CANCEL == (int)IORING_OP_ASYNC_CANCEL, "opcodes.h");
_Static_assert((int)OPCODE_STATX == (int)IORING_OP_STATX, "opcodes.h");
_Static_assert((int)OPCODE_OPENAT2 == (int)IORING_OP_OPENAT2, "opcodes.h");
_Static_assert((int)OPCODE_LINKAT == (int)IORING_OP_LINKAT, "opcodes.h");
_Static_assert((int)OPCODE_GETXATTR == (int)IORING_OP_GETXATTR, "opcodes.h");

static void prep_ftruncate(struct io_uring_sqe *sqe, const struct call *call)
{
	/* liburing 2.3 has no io_uring_prep_ftruncate; the length travels as the offset. */
	io_uring_prep_rw(OPCODE_FTRUNCATE, sqe, call->fd, NULL, 0, call->offset);
}

/* A direct descriptor where the call names one: made by an open, used by the others. */
static void prep_slot(struct io_uring_sqe *sqe, const struct call *call)
{
	if (call->opcode == OPCODE_OPENAT || call->opcode == OPCODE_CLOSE) {
		sqe->file_index = call->slot;
	} else {
		sqe->fd = (int)call->slot - 1;
		sqe->flags |= IOSQE_FIXED_FILE;
	}
	if (call->opcode == OPCODE_CLOSE)
		sqe->fd = 0;
}

static void prep_opcode(struct io_uring_sqe *sqe, struct ring *ring, const struct call *call)
{
	unsigned length = (unsigned)call->length;
	int flags = (int)call->flags;
	void *statx = call->yield == YIELD_STAT ? &ring->statx : call->data;

	switch (call->opcode) {
	case OPCODE_READ:
		io_uring_prep_read(sqe, call->fd, call->data, length, call->offset);
		break;
	case OPCODE_WRITE:
		io_uring_prep_write(sqe, call->fd, call->data, length, call->offset);
		break;
	case OPCODE_READV:
		io_uring_prep_readv2(sqe, call->fd, call->data, length, call->offset, flags);
		break;
	case OPCODE_WRITEV:
		io_uring_prep_writev2(sqe, call->fd, call->data, length, call->offset, flags);
		break;
	case OPCODE_FSYNC:
		io_uring_prep_fsync(sqe, call->fd, call->flags);
		break;
	case OPCODE_SYNC_FILE_RANGE:
		io_uring_prep_sync_file_range(sqe, call->fd, length, call->offset, flags);
		break;
	case OPCODE_FALLOCATE:
		io_uring_prep_fallocate(sqe, call->fd, flags, (off_t)call->offset,
					(off_t)call->length);
		break;
	case OPCODE_FADVISE:
		io_uring_prep_fadvise(sqe, call->fd, call->offset, (off_t)call->length, flags);
		break;
	case OPCODE_FTRUNCATE:
		prep_ftruncate(sqe, call);
		break;
	case OPCODE_OPENAT:
		io_uring_prep_openat(sqe, call->fd, call->path, flags, call->mode);
		break;
	case OPCODE_OPENAT2:
		io_uring_prep_openat2(sqe, call->fd, call->path, call->data);
		break;
	case OPCODE_CLOSE:
		io_uring_prep_close(sqe, call->fd);
		break;
	case OPCODE_STATX:
		io_uring_prep_statx(sqe, call->fd, call->path, flags, length, statx);
		break;
	case OPCODE_RENAMEAT:
		io_uring_prep_renameat(sqe, call->fd, call->path, call->fd2, call->path2,
				       call->flags);
		break;
	case OPCODE_UNLINKAT:
		io_uring_prep_unlinkat(sqe, call->fd, call->path, flags);
		break;
	case OPCODE_MKDIRAT:
		io_uring_prep_mkdirat(sqe, call->fd, call->path, call->mode);
		break;
	case OPCODE_SYMLINKAT:
		io_uring_prep_symlinkat(sqe, call->path, call->fd2, call->path2);
		break;
	case OPCODE_LINKAT:
		io_uring_prep_linkat(sqe, call->fd, call->path, call->fd2, call->path2, flags);
		break;
	case OPCODE_GETXATTR:
		io_uring_prep_getxattr(sqe, call->path2, call->data, call->path, length);
		break;
	case OPCODE_FGETXATTR:
		io_uring_prep_fgetxattr(sqe, call->fd, call->path2, call->data, length);
		break;
	case OPCODE_SETXATTR:
		io_uring_prep_setxattr(sqe, call->path2, call->data, call->path, flags, length);
		break;
	case OPCODE_FSETXATTR:
		io_uring_prep_fsetxattr(sqe, call->fd, call->path2, call->data, flags, length);
		break;
	case OPCODE_ASYNC_CANCEL:
		io_uring_prep_cancel64(sqe, call->offset, 0);
		break;
	case OPCODE_NONE:
	case OPCODE_NOP:
	case OPCODE_COUNT:
		io_uring_prep_nop(sqe);
		break;
	}
}

void ring_prep(struct io_uring_sqe *sqe, struct ring *ring, const struct call *call)
{
	prep_opcode(sqe, ring, call);
	if (call->slot)
		prep_slot(sqe, call);
	if (call->linked)
		sqe->flags |= IOSQE_IO_LINK;
	if (call->hard_linked)
		sqe->flags |= IOSQE_IO_HARDLINK;
	if (call->by_worker)
		sqe->flags |= IOSQE_ASYNC;
}
