/* SPDX-License-Identifier: MIT */
#include "together/private.h"

#include <errno.h>

#include "backend/flight.h"
#include "base/clock.h"
#include "base/filter.h"
#include "base/fsinfo.h"
#include "base/threads.h"
#include "call/armed.h"
#include "call/image.h"
#include "call/leave.h"
#include "call/plain.h"
#include "process/config.h"
#include "process/kin.h"
#include "process/process.h"
#include "process/signals.h"
#include "process/thread.h"
#include "report/late.h"
#include "walk/pace.h"

#define TOGETHER_MAGIC UINT64_C(0x746f676574686572)

enum {
	LOOK_EVERY = 64, /* calls after which completions nobody came for are looked at */
	PATIENCE_FIRST = 64, /* slow fsyncs that lead to no group, before some are not looked at: */
	PATIENCE_LEFT = 32,  /* so many, */
	PATIENCE_NEXT = 8,   /* and then these are again */
};

/* Ordinary memory, so that children inherit what was learned. */
static struct pay pay;
static bool given_up;
static unsigned patience; /* slow fsyncs until some are not looked at */
static bool rests; /* fsync is not armed: see rest() */
bool together_keeps; /* and ushim_armed is as for that */

static struct together *root;

struct together *together_root(void)
{
	return root && root->magic == TOGETHER_MAGIC && (root->ready || root->owed) ? root : NULL;
}

void together_begin(void)
{
	image_at_end(together_ends);
	pay_begin(&pay, 0);
	pay.forced = config.force;
	pay.twice = config.mode == MODE_STRICT;
	patience = PATIENCE_FIRST;
	given_up = config.sqpoll_ms > 0;
}

bool together_wants(enum op op)
{
	if (together_syncs(op))
		return together_keeps || !(given_up || rests);
	return (together_keeps && table_op_class(op) != CLASS_QUESTION) ||
	       (!given_up && record_wants(op));
}

/* Arms for what is kept, or disarms where nothing is. */
static void arm(void)
{
	bool wanted = together_root() != NULL;

	if (wanted == together_keeps)
		return;
	together_keeps = wanted;
	armed_refresh();
}

/* ---- the program's own fsync, made plainly ---- */

/*
 * Slow ones that led to no group. A database syncs the same few files for ever, and looking at each
 * costs a hundredth of it.
 */
static void patience_lose(void)
{
	if ((root && root->grace_awaited) || --patience)
		return; /* a group is about to begin; or may yet */
	patience = PATIENCE_NEXT;
	next_forget();
	pay_pause(&pay, PATIENCE_LEFT);
}

/* There are slow ones, and groups may pay. */
static void record_files(void)
{
	if (!pay.barred && pay.opens && process_owns_memory() && record_begin())
		armed_refresh();
}

/*
 * FD, whose inode has SHAPE, is being synced: where that is by the same number again, its name may
 * show an order.
 */
static void note(int fd, const struct shape *shape)
{
	if (next_note(fd, shape) && next_reopens())
		record_note(fd, &shape->identity);
}

static void learn(int fd, uint64_t ns)
{
	struct shape shape;

	if ((ns < pay.slow_ns && !pay.forced) || !shape_read(fd, &shape)) {
		next_forget();
	} else {
		if (shape.identity.device != pay.device) {
			struct storage storage = fsinfo_storage(fd);

			pay_begin(&pay, shape.identity.device);
			pay.barred = !storage.shares_commits;
			/* Over a network opening the files costs what syncing them does. */
			pay.opens = storage.alike && (pay.forced || !storage.network);
		}
		record_files();
		note(fd, &shape);
		patience_lose();
	}
	pay_plain(&pay, ns);
}

/*
 * An fsync of a file in memory takes 0.1 us, and coming by here a fifth of that. So after a few the
 * next ones go straight to libc, until any other call comes by: the program may have gone elsewhere.
 */
