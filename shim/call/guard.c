/* SPDX-License-Identifier: MIT */
#include "call/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/fsinfo.h"
#include "base/path.h"
#include "base/sys.h"
#include "call/fd_owner.h"

static enum reason descriptor_check(int fd, bool directory_too, bool must_close)
{
	struct stat stat;
	unsigned traits;

	if (sys(SYS_fstat, fd, &stat) != 0)
		return REASON_TARGET;
	if (!S_ISREG(stat.st_mode) && !(directory_too && S_ISDIR(stat.st_mode)))
		return REASON_TARGET;
	traits = fsinfo_traits(stat.st_dev, fd);
	if (traits & FS_PSEUDO || (must_close && !(traits & FS_CLOSES)))
		return REASON_TARGET;
	return REASON_NONE;
}

/* A write then moves the position to an end that only the kernel knows. */
static bool descriptor_appends(int fd)
{
	return sys(SYS_fcntl, fd, F_GETFL) & O_APPEND;
}

static enum reason position_check(int fd)
{
	/* The kernel takes the position's lock for read(2) and write(2), and not for the ring
	 * (io_kiocb_update_pos): with somebody else at the same description, data is lost. */
	if (!fd_owner_is_us(fd) || descriptor_appends(fd))
		return REASON_POSITION;
	return descriptor_check(fd, false, false);
}

/* openat2(2) has its flags in the program's memory; where they cannot be read it may be anything. */
static bool open_may_write(const struct call *call)
{
	uint64_t flags = call->flags;

	if (call->opcode == OPCODE_OPENAT2 && !program_read(call->data, &flags, sizeof(flags)))
		return true;
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/*
 * Opening anything else than a regular file or a directory may wait for a peer (FIFO), act
 * (tape, tty) or depend on the calling thread (/proc/thread-self). And the ring opens without waiting
 * first: where somebody has a lease on the file, that is told at once, and may have been downgraded by
 * the time a worker comes to wait for it (fs/locks.c, __break_lease), which who opens to write must not
 * meet.
 */
static enum reason open_check(const struct call *call)
{
	struct statx statx;
	int nofollow = call->flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	long err = sys(SYS_statx, call->fd, call->path, AT_NO_AUTOMOUNT | nofollow,
		       STATX_TYPE, &statx);
	uint64_t device;
	unsigned traits;

	if (err == -ENOENT && call->flags & O_CREAT)
		return REASON_NONE;
	if (err || !(S_ISREG(statx.stx_mode) || S_ISDIR(statx.stx_mode)))
		return REASON_TARGET;
	if (S_ISREG(statx.stx_mode) && open_may_write(call))
		return REASON_ARGUMENT;
	device = makedev(statx.stx_dev_major, statx.stx_dev_minor);
	traits = fsinfo_traits_of_path(device, call->fd, call->path);
	return traits & FS_PSEUDO ? REASON_TARGET : REASON_NONE;
}

enum reason guard_check(const struct call *call)
{
	switch (call->guard) {
	case GUARD_NONE:
		return REASON_NONE;
	case GUARD_FILE:
		return descriptor_check(call->fd, false, false);
	case GUARD_SYNC:
		return descriptor_check(call->fd, true, false);
	case GUARD_POSITION:
		return position_check(call->fd);
	case GUARD_OPEN:
		return open_check(call);
	case GUARD_CLOSE:
		return descriptor_check(call->fd, true, true);
	}
	return REASON_TARGET;
}
