/* SPDX-License-Identifier: MIT
 *
 * enter: calls made as a program's reach the shim, by symbol, but for the exported entry: the
 * engine is asked, and where it says so the next definition is called. errno as after the call.
 */
#ifndef ENTER_H
#define ENTER_H

#include "backend/ring/of_thread.h"
#include "backend/ring/ring.h"
#include "check.h"
#include "call/armed.h"
#include "dispatch/engine.h"
#include "process/config.h"
#include "process/process.h"
#include "process/thread.h"
#include "report/stats.h"

/* True when the last call in this thread was answered by the shim. */
static __thread int entered_shim;

static inline long enter6(enum sym sym, long a, long b, long c, long d, long e, long f)
{
	struct regs regs = {.arg = {a, b, c, d, e, f}};
	struct verdict verdict = engine_enter(sym, &regs);
	long (*real)(long, long, long, long, long, long) =
		(long (*)(long, long, long, long, long, long))verdict.jump;

	entered_shim = !real;
	return real ? real(a, b, c, d, e, f) : verdict.value;
}

#define ENTER_7TH(name, a, b, c, d, e, f, ...) \
	enter6(SYM_##name, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

/* enter(mkdir, "a", 0777): missing arguments are zero. The int a function of int returns. */
#define enter(...) ((int)ENTER_7TH(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0))

/* What init.c does, in ring mode; counted into STATS unless that is null. */
static inline void shim_begin(const char *stats)
{
	struct ring *ring;
	int err = ring_open(&ring, 1, 0);

	if (err == -EPERM || err == -ENOSYS)
		skip("requires io_uring");
	ring_close(ring);
	config.mode = MODE_RING;
	config.ring_entries = 4;
	config.stats = stats;
	stats_open();
	thread_ring_prepare();
	armed_refresh_with(engine_arm);
	armed_refresh();
	process_wake();
}

#endif
