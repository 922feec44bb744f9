/* SPDX-License-Identifier: MIT */
#include "behind/private.h"

#include <fcntl.h>

#include "ahead/ahead.h"
#include "backend/flight.h"
#include "base/sys.h"
#include "base/threads.h"
#include "call/armed.h"
#include "call/leave.h"
#include "call/plain.h"
#include "over/over.h"
#include "process/config.h"
#include "process/kin.h"
#include "process/process.h"
#include "process/thread.h"
#include "table/fence.h"
#include "walk/pace.h"

enum {
	SAMPLES_FIRST = 4,  /* commands timed when the program starts */
	COMMANDS_MOST = 64, /* kinds of them, more than there are */
};

static bool wanted(void)
{
	return config.mode == MODE_AUTO;
}

bool behind_needs(enum op op)
{
	if (!wanted())
		return false;
	if (lost_needs(op))
		return true;
	if (behind_learned.given_up)
		return false;
	if (behind_learned.in)
		return fence_of(op) != FENCE_NONE || table_op_class(op) == CLASS_HANDLE;
	if (op == OP_MMAP || op == OP_SHMAT)
		return true;
	return behind_learned.samples > 0 && table_op_class(op) == CLASS_COMMAND &&
	       fence_of(op) == FENCE_COMMAND; /* the class is asked first: it costs less */
}

/*
 * Done for every directory opened, so the commands are looked for among all operations once, and
 * nobody else is asked. After the sample each is disarmed when it comes by.
 */
static void commands_arm(void)
{
	static enum op commands[COMMANDS_MOST];
	static unsigned count;

	if (!count)
		for (enum op op = 0; op < OP_COUNT && count < COMMANDS_MOST; op++)
			if (fence_of(op) == FENCE_COMMAND)
				commands[count++] = op;
	for (unsigned i = 0; i < count && !behind_learned.in; i++)
		armed_sample(commands[i], WANTER_BEHIND);
}

/* What follows in a directory that was opened may be worth a look. */
static void look_at_a_command(void)
{
	if (!wanted() || behind_learned.samples || behind_learned.in || behind_learned.given_up)
		return;
	behind_learned.samples = 1;
	commands_arm();
}

void behind_begin(void)
{
	if (!wanted())
		return;
	behind_learned.samples = SAMPLES_FIRST;
	ahead_tell_directories(look_at_a_command);
	behind_learned.command.forced = behind_learned.command.in = config.force;
}

bool behind_is_in(void)
{
	return behind_learned.in;
}

/* ---- in and out ---- */

/* Their guards read a direct descriptor. */
static void chains_wait(void)
{
	struct behind *behind = behind_root();

	if (behind && behind->pending)
		queue_wait_all(behind);
}

static bool root_make(void)
{
	struct behind *root = behind_root_memory();
	struct identity proc;

	if (!root)
		return false;
	root->magic = BEHIND_MAGIC;
	behind_learned.command.slow_ns = pace_of(COMMAND_SLOW_NS);
	root->failed = lost_any(); /* in the parent: a removal put off here would be its file's last */
	if (path_identify(AT_FDCWD, "/proc", 0, &proc))
		root->proc_device = proc.device;
	flight_receive(FLIGHT_COMMAND, command_done);
	flight_guards_wait(chains_wait);
	dirs_tell_doubts(behind_forget);
	return flight_begin(command_cost_ns()) && flight_knows(OPCODE_LINKAT) &&
	       flight_knows(OPCODE_UNLINKAT);
}

/* Another library would not see what is acknowledged, nor tell what it makes of it. */
static bool interposed(void)
{
	return kin_interposed(KIN_COMMAND) || kin_interposed(KIN_STAT) ||
	       kin_interposed(KIN_OPEN) || kin_interposed(KIN_LISTING);
}

static void go_in(void)
{
	struct signals_held held;

	if (behind_learned.in || behind_learned.given_up || threads_seen() || flight_ceded() ||
	    leave_begun() || !process_owns_memory())
		return;
	thread_enter(&held);
	behind_learned.given_up = interposed() || !root_make();
	if (!behind_learned.given_up) {
		behind_learned.in = true;
		armed_refresh();
	}
	thread_leave(&held);
}

static void go_out(void)
{
	behind_learned.in = false;
	behind_learned.samples = 0;
	armed_refresh();
}

/* With everything done. */
static void go_out_now(struct behind *behind)
{
	struct signals_held held;

	thread_enter(&held);
	behind_forget(behind);
	thread_leave(&held);
	go_out();
}

void behind_settle(void)
{
	struct behind *behind = behind_root();

	if (!behind || !process_owns_memory())
		return;
	behind_learned.given_up = true; /* handlers of the way out make plain calls */
	go_out_now(behind);
}

/* ---- while out: a command is timed ---- */

