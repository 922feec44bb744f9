/* SPDX-License-Identifier: MIT */
#include "ahead/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>

#include "base/invariant.h"
#include "base/sys.h"
#include "process/config.h"
#include "process/signals.h"
#include "report/stats.h"
#include "report/trace.h"
#include "walk/pace.h"

enum {
	AWAIT_SLICE_MS = 20,
	AWAIT_MOST_MS = 60 * 1000, /* then the program's own call may wait for the storage */
	RELEASE_MOST_MS = 100,
	WINDOW_WALKING = 8, /* questions ahead of whoever takes longer for each than it takes, */
	WINDOW_SLOW = 2,    /* and of whoever takes a quarter of a second */
	HAND_OVER_NS = 10 * 1000, /* between two questions, as of walk/pace.h */
	NS_PER_MS = 1000 * 1000,
	PROBE_EVERY = 512, /* questions: one is left to the program, to see what a plain one costs */
};

static struct answer *answer_free(struct ahead *ahead)
{
	for (int i = 0; i < AHEAD_ANSWERS; i++)
		if (ahead->answers[i].state == ANSWER_FREE)
			return &ahead->answers[i];
	return NULL;
}

/* Its entry has none any more. */
static void answer_detach(struct answer *answer)
{
	struct sweep *sweep = sweep_referred(&answer->of);

	if (sweep)
		sweep->entries[answer->entry].answer = 0;
	answer->of.sweep = NULL;
}

static void answer_end(struct answer *answer)
{
	answer_detach(answer);
	answer->state = ANSWER_FREE;
}

static void answer_waste(struct ahead *ahead, struct answer *answer)
{
	governor_wasted(&ahead->stat, 1);
	stats_ring(RING_STAT_WASTED);
	if (answer->state == ANSWER_FLYING) {
		answer_detach(answer);
		answer->state = ANSWER_ORPHAN;
	} else {
		answer_end(answer);
	}
}

/* What is not there, or not to be asked about, is not to be opened ahead either. */
static void type_learn(const struct answer *answer)
{
	struct sweep_entry *entry = &answer->of.sweep->entries[answer->entry];

	if (answer->result != 0) {
		entry->fetched = true;
		return;
	}
	entry->type = IFTODT(answer->statx.stx_mode) & 0xff;
	entry->typed_ms = (uint32_t)clock_ms_of(answer->asked_ns);
}

void answer_arrived(uint64_t token, int result)
{
	struct ahead *ahead = ahead_root();
	struct answer *answer = &ahead->answers[token];

	ahead->flying--;
	if (result == -ECANCELED)
		flight_refuse(result);
	trace_flight((unsigned)token, "statx", answer->asked_ns, clock_ns());
	answer->result = result;
	answer->young_ns = answer->asked_ns > ahead->last_reap_ns ? answer->asked_ns
								   : ahead->last_reap_ns;
	if (answer->state == ANSWER_ORPHAN) {
		answer_end(answer);
		return;
	}
	answer->state = ANSWER_READY;
	type_learn(answer);
	if (answer->probe)
		answers_use(ahead, answer);
}

/* What is in flight has its slots. */
static bool flying_has_slots(const struct ahead *ahead)
{
	unsigned flying = 0;

	for (int i = 0; i < AHEAD_ANSWERS; i++)
		flying += ahead->answers[i].state == ANSWER_FLYING ||
			  ahead->answers[i].state == ANSWER_ORPHAN;
	return flying == ahead->flying &&
	       (unsigned)__builtin_popcount(ahead->fetch_slots) == ahead->fetching;
}

void answers_reap(struct ahead *ahead)
{
	if (!flight_exists() ||
	    !(ahead->flying || ahead->fetching || ahead->look.state == LOOK_FLYING))
		return;
	flight_reap();
	INVARIANT(flying_has_slots(ahead));
	ahead->last_reap_ns = clock_ns();
}

struct answer *answers_of(struct ahead *ahead, const struct sweep *sweep, uint32_t entry)
{
	unsigned slot = sweep->entries[entry].answer;

	return slot ? &ahead->answers[slot - 1] : NULL;
}