static void rest(int fd, uint64_t ns)
{
	if ((ns >= pay.slow_ns && !pay.barred) || pay.forced || together_keeps || !pay_rests(&pay) ||
	    !fsinfo_storage(fd).in_memory)
		return;
	rests = true;
	armed_sample_end(OP_FSYNC, WANTER_TOGETHER);
	armed_sample_end(OP_FDATASYNC, WANTER_TOGETHER);
}

/* What is to be sat out was about memory, and a busy machine may have made it long. */
static void wake(void)
{
	rests = false;
	image_at_end(together_ends);
	pay_begin(&pay, 0);
	armed_sample(OP_FSYNC, WANTER_TOGETHER);
	armed_sample(OP_FDATASYNC, WANTER_TOGETHER);
}

static void sync_plain(const struct passage *passage)
{
	uint64_t ns;
	int saved;

	*passage->value = plain_time(passage, &ns);
	saved = errno;
	*passage->reason = REASON_TIMED;
	pay.slow_ns = pace_limit(PAY_SLOW_NS, ns);
	if ((int)*passage->value == 0)
		learn((int)passage->regs->arg[0], ns);
	rest((int)passage->regs->arg[0], ns);
	errno = saved;
}

/* ---- a group ---- */

static bool root_make(void)
{
	if (!root)
		root = process_map_wiped(sizeof(*root));
	if (!root)
		return false;
	root->magic = TOGETHER_MAGIC;
	root->pay = &pay;
	return true;
}

/* Files to start together now. */
static unsigned window(void)
{
	unsigned most = pay.window < config.depth ? pay.window : config.depth;

	return most < GROUP_MOST ? most : GROUP_MOST;
}

static unsigned candidates_find(struct together *together, int fd)
{
	unsigned count, left;

	together->begun_ns = clock_ns();
	count = next_find(together->candidates, window());
	if (!count)
		count = names_find(together, fd, window());
	if (!count)
		return 0;
	left = maps_leave(together, count);
	if (!left)
		pay_group(&pay, 0, clock_ns() - together->begun_ns, 0, config.depth);
	return left;
}

/* With the depth above zero. */
static bool group_before(const struct passage *passage)
{
	unsigned count;
	bool runs;

	if (late_happened() || leave_begun())
		return false;
	stored_void_all(root);
	count = candidates_find(root, (int)passage->regs->arg[0]);
	if (!count)
		return false;
	given_up = kin_interposed(KIN_SYNC) || kin_interposed(KIN_OPEN) ||
		   !flight_begin(pay.cost_ns) || !flight_knows(OPCODE_FSYNC);
	runs = !given_up && flight_open();
	if (runs)
		group_run(root, passage, count);
	patience = PATIENCE_FIRST;
	candidates_close(root, count);
	grace_keep(root);
	given_up |= root->owed > 0; /* a storage that fails is left to the program */
	return runs;
}

/* True where the program's fsync was made as part of a group. */
static bool sync_grouped(const struct passage *passage)
{
	int fd = (int)passage->regs->arg[0];
	struct signals_held held;
	struct shape shape;
	bool done;

	if (!pay_in(&pay) || pay_asks(&pay) || flight_refused() || !next_ready() || !process_owns_memory() ||
	    !shape_read(fd, &shape) || shape.identity.device != pay.device)
		return false;
	note(fd, &shape);
	if (!next_ordered() || !root_make() || grace_goes_on(root) ||
	    !(next_in_line() || names_may_find(root)))
		return false;
	signals_note_change(); /* a handler may have been installed unseen */
	thread_enter(&held);
	done = group_before(passage);
	thread_leave(&held);
	return done;
}

/* ---- what is kept, and the program comes for it ---- */

/*
 * The program's own fsync, of a file that was synced already. No handler runs meanwhile: it
 * might come for the same completion.
 */
