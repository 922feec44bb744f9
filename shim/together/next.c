/* SPDX-License-Identifier: MIT
 *
 * The evidence is the order itself: descriptors synced one after another at equal distances,
 * each another file's. Nothing is remembered of what was opened or written.
 */
#include "together/private.h"

#include <fcntl.h>
#include <time.h>

#include "base/sys.h"

enum {
	SKIPS_MOST = 4,          /* numbers in the order that are no such files, in a row */
	SIZE_LEAST = 256 * 1024, /* files up to here are never too big */
	SIZE_TIMES = 4,          /* bigger ones may be so many times what was synced so far */
};

struct past {
	int fd;
	bool writable;
	struct shape shape;
	struct timespec noted; /* by the clock of file times */
};

/* The newest first; ordinary memory, because it is only a guess. */
static struct past trail[TRAIL];
static unsigned trail_length;
static uint64_t trail_size; /* of the biggest file since it began */
static unsigned noted;      /* ever */
static int distance;        /* between descriptors, once there is an order; or 0 */

static bool fd_writable(int fd, bool *writable)
{
	long flags = sys(SYS_fcntl, fd, F_GETFL);

	*writable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
	return flags >= 0 && !(flags & O_PATH);
}

void next_forget(void)
{
	trail_length = 0;
	trail_size = 0;
	distance = 0;
}

/* How many distances lie between FROM and TO; 0 where they do not lie so, or too far apart. */
static int steps(int from, int to)
{
	int count = distance ? (to - from) / distance : 0;

	return count > 0 && count <= SKIPS_MOST && from + count * distance == to ? count : 0;
}

static bool alike(const struct past *a, const struct past *b)
{
	return a->shape.mode == b->shape.mode && a->writable == b->writable &&
	       a->shape.identity.device == b->shape.identity.device;
}

/*
 * Three of a kind that lie in one line show an order; it goes on over numbers that are something
 * else's. (A database syncs its directory, its journal and itself, by falling numbers.)
 */
static void order_look(void)
{
	int before = trail[0].fd - trail[1].fd;

	if (distance && steps(trail[1].fd, trail[0].fd))
		return;
	distance = 0;
	if (trail_length == TRAIL && before == trail[1].fd - trail[2].fd &&
	    alike(&trail[0], &trail[1]) && alike(&trail[1], &trail[2]))
		distance = before;
}

bool next_note(int fd, const struct shape *shape)
{
	if (trail_length && identity_same(&trail[0].shape.identity, &shape->identity))
		return false;
	for (unsigned i = TRAIL - 1; i > 0; i--)
		trail[i] = trail[i - 1];
	trail[0] = (struct past){.fd = fd, .shape = *shape};
	fd_writable(fd, &trail[0].writable);
	clock_gettime(CLOCK_REALTIME_COARSE, &trail[0].noted);
	noted++;
	if (shape->size > trail_size)
		trail_size = shape->size;
	if (trail_length < TRAIL)
		trail_length++;
	order_look();
	return true;
}

unsigned next_noted(void)
{
	return noted;
}

const struct shape *next_newest(unsigned back)
{
	return &trail[back].shape;
}

bool next_ready(void)
{
	return trail_length > 0;
}

/* A time of the same tick may be later. */
static bool time_before(const struct statx_timestamp *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

bool next_changed_before(unsigned count)
{
	if (trail_length < count)
		return false;
	for (unsigned i = 0; i + 1 < count; i++)
		if (!time_before(&trail[i].shape.changed, &trail[i + 1].noted))
			return false;
	return true;
}

static bool size_fits(uint64_t size)
{
	return size <= SIZE_LEAST || size <= trail_size * SIZE_TIMES;
}

bool next_fits(const struct candidate *candidates, unsigned count)
{
	const struct shape *shape = &candidates[count].shape;
	const struct shape *last = &trail[0].shape;

	for (unsigned i = 0; i < count; i++)
		if (identity_same(&candidates[i].shape.identity, &shape->identity))
			return false;
	return shape->mode == last->mode && shape->identity.device == last->identity.device &&
	       !identity_same(&shape->identity, &last->identity) && size_fits(shape->size);
}

static bool candidate_fits(int fd, struct candidate *candidates, unsigned count)
{
	bool writable;

	candidates[count] = (struct candidate){.fd = fd, .by = fd};
	return fd >= 0 && fd_writable(fd, &writable) && writable == trail[0].writable &&
	       shape_read(fd, &candidates[count].shape) && next_fits(candidates, count);
}

bool next_reopens(void)
{
	return trail_length > 1 && trail[0].fd == trail[1].fd;
}

bool next_in_line(void)
{
	return distance != 0;
}

bool next_ordered(void)
{
	return next_in_line() || (next_reopens() && next_changed_before(TRAIL - 1));
}

unsigned next_find(struct candidate *candidates, unsigned most)
{
	unsigned count = 0;
	int fd = trail[0].fd;

	for (int skipped = 0; distance && count < most && skipped < SKIPS_MOST;) {
		fd += distance;
		if (candidate_fits(fd, candidates, count)) {
			skipped = 0;
			count++;
		} else {
			skipped++;
		}
	}
	return count;
}
