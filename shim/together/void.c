/* SPDX-License-Identifier: MIT */
#include "together/private.h"

#include <errno.h>
#include <fcntl.h>

#include "over/over.h"

/* What a call can do to what is kept. */
enum touch {
	TOUCH_ALL,     /* anything */
	TOUCH_NOTHING, /* neither changes files, nor can it bring news of somebody who did */
	TOUCH_FIRST,   /* the file of the descriptor in its first argument */
	TOUCH_THIRD,   /* ... in its third */
	TOUCH_READ,    /* brings news unless the descriptor in its first argument is a file's */
	TOUCH_CLOSE,
	TOUCH_STREAM,       /* writes to the stream in its first argument */
	TOUCH_STREAM_CLOSE, /* and closes it */
	TOUCH_OPEN,         /* with flags in the second argument */
	TOUCH_OPENAT,       /* in the third */
	TOUCH_MMAP,
	TOUCH_FCNTL,
	TOUCH_SYSCALL,
	TOUCH_NAMES, /* two names, or one, and the directories they are in */
};

static enum touch touch_of_class(enum op op)
{
	enum op_order order = table_op_order(op);

	switch (table_op_class(op)) {
	case CLASS_QUESTION:
		return TOUCH_NOTHING;
	case CLASS_LISTING:
		return order == ORDER_THREAD ? TOUCH_ALL : TOUCH_NOTHING;
	case CLASS_DURABLE:
		return order == ORDER_SYNC ? TOUCH_NOTHING : TOUCH_ALL;
	case CLASS_PROCESS:
		return order == ORDER_FREE ? TOUCH_NOTHING : TOUCH_ALL;
	case CLASS_COMMAND:
	case CLASS_DATA:
	case CLASS_HANDLE:
		return TOUCH_ALL;
	}
	return TOUCH_ALL;
}

static enum touch touch_of(enum op op)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest is told by class and order */
	switch ((int)op) {
	case OP_WRITE:
	case OP_PWRITE:
	case OP_WRITEV:
	case OP_PWRITEV:
	case OP_PWRITEV2:
	case OP_FALLOCATE:
	case OP_POSIX_FALLOCATE:
	case OP_FTRUNCATE:
	case OP_FCHMOD:
	case OP_FCHOWN:
	case OP_FUTIMENS:
	case OP_FUTIMES:
	case OP_FSETXATTR:
	case OP_FREMOVEXATTR:
	case OP_DPRINTF:
		return TOUCH_FIRST;
	case OP_COPY_FILE_RANGE:
		return TOUCH_THIRD;
	case OP_READ:
	case OP_READ_CHK:
	case OP_PREAD:
	case OP_PREAD_CHK:
	case OP_READV:
	case OP_PREADV:
	case OP_PREADV2:
		return TOUCH_READ;
	case OP_LSEEK:
	case OP_FADVISE:
	case OP_READAHEAD:
	case OP_MPROTECT:
	case OP_OPENDIR:
	case OP_FDOPENDIR:
	case OP_CLOSEDIR:
	case OP_FDOPEN:
	case OP_CHDIR:
	case OP_FCHDIR:
		return TOUCH_NOTHING;
	case OP_CLOSE:
		return TOUCH_CLOSE;
	case OP_FFLUSH:
		return TOUCH_STREAM;
	case OP_FCLOSE:
		return TOUCH_STREAM_CLOSE;
	case OP_OPEN:
	case OP_OPEN_2:
		return TOUCH_OPEN;
	case OP_OPENAT:
	case OP_OPENAT_2:
		return TOUCH_OPENAT;
	case OP_MMAP:
		return TOUCH_MMAP;
	case OP_RENAME:
	case OP_RENAMEAT:
	case OP_LINK:
	case OP_LINKAT:
	case OP_UNLINK:
	case OP_UNLINKAT:
		return TOUCH_NAMES;
	case OP_FCNTL:
		return TOUCH_FCNTL;
	case OP_SYSCALL:
		return TOUCH_SYSCALL;
	default:
		return touch_of_class(op);
	}
}

static void touch_file(struct together *together, int fd)
{
	struct shape shape;

	if (shape_read(fd, &shape))
		stored_void(together, &shape.identity);
}

static void touch_read(struct together *together, int fd)
{
	struct shape shape;

	if (!shape_read(fd, &shape) || !S_ISREG(shape.mode))
		stored_void_all(together);
}

static void touch_stream(struct together *together, long stream, bool closes)
{
	int fd = stream ? fileno((struct _IO_FILE *)stream) : -1;

	if (fd < 0) {
		stored_void_all(together);
		return;
	}
	touch_file(together, fd);
	if (closes)
		stored_close(together, fd);
}

/* A file may be made, of an inode number that was another's, or emptied. */
static void touch_open(struct together *together, long flags)
{
	if (flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY)))
		stored_void_all(together);
}

/* Copies of descriptors; locks, which bring news; ... */
static void touch_fcntl(struct together *together, const struct regs *regs)
{
	if (passage_fcntl_copies(regs) || !passage_fcntl_is_plain(regs))
		stored_void_all(together);
}

/* False where that cannot be told, or it is a directory, with all that is below. */
static bool touch_name(struct together *together, int fd, const char *path, bool absent)
{
	struct identity identity;
	struct statx statx;
	int err = path_statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, &statx);

	if (err)
		return absent && err == -ENOENT;
	identity = identity_of(&statx);
	stored_void(together, &identity);
	return !S_ISDIR(statx.stx_mode);
}

/* dpkg(1) renames each file behind its fsync. */
static void touch_names(struct together *together, const struct passage *passage)
{
	struct call call = {.op = passage->op};

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE || call.flags ||
	    !touch_name(together, call.fd, call.path, false) ||
	    (call.path2 && !touch_name(together, call.fd2, call.path2, true)))
		stored_void_all(together);
	else
		stored_void_directories(together);
}

/* fork, spawn, passing of descriptors; more than these, for a failure is rare. */
static bool op_shares(enum op op)
{
	return table_op_class(op) == CLASS_PROCESS || op == OP_POPEN;
}

void void_before(struct together *together, const struct passage *passage)
{
	const long *arg = passage->regs->arg;

	switch (touch_of(passage->op)) {
	case TOUCH_ALL:
		if (together->owed && op_shares(passage->op))
			stored_share(together);
		stored_void_all(together);
		break;
	case TOUCH_NOTHING:
		break;
	case TOUCH_FIRST:
		touch_file(together, (int)arg[0]);
		break;
	case TOUCH_THIRD:
		touch_read(together, (int)arg[0]);
		touch_file(together, (int)arg[2]);
		break;
	case TOUCH_READ:
		touch_read(together, (int)arg[0]);
		break;
	case TOUCH_CLOSE:
		stored_close(together, (int)arg[0]);
		break;
	case TOUCH_STREAM:
		touch_stream(together, arg[0], false);
		break;
	case TOUCH_STREAM_CLOSE:
		touch_stream(together, arg[0], true);
		break;
	case TOUCH_OPEN:
		touch_open(together, arg[1]);
		break;
	case TOUCH_OPENAT:
		touch_open(together, arg[2]);
		break;
	case TOUCH_MMAP:
		if (passage_shares_memory(passage->op, passage->regs))
			stored_void_all(together);
		break;
	case TOUCH_FCNTL:
		touch_fcntl(together, passage->regs);
		break;
	case TOUCH_SYSCALL:
		if (together->owed)
			stored_share(together);
		if (!passage_syscall_is_plain(passage->regs))
			stored_void_all(together);
		break;
	case TOUCH_NAMES:
		touch_names(together, passage);
		break;
	}
}
