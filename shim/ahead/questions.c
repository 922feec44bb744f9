/* SPDX-License-Identifier: MIT
 *
 * Questions of the stat family: recognised in the order of a sweep, asked ahead, answered.
 */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "call/plain.h"
#include "call/yield.h"
#include "over/over.h"
#include "process/config.h"

enum {
	WINDOW_LEAST = 2,
	WINDOW_FIRST = 8,
	RUN_PROOF = 2,      /* questions in order before any is asked ahead */
	UNLISTED_PROOF = 3, /* slow questions in one directory before it is listed for them */
	STEP_WEIGHT = 8,    /* a new step counts one eighth */
	STEP_MOST_NS = 100 * 1000 * 1000,
	TYPE_SKIPS = 4,     /* entries of a type passed over before it is left out */
};

static uint32_t type_bit(uint8_t type)
{
	return UINT32_C(1) << (type & 15);
}

/* Which types does the program ask about? It passed over places FROM to TO. */
static void types_learn(struct habit *habit, const struct sweep *sweep, uint32_t from, uint32_t to)
{
	uint8_t type = sweep->entries[sweep_at(sweep, to)].type;

	habit->skipped[type & 15] = 0;
	habit->types |= type_bit(type);
	habit->shown |= type_bit(type);
	for (uint32_t place = from; place < to; place++) {
		const struct sweep_entry *passed = &sweep->entries[sweep_at(sweep, place)];

		if (!passed->asked && ++habit->skipped[passed->type & 15] >= TYPE_SKIPS)
			habit->types &= ~type_bit(passed->type);
	}
}

static bool habit_is(const struct habit *habit, const struct call *call)
{
	return habit->known && habit->flags == call->flags && habit->mask == call->length;
}

static bool habit_choose(struct ahead *ahead, const struct call *call)
{
	for (int i = 0; i < AHEAD_HABITS; i++)
		if (habit_is(&ahead->habits[i], call)) {
			ahead->habit = &ahead->habits[i];
			return true;
		}
	return false;
}

/* One that is free, else the one that was not used last, and what was asked by it is void. */
static struct habit *habit_free(struct ahead *ahead)
{
	for (int i = 0; i < AHEAD_HABITS; i++)
		if (!ahead->habits[i].known)
			return &ahead->habits[i];
	answers_drop(ahead, NULL);
	return ahead->habit == ahead->habits ? ahead->habits + 1 : ahead->habits;
}

/* Takes to a new question when it was put to several entries in a row. */
static void habit_take(struct ahead *ahead, const struct call *call, const struct sweep *sweep)
{
	if (ahead->habit->known && sweep->run < RUN_PROOF)
		return;
	answers_drop(ahead, sweep); /* they are of another kind */
	ahead->habit = habit_free(ahead);
	*ahead->habit = (struct habit){
		.flags = call->flags,
		.mask = (uint32_t)call->length,
		.window = WINDOW_FIRST,
		.types = UINT32_MAX,
		.known = true,
	};
}

/* How fast does it walk? One long pause is not the pace. */
static void step_learn(struct habit *habit)
{
	uint64_t now = clock_ns(), ns = now - habit->stepped_ns;

	if (habit->stepped_ns)
		habit->step_ns += (ns < STEP_MOST_NS ? ns : STEP_MOST_NS) / STEP_WEIGHT -
				  habit->step_ns / STEP_WEIGHT;
	habit->stepped_ns = now;
}

static void sweep_moved(struct ahead *ahead, struct sweep *sweep, uint32_t from, uint32_t to,
			bool follows)
{
	struct habit *habit = ahead->habit;

	step_learn(habit);
	if (follows)
		types_learn(habit, sweep, from == SWEEP_NONE ? 0 : from + 1, to);
	sweep->last = to;
	sweep->run = follows ? sweep->run + 1 : 0;
	if (to + 1 == sweep->count && sweep->run + 1 >= sweep->count / 2)
		habit->confident++;
	if (!follows && habit->window > WINDOW_LEAST)
		habit->window /= 2;
}

