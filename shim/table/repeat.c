/* SPDX-License-Identifier: MIT */
#include "table/repeat.h"

#include <errno.h>
#include <fcntl.h>

/* Errors by which a transfer says "I did not begin". */
static bool transfer_refused(int err)
{
	switch (err) {
	case -EBADF:
	case -EINVAL:
	case -EAGAIN:
	case -EOPNOTSUPP:
	case -ENOSYS:
	case -EFBIG:
	case -EFAULT:
	case -ESPIPE:
		return true;
	default:
		return false;
	}
}

/* What a reader or a caller without data may be told before it begins, besides. */
static bool transfer_denied(int err)
{
	switch (err) {
	case -EPERM:
	case -EACCES:
	case -EISDIR:
	case -ENODEV:
	case -ENOMEM:
	case -EOVERFLOW:
	case -ETXTBSY:
		return true;
	default:
		return false;
	}
}

/*
 * A write to a file with O_SYNC writes first and then fails with whatever writing back came
 * to: ENOMEM, EPERM and the like may be that, and a second write its second copy.
 */
static bool transfer_may_be_repeated(enum opcode opcode, int err)
{
	return transfer_refused(err) ||
	       (opcode != OPCODE_WRITE && opcode != OPCODE_WRITEV && transfer_denied(err));
}

/* The storage or the way to it failed in the middle: the deed may have been done. */
static bool storage_failed(int err)
{
	switch (err) {
	case -EIO:
	case -EINTR:
	case -ETIMEDOUT:
	case -ENOTCONN:
	case -ECONNABORTED:
	case -ECONNRESET:
	case -ECONNREFUSED:
	case -EHOSTDOWN:
	case -EHOSTUNREACH:
	case -ENETUNREACH:
	case -ENOLINK:
	case -EREMOTEIO:
	case -ESTALE:
		return true;
	default:
		return false;
	}
}

/*
 * An exclusive creation may fail after the file is there (O_DIRECT where there is none, a
 * truncation refused): asked again, it would say EEXIST. OPENAT2 keeps its flags where only the
 * kernel looks, so it may be one.
 */
static bool open_may_be_repeated(const struct call *call)
{
	return call->opcode != OPCODE_OPENAT2 && !(call->flags & O_CREAT && call->flags & O_EXCL);
}

static bool handle_may_be_repeated(const struct call *call, int err)
{
	if (call->opcode == OPCODE_CLOSE) /* else it has closed */
		return err == -EBADF || err == -EAGAIN || err == -EINVAL;
	return open_may_be_repeated(call) && !storage_failed(err);
}

/*
 * That nothing has the name is the first thing either way can say about a path, and the answer
 * to most questions of the stat family that fail: the ring's word is as good. Not for statx,
 * whose flags may be wrong as well, which the ring notices after the path and the call before.
 */
static bool question_may_be_repeated(const struct call *call, int err)
{
	return err != -ENOENT || call->opcode != OPCODE_STATX || call->op == OP_STATX;
}

/*
 * A question that failed is put again. A command that failed changed nothing, unless the
 * storage itself failed. A failed fsync has taken the file's one error report with it, and the
 * report may be any errno: only -ECANCELED, by which the ring says that it never began, is not
 * the answer.
 */
bool repeat_allowed(const struct call *call, int err)
{
	if (err == -ECANCELED)
		return true;
	if (call->op == OP_POSIX_FALLOCATE || call->op == OP_FADVISE)
		return true; /* they return errors in their own way */
	switch (table_op_class(call->op)) {
	case CLASS_QUESTION:
		return question_may_be_repeated(call, err);
	case CLASS_COMMAND:
		return !storage_failed(err);
	case CLASS_DATA:
		return transfer_may_be_repeated(call->opcode, err);
	case CLASS_DURABLE:
		return false;
	case CLASS_HANDLE:
		return handle_may_be_repeated(call, err);
	case CLASS_LISTING:
	case CLASS_PROCESS:
		return true;
	}
	return true;
}
