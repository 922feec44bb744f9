/* SPDX-License-Identifier: MIT */
#include "process/thread.h"

#include <pthread.h>

__thread struct thread thread_self;

void thread_enter(struct signals_held *held)
{
	signals_hold(held);
	thread_self.depth++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void thread_leave(const struct signals_held *held)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	thread_self.depth--;
	signals_release(held);
}

extern void pthread_testcancel(void) __attribute__((weak));

void thread_cancellation_point(void)
{
	if (&pthread_testcancel)
		pthread_testcancel();
}
