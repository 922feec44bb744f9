/* SPDX-License-Identifier: MIT
 *
 * The directories this process is at work in, known by what they are (device, inode), not by how
 * they are spelled. Each is held by a descriptor of our own (O_PATH), so that neither a close
 * nor a chdir nor a rename of an ancestor has to wait for what is pending there. Those have
 * high numbers; a program that meets one finds it gone (fence.c).
 */
#include "backend/flight.h"
#include "behind/private.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

#include "base/sys.h"
#include "process/process.h"

enum {
	NUMBER_MOST = 1024, /* ours end here or at the program's limit: a larger table costs */
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
		flight_rest(); /* from here on nobody looks what the program does */
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

static void (*doubt_told)(struct behind *behind);

void dirs_tell_doubts(void (*to)(struct behind *behind))
{
	doubt_told = to;
}

/*
 * A completion may be what shows it. Then commands are being taken out of the queues right now, and
 * waiting for these would begin anew in the midst of that: it is done before the program's next call.
 */
static void device_doubt(struct behind *behind, uint64_t device)
{
	if (behind->landing)
		behind->doubts = true;
	else if (doubt_told)
		doubt_told(behind);
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
	if (descriptor_statx((int)own, DIR_MASK, &statx) != 0 ||
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

/* ---- ground ---- */

void ground_end(struct behind *behind, struct dir *dir)
{
	if (dir->ground == GROUND_EMPTYING) {
		behind->ended[behind->ended_next++ % BEHIND_ENDED] = dir->identity;
		dir->ground = GROUND_OTHER;
	}
	dir->listed = false;
	dir->successes = 0;
}

void empties_end(struct behind *behind)
{
	for (int i = 0; i < BEHIND_DIRS && behind->removes; i++)
		if (behind->dirs[i].used)
			ground_end(behind, &behind->dirs[i]);
}
