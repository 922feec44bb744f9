/* SPDX-License-Identifier: MIT
 *
 * ops_inode.c: requests on what is known of a file besides its contents.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

/* An open file's own descriptor if the request came with one, else the node's. */
static int node_stat(fuse_ino_t id, const struct fuse_file_info *fi, struct stat *st)
{
	HOLD(node);
	int err = fi ? 0 : hold_begin(&node, id);

	if (err)
		return err;
	err = node_attributes(fi ? (int)fi->fh : node.fd, st);
	if (!err)
		node_number_shown(fi ? (int)fi->fh : node.fd, st);
	return err;
}

static void op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_GETATTR, .ino = node_number(id)};
	struct stat st;

	if (call_admit(&call) && !call_failed(&call, node_stat(id, fi, &st)))
		fuse_reply_attr(req, &st, settings.attr_timeout);
}

static struct timespec time_wanted(int set, int now_bit, int bit, struct timespec t)
{
	if (set & now_bit)
		return (struct timespec){.tv_nsec = UTIME_NOW};
	return set & bit ? t : (struct timespec){.tv_nsec = UTIME_OMIT};
}

static int set_times(const struct hold *node, const struct stat *want, int set)
{
	struct timespec times[2] = {
		time_wanted(set, FUSE_SET_ATTR_ATIME_NOW, FUSE_SET_ATTR_ATIME, want->st_atim),
		time_wanted(set, FUSE_SET_ATTR_MTIME_NOW, FUSE_SET_ATTR_MTIME, want->st_mtim),
	};

	return errno_of(utimensat(node->fd, "", times, AT_EMPTY_PATH));
}

static int set_owner(const struct hold *node, const struct stat *want, int set)
{
	return errno_of(fchownat(node->fd, "", set & FUSE_SET_ATTR_UID ? want->st_uid : (uid_t)-1,
				 set & FUSE_SET_ATTR_GID ? want->st_gid : (gid_t)-1,
				 AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

static int set_size(const struct hold *node, const struct fuse_file_info *fi, off_t size)
{
	return errno_of(fi ? ftruncate((int)fi->fh, size) : truncate(node->path, size));
}

#define SET_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define SET_TIMES                                                                         \
	(FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)

/* Owner before mode, since a change of owner clears set-id bits; times after what moves them. */
static int set_attributes(fuse_ino_t id, const struct stat *want, int set,
			  const struct fuse_file_info *fi)
{
	HOLD(node);
	int err = hold_begin(&node, id);

	if (!err && (set & SET_OWNER))
		err = set_owner(&node, want, set);
	if (!err && (set & FUSE_SET_ATTR_SIZE))
		err = set_size(&node, fi, want->st_size);
	if (!err && (set & FUSE_SET_ATTR_MODE))
		err = errno_of(chmod(node.path, want->st_mode & 07777));
	if (!err && (set & SET_TIMES))
		err = set_times(&node, want, set);
	return err;
}

/* "mode+size", for the log; in call->range. */
static void name_attributes(struct call *call, int set)
{
	static const struct {
		int bits;
		const char *name;
	} parts[] = {{SET_OWNER, "owner"}, {FUSE_SET_ATTR_SIZE, "size"},
		     {FUSE_SET_ATTR_MODE, "mode"}, {SET_TIMES, "times"}};
	char *p = call->range;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		if (set & parts[i].bits)
			p += sprintf(p, "%s%s", p == call->range ? "" : "+", parts[i].name);
	call->name = call->range;
}

static void op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *want, int set,
		       struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_SETATTR, .ino = node_number(id)};
	struct stat st;
	int err;

	name_attributes(&call, set);
	if (!call_admit(&call))
		return;
	err = set_attributes(id, want, set, fi);
	if (!err)
		err = node_stat(id, fi, &st);
	if (!call_failed(&call, err))
		fuse_reply_attr(req, &st, settings.attr_timeout);
}

static void op_readlink(fuse_req_t req, fuse_ino_t id)
{
	struct call call = {.req = req, .kind = KIND_READLINK, .ino = node_number(id)};
	char target[PATH_MAX + 1];
	ssize_t n = -1;
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_begin(&node, id);
	if (!err)
		err = errno_of(n = readlinkat(node.fd, "", target, sizeof(target) - 1));
	if (call_failed(&call, err))
		return;
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

static void op_statfs(fuse_req_t req, fuse_ino_t id)
{
	struct call call = {.req = req, .kind = KIND_STATFS, .ino = node_number(id)};
	struct statvfs st;
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_begin(&node, id);
	if (!err)
		err = errno_of(fstatvfs(node.fd, &st));
	if (!err && st.f_namemax > refusal_name_max())
		st.f_namemax = refusal_name_max();
	if (!call_failed(&call, err))
		fuse_reply_statfs(req, &st);
}

/* ---- extended attributes ----------------------------------------------------------- */

/* ENOSYS once, and the kernel says EOPNOTSUPP from then on without asking. */
static int hold_for_xattr(struct hold *node, fuse_ino_t id)
{
	return settings.xattr ? hold_begin(node, id) : ENOSYS;
}

/* size 0 asks how much there is; data is unused then. */
static void reply_xattr(fuse_req_t req, size_t size, const char *data, size_t n)
{
	if (size)
		fuse_reply_buf(req, data, n);
	else
		fuse_reply_xattr(req, n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	struct call call = {.req = req, .kind = KIND_GETXATTR, .ino = node_number(id), .name = name};
	char data[XATTR_SIZE_MAX];
	ssize_t n = -1;
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_for_xattr(&node, id);
	size = size < sizeof(data) ? size : sizeof(data);
	if (!err)
		err = errno_of(n = getxattr(node.path, name, data, size));
	if (!call_failed(&call, err))
		reply_xattr(req, size, data, (size_t)n);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
	struct call call = {.req = req, .kind = KIND_LISTXATTR, .ino = node_number(id)};
	char data[XATTR_LIST_MAX];
	ssize_t n = -1;
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_for_xattr(&node, id);
	size = size < sizeof(data) ? size : sizeof(data);
	if (!err)
		err = errno_of(n = listxattr(node.path, data, size));
	if (!call_failed(&call, err))
		reply_xattr(req, size, data, (size_t)n);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value,
			size_t size, int flags)
{
	struct call call = {.req = req, .kind = KIND_SETXATTR, .ino = node_number(id), .name = name};
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_for_xattr(&node, id);
	call_end(&call, err ? err : errno_of(setxattr(node.path, name, value, size, flags)));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	struct call call = {.req = req, .kind = KIND_REMOVEXATTR, .ino = node_number(id),
			    .name = name};
	HOLD(node);
	int err;

	if (!call_admit(&call))
		return;
	err = hold_for_xattr(&node, id);
	call_end(&call, err ? err : errno_of(removexattr(node.path, name)));
}

void ops_inode(struct fuse_lowlevel_ops *ops)
{
	ops->getattr = op_getattr;
	ops->setattr = op_setattr;
	ops->readlink = op_readlink;
	ops->statfs = op_statfs;
	ops->getxattr = op_getxattr;
	ops->setxattr = op_setxattr;
	ops->listxattr = op_listxattr;
	ops->removexattr = op_removexattr;
}
