/* SPDX-License-Identifier: MIT */
#include "backend/crew/clone.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

#include "base/clock.h"
#include "base/filter.h"
#include "base/futex.h"
#include "base/sys.h"

/* linux/close_range.h; Linux 5.9. */
#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2U
#endif

enum {
	SIGNALS_SIZE = 8, /* of the kernel's signal set */
	MOMENT_NS = 1000 * 1000 * 1000, /* after that the number is a thread's of the program's */
};

#define CLONE_SHARED                                                                         \
	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |  \
	 CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)

bool clone_allowed(void)
{
#ifdef __SANITIZE_THREAD__
	return false; /* its run-time keeps books of each thread in storage that these have not */
#else
	return filter_lets_threads();
#endif
}

#ifdef __clang_analyzer__
long clone_raw(void (*begin)(void *argument), void *argument, char *top, uint32_t *thread);
#else
/* Returns in the maker alone; the thread leaves by exit, which ends no other thread. */
CLONE_UNWATCHED static long clone_raw(void (*begin)(void *argument), void *argument, char *top,
				      uint32_t *thread)
{
	register long child_tid __asm__("r10") = (long)thread;
	register long tls __asm__("r8") = 0;
	register void *given __asm__("r12") = argument;
	register void (*first)(void *argument) __asm__("r13") = begin;
	long value;

	__asm__ volatile("syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jnz 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r12, %%rdi\n\t"
			 "call *%%r13\n\t"
			 "xorl %%edi, %%edi\n\t"
			 "movl %[exit], %%eax\n\t"
			 "syscall\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(value)
			 : "a"((long)SYS_clone), "D"((long)CLONE_SHARED), "S"(top), "d"(thread),
			   "r"(child_tid), "r"(tls), "r"(given), "r"(first), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return value;
}
#endif

CLONE_UNWATCHED long clone_thread(void (*begin)(void *argument), void *argument, char *stack,
				  size_t size, uint32_t *thread)
{
	const uint64_t all = UINT64_MAX;
	uint64_t before;
	long value;

	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNALS_SIZE);
	value = clone_raw(begin, argument, stack + size, thread);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNALS_SIZE);
	return value;
}

void clone_await_end(uint32_t *thread, long number)
{
	long process = sys(SYS_getpid);
	uint32_t running;
	uint64_t end;

	while ((running = __atomic_load_n(thread, __ATOMIC_ACQUIRE)) != 0)
		futex_wait(thread, running, 0);
	end = clock_ns() + MOMENT_NS;
	while (number > 0 && sys(SYS_tgkill, process, number, 0) == 0 && clock_ns() < end)
		sys(SYS_sched_yield);
}

CLONE_UNWATCHED bool clone_leave_table(void)
{
	return sys(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0;
}

bool clone_may_leave_table(void)
{
	return sys(SYS_close_range, 1, 0, CLOSE_RANGE_UNSHARE) == -EINVAL; /* of no descriptor */
}
