/* SPDX-License-Identifier: MIT */
#include "dispatch/watch.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "backend/flight.h"
#include "backend/ring/of_thread.h"
#include "backend/ring/ring.h"
#include "base/filter.h"
#include "base/sys.h"
#include "base/threads.h"
#include "call/armed.h"
#include "call/fd_owner.h"
#include "call/image.h"
#include "call/leave.h"
#include "call/passage.h"
#include "call/plain.h"
#include "process/config.h"
#include "process/process.h"
#include "process/real.h"
#include "process/signals.h"
#include "process/thread.h"
#include "process/watching.h"
#include "report/stats.h"
#include "report/trace.h"
#include "together/together.h"

/* What an operation without an opcode means here. */
enum effect {
	EFFECT_NONE,
	EFFECT_SIGNALS,     /* a disposition changes */
	EFFECT_DESCRIPTORS, /* descriptors may be shared, or change unseen */
	EFFECT_VFORK,       /* as that, and the child borrows our memory */
	EFFECT_DAEMON,      /* as that, and we end by libc's own _exit */
	EFFECT_COPY,        /* dup2, dup3 */
	EFFECT_CLOSE_RANGE,
	EFFECT_FCNTL,
	EFFECT_CANCEL_TYPE,
	EFFECT_WATCHES, /* files are watched from here on */
	EFFECT_THREAD, /* another flow of control begins in this address space */
	EFFECT_CLONE,
	EFFECT_IDENTITY, /* credentials: a kernel poller would keep the old ones */
	EFFECT_CEDE,     /* no ring may outlive this */
	EFFECT_PRCTL,
	EFFECT_SYSCALL,
	EFFECT_EXIT,
	EFFECT_EXEC,
};

static const uint8_t effects[FAMILY_COUNT] = {
#define FAMILY_EFFECT(id, effect) [FAMILY_##id] = EFFECT_##effect,
#include "table/families.def"
};

static enum effect effect_of(enum op op)
{
	return effects[table_op_family(op)];
}

enum {
	CLONE_FLAGS = 2, /* clone(fn, stack, flags, arg, ...) */
};

bool watch_needed(enum op op)
{
	return effect_of(op) != EFFECT_NONE;
}

bool watch_needed_outside(enum op op)
{
	enum effect effect = effect_of(op);

	return effect == EFFECT_THREAD || effect == EFFECT_CLONE || effect == EFFECT_CEDE ||
	       effect == EFFECT_PRCTL || effect == EFFECT_SYSCALL || effect == EFFECT_WATCHES;
}

/*
 * A worker thread of a closed ring leaves some 20 ms later, and unshare(CLONE_NEWUSER) fails
 * with EINVAL while it is there. The link count of a task directory is its threads and two.
 */
static void workers_await(void)
{
	enum { PATIENCE_MS = 500, ALONE = 3, UNSEEN_MS = 50 };
	const struct timespec pause = {.tv_nsec = 1000 * 1000};
	struct stat tasks;

	for (int waited = 0; waited < PATIENCE_MS; waited++) {
		long err = sys(SYS_stat, "/proc/self/task", &tasks);

		if (!err && tasks.st_nlink <= ALONE)
			return;
		if (err && waited == UNSEEN_MS)
			return;
		sys(SYS_nanosleep, &pause, NULL);
	}
}

/* No ring from here on: what follows would not bind it, or it would get around that. */
static void cede(void)
{
	bool had_ring = thread_self.stage == THREAD_RING;

	if (ring_ceded() || !process_owns_memory())
		return;
	thread_self.depth++;
	flight_rest();
	thread_cede();
	if (had_ring && !threads_seen())
		workers_await();
	thread_self.depth--;
}

static void identity_changes(void)
{
	if (config.sqpoll_ms)
		cede();
}

/*
 * A child that runs beside us on our memory, with our thread's own storage, would use our ring
 * at the same time. One that we wait for (CLONE_VFORK) cannot: its system calls are another
 * task's. But who it is must be known before it asks who owns the memory.
 */
static void clone_begins(unsigned long flags)
{
	filter_spare();
	process_owns_memory();
	fd_owner_forget();
	if (!(flags & CLONE_VM) || flags & CLONE_VFORK)
		return;
	threads_note();
	cede();
}

/* With CLOSE_RANGE_UNSHARE it is an unshare(CLONE_FILES): a worker keeps the old table. */
static void close_range_begins(long flags)
{
	if (flags & CLOSE_RANGE_UNSHARE)
		cede();
	fd_owner_forget();
}

/*
 * Strict mode takes the processor's clock away as well (x86), which clock_gettime reads without a system
 * call: reading it is death. PR_SET_TSC does that alone.
 */
static bool prctl_filters(long what)
{
	return (int)what == PR_SET_SECCOMP || (int)what == PR_SET_TSC;
}

/* Does it put the caller under a filter, or under strict mode? */
static bool installs_filter(enum op op, const struct regs *regs)
{
	const long *a = regs->arg;

	if (op == OP_PRCTL)
		return prctl_filters(a[0]);
	if (op != OP_SYSCALL)
		return false;
	return (a[0] == SYS_prctl && prctl_filters(a[1])) ||
	       (a[0] == SYS_seccomp &&
		(a[1] == SECCOMP_SET_MODE_STRICT || a[1] == SECCOMP_SET_MODE_FILTER));
}

