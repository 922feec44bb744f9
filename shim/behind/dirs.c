/* SPDX-License-Identifier: MIT
 *
 * The directories this process is at work in, known by what they are (device, inode), not by how
 * they are spelled. Each is held by a descriptor of our own (O_PATH), so that neither a close
 * nor a chdir nor a rename of an ancestor has to wait for what is pending there. Those have
 * high numbers; a program that meets one finds it gone (fence.c).
 */
#include "behind/private.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/resource.h>

#include "base/hash.h"
#include "base/sys.h"
#include "process/process.h"

/* linux/stat.h of older headers has no name for it; Linux 5.8. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x00001000U
#endif

/* Linux 5.12. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

enum {
	NUMBER_MOST = 1024, /* ours end here or at the program's limit: a larger table costs */
	NAMES_FIRST = 512,
	NAMES_ROOM_MOST = 1 << 20, /* half of it is used, at most: 8 MiB a directory */
	PLACE_MASK = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO | STATX_MNT_ID,
};

/* ---- our descriptors ---- */

static int number_lowest(void)
{
	struct rlimit limit = {NUMBER_MOST, NUMBER_MOST};

	sys(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
	if (limit.rlim_cur > NUMBER_MOST)
		limit.rlim_cur = NUMBER_MOST;
	return (int)limit.rlim_cur - BEHIND_DIRS - 1;
}

/* Moves FD far up. Negative, with FD closed, where there is no room. */
static int descriptor_lift(struct behind *behind, int fd)
{
	long high = -1;

	if (!behind->lowest)
		behind->lowest = number_lowest();
	if (behind->lowest > 64) /* a program with fewer needs them all */
		high = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, behind->lowest);
	sys(SYS_close, fd);
	if (high >= 0)
		behind->descriptors++;
	return (int)high;
}

bool descriptor_is_ours(const struct behind *behind, int fd)
{
	if (!behind->descriptors || fd < behind->lowest)
		return false;
	for (int i = 0; i < BEHIND_DIRS; i++)
		if (behind->dirs[i].used && behind->dirs[i].fd == fd)
			return true;
	return false;
}

/* ---- records ---- */

static bool dir_is(const struct dir *dir, const struct identity *identity)
{
	return dir->used && !dir->dead && identity_same(&dir->identity, identity);
}

struct dir *dir_find(struct behind *behind, const struct identity *identity)
{
	for (int i = 0; i < BEHIND_DIRS; i++)
		if (dir_is(&behind->dirs[i], identity)) {
			behind->dirs[i].touched = ++behind->clock;
			return &behind->dirs[i];
		}
	return NULL;
}

void dir_drop(struct behind *behind, struct dir *dir)
{
	if (behind->spot.dir == dir)
		behind->spot.dir = NULL;
	if (behind->spot2.dir == dir)
		behind->spot2.dir = NULL;
	for (int i = 0; i < BEHIND_STREAMS; i++)
		if (behind->streams[i].dir == dir)
			behind->streams[i].stream = NULL;
	if (dir->pending || dir->held) {
		dir->dead = true; /* queue_turn drops it later */
		return;
	}
	if (behind->gathering == dir)
		behind->gathering = NULL;
	if (dir->names)
		process_unmap(dir->names, dir->names_room * sizeof(*dir->names));
	sweep_end(&dir->listing);
	sys(SYS_close, dir->fd);
	memset(dir, 0, sizeof(*dir));
	if (--behind->descriptors == 0) {
		mounts_forget(behind);
		crew_end(); /* from here on nobody looks what the program does */
	}
}

/* ---- doubts ---- */

static bool device_doubted(const struct behind *behind, uint64_t device)
{
	for (unsigned i = 0; i < behind->doubted_count; i++)
		if (behind->doubted[i] == device)
			return true;
	return false;
}

static void device_doubt(struct behind *behind, uint64_t device)
{
	behind_forget(behind);
	if (device_doubted(behind, device))
		return;
	if (behind->doubted_count == BEHIND_DOUBTED)
		behind_give_up();
	else
		behind->doubted[behind->doubted_count++] = device;
}

struct dir *dir_confirm(struct behind *behind, struct dir *dir, uint64_t handle)
{
	if (!dir || dir->handle == handle)
		return dir;
	device_doubt(behind, dir->identity.device);
	return NULL;
}

/* ---- room ---- */

static bool dir_idle(const struct dir *dir)
{
	return !dir->pending && !dir->held && !dir->doomed && !dir->wanted.count;
}

/* A free place, if need be that of the one not used longest: private ground goes last. */
static struct dir *dir_room(struct behind *behind)
{
	struct dir *oldest = NULL;

	for (int i = 0; i < BEHIND_DIRS; i++) {
		struct dir *dir = &behind->dirs[i];

		if (!dir->used)
			return dir;
		if (dir_idle(dir) && (!oldest || dir->touched < oldest->touched))
			oldest = dir;
	}
	if (oldest)
		dir_drop(behind, oldest);
	return oldest;
}

