/* SPDX-License-Identifier: MIT */
#include "process/watching.h"

#include <string.h>

#include "base/path.h"
#include "process/descriptors.h"

static enum { UNKNOWN, NOT, WATCHING } state;

/* False ends the list: one is enough. */
static bool descriptor_is_other(void *context, int fd)
{
	bool *found = context;
	char name[32]; /* "anon_inode:inotify", "anon_inode:[fanotify]" */

	*found = descriptor_name(fd, name, sizeof(name)) > 0 && strstr(name, "anon_inode:") == name &&
		 strstr(name, "notify");
	return !*found;
}

bool watching(void)
{
	bool found = false;

	if (state == UNKNOWN)
		state = descriptors_list(descriptor_is_other, &found) && !found ? NOT : WATCHING;
	return state == WATCHING;
}

void watching_begins(void)
{
	state = WATCHING;
}
