/* SPDX-License-Identifier: MIT
 *
 * What is not opened for the program: the close would end this process's own POSIX locks on a file
 * (fcntl(2)), the open break a lease of whoever has one. /proc/locks shows all, but looking there may
 * wait (grace.c). Where that would take longer than it saves the locks and leases by
 * descriptors of this process are looked at (proc_pid_fdinfo(5)), and only files that were changed
 * a moment ago are opened: whoever opened one to write it broke the leases there were. Who only
 * changes a mode, an owner, a time or a name breaks none, and cannot be told apart.
 */
#include "base/proc.h"
#include "together/private.h"

#include <stddef.h>
#include <time.h>

#include "process/config.h"
#include "process/descriptors.h"

enum {
	DESCRIPTORS_MOST = 64, /* of the program, to look at each */
	FEW = 4, /* fsyncs that take as long as a look at /proc/locks: then it is made */
	MS_PER_S = 1000,
	NS_PER_MS = 1000 * 1000,
};

static struct inodes locked;
static bool only_own; /* they are this process's locks alone */

/* ---- everybody's ---- */

/* "1: POSIX  ADVISORY  READ pid major:minor:inode begin end", with "->" where it waits. */
static bool lock_take(const char *line)
{
	const char *last = NULL;
	unsigned colons = 0;

	for (const char *at = proc_field_next(line); *at; at = proc_field_next(at)) {
		colons = 0;
		for (const char *c = at; *c && *c != ' '; c++)
			if (*c == ':' && ++colons == 2)
				last = c + 1;
		if (colons == 2)
			return inodes_add(&locked, proc_number(last, 10));
	}
	return true;
}

static bool all_read(struct together *together)
{
	bool read;

	locked.count = 0;
	read = proc_lines("/proc/locks", together->text, TEXT_SIZE, lock_take);
	grace_note(together);
	return read;
}

/* ---- this process's ---- */

static bool descriptor_take(void *context, int fd)
{
	unsigned *looked = context;
	struct shape shape;

	if (++*looked > DESCRIPTORS_MOST)
		return false;
	return !shape_read(fd, &shape) || !descriptor_locked(fd) ||
	       inodes_add(&locked, shape.identity.inode);
}

static bool own_read(void)
{
	unsigned looked = 0;

	locked.count = 0;
	return descriptors_list(descriptor_take, &looked);
}

/* ---- both ---- */

static int64_t ms_of(int64_t s, int64_t ns)
{
	return s * MS_PER_S + ns / NS_PER_MS;
}

/* Changed as lately as an answer may have been given. */
static bool is_young(const struct shape *shape)
{
	struct timespec now;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &now);
	age = ms_of(now.tv_sec, now.tv_nsec) -
	      ms_of(shape->changed.tv_sec, shape->changed.tv_nsec);
	return age >= 0 && age < (int64_t)config.stale_ms;
}

static bool own_will_do(const struct together *together)
{
	return config.mode == MODE_AUTO && !grace_pays(together, FEW) && is_young(next_newest(0));
}

bool locks_may_look(const struct together *together, unsigned coming)
{
	return own_will_do(together) || grace_may_come(together, coming);
}

bool locks_look(struct together *together, unsigned coming)
{
	only_own = own_will_do(together) && own_read();
	if (only_own)
		return true;
	return grace_is_here(together, coming) && all_read(together);
}

bool locks_have(const struct identity *identity)
{
	return inodes_have(&locked, identity->inode);
}

bool locks_spare(const struct shape *shape)
{
	return !locks_have(&shape->identity) && (!only_own || is_young(shape));
}