static void question_fill(const struct ahead *ahead, struct call *call, int fd, const char *path,
			  struct answer *answer)
{
	answer->flags = (answer->probe ? AT_SYMLINK_NOFOLLOW : ahead->habit->flags) | AT_NO_AUTOMOUNT;
	answer->mask = answer->probe ? STATX_TYPE : ahead->habit->mask;
	*call = (struct call){
		.opcode = OPCODE_STATX,
		.fd = fd,
		.path = path,
		.flags = answer->flags,
		.length = answer->mask,
		.data = &answer->statx,
	};
}

static bool question_queue(struct ahead *ahead, struct sweep *sweep, uint32_t entry, bool probe,
			   int fd)
{
	struct answer *answer = answer_free(ahead);
	const char *path = answer ? place_spell(ahead, sweep, entry, &fd) : NULL;
	struct call call;

	if (!path)
		return false;
	answer->probe = probe;
	question_fill(ahead, &call, fd, path, answer);
	if (!flight_queue(&call, FLIGHT_ANSWER, (uint64_t)(answer - ahead->answers)))
		return false;
	answer->state = ANSWER_FLYING;
	answer->first = false;
	answer->fd = fd;
	answer->of = sweep_refer(sweep);
	answer->entry = entry;
	answer->epoch = ahead->epoch;
	answer->asked_ns = ahead->handing_ns = clock_ns();
	sweep->entries[entry].answer = (uint16_t)(answer - ahead->answers + 1);
	ahead->flying++;
	stats_ring(RING_STAT_ASKED);
	return true;
}

static bool entry_worth(const struct ahead *ahead, const struct sweep_entry *entry)
{
	return !entry->asked && !entry->answer && ahead->habit->types >> (entry->type & 31) & 1;
}

/*
 * Before the program's first question in a directory, nothing says that it will ask about other
 * types there than elsewhere: rm -rf asks about directories alone.
 */
static bool entry_strange(const struct ahead *ahead, const struct sweep *sweep,
			  const struct sweep_entry *entry)
{
	return sweep->last == SWEEP_NONE && !(ahead->habit->shown >> (entry->type & 31) & 1);
}

/* The kernel did not take it: it was never asked. */
static void question_unask(struct ahead *ahead, struct answer *answer)
{
	ahead->flying--;
	answer_end(answer);
}

/*
 * Whoever takes longer from one entry to the next than a question does needs few at a time, in however
 * many rounds they are asked; more would only be in the way of its own requests.
 */
static bool walks_slowly(const struct ahead *ahead)
{
	return ahead->stat.cost_ns && ahead->habit->step_ns > ahead->stat.cost_ns;
}

static uint64_t question_cost(const struct ahead *ahead)
{
	return ahead->stat.cost_ns ? ahead->stat.cost_ns : ahead->stat.slow_ns;
}

/*
 * The kernel wakes the first idle worker for every entry (io_wq_activate_free_worker); that
 * one has to be off the idle list before the next entry comes, or it is woken for both and a
 * sleeping worker more stays asleep: handed over in one go, 50 questions of 1 ms took four
 * rounds instead of one and a half (Linux 6.18). So whoever hands over steps aside, for the
 * worker may be waiting for this very processor, and there is a moment between two.
 */
static void hand_over_pace(struct ahead *ahead)
{
	uint64_t pause = pace_of(HAND_OVER_NS);

	if (walks_slowly(ahead) || aside_crowded(&ahead->aside, question_cost(ahead)))
		return;
	while (clock_ns() - ahead->handed_ns < pause)
		answers_reap(ahead);
}

static void step_aside(struct ahead *ahead)
{
	uint64_t cost = question_cost(ahead), before;

	if (walks_slowly(ahead) || !aside_may(&ahead->aside, cost))
		return;
	before = clock_ns();
	sys(SYS_sched_yield);
	aside_took(&ahead->aside, clock_ns() - before, cost);
}

static bool question_hand_over(struct ahead *ahead)
{
	int taken = flight_hand_over(FLIGHT_ANSWER);

	cached_handed_over(ahead, clock_ns() - ahead->handing_ns);
	place_spelled_forget(ahead);
	step_aside(ahead);
	ahead->handed_ns = clock_ns();
	return taken == 1;
}

