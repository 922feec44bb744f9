/* SPDX-License-Identifier: MIT
 *
 * put: when a file that was opened and closed by a direct descriptor is open no more.
 *
 * The completion of the close does not say so, since others hold the file longer. NFS then renames
 * instead of removing it, and its directory and its file system are in use.
 *
 * The entry that read from it holds it until it is freed, which it is in the thread that owns the ring
 * when that comes to the kernel next (io_uring/io_uring.c, io_free_req; Linux 6.12 and 6.18). A worker
 * that drops the last reference does what is left of it before it begins the next entry of its chain
 * (io_uring/io-wq.c, io_assign_current_work).
 *
 * Before Linux 6.4 that is not all: closed files are given back a second later and by a kernel thread
 * (io_uring/rsrc.c, io_rsrc_node_ref_zero, delay = HZ). Taking the ring's table of files away does not wait
 * for that second, but what a kernel thread puts is on a list for another one (fs/file_table.c,
 * delayed_fput_list), which is emptied as a whole, in no order to rely on. A file of our own that goes
 * the same way behind them tells when its part of the list is begun, and a second one, sent when that is
 * seen, that it is done. The file is the end of a pipe: the other end sees it go.
 */
#include "backend/ring/private.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>

#include "base/sys.h"

enum {
	MARK_MS = 1000, /* it takes one tick of the kernel's clock, 1 to 10 ms */
	MARK_SLOT = 0,  /* no direct descriptor is in use */
};

bool ring_puts_at_once(const struct ring *ring)
{
	/* Memory of ours is for rings without a descriptor, which Linux 6.5 brought. */
	return ring->memory && !(ring->uring.flags & IORING_SETUP_SQPOLL);
}

/* Waits until nothing uses a file that was in it. It takes an RCU grace period. */
static bool table_renew(struct ring *ring)
{
	if (ring->guard_slot)
		ring->guard_refused = false; /* it is to be had again */
	ring->guard_slot = 0;
	return ring_register(ring, IORING_UNREGISTER_FILES, NULL, 0) == 0 &&
	       ring_slots_make(ring, ring->slots) >= 0;
}

static bool slot_set(struct ring *ring, int fd)
{
	struct io_uring_files_update update = {.offset = MARK_SLOT, .fds = (uintptr_t)&fd};

	return ring_register(ring, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1;
}

static bool writer_gone(int reader)
{
	const struct timespec most = {.tv_sec = MARK_MS / 1000};
	struct pollfd ends = {.fd = reader};

	return sys(SYS_ppoll, &ends, 1, &most, NULL) == 1 && ends.revents & POLLHUP;
}

/* Sends a file of our own the way of all others, and waits until it is put. */
static bool mark_put(struct ring *ring)
{
	int ends[2];
	bool sent;

	if (sys(SYS_pipe2, ends, O_CLOEXEC) != 0)
		return false;
	sent = slot_set(ring, ends[1]);
	sys(SYS_close, ends[1]);
	sent = sent && slot_set(ring, NO_FILE) && table_renew(ring) && writer_gone(ends[0]);
	sys(SYS_close, ends[0]);
	return sent;
}

bool ring_files_put(struct ring *ring)
{
	ring_enter(ring, 0, 0, NULL);
	if (ring_puts_at_once(ring) || !ring->slots)
		return true;
	return table_renew(ring) && mark_put(ring) && mark_put(ring);
}
