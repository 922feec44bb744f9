/* SPDX-License-Identifier: MIT */
#include "process/threads_left.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "base/proc.h"
#include "base/sys.h"
#include "base/text.h"

enum {
	PATH_SIZE = 1024,
	LINES_SIZE = 4096, /* of /proc/self/cgroup, a line of which has to fit */
	NUMBER_SIZE = 24,
};

#define PIDS_V1 ":pids:"
#define ALL_V2 "0::"

/* Where the process is, in the hierarchy that limits processes: a path that begins with the mount's. */
struct place {
	char path[PATH_SIZE];
	bool found;
};

/* proc_lines has no context. */
static struct place place;

static void place_put(const char *mount, const char *below)
{
	struct text text = {place.path, 0, sizeof(place.path)};

	text_add(&text, mount);
	text_add(&text, below);
	place.found = text.length < text.room - 1;
	text.at[text.length] = '\0';
}

/* Where both versions are mounted, a controller is in one of them. */
static bool place_take(const char *line)
{
	const char *pids = strstr(line, PIDS_V1);

	if (pids)
		place_put("/sys/fs/cgroup/pids", pids + strlen(PIDS_V1));
	else if (!strncmp(line, ALL_V2, strlen(ALL_V2)) && !place.found)
		place_put("/sys/fs/cgroup", line + strlen(ALL_V2));
	return true;
}

/* The number in the file NAME of the directory that the first LENGTH bytes of PATH name. */
static bool number_read(const char *path, size_t length, const char *name, uint64_t *number)
{
	char file[PATH_SIZE + NUMBER_SIZE], digits[NUMBER_SIZE] = "";
	struct text text = {file, length, sizeof(file)};
	long fd, got;

	memcpy(file, path, length);
	text_add(&text, name);
	file[text.length] = '\0';
	fd = sys(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = sys(SYS_read, (int)fd, digits, sizeof(digits) - 1);
	sys(SYS_close, (int)fd);
	if (got <= 0 || digits[0] < '0' || digits[0] > '9') /* "max" */
		return false;
	digits[strcspn(digits, "\n")] = '\0';
	*number = proc_number(digits, 10);
	return true;
}

static uint64_t left_at(const char *path, size_t length)
{
	uint64_t most, current;

	if (!number_read(path, length, "/pids.max", &most) ||
	    !number_read(path, length, "/pids.current", &current))
		return UINT64_MAX;
	return most > current ? most - current : 0;
}

uint64_t threads_left(void)
{
	uint64_t least = UINT64_MAX;
	char lines[LINES_SIZE];

	place.found = false;
	if (!proc_lines("/proc/self/cgroup", lines, sizeof(lines), place_take) || !place.found)
		return UINT64_MAX;
	/* Each group limits what is in those below it, too; in a container the last one is its own. */
	for (size_t length = strlen(place.path); length > strlen("/sys/fs"); length--) {
		uint64_t left;

		if (place.path[length] && place.path[length] != '/')
			continue;
		left = left_at(place.path, length);
		if (left < least)
			least = left;
	}
	return least;
}
