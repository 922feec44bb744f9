/* SPDX-License-Identifier: MIT */
#include "call/passage.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>


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

bool passage_fcntl_leases(const struct regs *regs)
{
	enum { SET_DELEGATION = F_SETLEASE + 16 }; /* F_SETDELEG, Linux 6.19 */

	return (int)regs->arg[1] == F_SETLEASE || (int)regs->arg[1] == SET_DELEGATION;
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

bool passage_flags_read(uint32_t flags)
{
	return (flags & O_ACCMODE) == O_RDONLY &&
	       !(flags & (O_CREAT | O_TRUNC | O_DIRECTORY | O_PATH));
}

bool passage_shares_memory(enum op op, const struct regs *regs)
{
	return op == OP_SHMAT ||
	       (op == OP_MMAP && ((int)regs->arg[3] & MAP_TYPE) != MAP_PRIVATE);
}
