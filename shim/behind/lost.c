/* SPDX-License-Identifier: MIT
 *
 * Destruction waits for proof in the result. A link or rename that failed late left its file with
 * the names it had before; the program, which was told that there is another one now, may go on to
 * take the old one away: link(tmp, final), unlink(tmp). So the file's last name is not removed,
 * replaced, truncated or opened as if it were new by this process or its children any more: such a
 * call fails with what the link failed with.
 */
#include "behind/private.h"

#include <errno.h>
#include <fcntl.h>

#include "base/filter.h"
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

bool lost_any(void)
{
	return lost.count > 0;
}

bool lost_needs(enum op op)
{
	return lost_any() && table_op_traits(op) & TRAIT_DESTROYS;
}

/* What the failure of that file was; 0: of this one nothing failed. */
static int inode_lost(const struct identity *inode)
{
	for (unsigned i = 0; i < lost.count; i++)
		if (identity_same(&lost.files[i].inode, inode))
			return lost.files[i].err;
	return 0;
}

/* Under a seccomp filter nobody can be asked which file it is: it may be one that is lost. */
static int path_lost(int fd, const char *path, int flags)
{
	struct identity identity;

	if (filter_forbids())
		return lost.files[0].err;
	return path_identify(fd, path, flags, &identity) ? inode_lost(&identity) : 0;
}

static int descriptor_lost(int fd)
{
	struct identity identity;

	if (filter_forbids())
		return lost.files[0].err;
	return descriptor_identify(fd, &identity) ? inode_lost(&identity) : 0;
}

/* What was renamed is not there any more as far as the program knows, and it begins a new one. */
static bool opens_anew(uint32_t flags)
{
	return flags & O_TRUNC ||
	       (flags & O_CREAT && (flags & O_ACCMODE) != O_RDONLY && !(flags & O_APPEND));
}

static int call_lost(const struct call *call)
{
	switch ((int)call->opcode) {
	case OPCODE_UNLINKAT:
		return path_lost(call->fd, call->path, AT_SYMLINK_NOFOLLOW);
	case OPCODE_RENAMEAT:
		return path_lost(call->fd2, call->path2, AT_SYMLINK_NOFOLLOW);
	case OPCODE_OPENAT:
		return opens_anew(call->flags) ? path_lost(call->fd, call->path, 0) : 0;
	case OPCODE_FTRUNCATE:
		return descriptor_lost(call->fd);
	default:
		return 0;
	}
}

static bool stream_anew(const char *mode)
{
	char text[PATH_MAX];

	if (filter_forbids())
		return mode[0] == 'w';
	return path_read(mode, text) && text[0] == 'w';
}

static int passage_lost(const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	struct call call = {.op = passage->op};

	if (passage->op == OP_FOPEN || passage->op == OP_FREOPEN)
		return stream_anew((const char *)arg[1]) ? path_lost(AT_FDCWD, PATH(arg[0]), 0) : 0;
	if (passage->op == OP_TRUNCATE)
		return path_lost(AT_FDCWD, PATH(arg[0]), 0);
	return over_marshal(passage->op, &call, arg) == REASON_NONE ? call_lost(&call) : 0;
}

bool lost_refuses(const struct passage *passage)
{
	bool pointer = passage->op == OP_FOPEN || passage->op == OP_FREOPEN;
	int err = lost_needs(passage->op) ? passage_lost(passage) : 0;

	if (!err)
		return false;
	errno = err;
	*passage->value = pointer ? 0 : -1;
	*passage->reason = REASON_FAILED;
	return true;
}
