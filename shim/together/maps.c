/* SPDX-License-Identifier: MIT
 *
 * A file that is mapped shared can be written by a store, one that a submission queue of the
 * program's own knows by nobody's call at all, and memory shared with others can bring the news
 * that they have written one: /proc/self/maps shows all three.
 */
#include "base/proc.h"
#include "together/private.h"

#include <string.h>

#include "backend/flight.h"
#include "base/sys.h"

static struct inodes shared;

static bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

/* By the names the kernel has for such memory (mm/shmem.c, ipc/shm.c). */
static bool path_is_memory(const char *path)
{
	return begins(path, "/dev/zero") || begins(path, "/memfd:") || begins(path, "/SYSV") ||
	       begins(path, "/dev/shm/") || begins(path, "/anon_hugepage");
}

/* "begin-end rwxs offset device inode  path": false where LINE shows an unseen writer. */
static bool map_take(const char *line)
{
	const char *modes = proc_field_next(line);
	const char *inode = proc_field_next(proc_field_next(proc_field_next(modes)));
	const char *path = proc_field_next(inode);

	if (begins(path, "anon_inode:[io_uring]"))
		return flight_is_at(proc_number(line, 16));
	if (begins(path, "/[aio]"))
		return false;
	if (modes[0] && modes[3] != 's')
		return true;
	return !path_is_memory(path) && inodes_add(&shared, proc_number(inode, 10));
}

static bool maps_read(struct together *together)
{
	shared.count = 0;
	return proc_lines("/proc/self/maps", together->text, TEXT_SIZE, map_take);
}

unsigned maps_leave(struct together *together, unsigned count)
{
	struct candidate *candidates = together->candidates;
	bool looked = maps_read(together);
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++) {
		if (looked && !inodes_have(&shared, candidates[i].shape.identity.inode))
			candidates[left++] = candidates[i];
		else if (candidates[i].fd == OURS)
			sys(SYS_close, candidates[i].by);
	}
	return left;
}
