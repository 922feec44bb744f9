/* SPDX-License-Identifier: MIT */
#include "leave.h"

#include <stddef.h>
#include <sys/syscall.h>

#include "late.h"
#include "process.h"
#include "thread.h"

static void (*settle)(void);
static bool begun;
static int (*program_main)(int argc, char **argv, char **environment);

void leave_settle_with(void (*what)(void))
{
	settle = what;
}

bool leave_begun(void)
{
	return begun;
}

bool leave_needs(enum op op)
{
	if (!settle)
		return false;
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest are no ways out */
	switch ((int)op) {
	case OP_EXIT:
	case OP_EXIT_NOW:
	case OP_QUICK_EXIT:
	case OP_LIBC_START_MAIN:
		return true;
	default:
		return false;
	}
}

/* In a vfork's child it is the parent to whom something happened. */
static int status_of(int status)
{
	settle();
	return status == 0 && late_happened() && process_owns_memory() ? 1 : status;
}

/* Handlers of the program's own run behind this. */
static int status_before_handlers(int status)
{
	begun = true;
	return status_of(status);
}

static int main_wrapped(int argc, char **argv, char **environment)
{
	return status_before_handlers(program_main(argc, argv, environment));
}

static bool syscall_ends(const struct regs *regs)
{
	return regs->arg[0] == SYS_exit_group ||
	       (regs->arg[0] == SYS_exit && !process_threaded());
}

void leave_before(enum op op, struct regs *regs)
{
	if (!settle || thread_self.depth)
		return;
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest are no ways out */
	switch ((int)op) {
	case OP_EXIT:
	case OP_QUICK_EXIT:
		regs->arg[0] = status_before_handlers((int)regs->arg[0]);
		break;
	case OP_EXIT_NOW:
		regs->arg[0] = status_of((int)regs->arg[0]);
		break;
	case OP_SYSCALL:
		if (syscall_ends(regs))
			regs->arg[1] = status_of((int)regs->arg[1]);
		break;
	case OP_LIBC_START_MAIN:
		program_main = (int (*)(int, char **, char **))regs->arg[0];
		regs->arg[0] = (long)main_wrapped;
		break;
	default:
		break;
	}
}
