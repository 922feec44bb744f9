/* SPDX-License-Identifier: MIT */
#include "call/leave.h"

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "base/filter.h"
#include "base/sys.h"
#include "base/threads.h"
#include "call/image.h"
#include "process/process.h"
#include "process/real.h"
#include "process/thread.h"
#include "report/late.h"

extern int on_exit(void (*handler)(int status, void *argument), void *argument)
	__attribute__((weak));

enum {
	STATUS_SEEN = 0xff, /* of a status, what a parent sees */
	STATUS_LATE = 1,
};

/* Where an operation keeps its exit status. */
enum way {
	WAY_NONE,
	WAY_AT_ONCE,  /* the first argument; no handler runs */
	WAY_HANDLERS, /* the first argument; handlers run */
	WAY_UNLESS_0, /* so, and 0 means to stay */
	WAY_SYSCALL,
	WAY_MAIN,    /* what main returns */
	WAY_THREAD,  /* libc's own exit(0), in the last thread */
	WAY_LIBRARY, /* libc's own, perhaps: argp's for --help */
	WAY_DAEMON,  /* libc's own _exit(0), in the parent */
	WAY_SIGNAL,  /* there is none */
};

static void (*settle)(void);
static bool begun;
static int (*program_main)(int argc, char **argv, char **envp);

static const uint8_t ways[FAMILY_COUNT] = {
#define FAMILY_WAY(id, way) [FAMILY_##id] = WAY_##way,
#include "table/families.def"
};

static enum way way_of(enum op op)
{
	return ways[table_op_family(op)];
}

bool leave_needs(enum op op)
{
	return settle && way_of(op) != WAY_NONE;
}

void leave_settle_with(void (*what)(void))
{
	settle = what;
}

bool leave_begun(void)
{
	return begun;
}

/* Under a filter not even getpid is safe, and nothing is pending. */
static bool may_settle(void)
{
	return !thread_self.depth && !filter_forbids();
}

static bool borrowed(void)
{
	return !filter_forbids() && process_borrows_memory();
}

/* STATUS, or what it becomes. After all is settled. */
static int status_corrected(int status)
{
	return (status & STATUS_SEEN) == 0 && late_happened() ? STATUS_LATE : status;
}

static void all_settled(void)
{
	int saved = errno;

	if (may_settle())
		settle();
	errno = saved;
}

static int main_wrapped(int argc, char **argv, char **envp)
{
	int status = program_main(argc, argv, envp);

	begun = true;
	all_settled();
	return status_corrected(status);
}

static void main_wrap(struct regs *regs)
{
	program_main = (int (*)(int, char **, char **))regs->arg[0];
	regs->arg[0] = (long)main_wrapped;
}

/* glibc: an exit within a handler goes on with the handlers left, and its status counts. */
static void exit_corrected(int status, void *argument)
{
	(void)argument;
	if (status_corrected(status) != status && !borrowed())
		((void (*)(int))real_of(SYM_exit))(STATUS_LATE);
}

/* The status is out of reach here: a handler will see it. */
static void exit_watch(void)
{
	static bool watched;

	if (watched || !late_happened() || !&on_exit)
		return;
	watched = true;
	on_exit(exit_corrected, NULL);
}

/*
 * The parent is to end with a status that libc's would not have: it ends here, and the daemon
 * is its child's. No handlers run, as in libc's.
 */
static void daemon_begins(void)
{
	int saved = errno;

	if (late_happened() && !filter_forbids() && REAL(fork)() > 0) {
		image_ends("exit");
		sys(SYS_exit_group, STATUS_LATE);
	}
	errno = saved;
}

/* All is settled: what is left to do about the status. */
static void way_taken(enum way way, struct regs *regs)
{
	switch (way) {
	case WAY_AT_ONCE:
	case WAY_HANDLERS:
	case WAY_UNLESS_0:
		regs->arg[0] = status_corrected((int)regs->arg[0]);
		break;
	case WAY_SYSCALL:
		regs->arg[1] = status_corrected((int)regs->arg[1]);
		break;
	case WAY_MAIN:
		main_wrap(regs);
		break;
	case WAY_THREAD:
	case WAY_LIBRARY:
		exit_watch();
		break;
	case WAY_DAEMON:
		daemon_begins();
		break;
	case WAY_NONE:
	case WAY_SIGNAL:
		break;
	}
}

static bool way_leads_out(enum way way, const struct regs *regs)
{
	if (way == WAY_SYSCALL) /* other threads go on after SYS_exit */
		return regs->arg[0] == SYS_exit_group ||
		       (regs->arg[0] == SYS_exit && !threads_seen());
	if (way == WAY_UNLESS_0)
		return (int)regs->arg[0] != 0;
	return way != WAY_NONE;
}

/* Not _exit, as the child of a vfork may call it, and what BEGUN says is its parent's too. */
static bool way_runs_handlers(enum way way)
{
	return way == WAY_HANDLERS || way == WAY_UNLESS_0 ||
	       (way == WAY_THREAD && !threads_seen());
}

void leave_before(enum op op, struct regs *regs)
{
	enum way way = settle ? way_of(op) : WAY_NONE;

	if (!way_leads_out(way, regs) || borrowed())
		return;
	begun = begun || way_runs_handlers(way);
	if (way != WAY_MAIN) /* it only begins */
		all_settled();
	way_taken(way, regs);
}

void leave_settle(void)
{
	if (settle && !borrowed())
		all_settled();
}

void leave_end(void)
{
	if (!settle || borrowed())
		return;
	begun = true;
	all_settled();
}
