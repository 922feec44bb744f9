/* SPDX-License-Identifier: MIT
 *
 * A file that may be synced next and is not open: opened by name, as long as nobody's lock or lease
 * is touched.
 */
#include "together/private.h"

#include <fcntl.h>

#include "base/sys.h"

enum {
	/*
	 * With workers a process's table of descriptors has several users. It has room for 64 at
	 * first, and growing it then waits for an RCU grace period, some 10 ms (Linux 6.18,
	 * expand_fdtable). Two numbers are for what is opened once all candidates are.
	 */
	NUMBER_MOST = 64 - 2,
};

bool candidate_open(int directory, const char *name, int flags, struct candidate *candidates,
		    unsigned count)
{
	long fd = sys(SYS_openat, directory, name, O_PATH | O_CLOEXEC | flags);
	struct candidate *candidate = &candidates[count];

	if (fd < 0)
		return false;
	*candidate = (struct candidate){.fd = OURS, .by = (int)fd};
	if (fd < NUMBER_MOST && shape_read((int)fd, &candidate->shape) &&
	    next_fits(candidates, count) && locks_spare(&candidate->shape))
		return true;
	sys(SYS_close, fd);
	return false;
}
