/* SPDX-License-Identifier: MIT */
#include "passage.h"

#include <errno.h>

#include "clock.h"
#include "thread.h"
#include "watch.h"

long passage_make(const struct passage *passage)
{
	unsigned depth = thread_self.depth;
	bool held;
	long value;

	thread_self.depth = 0;
	held = signals_let();
	value = watch_call_real(passage->sym, passage->regs);
	signals_let_no_more(held);
	thread_self.depth = depth;
	return value;
}

long passage_time(const struct passage *passage, uint64_t *ns)
{
	uint64_t before = clock_ns();
	long value = passage_make(passage);
	int saved = errno;

	*ns = clock_ns() - before;
	errno = saved;
	return value;
}
