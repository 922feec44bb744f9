/* SPDX-License-Identifier: MIT */
#include "base/directory.h"

#include <errno.h>
#include <fcntl.h>

#include "base/sys.h"

int directory_open(int fd, const char *path)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	long opened = sys(SYS_openat, fd, path, flags | O_NOATIME);

	if (opened == -EPERM) /* somebody else's, open(2) */
		opened = sys(SYS_openat, fd, path, flags);
	return (int)opened;
}

bool directory_list(int fd, char *buffer, size_t size,
		    bool (*each)(void *context, const struct directory_entry *entry),
		    void *context)
{
	long length;

	while ((length = sys(SYS_getdents64, fd, buffer, size)) > 0)
		for (long at = 0; at < length;) {
			const struct directory_entry *entry =
				(const struct directory_entry *)(buffer + at);

			if (!each(context, entry))
				return false;
			at += entry->size;
		}
	return length == 0;
}
