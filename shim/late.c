/* SPDX-License-Identifier: MIT */
#include "late.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "diag.h"
#include "path.h"
#include "process.h"
#include "stats.h"
#include "sys.h"
#include "text.h"

/* glibc 2.32; English whatever the locale, as the rest of the line. */
extern const char *strerrordesc_np(int err) __attribute__((weak));

enum {
	PATH_SHOWN = 512, /* bytes: the error comes behind it and has to fit into the line */
};

/* What descriptor 2 is. */
struct seen {
	bool open;
	struct identity file;
	uint32_t special[2]; /* of a device: its own numbers */
};

static struct seen at_start;

/* In wiped memory, made by the first failure; without any, a forked child has it too. */
static bool *happened;
static bool happened_here;

/* Puts no question to the storage the file lies on, as fstat would. */
static struct seen stderr_see(void)
{
	struct statx statx;

	if (descriptor_statx(STDERR_FILENO, STATX_INO, &statx) != 0)
		return (struct seen){.open = false};
	return (struct seen){
		.open = true,
		.file = identity_of(&statx),
		.special = {statx.stx_rdev_major, statx.stx_rdev_minor},
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
	       now.special[0] == at_start.special[0] && now.special[1] == at_start.special[1];
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