static void sync_again(struct together *together, const struct passage *passage)
{
	uint64_t before = clock_ns();
	int saved;

	*passage->value = plain_call(passage->sym, passage->regs);
	saved = errno;
	*passage->reason = REASON_WARMED;
	together->again_ns += clock_ns() - before;
	errno = saved;
}

/* The kernel says so once, and may have said it to us. */
static void sync_owed(struct together *together, const struct passage *passage,
		      struct stored *stored)
{
	int err;

	sync_again(together, passage);
	err = stored_tell_call(together, stored, (int)passage->regs->arg[0],
			       (int)*passage->value == 0);
	if (err) {
		*passage->value = -1;
		errno = err;
	}
}

/* True where the call was answered or made. With the depth above zero. */
static bool sync_kept(struct together *together, const struct passage *passage)
{
	int fd = (int)passage->regs->arg[0];
	bool data_only = passage->op == OP_FDATASYNC;
	struct stored *stored;
	struct shape shape;

	if (!shape_read(fd, &shape))
		return false;
	stored = stored_find(together, fd, &shape);
	if (!stored)
		return false;
	if (stored->state == STORED_OWED) {
		sync_owed(together, passage, stored);
		return true;
	}
	if (!stored_good(together, stored, &shape, data_only))
		return false;
	stored_take(together, stored);
	note(fd, &shape);
	if (config.mode == MODE_STRICT) {
		sync_again(together, passage);
	} else {
		*passage->value = 0;
		*passage->reason = REASON_ANSWERED;
	}
	return true;
}

static bool sync_before(const struct passage *passage)
{
	struct together *together = together_root();
	struct signals_held held;
	bool done;

	if (together && process_owns_memory()) {
		thread_enter(&held);
		done = sync_kept(together, passage);
		thread_leave(&held);
		if (done)
			return true;
	}
	if (given_up || pay_sits_out(&pay))
		return false;
	if (!sync_grouped(passage))
		sync_plain(passage);
	return true;
}

/* ---- every other call, while something is kept ---- */

static void age_look(struct together *together)
{
	if (++together->looked % LOOK_EVERY)
		return;
	if (clock_ns() - together->begun_ns > config_stale_ns())
		stored_void_all(together);
}

/* glibc 2.32. Of asynchronous I/O and the like libc makes its threads itself. */
extern char __libc_single_threaded __attribute__((weak));

static bool alone(void)
{
	return !threads_seen() && !flight_ceded() &&
	       (!&__libc_single_threaded || __libc_single_threaded);
}

static void give_up(void)
{
	given_up = true;
	if (together_root())
		stored_void_all(root);
}

static void watch_kept(struct together *together, const struct passage *passage)
{
	if (!alone())
		give_up();
	else if (thread_self.depth > 1)
		stored_void_all(together); /* libc calling back, whatever for */
	else if (process_owns_memory())
		void_before(together, passage);
	age_look(together);
}

void together_watch(const struct passage *passage)
{
	bool makes = !thread_self.depth && record_makes(passage);
	struct signals_held held;
	int saved = errno;

	if (rests && !together_syncs(passage->op))
		wake();
	if (!(together_keeps || makes) || (together_syncs(passage->op) && !thread_self.depth))
		return;
	thread_enter(&held);
	if (together_root()) /* not in a forked child */
		watch_kept(root, passage);
	if (makes && !given_up && alone() && process_owns_memory())
		record_made(passage);
	arm();
	thread_leave(&held);
	errno = saved;
}

bool together_sync(const struct passage *passage)
{
	bool done;

	if (!together_syncs(passage->op) || thread_self.depth)
		return false;
	if (!alone())
		give_up();
	if (given_up && !together_keeps)
		return false;
	thread_cancellation_point();
	record_synced();
	done = sync_before(passage);
	arm();
	return done;
}

void together_ends(void)
{
	struct together *together = filter_forbids() ? NULL : together_root();

	if (together && process_owns_memory())
		stored_tell_all(together);
}
