/* SPDX-License-Identifier: MIT
 *
 * guard: a chain that ends with its process.
 *
 * A fatal signal takes back the call a worker waits in: FUSE gives up a request nobody has read yet
 * (fs/fuse/dev.c, request_wait_answer), NFS one on its way. The worker then goes on to the next of the
 * chain, and a directory has the later entry and not the earlier. Soft links do not help: the calls of
 * io_uring/fs.c never fail in the sense of a link. What does is a read of more than a page from
 * /dev/zero, which ends after the first when a signal is waiting (drivers/char/mem.c, read_iter_zero),
 * and a short read breaks its chain (io_uring/rw.c; all as of Linux 6.18). It takes a microsecond and
 * asks no file system.
 */
#include "backend/ring/private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/sys.h"

enum {
	PAGE = 4096,
	ZERO_MAJOR = 1, /* Documentation/admin-guide/devices.txt */
	ZERO_MINOR = 5,
};

/* Zeros, from all workers; nobody reads it. */
static char zeros[PAGE + 1];

static bool is_zero_device(int fd)
{
	struct stat stat;

	return sys(SYS_fstat, fd, &stat) == 0 && S_ISCHR(stat.st_mode) &&
	       stat.st_rdev == makedev(ZERO_MAJOR, ZERO_MINOR);
}

bool ring_guard(struct ring *ring, unsigned slot)
{
	struct io_uring_files_update update = {.offset = slot};
	int fd;

	if (ring->guard_slot || ring->guard_refused)
		return ring->guard_slot != 0;
	ring->guard_refused = true;
	fd = (int)sys(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	update.fds = (uintptr_t)&fd;
	if (is_zero_device(fd) &&
	    ring_register(ring, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1)
		ring->guard_slot = slot + 1;
	sys(SYS_close, fd);
	return ring->guard_slot != 0;
}

bool ring_tells_of_guards(const struct ring *ring)
{
	return ring->uring.features & IORING_FEAT_CQE_SKIP;
}

/*
 * Of a chain that ends with an entry of IOSQE_CQE_SKIP_SUCCESS the kernel tells only that entry
 * (REQ_F_SKIP_LINK_CQES); where there is no such flag it tells of all the others.
 */
bool ring_queue_guard(struct ring *ring, uint64_t token)
{
	bool skips = ring_tells_of_guards(ring);
	struct call call = {.opcode = OPCODE_READ,
			    .slot = ring->guard_slot,
			    .data = zeros,
			    .length = sizeof(zeros),
			    .linked = true};
	struct io_uring_sqe *sqe = ring->guard_slot ? io_uring_get_sqe(&ring->uring) : NULL;

	if (!sqe)
		return false;
	ring_prep(sqe, ring, &call);
	sqe->user_data = skips ? token | RING_TOKEN : 0;
	if (skips)
		sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
	return true;
}