/* Places from sweep->next on, until WANT questions are asked. */
static unsigned batch_ask(struct ahead *ahead, struct sweep *sweep, unsigned want, int fd)
{
	unsigned asked = 0;

	for (; sweep->next < sweep->count && asked < want; sweep->next++) {
		uint32_t entry = sweep_at(sweep, sweep->next);

		if (entry_strange(ahead, sweep, &sweep->entries[entry]))
			break;
		if (!entry_worth(ahead, &sweep->entries[entry]))
			continue;
		if (sweep->next % PROBE_EVERY == PROBE_EVERY - 1)
			continue;
		hand_over_pace(ahead);
		if (!question_queue(ahead, sweep, entry, false, fd))
			break;
		if (!asked++)
			answers_of(ahead, sweep, entry)->first = true;
		if (!question_hand_over(ahead)) {
			question_unask(ahead, answers_of(ahead, sweep, entry));
			break;
		}
	}
	return asked;
}

/*
 * No further than the program comes while an answer is fresh: what it takes longer to come to has
 * to be asked again, of the kernel and, when the entry's time is over (a second by default on
 * FUSE, three on NFS), of the storage.
 */
static unsigned window_fresh(const struct ahead *ahead)
{
	uint64_t fresh_ns = config_stale_ns();
	unsigned window = ahead->habit->window;

	if (walks_slowly(ahead) && window > WINDOW_WALKING)
		window = WINDOW_WALKING;
	if (ahead->habit->step_ns * window <= fresh_ns)
		return window;
	window = (unsigned)(fresh_ns / ahead->habit->step_ns);
	return window > WINDOW_SLOW ? window : WINDOW_SLOW;
}

void answers_ask(struct ahead *ahead, struct sweep *sweep, uint32_t place, int fd)
{
	unsigned busy = ahead->flying < config.depth ? ahead->flying : config.depth;
	unsigned window = window_fresh(ahead), ahead_now;
	struct signals_held held;

	if (place != SWEEP_NONE && sweep->next <= place)
		sweep->next = place + 1;
	ahead_now = sweep->next - (place == SWEEP_NONE ? 0 : place + 1);
	if (!flight_open() || !ahead->stat.in || cached_likely(ahead, sweep) || sweep->next >= sweep->count ||
	    ahead_now > window / 2 || !governor_affords(&ahead->stat, window))
		return;
	if (window > config.depth - busy)
		window = config.depth - busy;
	signals_hold(&held);
	if (batch_ask(ahead, sweep, window, fd))
		stats_ring(RING_STAT_BATCHES);
	stats_flight(ahead->flying + ahead->fetching);
	signals_release(&held);
}

/*
 * Where one yields no more, the kernel has woken one worker for all (io_wq_activate_free_worker), and has
 * this thread wake the next one each time that a worker goes to wait (create_worker_cb, Linux 6.18). It
 * does that wherever it may be interrupted, but not in a listing: there all would stand still
 * until the storage has answered. By the time that the first answer is here the others are asked.
 */
void answers_get_going(struct ahead *ahead)
{
	uint64_t cost = question_cost(ahead);

	answers_reap(ahead);
	if (!flight_exists() || !ahead->flying || !aside_crowded(&ahead->aside, cost))
		return;
	flight_await(FLIGHT_ANSWER, 1, (unsigned)(cost / NS_PER_MS) + 1);
}

void answers_probe(struct ahead *ahead, struct sweep *sweep, uint32_t place, uint32_t until,
		   int fd)
{
	bool open = flight_open();
	struct signals_held held;

	signals_hold(&held);
	for (place++; open && place < until && place < sweep->count; place++) {
		uint32_t entry = sweep_at(sweep, place);

		if (sweep->entries[entry].fetched || sweep->entries[entry].answer ||
		    types_known(ahead, &sweep->entries[entry]))
			continue;
		hand_over_pace(ahead);
		if (!question_queue(ahead, sweep, entry, true, fd))
			break;
		if (!question_hand_over(ahead)) {
			question_unask(ahead, answers_of(ahead, sweep, entry));
			break;
		}
	}
	signals_release(&held);
}

