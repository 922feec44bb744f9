/* SPDX-License-Identifier: MIT
 *
 * ops_dir.c: listing directories.
 */
#include "slowfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What one getdents64 fetches at most; more than the kernel asks for in one READDIR. */
#define LISTING_BYTES 65536

static void op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_OPENDIR, .ino = node_number(id)};
	int fd;

	if (!call_admit(&call))
		return;
	fd = openat(node_dirfd(id), ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (fi->flags & O_NOATIME));
	if (call_failed(&call, errno_of(fd)))
		return;
	fi->fh = (uint64_t)fd;
	if (fuse_reply_open(req, fi))
		close(fd);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_RELEASEDIR, .ino = node_number(id)};
	bool admitted = call_admit(&call);

	close((int)fi->fh);
	if (admitted)
		call_end(&call, 0);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_FSYNCDIR, .ino = node_number(id)};

	if (call_admit(&call))
		call_end(&call, sync_fd((int)fi->fh, data_only));
}

/* An answer being filled with entries, in the kernel's format. */
struct listing {
	fuse_req_t req;
	fuse_ino_t dir;
	bool plus; /* with each entry's attributes, as if looked up */
	char *data;
	size_t size, used;
};

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

static size_t put_plain(const struct listing *l, const struct dirent64 *d)
{
	struct stat st = {.st_ino = d->d_ino, .st_mode = (mode_t)DTTOIF(d->d_type)};

	return fuse_add_direntry(l->req, l->data + l->used, l->size - l->used, d->d_name, &st,
				 d->d_off);
}

/* Without a node id (dots, or gone meanwhile) the kernel takes only name and type. */
static size_t put_plus(const struct listing *l, const struct dirent64 *d)
{
	size_t room = l->size - l->used, need;
	struct fuse_entry_param entry;

	if (is_dot(d->d_name) || node_lookup(l->dir, d->d_name, &entry))
		entry = (struct fuse_entry_param){
			.attr = {.st_ino = d->d_ino, .st_mode = (mode_t)DTTOIF(d->d_type)}};
	need = fuse_add_direntry_plus(l->req, l->data + l->used, room, d->d_name, &entry, d->d_off);
	if (need > room && entry.ino)
		node_forget(entry.ino, 1);
	return need;
}

/* False: the answer is full. What did not fit is asked for again, by its offset. */
static bool listing_put(struct listing *l, const struct dirent64 *d)
{
	size_t need = l->plus ? put_plus(l, d) : put_plain(l, d);

	if (need > l->size - l->used)
		return false;
	l->used += need;
	return true;
}

/* The seek and the read are two calls: the kernel sends one READDIR of an open file at a time. */
static int listing_fill(struct listing *l, int fd, off_t offset)
{
	_Alignas(struct dirent64) char batch[LISTING_BYTES];
	ssize_t n;

	if (lseek(fd, offset, SEEK_SET) == -1)
		return errno;
	n = getdents64(fd, batch, l->size < sizeof(batch) ? l->size : sizeof(batch));
	if (n == -1)
		return errno;
	for (char *p = batch; p < batch + n;) {
		const struct dirent64 *d = (const void *)p;

		if (!listing_put(l, d))
			break;
		p += d->d_reclen;
	}
	return 0;
}

static void list(enum kind kind, fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		 struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = kind, .ino = node_number(id)};
	struct listing l = {.req = req, .dir = id, .plus = kind == KIND_READDIRPLUS, .size = size};

	call_range(&call, offset, size);
	if (!call_admit(&call))
		return;
	l.data = malloc(size);
	if (!call_failed(&call, l.data ? listing_fill(&l, (int)fi->fh, offset) : ENOMEM))
		fuse_reply_buf(req, l.data, l.used);
	free(l.data);
}

static void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	list(KIND_READDIR, req, id, size, offset, fi);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
			   struct fuse_file_info *fi)
{
	list(KIND_READDIRPLUS, req, id, size, offset, fi);
}

void ops_dir(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->releasedir = op_releasedir;
	ops->fsyncdir = op_fsyncdir;
}
