/* SPDX-License-Identifier: MIT */
#include "dispatch/engine.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "ahead/ahead.h"
#include "backend/flight.h"
#include "backend/ring/of_thread.h"
#include "backend/ring/ring.h"
#include "base/clock.h"
#include "base/filter.h"
#include "base/sys.h"
#include "behind/behind.h"
#include "call/armed.h"
#include "call/fd_owner.h"
#include "call/guard.h"
#include "call/leave.h"
#include "call/passage.h"
#include "call/plain.h"
#include "call/yield.h"
#include "dispatch/watch.h"
#include "over/over.h"
#include "process/config.h"
#include "process/kin.h"
#include "process/process.h"
#include "process/real.h"
#include "process/thread.h"
#include "report/late.h"
#include "report/stats.h"
#include "report/trace.h"
#include "table/call.h"
#include "table/repeat.h"
#include "together/together.h"

/* What a call came to. */
enum outcome {
	OUTCOME_PLAIN,  /* the program's own call is to be made */
	OUTCOME_RESULT, /* the ring's result, 0 or more */
	OUTCOME_ERROR,  /* the ring's negative errno, which is the call's own */
};

/*
 * Under a seccomp filter: directory streams that are ours go on with the calls that libc's would make,
 * a late failure shows in the exit status and keeps the last names of files, and that is all.
 */
static unsigned wanted_under_filter(enum op op)
{
	return (late_happened() && leave_needs(op) ? WANTER_LEAVE : 0) |
	       (behind_keeps(op) ? WANTER_BEHIND : 0) | (ahead_serves(op) ? WANTER_AHEAD : 0);
}

/* Who wants OP. COUNTED: statistics do. IN: we act for the program. */
static unsigned wanted_by(enum op op, bool counted, bool in)
{
	bool watched = counted || in || config.mode == MODE_RING ? watch_needed(op)
								 : watch_needed_outside(op);
	unsigned by = counted ? WANTER_COUNTED : 0;

	by |= watched ? WANTER_WATCH : 0;
	if (config.mode == MODE_RING)
		return by | (table_op_opcode(op) >= 0 ? WANTER_RING : 0);
	by |= leave_needs(op) ? WANTER_LEAVE : 0;
	by |= behind_needs(op) ? WANTER_BEHIND : 0;
	by |= ahead_needs(op) ? WANTER_AHEAD : 0;
	by |= together_needs(op) ? WANTER_TOGETHER : 0;
	return by;
}

static bool wanted(enum op op, enum wanter by)
{
	return ushim_armed[op] & by;
}

static bool everything_watched(void)
{
	return stats_wanted() || trace_wanted();
}

static bool is_in(void)
{
	return ahead_is_in() || behind_is_in();
}

void engine_arm(void)
{
	bool counted = everything_watched(), in = is_in(), filtered = filter_forbids();

	for (enum op op = 0; op < OP_COUNT; op++)
		ushim_armed[op] = (uint8_t)(filtered ? wanted_under_filter(op)
						     : wanted_by(op, counted, in));
}

/* POSIX's cancellation points among the operations with an opcode. */
static bool op_cancellation_point(enum op op)
{
	switch (table_op_opcode(op)) {
	case OPCODE_READ:
	case OPCODE_WRITE:
	case OPCODE_READV:
	case OPCODE_WRITEV:
	case OPCODE_FSYNC:
	case OPCODE_SYNC_FILE_RANGE:
	case OPCODE_FALLOCATE:
	case OPCODE_OPENAT:
	case OPCODE_CLOSE:
		return true;
	default:
		return false;
	}
}

/* The kernel has done the call; hand its answer over. False: the plain call has to. */
static bool call_finish(const struct call *call, const struct ring *ring, long *value)
{
	switch (call->yield) {
	case YIELD_RESULT:
		break;
	case YIELD_STAT:
		if (!yield_stat(call->stat, ring_statx(ring)))
			return false;
		*value = 0;
		break;
	}
	if (call->opcode == OPCODE_OPENAT || call->opcode == OPCODE_OPENAT2)
		fd_owner_opened((int)*value);
	return true;
}

/* Guard: may the shim act at all, in this thread and now? */
static enum reason thread_guard(const struct thread *thread)
{
	if (thread->depth)
		return REASON_NESTED;
	if (thread->cancel_async)
		return REASON_CANCEL;
	if (thread->stage == THREAD_DEAD)
		return REASON_THREAD_ENDING;
	if (thread->stage == THREAD_PLAIN)
		return ring_ceded() ? REASON_CEDED : REASON_NO_RING;
	return REASON_NONE;
}

static enum reason ring_for(enum opcode opcode, struct ring **ring)
{
	int why = 0;