bool answers_await(struct ahead *ahead, struct answer *answer)
{
	struct signals_held held;
	int waited = 0;
	bool due = false;

	answers_reap(ahead);
	if (answer->state != ANSWER_FLYING)
		return true;
	signals_hold(&held);
	while (answer->state == ANSWER_FLYING && !due && waited < AWAIT_MOST_MS) {
		uint64_t before = clock_ns();

		flight_await(FLIGHT_ANSWER, 1, AWAIT_SLICE_MS);
		answers_reap(ahead);
		if (answer->state == ANSWER_FLYING) {
			due = signals_waiting(&held) != 0;
			waited += (int)((clock_ns() - before) / 1000000);
		}
	}
	signals_release(&held);
	return answer->state == ANSWER_READY;
}

static bool answer_young(const struct answer *answer)
{
	return clock_ns() - answer->young_ns <= config_stale_ns();
}

/*
 * A program with signal handlers gets none: a handler is how somebody tells it something, and
 * nothing shows that one has run. Its own call is made, and finds the kernel's cache warm.
 */
bool answers_servable(struct ahead *ahead, const struct answer *answer)
{
	const struct statx *statx = &answer->statx;
	const struct identity identity = identity_of(statx);

	return config.mode == MODE_AUTO && answer->result == 0 && answer->epoch == ahead->epoch &&
	       !(statx->stx_attributes & STATX_ATTR_AUTOMOUNT) && answer_young(answer) &&
	       !signals_handled() &&
	       !seen_since(ahead, statx->stx_ino, answer->asked_ns) &&
	       !opened_has(ahead, &identity);
}

void answers_use(struct ahead *ahead, struct answer *answer)
{
	if (answer->result == -ECANCELED) { /* it was never asked: there was no worker to do it */
		answer_waste(ahead, answer);
		return;
	}
	governor_used(&ahead->stat, 1);
	stats_ring(RING_STAT_USED);
	answer_end(answer);
}

void answers_drop_one(struct ahead *ahead, struct answer *answer)
{
	answer_waste(ahead, answer);
}

void answers_drop(struct ahead *ahead, const struct sweep *sweep)
{
	for (int i = 0; i < AHEAD_ANSWERS; i++) {
		struct answer *answer = &ahead->answers[i];

		if ((answer->state == ANSWER_FLYING || answer->state == ANSWER_READY) &&
		    (!sweep || answer->of.sweep == sweep))
			answer_waste(ahead, answer);
	}
}

static unsigned flying_from(const struct ahead *ahead, int fd)
{
	unsigned count = 0;

	for (int i = 0; ahead->flying && i < AHEAD_ANSWERS; i++) {
		const struct answer *answer = &ahead->answers[i];

		count += (answer->state == ANSWER_FLYING || answer->state == ANSWER_ORPHAN) &&
			 (fd < 0 || answer->fd == fd);
	}
	return count;
}

/*
 * A path is resolved when a worker comes to it: a directory closed before would fail it, and
 * one whose number is taken by another directory would be answered from there. So a close
 * waits for what was asked through it; the program would have waited for the same answers
 * next. What does not come in time is nobody's any more. Whoever waits for fifty answers is woken
 * once: beside a busy program each waking may take a millisecond.
 */
void answers_release(struct ahead *ahead, int fd)
{
	uint64_t end = clock_ns() + RELEASE_MOST_MS * UINT64_C(1000000);
	struct signals_held held;
	unsigned count;

	answers_reap(ahead);
	signals_hold(&held);
	while (flight_exists() && (count = flying_from(ahead, fd)) && clock_ns() < end &&
	       !signals_waiting(&held)) {
		flight_await(FLIGHT_ANSWER, count, AWAIT_SLICE_MS);
		answers_reap(ahead);
	}
	signals_release(&held);
	for (int i = 0; i < AHEAD_ANSWERS; i++) {
		struct answer *answer = &ahead->answers[i];

		if (answer->state == ANSWER_FLYING &&
		    (fd < 0 || answer->fd == fd))
			answer_waste(ahead, answer);
	}
}
