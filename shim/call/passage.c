/* SPDX-License-Identifier: MIT */
#include "call/passage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "dispatch/watch.h"
#include "process/thread.h"

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

bool passage_fcntl_copies(const struct regs *regs)
{
	return (int)regs->arg[1] == F_DUPFD || (int)regs->arg[1] == F_DUPFD_CLOEXEC;
}

bool passage_fcntl_is_plain(const struct regs *regs)
{
	switch ((int)regs->arg[1]) {
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_SETFL:
		return true;
	default:
		return passage_fcntl_copies(regs);
	}
}

bool passage_syscall_is_plain(const struct regs *regs)
{
	switch (regs->arg[0]) {
	case SYS_futex:
	case SYS_gettid:
	case SYS_getrandom:
		return true;
	default:
		return false;
	}
}

bool passage_shares_memory(enum op op, const struct regs *regs)
{
	return op == OP_SHMAT ||
	       (op == OP_MMAP && ((int)regs->arg[3] & MAP_TYPE) != MAP_PRIVATE);
}
