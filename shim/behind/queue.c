/* SPDX-License-Identifier: MIT
 *
 * The chains. Inside one directory the kernel runs one command at a time (the directory's
 * lock is held across the round trip, DESIGN F3), so the commands of a directory go out as one
 * IOSQE_IO_HARDLINK chain that one worker runs in order, and while it runs the next ones
 * gather. Different directories run at once.
 *
 * A chain goes on after a failure; what destroys is therefore never acknowledged while
 * something on the same inode is pending (touch.c).
 */
#include "behind/private.h"

#include <errno.h>
#include <fcntl.h>

#include "backend/crew/perform.h"
#include "backend/flight.h"
#include "base/clock.h"
#include "base/invariant.h"
#include "base/sys.h"
#include "report/late.h"
#include "report/stats.h"
#include "report/trace.h"

enum {
	CHAIN_MOST = 64, /* commands of a chain; */
	PREPARE_AT = 2,  /* left of it when the names of the next one are looked up */
	GATHER_FOR = 2,  /* times what a command takes: about what gathering may save; but no more */
	GATHER_MOST_NS = 100 * 1000 * 1000, /* than this (C5: 250 ms) */
	WAIT_SLICE_MS = 20,
	TRACKS_BEFORE = 512, /* trace: below are the questions' tracks */
};

static bool commands_full(const struct behind *behind)
{
	return !behind->free && behind->commands_used == BEHIND_COMMANDS;
}

struct command *command_take(struct behind *behind)
{
	struct command *command = behind->free;

	if (command)
		behind->free = command->next;
	else
		command = &behind->commands[behind->commands_used++];
	command->next = NULL;
	command->serial = ++behind->clock;
	command->source = command->after = NULL;
	command->inode = (struct identity){0, 0};
	command->is_way = false;
	command->flags = 0;
	return command;
}

static bool command_makes(const struct command *command)
{
	return command->opcode != OPCODE_UNLINKAT;
}

static uint16_t *inode_count(struct behind *behind, const struct identity *identity)
{
	return &behind->inodes[(identity->inode ^ identity->inode >> 10) & 1023];
}

bool queue_may_have(struct behind *behind, const struct identity *identity)
{
	return *inode_count(behind, identity) != 0;
}

/* Adds COMMAND to all counts, or with -1 takes it away. */
static void command_count(struct behind *behind, const struct command *command, int by)
{
	behind->pending += (unsigned)by;
	command->dir->pending += (unsigned)by;
	if (command_makes(command))
		behind->making += (unsigned)by;
	if (command->is_way)
		behind->ways += (unsigned)by;
	if (command->inode.inode)
		*inode_count(behind, &command->inode) += (uint16_t)by;
	if (command->source)
		command->source->held += (unsigned)by;
	if (command->after)
		command->after->held += (unsigned)by;
}

/* The call as the kernel takes it, of the ring or by hand. */
static void command_call(const struct command *command, struct call *call)
{
	*call = (struct call){
		.op = command->op,
		.opcode = command->opcode,
		.fd = command->dir->fd,
		.path = command->name,
		.flags = command->flags,
		.mode = command->mode,
	};
	if (command->opcode == OPCODE_UNLINKAT || command->opcode == OPCODE_MKDIRAT)
		return;
	call->fd = command->source ? command->source->fd : AT_FDCWD;
	call->path = command->name2;
	call->fd2 = command->dir->fd;
	call->path2 = command->name;
}

/* Where the ring did nothing with it. */
static int command_by_hand(const struct command *command)
{
	struct call call;

	command_call(command, &call);
	return (int)call_perform(&call);
}

static const char *command_name(const struct command *command)
{
	switch ((int)command->opcode) {
	case OPCODE_LINKAT:
		return "linkat";
	case OPCODE_RENAMEAT:
		return "renameat";
	case OPCODE_SYMLINKAT:
		return "symlinkat";
	case OPCODE_MKDIRAT:
		return "mkdirat";
	default:
		return command->flags & AT_REMOVEDIR ? "rmdir" : "unlinkat";
	}
}

static void command_unlink(struct dir *dir, struct command *command)
{
	struct command **at = &dir->head, *before = NULL;

	while (*at != command) {
		before = *at;
		at = &(*at)->next;
	}
	*at = command->next;
	if (dir->tail == command)
		dir->tail = before;
}

/* A directory that stays because something in it does: of that, a line has been written already. */
static bool command_follows(const struct command *command, int result)
{
	return command->after && command->after->keeps &&
	       (result == -ENOTEMPTY || result == -EEXIST);
}

