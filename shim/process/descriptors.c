/* SPDX-License-Identifier: MIT */
#include "process/descriptors.h"

#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/path.h"
#include "base/sys.h"

struct listing {
	int fd; /* our own, by which is looked */
	bool (*each)(void *context, int fd);
	void *context;
};

static int number_parse(const char *digits)
{
	int number = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++)
		number = number * 10 + (*digits - '0');
	return *digits ? -1 : number; /* "." and ".." */
}

static bool entry_take(void *context, const struct directory_entry *entry)
{
	const struct listing *listing = context;
	int fd = number_parse(entry->name);

	return fd < 0 || fd == listing->fd || listing->each(listing->context, fd);
}

bool descriptors_list(bool (*each)(void *context, int fd), void *context)
{
	char buffer[2048];
	struct listing listing = {directory_open(AT_FDCWD, "/proc/self/fd"), each, context};
	bool listed;

	if (listing.fd < 0)
		return false;
	listed = directory_list(listing.fd, buffer, sizeof(buffer), entry_take, &listing);
	sys(SYS_close, listing.fd);
	return listed;
}

bool descriptor_locked(int fd)
{
	char text[512], path[LINK_SIZE];
	long info, length;

	descriptor_info(fd, path);
	info = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return true;
	length = sys(SYS_read, info, text, sizeof(text) - 1);
	sys(SYS_close, info);
	text[length > 0 ? length : 0] = '\0';
	return length <= 0 || length == sizeof(text) - 1 || strstr(text, "lock:");
}