/* FD, which is ours from here on, becomes DIR. */
static struct dir *dir_begin(struct behind *behind, int fd, const struct statx *statx,
			     uint64_t handle)
{
	struct dir *dir = dir_room(behind);
	int high;

	if (!dir) {
		sys(SYS_close, fd);
		return NULL;
	}
	high = descriptor_lift(behind, fd);
	if (high < 0)
		return NULL;
	dir->used = true;
	dir->serial = ++behind->clock;
	dir->fd = high;
	dir->identity = identity_of(statx);
	dir->handle = handle;
	dir->mount = statx->stx_mnt_id;
	dir->touched = ++behind->clock;
	dir->place = SWEEP_NONE;
	return dir;
}

struct dir *dir_take(struct behind *behind, int fd, const char *path, int flags)
{
	struct statx statx;
	struct identity identity;
	struct dir *dir;
	uint64_t handle;
	long own = sys(SYS_openat, fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC | flags);

	if (own < 0)
		return NULL;
	if (descriptor_statx((int)own, PLACE_MASK, &statx) != 0 ||
	    !(statx.stx_mask & STATX_MNT_ID)) {
		sys(SYS_close, own);
		return NULL;
	}
	identity = identity_of(&statx);
	handle = descriptor_handle((int)own);
	dir = dir_find(behind, &identity);
	if (!dir && !device_doubted(behind, identity.device) && identity_tells(&identity, handle))
		return dir_begin(behind, (int)own, &statx, handle);
	sys(SYS_close, own);
	dir = dir_confirm(behind, dir, handle);
	return dir && dir->mount == statx.stx_mnt_id ? dir : NULL; /* by one mount is enough to know */
}

/* ---- spots ---- */

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
			       ? path_statx(AT_FDCWD, ".", 0, PLACE_MASK, &spot->parent)
			       : descriptor_statx(spot->fd, PLACE_MASK, &spot->parent);
	was = spot_cut(spot, '\0');
	err = path_statx(spot->fd, spot->path, 0, PLACE_MASK, &spot->parent);
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

/* ---- names used in private ground ---- */

bool name_is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

void name_keep(char kept[NAME_MAX + 1], const char *name)
{
	size_t length = strnlen(name, NAME_MAX);

	memcpy(kept, name, length);
	kept[length] = '\0';
}

bool name_same(const char *a, const char *b)
{
	while (*a && letter_fold(*a) == letter_fold(*b))
		a++, b++;
	return !*a && !*b;
}

/* Names equal but for case get one hash: a file system may take them for one. */
static uint64_t name_hash(const char *name)
{
	uint64_t hash = HASH_BEGIN;

	for (; *name; name++)
		hash = hash_byte(hash, (unsigned char)letter_fold(*name));
	return hash ? hash : 1;
}

static uint64_t *names_place(const struct dir *dir, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & (dir->names_room - 1);

	while (dir->names[at] && dir->names[at] != hash)
		at = (at + 1) & (dir->names_room - 1);
	return &dir->names[at];
}

/* A hash that two names share makes the second one a plain call: that is no harm. */
bool names_has(const struct dir *dir, const char *name)
{
	return dir->names && *names_place(dir, name_hash(name));
}

static bool names_grow(struct dir *dir)
{
	uint64_t *before = dir->names;
	uint32_t room = dir->names_room;

	if (room == NAMES_ROOM_MOST)
		return false;
	dir->names_room = room ? room * 2 : NAMES_FIRST;
	dir->names = process_map_private(dir->names_room * sizeof(*dir->names));
	if (!dir->names) {
		dir->names = before;
		dir->names_room = room;
		return false;
	}
	for (uint32_t i = 0; i < room; i++)
		if (before[i])
			*names_place(dir, before[i]) = before[i];
	if (before)
		process_unmap(before, room * sizeof(*before));
	return true;
}

void names_add(struct dir *dir, const char *name)
{
	uint64_t hash = name_hash(name), *place;

	if (!name_is_ascii(name))
		dir->strange = true;
	if (dir->names_used * 2 >= dir->names_room && !names_grow(dir)) {
		dir->ground = GROUND_OTHER; /* its names are not known any more */
		return;
	}
	place = names_place(dir, hash);
	if (!*place)
		dir->names_used++;
	*place = hash;
}

static bool dir_alive(const struct dir *dir)
{
	struct statx statx;

	return descriptor_statx(dir->fd, STATX_NLINK, &statx) == 0 && statx.stx_nlink != 0;
}

void dir_made(struct behind *behind, int fd, const char *path)
{
	struct identity identity;
	struct dir *dir;

	if (!path_identify(fd, path, AT_SYMLINK_NOFOLLOW, &identity))
		return;
	dir = dir_find(behind, &identity);
	if (dir && dir_alive(dir))
		dir_confirm(behind, dir, path_handle(fd, path, AT_SYMLINK_NOFOLLOW));
	else if (dir) /* of a directory that had this inode number before */
		dir_drop(behind, dir);
	dir = dir_take(behind, fd, path, O_NOFOLLOW);
	if (dir)
		dir->ground = GROUND_PRIVATE;
}