/* The directory that showed it is the first that is known. */
static void go_in_with(const struct call *call, bool made, bool network)
{
	struct signals_held held;

	go_in();
	if (network)
		ahead_engage();
	if (!behind_root() || !made || call->opcode != OPCODE_MKDIRAT)
		return;
	thread_enter(&held);
	dir_made(behind_root(), call->fd, call->path);
	thread_leave(&held);
}

static void sample_end(enum op op)
{
	if (!behind_needs(op))
		armed_sample_end(op, WANTER_BEHIND);
}

static bool outside_before(const struct passage *passage)
{
	struct call call = {.op = passage->op};
	struct signals_held held;
	struct sample sample;

	/* Stores to such memory are output that nobody sees, however early it was mapped. */
	if (passage_shares_memory(passage->op, passage->regs))
		behind_learned.given_up = true;
	if (fence_of(passage->op) != FENCE_COMMAND)
		return false;
	if (behind_learned.given_up || !behind_learned.samples ||
	    over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE) {
		sample_end(passage->op);
		return false;
	}
	if (ahead_is_in()) {
		thread_enter(&held);
		ahead_command(passage->op, false);
		thread_leave(&held);
	}
	sample = command_sample(passage, &call);
	behind_learned.command.slow_ns = pace_limit(COMMAND_SLOW_NS, sample.waited_ns);
	governor_plain(&behind_learned.command, sample.waited_ns);
	if (sample.network)
		governor_prior(&behind_learned.command);
	if (behind_learned.command.in)
		go_in_with(&call, (int)*passage->value == 0, sample.network);
	else if (!sample.slow && !behind_learned.command.slow)
		behind_learned.samples--;
	sample_end(passage->op);
	return true;
}

/* ---- while in ---- */

/* From here on memory is shared with others, or commands come from several threads. */
static bool ends_deferral(const struct passage *passage)
{
	return passage_shares_memory(passage->op, passage->regs) ||
	       (table_op_order(passage->op) == ORDER_THREAD &&
		table_op_class(passage->op) == CLASS_PROCESS);
}

/* Without a record of any directory nothing is pending, and nobody can end what is known. */
static bool concerns(const struct behind *behind, const struct passage *passage)
{
	return behind->descriptors || fence_of(passage->op) == FENCE_COMMAND ||
	       ends_deferral(passage) || lost_needs(passage->op);
}

/* What needs no directory to be true may end all the same. */
static void unheeded(struct behind *behind)
{
	behind->identified = false;
	behind->space_left = 0;
}

static bool refuses_outside(const struct passage *passage)
{
	struct signals_held held;
	bool refuses;

	if (!lost_needs(passage->op))
		return false;
	thread_enter(&held);
	refuses = lost_refuses(passage);
	thread_leave(&held);
	return refuses;
}

/* May more come for the directory whose commands are gathering? */
static bool gathers(enum op op)
{
	enum fence fence = fence_of(op);

	return fence == FENCE_NONE || fence == FENCE_COMMAND || fence == FENCE_ATTRIBUTE ||
	       fence == FENCE_STAT || fence == FENCE_ASK;
}

bool behind_before(const struct passage *passage)
{
	struct behind *behind = behind_root();
	struct signals_held held;
	bool done;

	if (thread_self.depth || !wanted())
		return false;
	if (!behind && refuses_outside(passage))
		return true;
	if (behind_learned.in && !behind) { /* a forked child: the root was wiped */
		go_out();
		behind_learned.samples = 1;
		commands_arm();
	}
	if (threads_seen() || flight_ceded())
		return false;
	if (!behind)
		return outside_before(passage);
	if (!process_owns_memory())
		return false;
	if (!concerns(behind, passage)) {
		unheeded(behind);
		return false;
	}
	if (flight_refused())
		behind_learned.given_up = true;
	thread_enter(&held);
	queue_make_room(behind);
	if (behind->doubts)
		behind_forget(behind);
	if (!gathers(passage->op))
		submit_before(behind);
	worked_look(behind);
	done = fence_pass(behind, passage) || lost_refuses(passage);
	worked_begin(behind, passage);
	thread_leave(&held);
	if (ends_deferral(passage))
		behind_learned.given_up = true;
	if (behind_learned.given_up || !behind_learned.command.in)
		go_out_now(behind);
	return done;
}

bool behind_keeps(enum op op)
{
	return lost_needs(op);
}

bool behind_refuses(const struct passage *passage)
{
	return lost_refuses(passage);
}

bool behind_after(const struct passage *passage, bool done, int program_errno)
{
	struct behind *behind = behind_root();
	struct signals_held held;

	if (!behind || thread_self.depth || !outcome_matters(behind, passage) ||
	    threads_seen() || !process_owns_memory())
		return done;
	thread_enter(&held);
	outcome_learn(behind, passage, done, program_errno);
	thread_leave(&held);
	return true;
}
