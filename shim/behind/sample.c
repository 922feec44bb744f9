/* SPDX-License-Identifier: MIT
 *
 * A plain command as a sample of its storage, while nothing is acknowledged. What counts is how
 * long it waited, since only waiting can be overlapped: on warm local storage a command is work
 * of the processor, however long it takes.
 */
#include "behind/private.h"

#include <fcntl.h>

#include "base/clock.h"
#include "base/fsinfo.h"
#include "base/sys.h"
#include "call/plain.h"
#include "walk/pace.h"

enum {
	SLOW_LOCAL_NS = 500 * 1000, /* as of walk/pace.h: a mkdir of ext4 works so long, seeking room */
};

/* The last command took long: did it wait? In ordinary memory, as what the governor learned. */
static bool suspected;

/* Is what CALL changes on a file system that waits by nature? */
static bool call_network(const struct call *call)
{
	bool second = call->path2 != NULL;
	char path[PATH_MAX];
	size_t directory;
	bool network;
	long fd;

	if (!path_read(second ? call->path2 : call->path, path))
		return false;
	path_split(path, &directory);
	if (!directory)
		path[directory++] = '.';
	path[directory] = '\0';
	fd = sys(SYS_openat, second ? call->fd2 : call->fd, path, O_PATH | O_CLOEXEC);
	network = fd >= 0 && fsinfo_storage((int)fd).network;
	if (fd >= 0)
		sys(SYS_close, fd);
	return network;
}

/*
 * Over a network it was all waiting. Elsewhere it may have been work (ext4 seeks room for a
 * directory for 300 us), and the processor's time is asked for only where the command before took
 * long too: that is a system call, the monotonic clock is none.
 */
struct sample command_sample(const struct passage *passage, const struct call *call)
{
	bool measured = suspected;
	uint64_t ns, worked = measured ? clock_thread_ns() : 0;
	struct sample sample = {0};

	*passage->value = plain_time(passage, &ns);
	*passage->reason = REASON_TIMED;
	sample.slow = suspected = ns >= pace_limit(COMMAND_SLOW_NS, ns);
	if (!suspected)
		return sample;
	sample.network = call_network(call);
	if (sample.network) {
		sample.waited_ns = ns;
	} else if (measured) {
		worked = clock_thread_ns() - worked;
		sample.waited_ns = ns > worked + pace_of(SLOW_LOCAL_NS) ? ns - worked : 0;
	}
	return sample;
}
