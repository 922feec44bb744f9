/* SPDX-License-Identifier: MIT
 *
 * What only a call's outcome tells, so that it is made here: whether the file a question was
 * about has commands pending, which entries a listing gave, which descriptor was opened, and
 * that the program ran out of them because of ours.
 */
#include "behind/private.h"

#include <errno.h>

#include "call/plain.h"
#include "process/real.h"
#include "table/fence.h"

/* The program ran into numbers that are ours: it gets them. */
static bool ran_out(struct behind *behind, const struct passage *passage)
{
	bool pointer = passage->op == OP_OPENDIR || passage->op == OP_FDOPENDIR ||
		       passage->op == OP_FOPEN;

	if (!behind->descriptors || errno != EMFILE)
		return false;
	return pointer ? *passage->value == 0 : (int)*passage->value == -1;
}

/* /proc names descriptors: ours go before the program has read a name. True if FD lies there. */
static bool proc_opened(struct behind *behind, int fd)
{
	if (!descriptor_in_proc(behind, fd))
		return false;
	behind_forget(behind);
	return true;
}

static void handle_made(struct behind *behind, const struct passage *passage)
{
	long value = *passage->value;

	if (passage->op == OP_OPENDIR || passage->op == OP_FDOPENDIR) {
		int fd = value ? REAL(dirfd)((DIR *)value) : -1;

		if (!value)
			return;
		if (proc_opened(behind, fd))
			behind_give_up(); /* or there is one more while it is read */
		else
			stream_opened(behind, (DIR *)value, fd);
	} else if (passage->op == OP_FOPEN && value && behind->descriptors) {
		proc_opened(behind, fileno((struct _IO_FILE *)value));
	} else if (fence_of(passage->op) == FENCE_OPEN && (int)value >= 0 && behind->descriptors) {
		proc_opened(behind, (int)value);
	}
}

/* Made anew, as if for the first time: a success leaves errno as the program had it. */
static long run_again(const struct passage *passage, int program_errno)
{
	errno = program_errno;
	return plain_run(passage);
}

static void handle_learn(struct behind *behind, const struct passage *passage, bool done,
			 int program_errno)
{
	if (!done)
		*passage->value = plain_run(passage);
	if (ran_out(behind, passage)) {
		behind_forget(behind);
		*passage->value = run_again(passage, program_errno);
	}
	handle_made(behind, passage);
}

static void readdir_learn(struct behind *behind, const struct passage *passage, bool done)
{
	DIR *stream = (DIR *)passage->regs->arg[0];
	int saved = errno, err = 0;

	if (!done) {
		errno = 0;
		*passage->value = plain_run(passage);
		err = errno;
	}
	if (!err)
		errno = saved;
	stream_gave(behind, stream, (const struct dirent *)*passage->value,
		    !*passage->value && !err);
}

static void stat_learn(struct behind *behind, const struct passage *passage, bool done,
		       int program_errno)
{
	if (!done)
		*passage->value = plain_run(passage);
	while (touch_answer(behind, passage))
		*passage->value = run_again(passage, program_errno);
}

static bool op_watched(enum op op)
{
	return fence_of(op) == FENCE_STAT || op == OP_READDIR ||
	       (table_op_class(op) == CLASS_HANDLE && op != OP_CLOSE && op != OP_CLOSEDIR &&
		fence_of(op) != FENCE_OUTSIDE && fence_of(op) != FENCE_STDIO) ||
	       op == OP_FCNTL;
}

bool outcome_matters(const struct behind *behind, const struct passage *passage)
{
	if (!op_watched(passage->op))
		return false;
	if (fence_of(passage->op) == FENCE_STAT)
		return behind->pending;
	if (passage->op == OP_READDIR)
		return stream_noted(behind, (DIR *)passage->regs->arg[0]);
	return behind->descriptors || behind->removes;
}

void outcome_learn(struct behind *behind, const struct passage *passage, bool done,
		   int program_errno)
{
	if (fence_of(passage->op) == FENCE_STAT)
		stat_learn(behind, passage, done, program_errno);
	else if (passage->op == OP_READDIR)
		readdir_learn(behind, passage, done);
	else
		handle_learn(behind, passage, done, program_errno);
}
