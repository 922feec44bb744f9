/* SPDX-License-Identifier: MIT */
#include "call/plain.h"

#include <errno.h>

#include "base/clock.h"
#include "process/real.h"
#include "process/signals.h"
#include "process/thread.h"

long plain_call(enum sym sym, const struct regs *regs)
{
	long (*real)(long, long, long, long, long, long) =
		(long (*)(long, long, long, long, long, long))real_of(sym);
	const long *a = regs->arg;

	return real(a[0], a[1], a[2], a[3], a[4], a[5]);
}

long plain_run(const struct passage *passage)
{
	unsigned depth = thread_self.depth;
	bool held;
	long value;

	thread_self.depth = 0;
	held = signals_let();
	value = plain_call(passage->sym, passage->regs);
	signals_let_no_more(held);
	thread_self.depth = depth;
	return value;
}

long plain_time(const struct passage *passage, uint64_t *ns)
{
	uint64_t before = clock_ns();
	long value = plain_run(passage);
	int saved = errno;

	*ns = clock_ns() - before;
	errno = saved;
	return value;
}
