/* SPDX-License-Identifier: MIT
 *
 * What a call does to what is pending and to what is known, told by the kind of its fence
 * (table/fence.h) and by its arguments. Whatever it could see or show is done first; a directory is
 * no longer being emptied once something else is done, nor private once somebody may be told of
 * it. Commands are the only calls that may be acknowledged instead.
 */
#include "behind/private.h"

#include <fcntl.h>
#include <string.h>

#include "call/filestream.h"
#include "over/over.h"
#include "process/descriptors.h"
#include "process/real.h"
#include "table/fence.h"
#include "walk/listing.h"

static bool descriptor_is(int fd, mode_t kind)
{
	struct statx statx;

	return descriptor_statx(fd, STATX_TYPE, &statx) == 0 && (statx.stx_mode & S_IFMT) == kind;
}

/* FD is about to be closed: only of a directory does nobody learn by that. */
static void close_prepare(struct behind *behind, int fd)
{
	if (behind->pending && (!descriptor_is(fd, S_IFDIR) || descriptor_locked(fd)))
		queue_wait_all(behind);
}

static int stream_descriptor(DIR *stream)
{
	return listing_has(stream) ? listing_descriptor(stream) : REAL(dirfd)(stream);
}

static void stream_prepare(struct behind *behind, const struct passage *passage)
{
	DIR *stream = (DIR *)passage->regs->arg[0];

	if (passage->op == OP_FDOPENDIR)
		return;
	if (passage->op == OP_GETDENTS || passage->op == OP_GETDIRENTRIES) {
		touch_descriptor(behind, (int)passage->regs->arg[0]);
	} else if (passage->op == OP_CLOSEDIR) {
		stream_gone(behind, stream);
		close_prepare(behind, stream_descriptor(stream));
	} else if (passage->op != OP_READDIR) {
		stream_gone(behind, stream); /* not read from its beginning to its end */
		touch_descriptor(behind, stream_descriptor(stream));
	} else if (behind->pending) {
		touch_descriptor(behind, stream_descriptor(stream));
	}
}

static bool names_our_descriptor(const struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;

	if (passage->op == OP_DUP2 || passage->op == OP_DUP3 || passage->op == OP_SYMLINKAT)
		return descriptor_is_ours(behind, (int)arg[0]) ||
		       descriptor_is_ours(behind, (int)arg[1]);
	if (passage->op == OP_LINKAT || passage->op == OP_RENAMEAT || passage->op == OP_RENAMEAT2)
		return descriptor_is_ours(behind, (int)arg[0]) ||
		       descriptor_is_ours(behind, (int)arg[2]);
	return arg[0] >= 0 && arg[0] < INT_MAX && descriptor_is_ours(behind, (int)arg[0]);
}

/* At the other end of a FIFO or a device it is seen that somebody opens it. */
static void open_tells(struct behind *behind, int fd, const char *path)
{
	struct statx statx;

	if (behind->descriptors && path_statx(fd, path, 0, STATX_TYPE, &statx) == 0 &&
	    !S_ISREG(statx.stx_mode) && !S_ISDIR(statx.stx_mode))
		behind_forget(behind);
}

/* Names that are made by others than this module's commands count as used. */
static void name_made(struct behind *behind, int fd, const char *path)
{
	struct spot *spot = &behind->spot;

	if (!spot_read(behind, spot, fd, path))
		behind_forget(behind);
	else if (spot->dir && strlen(spot->name) <= NAME_MAX)
		names_add(spot->dir, spot->name);
}

static void open_prepare(struct behind *behind, const struct passage *passage)
{
	const uint32_t changes = O_CREAT | O_TRUNC;
	const uint32_t exclusive = O_CREAT | O_EXCL; /* opens nothing that was there */
	struct call call = {.op = passage->op};

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE) {
		behind_forget(behind);
		return;
	}
	if (!(call.flags & O_DIRECTORY))
		empties_end(behind);
	if ((call.flags & O_ACCMODE) == O_RDONLY && !(call.flags & changes)) {
		touch_path(behind, &behind->spot, call.fd, call.path,
			   !(call.flags & O_NOFOLLOW));
	} else {
		queue_wait_all(behind);
		if ((call.flags & O_TMPFILE) == O_TMPFILE)
			behind_forget(behind);
		else
			name_made(behind, call.fd, call.path);
	}
	if (!(call.flags & (O_PATH | O_DIRECTORY)) && (call.flags & exclusive) != exclusive)
		open_tells(behind, call.fd, call.path);
}

static void fopen_prepare(struct behind *behind, const struct passage *passage)
{
	const char *path = PATH(passage->regs->arg[0]);

	empties_end(behind);
	if (filestream_mode_reads((const char *)passage->regs->arg[1])) {
		touch_path(behind, &behind->spot, AT_FDCWD, path, true);
	} else {
		queue_wait_all(behind);
		name_made(behind, AT_FDCWD, path);
	}
	open_tells(behind, AT_FDCWD, path);
}