	if (ring_ceded()) {
		thread_give_up_ring();
		return REASON_CEDED;
	}
	*ring = thread_ring(&why);
	if (why == -EXDEV)
		return REASON_BORROWED;
	if (why)
		stats_ring_error(why);
	if (!*ring)
		return REASON_NO_RING;
	return ring_knows(opcode) ? REASON_NONE : REASON_OPCODE;
}

/* May CALL make a file longer, and so meet RLIMIT_FSIZE? */
static bool call_extends(const struct call *call)
{
	return call->opcode == OPCODE_WRITE || call->opcode == OPCODE_WRITEV ||
	       call->opcode == OPCODE_FALLOCATE || call->opcode == OPCODE_FTRUNCATE;
}

/*
 * Lets RING run CALL. A transfer at the file position that ends early with an error (bad
 * memory, RLIMIT_FSIZE) moves its first bytes and leaves the position where it was: the ring
 * updates it only after a last step without error (io_uring/rw.c, kiocb_done; seen on Linux
 * 6.18). The position is the program's own (guard_check), so it can be set.
 */
static enum reason call_submit(const struct call *call, struct ring *ring, int *result)
{
	bool positioned = call->guard == GUARD_POSITION;
	long before = positioned ? sys(SYS_lseek, call->fd, 0, SEEK_CUR) : 0;
	enum reason reason = ring_run(ring, call, result);

	if (positioned && reason == REASON_NONE && *result > 0)
		sys(SYS_lseek, call->fd, before + *result, SEEK_SET);
	return reason;
}

/* Proves and runs CALL. With the depth above zero: nothing in here is intercepted. */
static enum reason call_run(const struct call *call, enum outcome *outcome, long *value)
{
	struct ring *ring = NULL;
	int result = 0;
	enum reason reason = ring_for(call->opcode, &ring);

	if (reason == REASON_NONE)
		reason = guard_check(call);
	/* Past the limit SIGXFSZ is due exactly once: a worker's is lost, and one raised before
	 * the ring went to a worker is raised again by the plain call. */
	if (reason == REASON_NONE && call_extends(call) && process_file_size_limit() != UINT64_MAX)
		reason = REASON_LIMIT;
	if (reason == REASON_NONE)
		reason = call_submit(call, ring, &result);
	if (reason == REASON_NO_RING)
		thread_give_up_ring();
	if (reason == REASON_INTERRUPTED && result < 0) {
		*value = result;
		*outcome = OUTCOME_ERROR;
		return reason;
	}
	if (reason != REASON_NONE)
		return reason;
	*value = result;
	if (result >= 0 && call_finish(call, ring, value))
		*outcome = OUTCOME_RESULT;
	else if (result < 0 && !repeat_allowed(call, result))
		*outcome = OUTCOME_ERROR;
	return *outcome == OUTCOME_PLAIN ? REASON_RING_ERROR : REASON_NONE;
}

/* The whole way of a call that has an opcode. */
static enum outcome call_try(enum op op, const long *arg, long *value, enum reason *why)
{
	struct thread *thread = &thread_self;
	struct call call = {.op = op};
	enum outcome outcome = OUTCOME_PLAIN;
	enum reason reason = thread_guard(thread);
	struct signals_held held;

	if (reason == REASON_NONE && kin_interposed(kin_of(op)))
		reason = REASON_INTERPOSED;
	if (reason == REASON_NONE)
		reason = over_marshal(op, &call, arg);
	if (reason == REASON_NONE) {
		if (op_cancellation_point(op))
			thread_cancellation_point();
		thread_enter(&held);
		reason = call_run(&call, &outcome, value);
		thread_leave(&held);
	}
	if (op == OP_CLOSE)
		fd_owner_closed((int)arg[0]);
	*why = reason;
	return outcome;
}

/*
 * syscall(SYS_openat2, ...): glibc 2.36 has no function for it, programs call it so. The
 * other numbers are passed through.
 */
static enum op op_of_syscall(const struct regs *regs)
{
	return regs->arg[0] == SYS_openat2 ? OP_OPENAT2 : OP_SYSCALL;
}

/* Ring mode. True when the call is done, with its value in *VALUE. */
static bool enter_ring(enum op op, enum sym sym, const struct regs *regs, long *value,
		       enum reason *reason)
{
	const long *arg = op == OP_OPENAT2 ? regs->arg + 1 : regs->arg;

	if (table_op_opcode(op) < 0) {
		*reason = REASON_OPERATION;
		return watch_before(op, sym, regs, value);
	}
	switch (call_try(op, arg, value, reason)) {
	case OUTCOME_PLAIN:
		return false;
	case OUTCOME_RESULT:
		return true;
	case OUTCOME_ERROR:
		errno = (int)-*value;
		*value = -1;
		return true;
	}
	return false;
}

/*
 * What stderr was when the program began is what it is at the program's first call of all that we know: to
 * put a file of its own there takes one. It costs 5 us, and many processes that start do nothing.
 */