/* The program asks about PLACE now, which is *AT. True if that was to be foreseen. */
static bool sweep_step(struct ahead *ahead, struct place *place, uint32_t *at)
{
	struct sweep *sweep = place->sweep;
	uint32_t last = sweep->last;
	bool follows;

	if (sweep_catches_up(sweep, place->entry, last)) {
		step_learn(ahead->habit);
		sweep->entries[place->entry].asked = true;
		*at = last; /* the walk goes on from where it was */
		return true;
	}
	*at = sweep_follow(sweep, place->entry, last, &follows);
	sweep->entries[place->entry].asked = true;
	if (last != SWEEP_NONE && *at == last)
		return true; /* the same entry again, as tar does */
	sweep_moved(ahead, sweep, last, *at, follows);
	return follows;
}

static bool answer_yield(const struct call *call, const struct answer *answer)
{
	return call->yield == YIELD_STAT ? yield_stat(call->stat, &answer->statx)
					 : yield_statx(call->data, &answer->statx);
}

/* The first answer of a batch: how long did it take, and was the batch large enough? */
static void batch_learn(struct ahead *ahead, const struct answer *answer, bool waited)
{
	uint64_t ns = clock_ns() - answer->asked_ns;

	if (waited || ns < ahead->stat.slow_ns)
		governor_answer(&ahead->stat, ns);
	cached_answer(ahead, sweep_referred(&answer->of), ns);
	if (ahead->habit->window < config.depth)
		ahead->habit->window *= 2;
}

/* Waits for it. False if it does not come: then it is gone. */
static bool answer_prepare(struct ahead *ahead, struct answer *answer)
{
	bool waited = answer->state == ANSWER_FLYING;

	if (!answers_await(ahead, answer)) {
		answers_drop_one(ahead, answer);
		return false;
	}
	if (answer->first)
		batch_learn(ahead, answer, waited);
	return true;
}

/* True when ANSWER was given to the program. */
static bool answer_serve(struct ahead *ahead, const struct call *call, struct answer *answer)
{
	bool served;

	if (!answer_prepare(ahead, answer))
		return false;
	served = answers_servable(ahead, answer) && answer_yield(call, answer);
	if (served)
		seen_note(ahead, answer->statx.stx_ino);
	answers_use(ahead, answer);
	return served;
}

/* s/x, then d/x: the directory the program listed, if it has just come to the same name there. */
static const struct sweep *pair_of(const struct ahead *ahead, const struct place *place)
{
	const struct sweep *listed = sweep_referred(&ahead->listed);

	if (!listed || listed->last == SWEEP_NONE ||
	    strcmp(sweep_name(listed, sweep_at(listed, listed->last)), place->name) != 0)
		return NULL;
	return listed;
}

void questions_unlisted(struct ahead *ahead, struct place *place, uint64_t ns)
{
	uint64_t where = place_where(place);
	uint32_t at;

	if (ns < ahead->stat.slow_ns)
		return;
	ahead->unlisted_run = where == ahead->unlisted ? ahead->unlisted_run + 1 : 1;
	ahead->unlisted = where;
	if (ahead->unlisted_run < UNLISTED_PROOF || !place_list(ahead, place, pair_of(ahead, place)))
		return;
	ahead->unlisted_run = 0;
	sweep_step(ahead, place, &at);
}

static bool question_plain(struct ahead *ahead, const struct passage *passage,
			   struct place *place, bool again)
{
	uint64_t ns;

	*passage->value = plain_time(passage, &ns);
	*passage->reason = REASON_TIMED;
	if (!place->sweep)
		governor_aside(&ahead->stat, ns);
	else if (!again) /* else the kernel had it from the last time */
		governor_plain(&ahead->stat, cached_plain(ahead, place->sweep, ns));
	if (!place->sweep && *passage->value == 0)
		questions_unlisted(ahead, place, ns);
	return true;
}

static void listed_note(struct ahead *ahead, struct sweep *sweep)
{
	if (sweep->own || sweep == ahead->operands)
		return;
	ahead->listed_habit = ahead->habit;
	ahead->listed = sweep_refer(sweep);
}

/*
 * True when answered. Another question about an entry AGAIN is no new habit: cp -a asks about
 * every entry with lstat, and about directories with stat as well when it has left them.
 */
