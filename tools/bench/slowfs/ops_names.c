/* SPDX-License-Identifier: MIT
 *
 * ops_names.c: requests on the entries of a directory.
 */
#include "slowfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

/* A umask belongs to a process, unless its threads ask for one each. */
static void umask_assume(mode_t mask)
{
	static __thread bool own;

	if (!own)
		own = unshare(CLONE_FS) == 0;
	if (own)
		umask(mask);
}

void caller_assume(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);

	if (settings.acl)
		umask_assume(ctx->umask);
	setfsgid(ctx->gid);
	setfsuid(ctx->uid);
}

void caller_leave(void)
{
	setfsuid(geteuid());
	setfsgid(getegid());
	if (settings.acl)
		umask_assume(0);
}

/*
 * NAME as directory DIR spells it, in THERE where that is another. Two who make the same name at
 * once may both be told that there is none; the tests make one at a time.
 */
const char *name_there(fuse_ino_t dir, const char *name, char there[NAME_MAX + 1])
{
	const char *found = name;
	const struct dirent *entry;
	DIR *stream;
	int fd;

	if (!settings.fold_case || faccessat(node_dirfd(dir), name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return name;
	fd = openat(node_dirfd(dir), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	stream = fd != -1 ? fdopendir(fd) : NULL;
	if (!stream) {
		if (fd != -1)
			close(fd);
		return name;
	}
	while (found == name && (entry = readdir(stream)))
		if (!strcasecmp(entry->d_name, name))
			found = strcpy(there, entry->d_name);
	closedir(stream);
	return found;
}

/* An answer nobody takes (the caller was killed) leaves a lookup nobody would forget. */
static void reply_entry(fuse_req_t req, const struct fuse_entry_param *entry)
{
	if (fuse_reply_entry(req, entry) && entry->ino)
		node_forget(entry->ino, 1);
}

/* The last step of everything that makes an entry: err is the result of making it. */
static void reply_made(struct call *call, fuse_ino_t dir, const char *name, int err)
{
	struct fuse_entry_param entry;

	if (!err)
		err = node_lookup(dir, name, &entry);
	if (!err)
		call->ino2 = entry.attr.st_ino;
	if (!call_failed(call, err))
		reply_entry(call->req, &entry);
}

static void op_lookup(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct call call = {.req = req, .kind = KIND_LOOKUP, .ino = node_number(dir), .name = name};
	struct fuse_entry_param entry;
	int err;
	char there[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	err = node_lookup(dir, name, &entry);
	if (err == ENOENT && settings.negative_timeout > 0) {
		call_log(&call, err);
		entry = (struct fuse_entry_param){.entry_timeout = settings.negative_timeout};
		fuse_reply_entry(req, &entry);
		return;
	}
	if (!err)
		call.ino2 = entry.attr.st_ino;
	if (!call_failed(&call, err))
		reply_entry(req, &entry);
}

static void forget(fuse_ino_t id, uint64_t lookups)
{
	struct call call = {.kind = KIND_FORGET, .ino = node_number(id)};

	call_admit(&call);
	call_log(&call, 0);
	node_forget(id, lookups);
}

static void op_forget(fuse_req_t req, fuse_ino_t id, uint64_t lookups)
{
	forget(id, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		forget(forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_mknod(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode, dev_t rdev)
{
	struct call call = {.req = req, .kind = KIND_MKNOD, .ino = node_number(dir), .name = name};
	int err;
	char there[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	caller_assume(req);
	err = errno_of(mknodat(node_dirfd(dir), name, mode, rdev));
	caller_leave();
	reply_made(&call, dir, name, err);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t dir, const char *name, mode_t mode)
{
	struct call call = {.req = req, .kind = KIND_MKDIR, .ino = node_number(dir), .name = name};
	int err;
	char there[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	caller_assume(req);
	err = errno_of(mkdirat(node_dirfd(dir), name, mode));
	caller_leave();
	reply_made(&call, dir, name, err);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t dir, const char *name)
{
	struct call call = {.req = req, .kind = KIND_SYMLINK, .ino = node_number(dir), .name = name,
			    .name2 = target};
	int err;
	char there[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	caller_assume(req);
	err = errno_of(symlinkat(target, node_dirfd(dir), name));
	caller_leave();
	reply_made(&call, dir, name, err);
}

static void op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t dir, const char *name)
{
	struct call call = {.req = req, .kind = KIND_LINK, .ino = node_number(dir), .name = name,
			    .ino2 = node_number(id)};
	HOLD(node);
	int err;
	char there[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	err = hold_begin(&node, id);
	if (!err)
		err = errno_of(linkat(AT_FDCWD, node.path, node_dirfd(dir), name, AT_SYMLINK_FOLLOW));
	reply_made(&call, dir, name, err);
}

static void op_unlink(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct call call = {.req = req, .kind = KIND_UNLINK, .ino = node_number(dir), .name = name};
	char there[NAME_MAX + 1];
	int fd = node_dirfd(dir), err = 0;

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	if (silly_hidden(fd, name, call.range))
		call.name2 = call.range;
	else
		err = errno_of(unlinkat(fd, name, 0));
	call_end(&call, err);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t dir, const char *name)
{
	struct call call = {.req = req, .kind = KIND_RMDIR, .ino = node_number(dir), .name = name};
	char there[NAME_MAX + 1];

	if (call_admit(&call))
		call_end(&call, errno_of(unlinkat(node_dirfd(dir), name_there(dir, name, there),
						  AT_REMOVEDIR)));
}

static void op_rename(fuse_req_t req, fuse_ino_t dir, const char *name, fuse_ino_t newdir,
		      const char *newname, unsigned flags)
{
	struct call call = {.req = req, .kind = KIND_RENAME, .ino = node_number(dir), .name = name,
			    .ino2 = node_number(newdir), .name2 = newname};
	char there[NAME_MAX + 1], newthere[NAME_MAX + 1];

	if (!call_admit(&call))
		return;
	name = name_there(dir, name, there);
	newname = name_there(newdir, newname, newthere);
	call_end(&call, errno_of(renameat2(node_dirfd(dir), name, node_dirfd(newdir), newname,
					   flags)));
}

void ops_names(struct fuse_lowlevel_ops *ops)
{
	ops->lookup = op_lookup;
	ops->forget = op_forget;
	ops->forget_multi = op_forget_multi;
	ops->mknod = op_mknod;
	ops->mkdir = op_mkdir;
	ops->symlink = op_symlink;
	ops->link = op_link;
	ops->unlink = op_unlink;
	ops->rmdir = op_rmdir;
	ops->rename = op_rename;
}