/* Whatever may have to be undone or told is, as long as calls of ours are safe. */
static void filter_prepare(void)
{
	leave_settle(); /* and ends the crew */
	image_ends("seccomp");
	cede();
	signals_await_release();
}

/*
 * Under a filter even our own calls may kill: nothing is asked or undone from there on. It is in force,
 * perhaps for every thread (TSYNC), before the call returns, so this begins before it is made. A child of
 * vfork says so for its parent as well: there is nothing left by which it could be told from it.
 */
static long seccomp_installed(enum sym sym, const struct regs *regs)
{
	enum sys_permit before;
	long value;

	if (filter_acts())
		filter_prepare();
	before = filter_comes();
	armed_refresh();
	value = plain_call(sym, regs);
	if ((int)value < 0) {
		filter_came_not(before);
		armed_refresh();
	}
	return value;
}

void watch_before_awake(enum op op, const struct regs *regs)
{
	if (installs_filter(op, regs))
		filter_comes();
}

/* dup2, dup3. A failed one has changed nothing. */
static long descriptor_copied(enum sym sym, const struct regs *regs)
{
	int from = (int)regs->arg[0], to = (int)regs->arg[1];
	long value;

	if (from != to)
		fd_owner_closed(to);
	value = plain_call(sym, regs);
	if ((int)value >= 0)
		fd_owner_copied(from, to);
	return value;
}

/* True when the call has been made. */
static bool syscall_begins(enum sym sym, const struct regs *regs, long *value)
{
	switch (regs->arg[0]) {
	case SYS_unshare:
	case SYS_setns:
	case SYS_chroot:
	case SYS_pivot_root:
	case SYS_mount:
	case SYS_umount2:
		cede();
		break;
	case SYS_close_range:
		close_range_begins(regs->arg[3]);
		break;
	case SYS_setuid:
	case SYS_setgid:
	case SYS_setreuid:
	case SYS_setregid:
	case SYS_setresuid:
	case SYS_setresgid:
	case SYS_setfsuid:
	case SYS_setfsgid:
	case SYS_setgroups:
	case SYS_capset:
		identity_changes();
		break;
	case SYS_rt_sigaction:
		*value = plain_call(sym, regs);
		signals_note_change();
		return true;
	case SYS_clone:
		clone_begins((unsigned long)regs->arg[1]);
		break;
	case SYS_clone3: /* its flags lie in the program's memory */
		clone_begins(CLONE_VM);
		break;
	case SYS_vfork:
		clone_begins(CLONE_VM | CLONE_VFORK);
		break;
	case SYS_exit_group:
		image_ends("exit");
		break;
	case SYS_execve:
	case SYS_execveat:
		image_ends("exec");
		break;
	case SYS_inotify_add_watch:
	case SYS_fanotify_mark:
		watching_begins();
		break;
	case SYS_gettid:
	case SYS_futex:
	case SYS_getrandom:
	case SYS_sched_getaffinity:
		break;
	default:
		fd_owner_forget();
		break;
	}
	return false;
}

bool watch_before(enum op op, enum sym sym, const struct regs *regs, long *value)
{
	if (installs_filter(op, regs)) {
		*value = seccomp_installed(sym, regs);
		return true;
	}
	switch (effect_of(op)) {
	case EFFECT_NONE:
		break;
	case EFFECT_SIGNALS:
		*value = plain_call(sym, regs);
		signals_note_change();
		return true;
	case EFFECT_DESCRIPTORS:
		fd_owner_forget();
		break;
	case EFFECT_VFORK:
		clone_begins(CLONE_VM | CLONE_VFORK);
		break;
	case EFFECT_CLOSE_RANGE:
		close_range_begins(regs->arg[2]);
		break;
	case EFFECT_DAEMON:
		image_ends("exit");
		fd_owner_forget();
		break;
	case EFFECT_COPY:
		*value = descriptor_copied(sym, regs);
		return true;
	case EFFECT_FCNTL:
		if (passage_fcntl_copies(regs))
			fd_owner_forget();
		if ((int)regs->arg[1] == F_NOTIFY)
			watching_begins();
		break;
	case EFFECT_WATCHES:
		watching_begins();
		break;
	case EFFECT_CANCEL_TYPE:
		thread_self.cancel_async = (int)regs->arg[0] == PTHREAD_CANCEL_ASYNCHRONOUS;
		break;
	case EFFECT_THREAD:
		threads_note();
		break;
	case EFFECT_CLONE:
		clone_begins((unsigned long)regs->arg[CLONE_FLAGS]);
		break;
	case EFFECT_IDENTITY:
		identity_changes();
		break;
	case EFFECT_CEDE:
		cede();
		break;
	case EFFECT_PRCTL: /* only the one seen to above */
		break;
	case EFFECT_SYSCALL:
		return syscall_begins(sym, regs, value);
	case EFFECT_EXIT:
		image_ends("exit");
		break;
	case EFFECT_EXEC:
		image_ends("exec");
		break;
	}
	return false;
}
