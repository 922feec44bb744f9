/* SPDX-License-Identifier: MIT */
#include "ahead/private.h"

#include "base/path.h"
#include "base/threads.h"
#include "call/filestream.h"
#include "process/process.h"
#include "process/thread.h"

/* From here on somebody else acts in this address space. */
static bool begins_thread(enum op op)
{
	return table_op_order(op) == ORDER_THREAD && table_op_class(op) == CLASS_PROCESS &&
	       op != OP_PTHREAD_SETCANCELTYPE;
}

bool ahead_needs(enum op op)
{
	return outside_is_in() ? kind_of(op) != KIND_OTHER || table_op_order(op) != ORDER_FREE
			       : outside_needs(op) || begins_thread(op) || op == OP_SHMAT;
}

/* S_IFMT of FD, or 0. */
static mode_t descriptor_kind(int fd)
{
	struct statx statx;

	return descriptor_statx(fd, STATX_TYPE, &statx) == 0 ? statx.stx_mode & S_IFMT : 0;
}

/* Input: somebody may have told us something. */
static void effect_input(struct ahead *ahead, int fd)
{
	mode_t kind = descriptor_kind(fd);

	if (kind == S_IFREG)
		return;
	ahead->epoch++;
	if (kind == S_IFSOCK)
		interruptions_settle(ahead);
}

static bool op_destroys(enum op op)
{
	return table_op_opcode(op) == OPCODE_UNLINKAT || table_op_opcode(op) == OPCODE_RENAMEAT;
}

/* By the time it returns, a child has acted for us: opened and truncated files, say. */
static bool op_lends(enum op op)
{
	return op == OP_VFORK || op == OP_POSIX_SPAWN;
}

/* Input, locks, waits, and changes of what paths and permissions mean. */
static bool order_expires(enum op_order order)
{
	switch (order) {
	case ORDER_IN:
	case ORDER_INOUT:
	case ORDER_STATE:
	case ORDER_CEDE:
	case ORDER_THREAD:
		return true;
	case ORDER_FREE:
	case ORDER_NAME:
	case ORDER_FD:
	case ORDER_SYNC:
	case ORDER_OUT:
	case ORDER_IMAGE:
		return false;
	}
	return true;
}

/* What was found under a name may be something else, or nothing, from now on. */
static void effect_on_names(struct ahead *ahead, enum op op)
{
	if (!op_destroys(op) && !(table_op_traits(op) & TRAIT_RETYPES))
		return;
	contents_close(ahead, CONTENTS_SETTLE_MS);
	types_void(ahead);
}

/* What a call without a part of its own means for answers. (kill also tells who is gone.) */
static void effect_other(struct ahead *ahead, enum op op)
{
	enum op_order order = table_op_order(op);
	enum op_class class = table_op_class(op);

	effect_on_names(ahead, op);
	if (class == CLASS_PROCESS && order == ORDER_INOUT)
		interruptions_settle(ahead);
	if (class == CLASS_COMMAND || op == OP_KILL || op == OP_TRUNCATE || order_expires(order) ||
	    op_lends(op) || (class == CLASS_HANDLE && order == ORDER_NAME))
		ahead->epoch++;
	if (class == CLASS_HANDLE || order == ORDER_INOUT)
		opened_forget(ahead);
}

/* Descriptor FD (or any, if negative) is about to mean something else. */
static void number_release(struct ahead *ahead, int fd)
{
	answers_release(ahead, fd);
	contents_release(ahead, fd);
}

static void effect_syscall(struct ahead *ahead, const struct regs *regs)
{
	if (passage_syscall_is_plain(regs))
		return;
	ahead->epoch++;
	opened_forget(ahead);
	number_release(ahead, -1);
	types_void(ahead);
}

/* An interrupted moment of the shim's own: only what needs no more than a store. */
static void effect_nested(struct ahead *ahead, enum op op)
{
	if (table_op_class(op) != CLASS_QUESTION && table_op_class(op) != CLASS_LISTING) {
		ahead->epoch++;
		opened_forget(ahead);
	}
}

/* Calls between two of readdir that neither change a directory nor tell anybody anything. */
static bool leaves_streams(enum op op)
{
	enum kind kind = kind_of(op);

	return kind == KIND_STAT || kind == KIND_READLINK || kind == KIND_READDIR ||
	       kind == KIND_READDIR_R || kind == KIND_TELLDIR ||
	       (kind == KIND_OTHER && table_op_class(op) == CLASS_QUESTION);
}

/*
 * Output tells others something, and what they do about it they can only tell us by input; so it
 * ages nothing but a stream that was read on. A program may print a hundred times for every file.
 */
