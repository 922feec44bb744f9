/* SPDX-License-Identifier: MIT
 *
 * A file that is mapped shared can be written by a store, one that a submission queue of the
 * program's own knows by nobody's call at all, and memory shared with others can bring the news
 * that they have written one: /proc/self/maps shows all three. A file with a lock or a lease is
 * not opened for the program: the close would end this process's own POSIX locks on it
 * (fcntl(2)), and the open break a lease. /proc/locks shows them.
 */
#include "together_private.h"

#include <fcntl.h>
#include <string.h>

#include "flight.h"
#include "sys.h"

enum {
	INODES_MOST = 64, /* of each kind; with more nothing is started together */
};

/* By number alone, whatever the device. */
struct inodes {
	uint64_t number[INODES_MOST];
	unsigned count;
};

static struct inodes shared, locked;

static bool inodes_have(const struct inodes *inodes, uint64_t inode)
{
	for (unsigned i = 0; i < inodes->count; i++)
		if (inodes->number[i] == inode)
			return true;
	return false;
}

static bool inodes_add(struct inodes *inodes, uint64_t inode)
{
	if (inodes->count == INODES_MOST)
		return false;
	inodes->number[inodes->count++] = inode;
	return true;
}

static const char *field_next(const char *at)
{
	while (*at && *at != ' ')
		at++;
	while (*at == ' ')
		at++;
	return at;
}

static uint64_t number_read(const char *at, unsigned base)
{
	uint64_t number = 0;

	for (; *at && *at != ' ' && *at != '-'; at++)
		number = number * base + (unsigned)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return number;
}

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
	const char *modes = field_next(line);
	const char *inode = field_next(field_next(field_next(modes)));
	const char *path = field_next(inode);

	if (begins(path, "anon_inode:[io_uring]"))
		return ring_is_at(flight_ring(), number_read(line, 16));
	if (begins(path, "/[aio]"))
		return false;
	if (modes[0] && modes[3] != 's')
		return true;
	return !path_is_memory(path) && inodes_add(&shared, number_read(inode, 10));
}

/* "1: POSIX  ADVISORY  READ pid major:minor:inode begin end", with "->" where it waits. */
static bool lock_take(const char *line)
{
	const char *last = NULL;
	unsigned colons = 0;

	for (const char *at = field_next(line); *at; at = field_next(at)) {
		colons = 0;
		for (const char *c = at; *c && *c != ' '; c++)
			if (*c == ':' && ++colons == 2)
				last = c + 1;
		if (colons == 2)
			return inodes_add(&locked, number_read(last, 10));
	}
	return true;
}

/* Takes the whole lines of TEXT; returns how much of it they were, or -1. */
static long lines_take(char *text, size_t length, bool (*take)(const char *line))
{
	size_t begin = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n')
			continue;
		text[i] = '\0';
		if (!take(text + begin))
			return -1;
		begin = i + 1;
	}
	return (long)begin;
}

/* False where FILE cannot be read to its end, or TAKE had enough. */
static bool lines_read(const char *file, char *text, bool (*take)(const char *line))
{
	long fd = sys(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	long got, used = 0;

	if (fd < 0)
		return false;
	while (used >= 0 && (got = sys(SYS_read, fd, text + held, TEXT_SIZE - held)) > 0) {
		held += (size_t)got;
		used = lines_take(text, held, take);
		if (used >= 0)
			memmove(text, text + used, held -= (size_t)used);
		if (held == TEXT_SIZE)
			break;
	}
	sys(SYS_close, fd);
	return used >= 0 && got == 0;
}

static bool locks_read(struct together *together)
{
	bool read;

	locked.count = 0;
	read = lines_read("/proc/locks", together->text, lock_take);
	grace_note(together);
	return read;
}

static bool maps_read(struct together *together)
{
	shared.count = 0;
	return lines_read("/proc/self/maps", together->text, map_take);
}

bool held_is_locked(struct together *together, const struct identity *identity)
{
	return !locks_read(together) || inodes_have(&locked, identity->inode);
}

static bool candidate_is_held(const struct candidate *candidate)
{
	uint64_t inode = candidate->shape.identity.inode;

	return inodes_have(&shared, inode) ||
	       (candidate->fd == OURS && inodes_have(&locked, inode));
}

unsigned held_leave(struct together *together, unsigned count)
{
	struct candidate *candidates = together->candidates;
	bool ours = count && candidates[0].fd == OURS;
	bool looked = maps_read(together) && (!ours || locks_read(together));
	unsigned left = 0;

	for (unsigned i = 0; i < count; i++) {
		if (looked && !candidate_is_held(&candidates[i]))
			candidates[left++] = candidates[i];
		else if (candidates[i].fd == OURS)
			sys(SYS_close, candidates[i].by);
	}
	return left;
}