static void command_tell(const struct command *command, int result)
{
	char path[SHOWN_ROOM];

	if (command_follows(command, result))
		late_follows();
	else
		late_report(command_name(command),
			    path_shown(command->dir, command->shown, command->name, path), -result);
	command->dir->keeps |= !command_makes(command);
}

/* It is over, with RESULT. */
static void command_end(struct behind *behind, struct command *command, int result)
{
	struct dir *dir = command->dir;

	if (result == -ENOENT && command->opcode == OPCODE_UNLINKAT)
		late_gone();
	else if (result < 0)
		command_tell(command, result);
	if (result < 0)
		behind->failed = true;
	if (result < 0 && command_makes(command)) {
		lost_note(&command->inode, -result);
		if (command->inode.inode)
			mount_refused(behind, dir, -result);
	}
	if (result == 0 && command->opcode == OPCODE_MKDIRAT) {
		behind->landing = true;
		dir_made(behind, dir->fd, command->name);
		behind->landing = false;
	}
	trace_flight(TRACKS_BEFORE + (unsigned)(dir - behind->dirs), command_name(command),
		     command->since_ns, clock_ns());
	command_count(behind, command, -1);
	command_unlink(dir, command);
	if (command->after) {
		command->after->doomed = false;
		command->after->dead |= result == 0;
	}
	command->state = COMMAND_FREE;
	command->next = behind->free;
	behind->free = command;
	if (dir->flying <= PREPARE_AT)
		behind->ready = true;
}

/* Refusals of the ring itself, and waits that ended early: the call is made by hand. */
static bool result_is_refusal(int result)
{
	return result == -ECANCELED || result == -EAGAIN || result == -EINTR ||
	       result == -EOPNOTSUPP || result == -ENOMEM || result == -EINVAL;
}

/* Whatever it found: the command will say. */
static void lookup_done(struct behind *behind, struct dir *dir, int result)
{
	if (result == -ECANCELED)
		flight_refuse(result);
	behind->flying--;
	if (--dir->preparing == 0)
		behind->ready = true;
}

static void command_landed(struct behind *behind, struct command *command, int result)
{
	if (result_is_refusal(result))
		result = command_by_hand(command);
	command->dir->flying--;
	behind->flying--;
	command_end(behind, command, result);
}

/*
 * The rest of DIR's chain was not begun. It goes out again if it was STOPPED, with the process, and
 * is made by hand if the ring could not run it.
 */
static void chain_broken(struct behind *behind, struct dir *dir, bool stopped)
{
	while (!stopped && dir->flying)
		command_landed(behind, dir->head, -ECANCELED);
	for (struct command *command = dir->head; dir->flying; command = command->next) {
		command->state = COMMAND_QUEUED;
		dir->flying--;
		behind->flying--;
	}
	behind->ready = true;
}

/* ---- tokens: a command, or a directory whose names were looked up or whose guard has failed ---- */

enum {
	TOKEN_LOOKUP = BEHIND_COMMANDS,
	TOKEN_GUARD = TOKEN_LOOKUP + BEHIND_DIRS,
};

static uint64_t dir_token(const struct behind *behind, const struct dir *dir, unsigned kind)
{
	return kind + (uint64_t)(dir - behind->dirs);
}

/*
 * What is cancelled though its chain was not broken had no worker. It is made by hand before anything
 * behind it: the rest of its chain waits for a guard, which the kernel's attempts to make one have
 * stopped (it signals this thread; Linux 6.18).
 */
static void command_told(struct behind *behind, struct command *command, int result)
{
	if (result == -ECANCELED && flight_tells_of_guards())
		flight_refuse(result);
	command_landed(behind, command, result);
}

void command_done(uint64_t token, int result)
{
	struct behind *behind = behind_root();

	if (token >= TOKEN_GUARD)
		chain_broken(behind, &behind->dirs[token - TOKEN_GUARD], result > 0);
	else if (token >= TOKEN_LOOKUP)
		lookup_done(behind, &behind->dirs[token - TOKEN_LOOKUP], result);
	else
		command_told(behind, &behind->commands[token], result);
}

/* ---- submission ---- */

/* The first of DIR that the kernel has not, or null. */
static const struct command *chain_first(const struct dir *dir)
{
	const struct command *command = dir->head;

	while (command && command->state == COMMAND_FLYING)
		command = command->next;
	return command;
}

/* How many commands from FIRST on there are; READY: of those that wait for nothing below them. */
static unsigned chain_length(const struct command *first, unsigned most, bool ready)
{
	unsigned length = 0;

	for (const struct command *command = first; command && length < most;
	     command = command->next, length++)
		if (ready && command->after && command->after->pending)
			break; /* what is in it has to go first */
	return length;
}

