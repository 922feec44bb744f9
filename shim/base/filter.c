/* SPDX-License-Identifier: MIT */
#include "base/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/threads.h"

enum sys_permit sys_permit __attribute__((visibility("hidden"))) = SYS_UNKNOWN;

enum look {
	LOOK_FREE,
	LOOK_FILTERED, /* or it cannot be told, nor will be */
	LOOK_LATER,    /* no descriptor, no memory just now */
};

static bool may_ask;
static bool asked;
static unsigned filters_asked; /* how many there were then */

/* A line of proc_pid_status(5), known by how it begins, and the number in it. */
struct line {
	const char *begins;
	size_t seen;
	unsigned number;
	bool over;
};

/* One more character of the file. No part of what begins a line repeats but its first character. */
static void line_take(struct line *line, char c)
{
	if (line->over)
		return;
	if (line->begins[line->seen])
		line->seen = c == line->begins[line->seen] ? line->seen + 1 : c == line->begins[0];
	else if (c >= '0' && c <= '9')
		line->number = line->number * 10 + (unsigned)(c - '0');
	else
		line->over = true;
}

/*
 * openat with these flags, read and close have loaded this library a moment ago, so no filter that let
 * it load kills for them. prctl(PR_GET_SECCOMP) would be cheaper, but may be the call that kills.
 * *FILTERS: how many the kernel counts (5.9), or 0.
 */
static enum look status_look(long fd, unsigned *filters)
{
	struct line mode = {.begins = "\nSeccomp:\t"};
	struct line count = {.begins = "\nSeccomp_filters:\t"};
	char text[512];
	long length = 0;

	while (!count.over && (length = sys_program(SYS_read, fd, text, sizeof(text))) > 0)
		for (long i = 0; i < length; i++) {
			line_take(&mode, text[i]);
			line_take(&count, text[i]);
		}
	*filters = count.number;
	if (!count.over && length < 0)
		return LOOK_FILTERED;
	return mode.number ? LOOK_FILTERED : LOOK_FREE; /* no such line: a kernel without seccomp */
}

static enum look look(unsigned *filters)
{
	long fd = sys_program(SYS_openat, AT_FDCWD, "/proc/thread-self/status",
			      O_RDONLY | O_CLOEXEC);
	enum look found;

	*filters = 0;
	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return LOOK_LATER;
	if (fd < 0)
		return LOOK_FILTERED;
	found = status_look(fd, filters);
	sys_program(SYS_close, fd);
	return found;
}

bool filter_forbids(void)
{
	return __atomic_load_n(&sys_permit, __ATOMIC_RELAXED) == SYS_FORBIDDEN;
}

enum sys_permit filter_comes(void)
{
	return __atomic_exchange_n(&sys_permit, SYS_FORBIDDEN, __ATOMIC_SEQ_CST);
}

void filter_came_not(enum sys_permit before)
{
	__atomic_store_n(&sys_permit, before, __ATOMIC_SEQ_CST);
}

void filter_may_be_asked(bool may)
{
	may_ask = may;
}

bool filter_was_asked(void)
{
	return asked;
}

/* One more than were asked may kill: somebody has installed it by a call that was not seen. */
bool filter_in_force(void)
{
	unsigned filters;

	if (filter_forbids())
		return true;
	return look(&filters) != LOOK_FREE && !(asked && filters == filters_asked);
}

/*
 * The first call of ours, of all. Where there are threads a descriptor of ours would be seen, for as
 * long as the look takes, by those who open files; there it is too late for a first call.
 */
static bool first_call_allowed(void)
{
	unsigned filters;
	enum look found = threads_seen() ? LOOK_LATER : look(&filters);

	if (found == LOOK_FILTERED && may_ask) {
		asked = true;
		filters_asked = filters;
		found = LOOK_FREE;
	}
	if (found != LOOK_LATER)
		__atomic_store_n(&sys_permit, found == LOOK_FREE ? SYS_ALLOWED : SYS_FORBIDDEN,
				 __ATOMIC_SEQ_CST);
	return found == LOOK_FREE;
}

long sys_asked(long nr, long a, long b, long c, long d, long e, long f)
{
	if (filter_forbids() || !first_call_allowed())
		return -EPERM;
	return sys_call6(nr, a, b, c, d, e, f);
}
