/* SPDX-License-Identifier: MIT
 *
 * Destruction waits for proof in the result. A link or rename that failed late left its file with
 * the names it had before; the program, which was told that there is another one now, may go on to
 * take the old one away: link(tmp, final), unlink(tmp). So the file's last name is not removed,
 * replaced or truncated by this process or its children any more: such a call fails with what the
 * link failed with.
 */
#include "behind_private.h"

#include <errno.h>
#include <fcntl.h>

#include "over/over.h"

/* Ordinary memory: a forked child may be the one that cleans up. */
static struct {
	unsigned count;
	struct {
		struct identity inode;
		int err;
	} files[BEHIND_COMMANDS]; /* no more can be pending when the first one fails */
} lost;

void lost_note(const struct identity *inode, int err)
{
	if (!inode->inode || lost.count == BEHIND_COMMANDS)
		return;
	lost.files[lost.count].inode = *inode;
	lost.files[lost.count++].err = err;
}

bool lost_needs(enum op op)
{
	if (!lost.count)
		return false;
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest destroy nothing */
	switch ((int)op) {
	case OP_UNLINK:
	case OP_UNLINKAT:
	case OP_REMOVE:
	case OP_RENAME:
	case OP_RENAMEAT:
	case OP_RENAMEAT2:
	case OP_OPEN:
	case OP_OPENAT:
	case OP_CREAT:
	case OP_FOPEN:
		return true;
	default:
		return false;
	}
}

/* What the failure of the file at PATH was; 0: of this one nothing failed. */
static int path_lost(int fd, const char *path, int flags)
{
	struct identity identity;

	if (!path_identify(fd, path, flags, &identity))
		return 0;
	for (unsigned i = 0; i < lost.count; i++)
		if (identity_same(&lost.files[i].inode, &identity))
			return lost.files[i].err;
	return 0;
}

static int call_lost(const struct call *call)
{
	switch ((int)call->opcode) {
	case OPCODE_UNLINKAT:
		return path_lost(call->fd, call->path, AT_SYMLINK_NOFOLLOW);
	case OPCODE_RENAMEAT:
		return path_lost(call->fd2, call->path2, AT_SYMLINK_NOFOLLOW);
	case OPCODE_OPENAT:
		return call->flags & O_TRUNC ? path_lost(call->fd, call->path, 0) : 0;
	default:
		return 0;
	}
}

bool lost_refuses(const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	struct call call = {.op = passage->op};
	char mode[PATH_MAX];
	int err = 0;

	if (!lost_needs(passage->op))
		return false;
	if (passage->op == OP_FOPEN)
		err = path_read((const char *)arg[1], mode) && mode[0] == 'w'
			      ? path_lost(AT_FDCWD, PATH(arg[0]), 0)
			      : 0;
	else if (over_marshal(passage->op, &call, arg) == REASON_NONE)
		err = call_lost(&call);
	if (!err)
		return false;
	errno = err;
	*passage->value = passage->op == OP_FOPEN ? 0 : -1;
	*passage->reason = REASON_FAILED;
	return true;
}