static void chain_fly(struct behind *behind, struct dir *dir, unsigned count)
{
	struct command *command = dir->head;

	for (unsigned i = 0; i < count; i++, command = command->next)
		command->state = COMMAND_FLYING;
	dir->flying += count;
	behind->flying += count;
	stats_flight(behind->flying);
}

/* Where nothing can be handed over, or nothing is taken any more. */
static void chain_by_hand(struct behind *behind, struct dir *dir, unsigned count)
{
	while (count--)
		command_end(behind, dir->head, command_by_hand(dir->head));
}

static bool refused_for_good(int err)
{
	return err < 0 && err != -EAGAIN && err != -EBUSY && err != -EINTR && err != -ENOMEM;
}

/* Has the names of DIR's next chain looked up. True while that goes on. */
static bool chain_prepare(struct behind *behind, struct dir *dir)
{
	const struct command *first = chain_first(dir);
	unsigned room = flight_room(FLIGHT_COMMAND), most = first ? prepare_most(first) : 0;
	/* Names can be looked up whatever a command still waits for. */
	unsigned length = chain_length(first, room < most ? room : most, false);

	dir->preparing = prepare_names(behind, first, length,
				       dir_token(behind, dir, TOKEN_LOOKUP));
	behind->flying += dir->preparing;
	if (dir->preparing)
		dir->prepared = length;
	return dir->preparing;
}

/*
 * Are DIR's next names known, as far as that helps? No more than those go out then. It is seen to
 * when the chain before is nearly over, so that the next need not wait for it.
 */
static bool chain_ready(struct behind *behind, bool open, struct dir *dir)
{
	if (dir->preparing || dir->flying > PREPARE_AT)
		return false;
	if (!dir->prepared && open && flight_knows(OPCODE_STATX) && chain_prepare(behind, dir))
		return false;
	return !dir->flying;
}

/* Hands over COUNT commands of DIR; how many were taken, or a negative errno. */
static int chain_fly_out(const struct behind *behind, const struct dir *dir, unsigned count)
{
	const struct command *command = dir->head;

	for (unsigned i = 0; i < count; i++, command = command->next) {
		struct call call;

		command_call(command, &call);
		call.hard_linked = i + 1 < count;
		flight_queue(&call, FLIGHT_COMMAND, (uint64_t)(command - behind->commands));
		if (call.hard_linked)
			flight_queue_guard(FLIGHT_COMMAND, dir_token(behind, dir, TOKEN_GUARD));
	}
	return flight_hand_over(FLIGHT_COMMAND);
}

/* False when no more is taken at the moment. */
static bool chain_submit(struct behind *behind, bool open, struct dir *dir)
{
	unsigned most = dir->prepared ? dir->prepared : CHAIN_MOST;
	unsigned room = open ? flight_chain_room(FLIGHT_COMMAND) : most;
	unsigned length = chain_length(dir->head, room < most ? room : most, true);
	int taken;

	if (!length)
		return room > 0;
	dir->prepared = dir->prepared > length ? dir->prepared - length : 0;
	taken = open ? chain_fly_out(behind, dir, length) : -EBADF;
	if (refused_for_good(taken))
		chain_by_hand(behind, dir, length);
	else if (taken > 0)
		chain_fly(behind, dir, (unsigned)taken);
	return taken > 0;
}

static void dir_turn(struct behind *behind, bool open, struct dir *dir)
{
	if (dir->head && dir != behind->gathering && chain_ready(behind, open, dir) &&
	    !chain_submit(behind, open, dir))
		behind->ready = true;
	if (!dir->head && dir->wanted.count && !dir->wanted.posted && dir != behind->gathering)
		wanted_begin(behind, dir);
	if (dir->dead && !dir->pending && !dir->held)
		dir_drop(behind, dir);
}

/* ---- gathering ---- */

/*
 * The first commands of a directory wait until the program turns to something else, so that they go
 * out as one chain, and what it asks and sets there meanwhile need not wait for the lock in which
 * that chain keeps the directory (cp -a sets an access control list after the last entry).
 */
void queue_gather(struct behind *behind, struct dir *dir)
{
	if (behind->gathering == dir)
		return;
	queue_gathered(behind);
	if (dir->flying || dir->preparing)
		return;
	behind->gathering = dir;
	behind->gathering_ns = clock_ns();
}

void queue_gathered(struct behind *behind)
{
	behind->ready |= behind->gathering != NULL;
	behind->gathering = NULL;
}