static void begin_late(enum op op)
{
	static bool begun;

	if (begun || op == OP_LIBC_START_MAIN)
		return;
	begun = true;
	late_begin();
}

/*
 * Threads of our own are gone before anybody changes what they would have to have changed too (credentials,
 * namespaces, priorities) or may look how many there are. Who leaves takes them along.
 */
static void threads_look(enum op op, const struct regs *regs)
{
	bool concerned = table_op_class(op) == CLASS_PROCESS && table_op_order(op) != ORDER_FREE &&
			 table_op_order(op) != ORDER_IMAGE;

	if (op == OP_SYSCALL)
		concerned = !passage_syscall_is_plain(regs);
	if (!concerned || thread_self.depth || !process_owns_memory())
		return;
	thread_self.depth++;
	flight_rest();
	thread_self.depth--;
}

/* Where nothing else is in, nobody sees what the program does between two groups. */
static bool synced(const struct passage *passage)
{
	bool done = together_sync(passage);

	if (done && flight_has_threads() && !is_in())
		flight_rest();
	return done;
}

/* Modes auto and strict: acknowledged, answered ahead of time, or the program's own call. */
static bool enter_ahead(enum op op, enum sym sym, const struct regs *regs, long *value,
			enum reason *reason)
{
	const struct passage passage = {op, sym, regs, value, reason};
	int program_errno = errno;
	bool done;

	*reason = REASON_MODE;
	begin_late(op);
	if (flight_has_threads())
		threads_look(op, regs);
	together_watch(&passage);
	if (wanted(op, WANTER_BEHIND) && behind_before(&passage))
		return true;
	done = (wanted(op, WANTER_AHEAD) && ahead_before(&passage)) || synced(&passage) ||
	       (wanted(op, WANTER_WATCH) && watch_before(op, sym, regs, value));
	return wanted(op, WANTER_BEHIND) ? behind_after(&passage, done, program_errno) : done;
}

/* What can be called again with nothing but its argument registers, so that it can be timed. */
static bool op_traceable(enum op op)
{
	switch (table_op_class(op)) {
	case CLASS_QUESTION:
	case CLASS_COMMAND:
	case CLASS_DURABLE:
	case CLASS_LISTING:
		return true;
	case CLASS_DATA:
	case CLASS_HANDLE:
	case CLASS_PROCESS:
		return table_op_opcode(op) >= 0;
	}
	return false;
}

/* Puts the call on its thread's track; a plain one that can be timed is made here. */
static bool enter_traced(enum op op, enum sym sym, const struct regs *regs, uint64_t begin,
			 bool done, long *value, enum reason reason)
{
	int saved = errno;

	if (!done && op_traceable(op)) {
		*value = plain_call(sym, regs);
		saved = errno;
		done = true;
	}
	trace_call(op, reason, begin, clock_ns());
	errno = saved;
	return done;
}

/* No system call but the program's own is made on this way, and nothing is counted. */
static bool enter_filtered(enum op op, enum sym sym, struct regs *regs, long *value)
{
	static bool armed;
	enum reason reason = REASON_MODE;
	const struct passage passage = {op, sym, regs, value, &reason};

	if (!armed) { /* it was found, not seen to come */
		armed = true;
		engine_arm();
	}
	if (wanted(op, WANTER_LEAVE))
		leave_before(op, regs);
	return (wanted(op, WANTER_BEHIND) && behind_refuses(&passage)) ||
	       (wanted(op, WANTER_AHEAD) && ahead_serve(&passage));
}

struct verdict engine_enter(enum sym sym, struct regs *regs)
{
	struct verdict plain = {.jump = real_of(sym)};
	enum op op = table_sym_op(sym);
	enum reason reason = REASON_MODE;
	uint64_t begin;
	long value = 0;
	bool done;

	if (!process_awake()) {
		watch_before_awake(op, regs);
		return plain;
	}
	if (filter_forbids()) {
		done = enter_filtered(op, sym, regs, &value);
		return done ? (struct verdict){.value = value} : plain;
	}
	begin = trace_wanted() ? clock_ns() : 0;
	if (config.mode == MODE_RING) {
		op = op == OP_SYSCALL ? op_of_syscall(regs) : op;
		done = enter_ring(op, sym, regs, &value, &reason);
	} else {
		if (wanted(op, WANTER_LEAVE))
			leave_before(op, regs);
		done = enter_ahead(op, sym, regs, &value, &reason);
	}
	if (reason == REASON_MODE && kin_seen_interposed(op))
		reason = REASON_INTERPOSED;
	if (!filter_forbids())
		stats_call(op, reason);
	if (trace_wanted() && !filter_forbids())
		done = enter_traced(op, sym, regs, begin, done, &value, reason);
	return done ? (struct verdict){.value = value} : plain;
}
