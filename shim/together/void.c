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

static const uint8_t touches[FAMILY_COUNT] = {
#define FAMILY_TOUCH(id, touch) [FAMILY_##id] = TOUCH_##touch,
#include "table/families.def"
};

static enum touch touch_of(enum op op)
{
	return touches[table_op_family(op)];
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
