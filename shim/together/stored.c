/* SPDX-License-Identifier: MIT
 *
 * Completions kept for the program.
 *
 * Each open file description is told of a writeback error once (errseq_t, Linux 4.13), and one
 * that was opened after somebody was told hears nothing. So a success is handed over only where
 * the program's own description could not have said more: it is the one the fsync was made
 * through, or it was opened after it. And a failure is owed to the program, whatever becomes of
 * the file.
 */
#include "together/private.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/sys.h"
#include "process/config.h"
#include "report/late.h"
#include "report/stats.h"

bool shape_read(int fd, struct shape *shape)
{
	struct statx statx;

	if (descriptor_statx(fd, STATX_BASIC_STATS, &statx) != 0)
		return false;
	*shape = (struct shape){
		.identity = identity_of(&statx),
		.handle = descriptor_handle(fd),
		.mode = statx.stx_mode & S_IFMT,
		.size = statx.stx_size,
		.modified = statx.stx_mtime,
		.changed = statx.stx_ctime,
	};
	return (S_ISREG(shape->mode) || S_ISDIR(shape->mode)) &&
	       identity_tells(&shape->identity, shape->handle);
}

static bool time_same(const struct statx_timestamp *a, const struct statx_timestamp *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool shape_same(const struct shape *a, const struct shape *b)
{
	return identity_same(&a->identity, &b->identity) && a->handle == b->handle &&
	       a->size == b->size &&
	       time_same(&a->modified, &b->modified) && time_same(&a->changed, &b->changed);
}

static void stored_end(struct together *together, struct stored *stored)
{
	if (stored->state == STORED_READY)
		together->ready--;
	if (stored->state == STORED_OWED)
		together->owed--;
	stored->state = STORED_FREE;
	if (stored->path[0])
		stored->path[0] = '\0';
}

/* What the group cost, and what for. */
static void group_settle(struct together *together)
{
	if (!together->spent_ns)
		return;
	pay_group(together->pay, together->used + 1, together->spent_ns, together->again_ns,
		  config.depth);
	together->spent_ns = together->again_ns = 0;
}

void stored_void_all(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++)
		if (together->stored[i].state == STORED_READY)
			stored_end(together, &together->stored[i]);
	group_settle(together);
}

void stored_void_directories(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++)
		if (together->stored[i].state == STORED_READY &&
		    S_ISDIR(together->stored[i].shape.mode))
			stored_end(together, &together->stored[i]);
}

void stored_void(struct together *together, const struct identity *identity)
{
	for (unsigned i = 0; i < GROUP_MOST; i++) {
		struct stored *stored = &together->stored[i];

		if (stored->state == STORED_READY &&
		    identity_same(&stored->shape.identity, identity))
			stored_end(together, stored);
	}
}

static void stored_say(const struct together *together, struct stored *stored)
{
	if (!stored->told && !stored->said)
		late_report(together->data_only ? "fdatasync" : "fsync",
			    stored->path[0] ? stored->path : NULL, -stored->result);
	stored->said = true;
}

/* The program will not come for STORED, which says that its file is not safe. */
static void stored_tell(struct together *together, struct stored *stored)
{
	stored_say(together, stored);
	stored_end(together, stored);
}

void stored_share(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++)
		if (together->stored[i].state == STORED_OWED)
			stored_say(together, &together->stored[i]);
}

void stored_close(struct together *together, int fd)
{
	if (fd >= 0 && fd < NUMBERS)
		together->old_numbers &= ~(UINT64_C(1) << fd);
	for (unsigned i = 0; i < GROUP_MOST; i++) {
		struct stored *stored = &together->stored[i];

		if (stored->fd != fd)
			continue;
		if (stored->state == STORED_OWED)
			stored_tell(together, stored);
		else if (stored->state == STORED_READY)
			stored_end(together, stored);
	}
}

/* Both are one open file description; false also where the kernel cannot tell. */
static bool descriptions_same(int fd, int other)
{
	enum { KCMP_FILE };
	long pid = sys(SYS_getpid);

	return fd == other || sys(SYS_kcmp, pid, pid, KCMP_FILE, fd, other) == 0;
}

/*
 * The kernel tells each description once. The one the fsync was made through has heard it
 * already, and one that was opened since never will. Another that is older hears it from the
 * kernel, by the call that was just made: then the program has been told, too.
 */
int stored_tell_call(struct together *together, struct stored *stored, int fd, bool made)
{
	int err = -stored->result;
	bool told;

	if (stored->fd == OURS || descriptions_same(stored->fd, fd)) {
		stored_take(together, stored);
		return made ? err : 0;
	}
	told = stored->told;
	stored->told = true;
	return made && !told ? err : 0;
}

void stored_tell_all(struct together *together)
{
	for (unsigned i = 0; i < GROUP_MOST; i++)
		if (together->stored[i].state == STORED_OWED)
			stored_tell(together, &together->stored[i]);
}

void stored_number_look(struct together *together)
{
	together->old_numbers = 0;
	for (int fd = 0; fd < NUMBERS; fd++)
		if (sys(SYS_fcntl, fd, F_GETFD) >= 0)
			together->old_numbers |= UINT64_C(1) << fd;
}

/* True if FD cannot be older than the group: copies of older ones make everything void. */
static bool number_is_new(const struct together *together, int fd)
{
	return fd < NUMBERS && !(together->old_numbers >> fd & 1);
}

/* False where the kernel would refuse an fsync (EBADF). */
static bool number_syncs(int fd)
{
	long flags = sys(SYS_fcntl, fd, F_GETFL);

	return flags >= 0 && !(flags & O_PATH);
}

static bool stored_is_for(const struct together *together, const struct stored *stored, int fd)
{
	if (stored->state == STORED_OWED)
		return number_syncs(fd);
	return stored->state == STORED_READY &&
	       (stored->fd == fd ||
		(stored->fd == OURS && number_is_new(together, fd) && number_syncs(fd)));
}

struct stored *stored_find(struct together *together, int fd, const struct shape *shape)
{
	for (unsigned i = 0; i < GROUP_MOST; i++) {
		struct stored *stored = &together->stored[i];

		if (stored_is_for(together, stored, fd) &&
		    identity_same(&stored->shape.identity, &shape->identity))
			return stored;
	}
	return NULL;
}

bool stored_good(const struct together *together, const struct stored *stored,
		 const struct shape *shape, bool data_only)
{
	return (data_only || !together->data_only) && shape_same(&stored->shape, shape) &&
	       clock_ns() - together->begun_ns <= config_stale_ns();
}

void stored_take(struct together *together, struct stored *stored)
{
	stored_end(together, stored);
	together->used++;
	stats_ring(RING_STAT_SPARED);
}
