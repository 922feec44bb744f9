/* SPDX-License-Identifier: MIT
 *
 * wire.c: adds to the INIT reply what libfuse leaves out.
 *
 * libfuse 3.14 learns that the kernel offers FUSE_PARALLEL_DIROPS, sets the bit in
 * conn->want by default, and never copies it into its reply (libfuse #861, fixed in 3.16).
 * Without it the kernel holds a mutex of the directory across each LOOKUP and READDIR, so
 * that looking up 64 names takes 64 round trips one after the other. No API sets a raw flag,
 * but fuse_session_custom_io() (3.14) lets us see every message on its way.
 */
#include "slowfs.h"

#include <linux/fuse.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/uio.h>

/* Nothing else is in flight before the INIT reply, so one slot does. */
static struct {
	_Atomic uint64_t unique; /* of the INIT request not yet answered; 0: none */
	uint32_t offered;
	void (*ready)(void);
} init;

static ssize_t wire_read(int fd, void *buf, size_t size, void *userdata)
{
	const struct fuse_in_header *in = buf;
	const struct fuse_init_in *arg = (const void *)(in + 1);
	ssize_t n = read(fd, buf, size);

	(void)userdata;
	if (n >= (ssize_t)(sizeof(*in) + offsetof(struct fuse_init_in, flags) + sizeof(arg->flags)) &&
	    in->opcode == FUSE_INIT) {
		init.offered = arg->flags;
		atomic_store(&init.unique, in->unique);
	}
	return n;
}

static bool is_init_reply(const struct iovec *iov, int count)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	uint64_t unique = atomic_load(&init.unique);

	return unique && out->unique == unique && !out->error && count > 1 &&
	       iov[1].iov_len >= offsetof(struct fuse_init_out, max_background);
}

static ssize_t wire_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	ssize_t n;

	(void)userdata;
	if (!is_init_reply(iov, count))
		return writev(fd, iov, count);

	struct fuse_init_out *arg = iov[1].iov_base;
	if (settings.serial_dirops)
		arg->flags &= ~(uint32_t)FUSE_PARALLEL_DIROPS;
	else
		arg->flags |= init.offered & FUSE_PARALLEL_DIROPS;
	n = writev(fd, iov, count);
	if (n >= 0) {
		atomic_store(&init.unique, 0);
		init.ready();
	}
	return n;
}

int wire_attach(struct fuse_session *session, void (*ready)(void))
{
	static const struct fuse_custom_io io = {.read = wire_read, .writev = wire_writev};

	init.ready = ready;
	/* The descriptor stays the session's own: this only puts our functions before it. */
	return -fuse_session_custom_io(session, &io, fuse_session_fd(session));
}
