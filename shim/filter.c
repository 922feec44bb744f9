/* SPDX-License-Identifier: MIT */
#include "filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "config.h"
#include "process.h"

enum sys_permit sys_permit __attribute__((visibility("hidden"))) = SYS_UNKNOWN;

enum look {
	LOOK_FREE,
	LOOK_FILTERED, /* or it cannot be told, nor will be */
	LOOK_LATER,    /* no descriptor, no memory just now */
};

static bool asked;

/* The line of proc_pid_status(5); 0 in it means that there is none. */
static const char line[] = "\nSeccomp:\t";

/* How much of LINE has been seen after one more character. No part of it but the first repeats. */
static size_t line_goes_on(size_t seen, char c)
{
	return c == line[seen] ? seen + 1 : c == line[0];
}

/*
 * openat with these flags, read and close have loaded this library a moment ago, so no filter that let
 * it load kills for them. prctl(PR_GET_SECCOMP) would be cheaper, but may be the call that kills.
 */
static enum look status_look(long fd)
{
	size_t seen = 0;
	char text[512];
	long length;

	while ((length = sys_program(SYS_read, fd, text, sizeof(text))) > 0)
		for (long i = 0; i < length; i++) {
			if (seen == sizeof(line) - 1)
				return text[i] == '0' ? LOOK_FREE : LOOK_FILTERED;
			seen = line_goes_on(seen, text[i]);
		}
	return length < 0 ? LOOK_FILTERED : LOOK_FREE; /* a kernel without seccomp */
}

static enum look look(void)
{
	long fd = sys_program(SYS_openat, AT_FDCWD, "/proc/thread-self/status",
			      O_RDONLY | O_CLOEXEC);
	enum look found;

	if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return LOOK_LATER;
	if (fd < 0)
		return LOOK_FILTERED;
	found = status_look(fd);
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

bool filter_was_asked(void)
{
	return asked;
}

bool filter_in_force(void)
{
	return filter_forbids() || (look() != LOOK_FREE && !asked);
}

/*
 * The first call of ours, of all. Where there are threads a descriptor of ours would be seen, for as
 * long as the look takes, by those who open files; there it is too late for a first call.
 */
static bool first_call_allowed(void)
{
	enum look found = process_threaded() ? LOOK_LATER : look();

	if (found == LOOK_FILTERED && config.ask_filter) {
		asked = true;
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
