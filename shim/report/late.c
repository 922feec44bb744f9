/* SPDX-License-Identifier: MIT */
#include "report/late.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/path.h"
#include "base/sys.h"
#include "base/text.h"
#include "process/process.h"
#include "report/stats.h"

/* glibc 2.32; English whatever the locale, as the rest of the line. */
extern const char *strerrordesc_np(int err) __attribute__((weak));

enum {
	PATH_SHOWN = 512, /* bytes: the error comes behind it and has to fit into the line */
};

/* What descriptor 2 is. */
struct seen {
	bool open;
	struct identity file;
	uint64_t special; /* of a device: its own number */
};

static struct seen at_start;

/* In wiped memory, made by the first failure; without any, a forked child has it too. */
static bool *happened;
static bool happened_here;

/*
 * Puts no question to the storage the file lies on, as fstat would: fstat of an empty path does, whatever
 * the flags (Linux 6.11), but not by way of a link. Every process makes this call, so it is not statx:
 * under a seccomp filter that kills for what it does not know that would be the end. This one libc makes
 * for stat, lstat and fstatat, and ld.so of glibc 2.33 to 2.38 for each library.
 */
static struct seen stderr_see(void)
{
	struct stat stat;

	if (sys_program(SYS_newfstatat, AT_FDCWD, "/proc/self/fd/2", &stat, AT_STATX_DONT_SYNC) != 0 &&
	    sys_program(SYS_newfstatat, STDERR_FILENO, "", &stat,
			AT_EMPTY_PATH | AT_STATX_DONT_SYNC) != 0)
		return (struct seen){.open = false};
	return (struct seen){
		.open = true,
		.file = {.device = stat.st_dev, .inode = stat.st_ino},
		.special = stat.st_rdev,
	};
}

void late_begin(void)
{
	at_start = stderr_see();
}

static bool stderr_unchanged(void)
{
	struct seen now = stderr_see();

	return now.open && at_start.open && identity_same(&now.file, &at_start.file) &&
	       now.special == at_start.special;
}

/* The end of PATH, where the name is. */
static const char *path_end(const char *path, const char **cut)
{
	size_t length = strlen(path);

	*cut = length > PATH_SHOWN ? "..." : "";
	return length > PATH_SHOWN ? path + length - PATH_SHOWN : path;
}

static void line_write(const char *op, const char *path, int err)
{
	char number[32] = "error ";
	struct text unknown = {number, sizeof("error ") - 1, sizeof(number)};
	const char *why = &strerrordesc_np ? strerrordesc_np(err) : NULL;
	const char *quote = path ? "'" : "", *cut = "";

	if (path)
		path = path_end(path, &cut);
	if (!why) {
		text_number(&unknown, err);
		why = number;
	}
	diag_line((const char *[]){op, path ? " " : "", quote, cut, path ? path : "", quote, ": ",
				   why, " (reported late)", NULL});
}

static void failure_note(void)
{
	if (!happened) {
		happened = process_map_wiped(sizeof(*happened));
		if (!happened)
			happened = &happened_here;
	}
	*happened = true;
	stats_ring(RING_STAT_LATE);
}

void late_report(const char *op, const char *path, int err)
{
	failure_note();
	if (stderr_unchanged())
		line_write(op, path, err);
}

void late_follows(void)
{
	failure_note();
}

void late_gone(void)
{
	stats_ring(RING_STAT_LATE_GONE);
}

bool late_happened(void)
{
	return happened && *happened;
}
