/* SPDX-License-Identifier: MIT
 *
 * A look at /proc/locks waits for an RCU grace period, 8 to 16 ms with ticks of 4 ms, unless one
 * has just been (fs/locks.c, locks_start: percpu_down_write; kernel/rcu/sync.c; Linux 6.18): after
 * each look the next one costs nothing for one more period at least. So where fsyncs take less
 * than that, a worker of the ring is made to wait first, and the program goes on plainly
 * meanwhile. What it reads is thrown away: the look that counts comes later.
 */
#include "together/private.h"

#include <errno.h>
#include <fcntl.h>

#include "base/clock.h"
#include "base/sys.h"

enum {
	WAIT_NS = 5 * 1000 * 1000,  /* a wait for one is about this at least, */
	MOST_NS = 20 * 1000 * 1000, /* and this at most; whoever ends meanwhile waits, too */
	LASTS_NS = 3 * 1000 * 1000, /* and afterwards no look waits for so long */
	WORTH = 12, /* fsyncs that take so long together: a group saves more than a wait costs */
};

static struct together *waiting;

static void grace_came(uint64_t token, int result)
{
	if (token == FLIGHT_OPENED && result == -ECANCELED)
		flight_refuse(result);
	if (token != FLIGHT_READ)
		return;
	waiting->grace_awaited = false;
	waiting->grace_ns = clock_ns();
}

/*
 * By a direct descriptor: the program's numbers stay its own. io_uring believes that reading this
 * file does not wait, and would do so in the program's thread (Linux 6.18).
 */
static void grace_await(struct together *together)
{
	bool open = flight_begin(together->pay->cost_ns) && flight_open();
	const struct call file = {
		.fd = AT_FDCWD,
		.path = "/proc/locks",
		.flags = O_RDONLY,
		.data = &together->grace_byte,
		.length = sizeof(together->grace_byte),
		.slot = FLIGHT_SLOT_GRACE + 1,
		.by_worker = true,
	};

	if (!open || !flight_has_slots() || flight_room(FLIGHT_GRACE) < FLIGHT_PARTS)
		return;
	waiting = together;
	flight_receive(FLIGHT_GRACE, grace_came);
	flight_queue_file(&file, FLIGHT_GRACE, 0);
	together->grace_awaited = flight_hand_over(FLIGHT_GRACE) > FLIGHT_READ;
}

static bool lasts(const struct together *together)
{
	return clock_ns() - together->grace_ns < LASTS_NS;
}

bool grace_pays(const struct together *together, unsigned coming)
{
	return pay_covers(together->pay, coming, WAIT_NS);
}

bool grace_may_come(const struct together *together, unsigned coming)
{
	return grace_pays(together, coming) &&
	       (grace_pays(together, WORTH) || together->grace_awaited || lasts(together) ||
		pay_covers(together->pay, coming, MOST_NS));
}

bool grace_is_here(struct together *together, unsigned coming)
{
	if (!grace_may_come(together, coming))
		return false;
	if (grace_pays(together, WORTH))
		return true;
	if (together->grace_awaited && flight_exists())
		flight_reap();
	if (lasts(together))
		return true;
	if (!together->grace_awaited)
		grace_await(together);
	return false;
}

bool grace_goes_on(const struct together *together)
{
	return together->grace_awaited && !flight_has_done(FLIGHT_GRACE);
}

void grace_note(struct together *together)
{
	together->grace_ns = clock_ns();
}

void grace_keep(struct together *together)
{
	if (lasts(together) && !together->grace_awaited)
		grace_await(together);
}