static bool output_only(const struct ahead *ahead, enum op op)
{
	return table_op_class(op) == CLASS_DATA && table_op_order(op) == ORDER_OUT &&
	       kind_of(op) == KIND_OTHER && !ahead->read_on;
}

/*
 * What shows threads, changes what they may or are about to do (credentials, the current directory, a
 * filter), copies this process, waits for others, or may be any of these: no scout is there then.
 */
static bool ends_scouts(const struct passage *passage)
{
	if (kind_of(passage->op) == KIND_SYSCALL)
		return !passage_syscall_is_plain(passage->regs);
	return table_op_class(passage->op) == CLASS_PROCESS &&
	       table_op_order(passage->op) != ORDER_FREE;
}

/* With the depth above zero. */
static bool inside(struct ahead *ahead, const struct passage *passage)
{
	const struct regs *regs = passage->regs;
	int fd;

	if (ends_scouts(passage))
		scouting_end(ahead);
	switch (kind_of(passage->op)) {
	case KIND_STAT:
		return questions_ask(ahead, passage);
	case KIND_READLINK:
		questions_read_link(ahead, passage);
		return false;
	case KIND_OPENDIR:
	case KIND_FDOPENDIR:
		return streams_open(ahead, passage);
	case KIND_OPEN:
	case KIND_FOPEN:
		return files_open(ahead, passage);
	case KIND_READ:
		effect_input(ahead, (int)regs->arg[0]);
		return files_read(ahead, passage);
	case KIND_STREAM_READ:
		if (!filestream_only_reads(passage, &fd))
			effect_other(ahead, passage->op);
		return files_read(ahead, passage);
	case KIND_CLOSE:
		number_release(ahead, (int)regs->arg[0]);
		return false;
	case KIND_CLOSES_MANY:
		number_release(ahead, -1);
		return false;
	case KIND_DUP2:
		number_release(ahead, (int)regs->arg[1]);
		opened_forget(ahead);
		return false;
	case KIND_FCNTL:
		if (!passage_fcntl_is_plain(regs))
			ahead->epoch++;
		if (passage_fcntl_leases(regs)) /* it gets none while we have the file open */
			contents_close(ahead, CONTENTS_SETTLE_MS);
		return false;
	case KIND_SYSCALL:
		effect_syscall(ahead, regs);
		return false;
	case KIND_MMAP:
	case KIND_READDIR:
	case KIND_TELLDIR:
	case KIND_STREAM_MOVES:
	case KIND_READDIR_R:
	case KIND_CLOSEDIR:
		return false; /* seen to before, in or out */
	case KIND_OTHER:
		effect_other(ahead, passage->op);
		return false;
	}
	return false;
}

void ahead_command(enum op op, bool unseen)
{
	struct ahead *ahead = outside_is_in() ? ahead_root() : NULL;

	if (!ahead)
		return;
	effect_on_names(ahead, op);
	if (!unseen)
		ahead->epoch++;
}

void ahead_named(int fd, const char *path)
{
	struct ahead *ahead = outside_is_in() ? ahead_root() : NULL;

	if (!ahead)
		return;
	questions_named(ahead, fd, path);
	outside_look_back(ahead);
}

bool ahead_is_in(void)
{
	return outside_is_in();
}

bool ahead_serves(enum op op)
{
	return streams_concern(op);
}

bool ahead_serve(const struct passage *passage)
{
	return streams_before(NULL, passage);
}

bool ahead_before(const struct passage *passage)
{
	const struct regs *regs = passage->regs;
	struct ahead *ahead = ahead_root();
	struct signals_held held;
	bool done;

	if (thread_self.depth) {
		if (ahead)
			effect_nested(ahead, passage->op);
		*passage->reason = REASON_NESTED;
		return false;
	}
	if (threads_seen() || flight_ceded())
		return streams_before(NULL, passage);
	if (begins_thread(passage->op)) {
		outside_give_up();
		return false;
	}
	if (passage_shares_memory(passage->op, regs))
		outside_give_up();
	if (ahead && outside_is_in())
		outside_look(ahead);
	if (streams_before(ahead, passage))
		return true;
	if (!ahead || !outside_is_in())
		return outside_before(passage);
	if (output_only(ahead, passage->op) || !process_owns_memory())
		return false;
	thread_enter(&held);
	if (!leaves_streams(passage->op))
		streams_take_back(ahead);
	done = inside(ahead, passage);
	outside_look_back(ahead);
	thread_leave(&held);
	return done;
}