static bool gathered_enough(const struct behind *behind)
{
	uint64_t enough = GATHER_FOR * command_cost_ns();

	return clock_ns() - behind->gathering_ns > (enough < GATHER_MOST_NS ? enough : GATHER_MOST_NS);
}

/* What is counted once for all is the sum of what its directories count. */
static bool counts_agree(const struct behind *behind)
{
	unsigned pending = 0, flying = 0;

	for (int i = 0; i < BEHIND_DIRS; i++) {
		pending += behind->dirs[i].pending;
		flying += behind->dirs[i].flying + behind->dirs[i].preparing;
	}
	return pending == behind->pending && flying == behind->flying;
}

void queue_turn(struct behind *behind)
{
	bool open;

	if (behind->flying && flight_exists())
		flight_reap();
	open = flight_open();
	INVARIANT(counts_agree(behind));
	if (behind->setting)
		wanted_reap(behind);
	if (behind->gathering && gathered_enough(behind))
		queue_gathered(behind);
	if (!behind->ready)
		return;
	behind->ready = false;
	for (int i = 0; i < BEHIND_DIRS; i++)
		if (behind->dirs[i].used)
			dir_turn(behind, open, &behind->dirs[i]);
}

void command_defer(struct behind *behind, struct command *command, struct dir *dir)
{
	command->state = COMMAND_QUEUED;
	command->dir = dir;
	command->since_ns = clock_ns();
	if (dir->tail)
		dir->tail->next = command;
	else
		dir->head = command;
	dir->tail = command;
	command_count(behind, command, 1);
	if (!dir->flying)
		behind->ready = true;
	queue_gather(behind, dir);
	queue_turn(behind);
}

/* ---- waiting ---- */

/* Nothing is taken at the moment: whoever waits makes the calls. */
static void queue_by_hand(struct behind *behind)
{
	for (int i = 0; i < BEHIND_DIRS; i++) {
		struct dir *dir = &behind->dirs[i];

		if (dir->used)
			chain_by_hand(behind, dir, chain_length(dir->head, CHAIN_MOST, true));
	}
	behind->ready = true;
}

/* Completions until there is something to be done for DIR. */
static unsigned dir_rests(const struct dir *dir)
{
	if (dir->preparing && !dir->flying)
		return dir->preparing;
	if (dir->flying > PREPARE_AT && !dir->prepared && dir->pending > dir->flying)
		return dir->flying - PREPARE_AT;
	return dir->flying;
}

/* Completions before which nothing can be submitted: nobody need be woken. */
static unsigned queue_rests(const struct behind *behind)
{
	unsigned rests = behind->flying;

	for (int i = 0; i < BEHIND_DIRS; i++) {
		unsigned own = behind->dirs[i].used ? dir_rests(&behind->dirs[i]) : 0;

		if (own && own < rests)
			rests = own;
	}
	return rests;
}

/* Waits until COUNT completions are there or a while is over. */
static void queue_step(struct behind *behind, unsigned count)
{
	queue_gathered(behind);
	queue_turn(behind);
	if (!behind->flying && behind->pending > behind->wanting)
		queue_by_hand(behind);
	if (behind->flying && flight_exists()) {
		flight_await(FLIGHT_COMMAND, count ? count : queue_rests(behind), WAIT_SLICE_MS);
		flight_reap();
	} else if (behind->setting) {
		crew_await(NULL);
	}
	queue_turn(behind);
}

void queue_make_room(struct behind *behind)
{
	do
		queue_turn(behind);
	while (commands_full(behind) && (queue_step(behind, 0), true));
}

void queue_wait_dir(struct behind *behind, struct dir *dir)
{
	uint64_t serial = dir->serial;

	behind->ready |= dir->wanted.count != 0;
	while (dir->used && dir->serial == serial && dir->pending)
		if (dir->wanted.posted) {
			crew_await(&dir->wanted.job);
			queue_turn(behind);
		} else {
			queue_step(behind, 0);
		}
}

void queue_wanted(struct behind *behind, struct dir *dir)
{
	if (dir->wanted.count)
		queue_wait_dir(behind, dir);
}

void queue_wait_all(struct behind *behind)
{
	behind->ready = true; /* times */
	do
		queue_step(behind, 0);
	while (behind->pending);
}

void queue_wait_command(struct behind *behind, const struct command *command)
{
	uint64_t serial = command->serial;

	if (command->state != COMMAND_FREE && command->opcode == OPCODE_MKDIRAT)
		behind->awaited++;
	while (command->state != COMMAND_FREE && command->serial == serial)
		queue_step(behind, 1);
}
