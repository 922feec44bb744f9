/* SPDX-License-Identifier: MIT */
#include "base/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/probe.h"
#include "base/text.h"
#include "base/threads.h"

enum sys_permit sys_permit __attribute__((visibility("hidden"))) = SYS_UNKNOWN;

enum look {
	LOOK_FREE,
	LOOK_FILTERED, /* or it cannot be told, nor will be */
	LOOK_LATER,    /* no descriptor, no memory just now */
};

static enum filter_treatment treatment;
static bool spared; /* a question is not worth it any more */
static bool asked;
static unsigned filters_asked; /* how many there were then */
static struct permits permits; /* in force with SYS_SOME */

/* What proc_pid_status(5) says of a process, with 0 for what it does not say. */
struct status {
	unsigned parent, mode, filters;
};

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
 */
static bool status_read(long fd, struct status *status)
{
	struct line lines[] = {
		{.begins = "\nPPid:\t"},
		{.begins = "\nSeccomp:\t"},
		{.begins = "\nSeccomp_filters:\t"}, /* Linux 5.9 */
	};
	enum { LINES = sizeof(lines) / sizeof(*lines) };
	char text[512];
	long length = 0;

	while (!lines[LINES - 1].over && (length = sys_program(SYS_read, fd, text, sizeof(text))) > 0)
		for (long i = 0; i < length; i++)
			for (int line = 0; line < LINES; line++)
				line_take(&lines[line], text[i]);
	*status = (struct status){lines[0].number, lines[1].number, lines[2].number};
	return lines[LINES - 1].over || length >= 0;
}

/* 0, or the negative errno of the open; -EIO where it cannot be read. */
static long status_of(const char *path, struct status *status)
{
	long fd = sys_program(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	bool known;

	*status = (struct status){0};
	if (fd < 0)
		return fd;
	known = status_read(fd, status);
	sys_program(SYS_close, fd);
	return known ? 0 : -EIO;
}

static enum look look(struct status *status)
{
	long err = status_of("/proc/thread-self/status", status);

	if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
		return LOOK_LATER;
	if (err < 0)
		return LOOK_FILTERED;
	return status->mode ? LOOK_FILTERED : LOOK_FREE; /* no such line: a kernel without seccomp */
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

void filter_treat(enum filter_treatment wanted)
{
	treatment = wanted;
}

void filter_spare(void)
{
	spared = true;
}

bool filter_acts(void)
{
	enum sys_permit permit = __atomic_load_n(&sys_permit, __ATOMIC_RELAXED);

	return permit == SYS_ALLOWED || permit == SYS_SOME;
}

bool filter_lets_some(void)
{
	return __atomic_load_n(&sys_permit, __ATOMIC_RELAXED) == SYS_SOME;
}

bool filter_was_asked(void)
{
	return asked;
}

bool filter_lets_threads(void)
{
	enum sys_permit permit = __atomic_load_n(&sys_permit, __ATOMIC_RELAXED);

	if (permit == SYS_ALLOWED && asked)
		return probe_each();
	return permit != SYS_FORBIDDEN;
}

/* One more than were asked may kill: somebody has installed it by a call that was not seen. */
bool filter_in_force(void)
{
	struct status status;

	if (filter_forbids())
		return true;
	return look(&status) != LOOK_FREE && !(asked && status.filters == filters_asked);
}

static bool lives_under(unsigned process, unsigned filters)
{
	char path[32] = "";
	struct text text = {.at = path, .room = sizeof(path) - 1};
	struct status status;

	text_add(&text, "/proc/");
	text_number(&text, process);
	text_add(&text, "/status");
	return !status_of(path, &status) && status.filters == filters;
}

/*
 * Is clone let through, as far as can be told without trying? Where the first process of all lives
 * under as many filters as this one, they are a container's, for whatever runs there; and whoever
 * made this process did so under them. A filter that somebody has made for one program is none of
 * these. A parent that is not to be seen (0) has sent this process in from outside. Kernels before
 * 5.9 do not count.
 */
static bool clone_is_likely(const struct status *own)
{
	return own->filters && lives_under(1, own->filters) &&
	       (!own->parent || lives_under(own->parent, own->filters));
}

/* What is permitted under the filter that OWN tells of, found at the first call of ours. */
static enum sys_permit permit_under(const struct status *own)
{
	enum sys_permit permit = SYS_FORBIDDEN;

	switch (treatment) {
	case FILTER_AUTO:
		if (!spared && clone_is_likely(own) && probe_filter(&permits))
			permit = SYS_SOME;
		break;
	case FILTER_ASK:
		permit = SYS_ALLOWED;
		break;
	case FILTER_AVOID:
		break;
	}
	asked = permit != SYS_FORBIDDEN;
	filters_asked = own->filters;
	return permit;
}

/*
 * The first call of ours, of all. Where there are threads a descriptor of ours would be seen, for as
 * long as the look takes, by those who open files; there it is too late for a first call.
 */
static enum sys_permit first_call(void)
{
	struct status status;
	enum look found = threads_seen() ? LOOK_LATER : look(&status);
	enum sys_permit permit = SYS_UNKNOWN;

	switch (found) {
	case LOOK_FREE:
		permit = SYS_ALLOWED;
		break;
	case LOOK_FILTERED:
		permit = permit_under(&status);
		break;
	case LOOK_LATER:
		return SYS_UNKNOWN;
	}
	__atomic_store_n(&sys_permit, permit, __ATOMIC_SEQ_CST);
	return permit;
}

long sys_asked(long nr, long a, long b, long c, long d, long e, long f)
{
	enum sys_permit permit = __atomic_load_n(&sys_permit, __ATOMIC_SEQ_CST);

	if (permit == SYS_UNKNOWN)
		permit = first_call();
	if (permit == SYS_ALLOWED || (permit == SYS_SOME && permits_has(&permits, nr)))
		return sys_call6(nr, a, b, c, d, e, f);
	return -EPERM;
}
