/* SPDX-License-Identifier: MIT
 *
 * ops_file.c: requests on the contents of files, from open to release.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * O_DIRECT is between the program and the kernel: our buffers are not aligned for it. With
 * the write-back cache the kernel reads through descriptors opened for writing only, and
 * places appended data itself.
 */
static int backing_flags(int flags)
{
	flags &= ~(O_NOFOLLOW | O_DIRECT);
	if (settings.writeback) {
		if ((flags & O_ACCMODE) == O_WRONLY)
			flags = (flags & ~O_ACCMODE) | O_RDWR;
		flags &= ~O_APPEND;
	}
	return flags | O_CLOEXEC;
}

static void op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_OPEN, .ino = node_number(id)};
	HOLD(node);
	int fd = -1;
	int err;

	if (!call_admit(&call))
		return;
	err = hold_begin(&node, id);
	if (!err)
		err = errno_of(fd = open(node.path, backing_flags(fi->flags)));
	if (call_failed(&call, err))
		return;
	fi->fh = (uint64_t)fd;
	fi->keep_cache = settings.keep_cache;
	silly_opened(call.ino);
	if (fuse_reply_open(req, fi)) {
		silly_closed(call.ino);
		close(fd);
	}
}

/* Its node is found through the open file, not the name, which may be another's by now. */
static int adopt_opened(int fd, struct fuse_entry_param *entry)
{
	char path[32];
	int path_fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	return path_fd == -1 ? errno : node_adopt(path_fd, entry);
}

static void op_create(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_CREATE, .ino = node_number(dir), .name = name};
	int flags = backing_flags(fi->flags) | O_CREAT | O_NOFOLLOW;
	struct fuse_entry_param entry;
	char there[NAME_MAX + 1];
	int fd, err;

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	caller_assume(req);
	err = errno_of(fd = openat(node_dirfd(dir), name, flags, mode));
	caller_leave();
	if (!err)
		err = adopt_opened(fd, &entry);
	if (!err)
		call.ino2 = entry.attr.st_ino;
	if (call_failed(&call, err)) {
		if (fd != -1)
			close(fd);
		return;
	}
	fi->fh = (uint64_t)fd;
	silly_opened(call.ino2);
	if (fuse_reply_create(req, &entry, fi)) {
		silly_closed(call.ino2);
		close(fd);
		node_forget(entry.ino, 1);
	}
}

static void op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_READ, .ino = node_number(id)};
	char *data;
	ssize_t n = -1;

	call_range(&call, offset, size);
	if (!call_admit(&call))
		return;
	data = malloc(size);
	if (data)
		n = pread((int)fi->fh, data, size, offset);
	if (!call_failed(&call, data ? errno_of(n) : ENOMEM))
		fuse_reply_buf(req, data, (size_t)n);
	free(data);
}

static void op_write(fuse_req_t req, fuse_ino_t id, const char *data, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_WRITE, .ino = node_number(id)};
	ssize_t n;

	call_range(&call, offset, size);
	if (!call_admit(&call))
		return;
	n = pwrite((int)fi->fh, data, size, offset);
	if (!call_failed(&call, errno_of(n)))
		fuse_reply_write(req, (size_t)n);
}

/* close(2) of a copy: what the backing file system reports at close time, at close time. */
static void op_flush(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_FLUSH, .ino = node_number(id)};
	int copy;

	if (!call_admit(&call))
		return;
	copy = fcntl((int)fi->fh, F_DUPFD_CLOEXEC, 0);
	call_end(&call, copy == -1 ? errno : errno_of(close(copy)));
}

/* The descriptor is closed even when the answer is an injected fault: nobody retries. */
static void op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_RELEASE, .ino = node_number(id)};
	bool admitted = call_admit(&call);

	close((int)fi->fh);
	silly_closed(call.ino);
	if (admitted)
		call_end(&call, 0);
}

static void op_fsync(fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_FSYNC, .ino = node_number(id)};

	if (call_admit(&call))
		call_end(&call, sync_fd((int)fi->fh, data_only));
}

static void op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t offset, off_t length,
			 struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_FALLOCATE, .ino = node_number(id)};

	call_range(&call, offset, (uint64_t)length);
	if (call_admit(&call))
		call_end(&call, errno_of(fallocate((int)fi->fh, mode, offset, length)));
}

static void op_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t in_offset,
			       struct fuse_file_info *in_fi, fuse_ino_t out, off_t out_offset,
			       struct fuse_file_info *out_fi, size_t size, int flags)
{
	struct call call = {.req = req, .kind = KIND_COPY_FILE_RANGE, .ino = node_number(in),
			    .ino2 = node_number(out)};
	ssize_t n;

	call_range(&call, in_offset, size);
	if (!call_admit(&call))
		return;
	n = copy_file_range((int)in_fi->fh, &in_offset, (int)out_fi->fh, &out_offset, size,
			    (unsigned)flags);
	if (!call_failed(&call, errno_of(n)))
		fuse_reply_write(req, (size_t)n);
}

static void op_lseek(fuse_req_t req, fuse_ino_t id, off_t offset, int whence,
		     struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_LSEEK, .ino = node_number(id)};
	off_t at;

	call_range(&call, offset, 0);
	if (!call_admit(&call))
		return;
	at = lseek((int)fi->fh, offset, whence);
	if (!call_failed(&call, errno_of(at)))
		fuse_reply_lseek(req, at);
}

void ops_file(struct fuse_lowlevel_ops *ops)
{
	ops->create = op_create;
	ops->open = op_open;
	ops->read = op_read;
	ops->write = op_write;
	ops->flush = op_flush;
	ops->release = op_release;
	ops->fsync = op_fsync;
	ops->fallocate = op_fallocate;
	ops->copy_file_range = op_copy_file_range;
	ops->lseek = op_lseek;
}