static void make_prepare(struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	bool at = passage->op == OP_MKNODAT || passage->op == OP_MKFIFOAT;

	queue_wait_all(behind);
	empties_end(behind);
	if (passage->op == OP_XMKNOD || passage->op == OP_XMKNODAT)
		behind_forget(behind);
	else
		name_made(behind, at ? (int)arg[0] : AT_FDCWD, PATH(arg[at]));
}

static bool command_pass(struct behind *behind, const struct passage *passage)
{
	struct call call = {.op = passage->op};

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE) {
		behind_forget(behind);
		return false;
	}
	switch ((int)call.opcode) {
	case OPCODE_LINKAT:
		empties_end(behind);
		return links_command(behind, passage, &call);
	case OPCODE_MKDIRAT:
	case OPCODE_SYMLINKAT:
	case OPCODE_RENAMEAT:
		empties_end(behind);
		return makes_command(behind, passage, &call);
	case OPCODE_UNLINKAT:
		return empties_command(behind, passage, &call);
	default:
		behind_forget(behind);
		return false;
	}
}

static void ask_prepare(struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	bool at = passage->op == OP_FACCESSAT || passage->op == OP_READLINKAT ||
		  passage->op == OP_READLINKAT_CHK;

	empties_end(behind);
	if (passage->op == OP_FGETXATTR || passage->op == OP_FLISTXATTR)
		touch_descriptor(behind, (int)arg[0]);
	else
		touch_path(behind, &behind->spot, at ? (int)arg[0] : AT_FDCWD, PATH(arg[at]), true);
}

/* True for what nobody outside could learn by, which its arguments tell. */
static bool outside_is_plain(const struct passage *passage)
{
	return (passage->op == OP_FCNTL && passage_fcntl_is_plain(passage->regs)) ||
	       (passage->op == OP_SYSCALL && passage_syscall_is_plain(passage->regs));
}

/* Contents of files bring no news (docs/design.md, "What is given up"); what /proc says of others does. */
static void read_prepare(struct behind *behind, int fd)
{
	empties_end(behind);
	if (!descriptor_is(fd, S_IFREG) || descriptor_in_proc(behind, fd))
		behind_forget(behind);
}

/* What a stream reads of a regular file is as good as what read(2) does, and so is its end. */
static void stdio_prepare(struct behind *behind, const struct passage *passage)
{
	int fd;

	if (!filestream_only_reads(passage, &fd)) {
		behind_forget(behind);
		return;
	}
	read_prepare(behind, fd);
	if (passage->op == OP_FCLOSE)
		close_prepare(behind, fd);
}

static void write_prepare(struct behind *behind, int fd)
{
	empties_end(behind);
	behind->space_left = 0;
	if (descriptor_is(fd, S_IFREG))
		queue_wait_all(behind);
	else
		behind_forget(behind);
}

/* For the calls that are neither acknowledged nor made here. */
static void prepare(struct behind *behind, const struct passage *passage, enum fence fence)
{
	const long *arg = passage->regs->arg;

	switch (fence) {
	case FENCE_NONE:
	case FENCE_COMMAND:
	case FENCE_ATTRIBUTE:
		break;
	case FENCE_STAT:
		touch_question(behind, passage);
		break;
	case FENCE_ASK:
		ask_prepare(behind, passage);
		break;
	case FENCE_OPEN:
		open_prepare(behind, passage);
		break;
	case FENCE_OPENDIR:
		touch_path(behind, &behind->spot, AT_FDCWD, PATH(arg[0]), true);
		break;
	case FENCE_STREAM:
		stream_prepare(behind, passage);
		break;
	case FENCE_CLOSE:
		close_prepare(behind, (int)arg[0]);
		break;
	case FENCE_COPY:
		close_prepare(behind, (int)arg[1]);
		break;
	case FENCE_READ:
		read_prepare(behind, (int)arg[0]);
		break;
	case FENCE_STDIO:
		stdio_prepare(behind, passage);
		break;
	case FENCE_FOPEN:
		fopen_prepare(behind, passage);
		break;
	case FENCE_WRITE:
		write_prepare(behind, (int)arg[0]);
		break;
	case FENCE_MAKE:
		make_prepare(behind, passage);
		break;
	case FENCE_COUNT:
		queue_wait_all(behind);
		break;
	case FENCE_ALL:
		queue_wait_all(behind);
		empties_end(behind);
		break;
	case FENCE_OUTSIDE:
		if (!outside_is_plain(passage))
			behind_forget(behind);
		break;
	}
}

bool fence_pass(struct behind *behind, const struct passage *passage)
{
	enum fence fence = fence_of(passage->op);

	if (names_our_descriptor(behind, passage))
		behind_forget(behind);
	if (fence == FENCE_COMMAND)
		return command_pass(behind, passage);
	if (fence == FENCE_ATTRIBUTE) {
		empties_end(behind);
		return attributes_command(behind, passage);
	}
	prepare(behind, passage, fence);
	return false;
}
