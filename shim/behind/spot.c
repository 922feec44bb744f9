/* SPDX-License-Identifier: MIT
 *
 * What a path's last component is a name in. The way there may lead through what is pending, which is
 * waited for.
 */
#include "behind/private.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>

#include "base/sys.h"

/* Linux 5.12. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* Cuts SPOT's path behind the directory, and puts the rest back. */
static char spot_cut(struct spot *spot, char put)
{
	char *end = &spot->path[spot->directory];
	char was = *end;

	*end = put;
	return was;
}

static int spot_parent(struct spot *spot)
{
	char was;
	int err;

	if (!spot->directory)
		return spot->fd == AT_FDCWD
			       ? path_statx(AT_FDCWD, ".", 0, DIR_MASK, &spot->parent)
			       : descriptor_statx(spot->fd, DIR_MASK, &spot->parent);
	was = spot_cut(spot, '\0');
	err = path_statx(spot->fd, spot->path, 0, DIR_MASK, &spot->parent);
	spot_cut(spot, was);
	return err;
}

static uint64_t spot_handle(struct spot *spot)
{
	uint64_t handle;
	char was;

	if (!spot->directory)
		return spot->fd == AT_FDCWD ? path_handle(AT_FDCWD, ".", 0)
					    : descriptor_handle(spot->fd);
	was = spot_cut(spot, '\0');
	handle = path_handle(spot->fd, spot->path, 0);
	spot_cut(spot, was);
	return handle;
}

static bool spot_leads(struct spot *spot)
{
	return spot_parent(spot) == 0 && S_ISDIR(spot->parent.stx_mode);
}

/*
 * May the way to SPOT's name lead through a symbolic link or directory whose removal is pending?
 * Not without links and "..": what is below such a directory has gone before it. openat2 and
 * RESOLVE_CACHED: Linux 5.12; before, it may.
 */
static bool spot_strays(struct spot *spot)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS | RESOLVE_CACHED,
	};
	char was;
	long fd;

	if (!spot->directory)
		return false;
	if (strstr(spot->path, ".."))
		return true;
	was = spot_cut(spot, '\0');
	fd = sys(SYS_openat2, spot->fd, spot->path, &how, sizeof(how));
	spot_cut(spot, was);
	if (fd >= 0)
		sys(SYS_close, fd);
	return fd < 0;
}

bool spot_read(struct behind *behind, struct spot *spot, int fd, const char *path)
{
	struct identity identity;

	spot->known = false;
	spot->dir = NULL;
	spot->fd = fd;
	if (!path || !path_read(path, spot->path) || !spot->path[0])
		return false;
	if (spot->path[0] == '/')
		spot->fd = AT_FDCWD;
	spot->name = path_split(spot->path, &spot->directory);
	if (behind->ways && spot_strays(spot))
		queue_wait_all(behind);
	if (!spot_leads(spot)) {
		if (!behind->pending)
			return false;
		queue_wait_all(behind); /* it may lead through what is about to be made */
		if (!spot_leads(spot))
			return false;
	}
	spot->known = true;
	identity = identity_of(&spot->parent);
	spot->dir = dir_find(behind, &identity);
	if (spot->dir && spot->dir->mount != spot->parent.stx_mnt_id)
		spot->dir = NULL;
	if (spot->dir)
		spot->dir = dir_confirm(behind, spot->dir, spot_handle(spot));
	return true;
}

struct dir *spot_take(struct behind *behind, struct spot *spot)
{
	char was;

	if (spot->dir || !spot->known)
		return spot->dir;
	if (!spot->directory) {
		spot->dir = dir_take(behind, spot->fd, ".", 0);
		return spot->dir;
	}
	was = spot_cut(spot, '\0');
	spot->dir = dir_take(behind, spot->fd, spot->path, 0);
	spot_cut(spot, was);
	return spot->dir;
}
