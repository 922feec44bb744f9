/* SPDX-License-Identifier: MIT
 *
 * Which file systems wait by nature.
 */
#include "ahead/private.h"

#include "base/fsinfo.h"

void device_note(struct ahead *ahead, uint64_t device, bool local)
{
	if (ahead->devices_known == AHEAD_DEVICES)
		return;
	ahead->devices[ahead->devices_known].number = device;
	ahead->devices[ahead->devices_known++].local = local;
}

/* statfs(2) is itself a question to a network or a daemon: once for each file system. */
bool device_local(struct ahead *ahead, uint64_t device, int fd)
{
	for (unsigned i = 0; i < ahead->devices_known; i++)
		if (ahead->devices[i].number == device)
			return ahead->devices[i].local;
	if (ahead->devices_known == AHEAD_DEVICES)
		return false;
	device_note(ahead, device, !fsinfo_storage(fd).network);
	return ahead->devices[ahead->devices_known - 1].local;
}