static bool question_answer(struct ahead *ahead, const struct call *call, struct place *place,
			    bool again)
{
	bool usual = habit_choose(ahead, call);
	struct answer *answer;
	uint32_t at;
	bool follows = sweep_step(ahead, place, &at);

	if (!usual) {
		if (!again)
			habit_take(ahead, call, place->sweep);
		return false;
	}
	listed_note(ahead, place->sweep);
	if (follows && (place->sweep->run >= RUN_PROOF || ahead->habit->confident))
		answers_ask(ahead, place->sweep, at, place->fd);
	answer = answers_of(ahead, place->sweep, place->entry);
	return answer && answer->flags == call->flags && answer->mask == call->length &&
	       answer_serve(ahead, call, answer);
}

static bool question_known(struct ahead *ahead, const struct passage *passage,
			   const struct call *call, struct place *place)
{
	const struct sweep_entry *entry = &place->sweep->entries[place->entry];
	bool again = entry->asked, asked = entry->answer != 0;

	if (question_answer(ahead, call, place, again)) {
		*passage->value = 0;
		*passage->reason = REASON_ANSWERED;
		return true;
	}
	if (!asked)
		return question_plain(ahead, passage, place, again);
	*passage->reason = REASON_WARMED;
	return false;
}

void questions_named(struct ahead *ahead, int fd, const char *path)
{
	struct call call = {
		.fd = fd,
		.path = path,
		.flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
		.length = STATX_BASIC_STATS,
	};
	struct place *place = &ahead->place;
	struct answer *answer;
	uint32_t at;

	if (!place_find(ahead, &call, place) || !place->sweep || place->entry == SWEEP_NONE)
		return;
	if (place->sweep->entries[place->entry].asked)
		return; /* the program's own question was before it */
	if (!ahead->habit->known)
		habit_take(ahead, &call, place->sweep);
	if (sweep_step(ahead, place, &at) && place->sweep->run >= RUN_PROOF)
		answers_ask(ahead, place->sweep, at, place->fd);
	answer = answers_of(ahead, place->sweep, place->entry);
	if (answer && answer_prepare(ahead, answer)) /* the kernel would wait for it too */
		answers_use(ahead, answer);
}

/* True when the question was answered, or made here to be timed. */
static bool question_foreseen(struct ahead *ahead, const struct passage *passage, struct call *call)
{
	struct place *place = &ahead->place;

	call->flags |= AT_NO_AUTOMOUNT;
	if (!place_find(ahead, call, place))
		return false;
	if (place->sweep && place->entry == SWEEP_NONE)
		return false; /* a name that was not there when the directory was listed */
	if (place->sweep)
		return question_known(ahead, passage, call, place);
	return question_plain(ahead, passage, place, false);
}

/* What the program was told of. */
static struct identity told_of(const struct call *call)
{
	return call->yield == YIELD_STAT
		       ? (struct identity){call->stat->st_dev, call->stat->st_ino}
		       : identity_of(call->data);
}

bool questions_ask(struct ahead *ahead, const struct passage *passage)
{
	struct call call = {.op = passage->op};
	struct identity identity;

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE)
		return false;
	if (!question_foreseen(ahead, passage, &call))
		*passage->value = plain_run(passage);
	if (*passage->value != 0 || *passage->reason == REASON_ANSWERED)
		return true;
	identity = told_of(&call);
	if (scouting_shown(ahead, &identity))
		*passage->value = plain_run(passage); /* once more, without them */
	seen_note(ahead, identity.inode);
	return true;
}

void questions_read_link(struct ahead *ahead, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	bool at = passage->op == OP_READLINKAT || passage->op == OP_READLINKAT_CHK;
	struct call call = {.op = passage->op, .fd = at ? (int)arg[0] : AT_FDCWD};
	struct answer *answer;

	call.path = PATH(arg[at]);
	if (!place_find(ahead, &call, &ahead->place) || !ahead->place.sweep ||
	    ahead->place.entry == SWEEP_NONE) {
		ahead->epoch++; /* some link, by whatever name */
		return;
	}
	answer = answers_of(ahead, ahead->place.sweep, ahead->place.entry);
	if (answer)
		answer->epoch = 0;
}
