/* SPDX-License-Identifier: MIT
 *
 * governor: when it goes in and out, driven by costs as storages have them.
 */
#include "walk/governor.h"

#include "check.h"

enum {
	US = 1000,
	MS = 1000 * US,
	NEVER = -1,
};

static uint64_t random_state = 88172645463325252;

/* The same numbers every time. */
static unsigned random_below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % limit);
}

static uint64_t random_between(unsigned from, unsigned to)
{
	return from + random_below(to - from + 1);
}

typedef uint64_t cost_of(unsigned call);

/* As a warm local file system answers, preemption and interrupts included. */
static uint64_t warm(unsigned call)
{
	(void)call;
	return random_between(1100, 2600);
}

static uint64_t warm_with_spikes(unsigned call)
{
	return call % 50 == 49 ? random_between(100 * US, 3 * MS) : warm(call);
}

static uint64_t cold_disk(unsigned call)
{
	(void)call;
	return random_between(80 * US, 400 * US);
}

static uint64_t slow_1ms(unsigned call)
{
	(void)call;
	return random_between(1000 * US, 1300 * US);
}

static uint64_t slow_50ms(unsigned call)
{
	(void)call;
	return random_between(50 * MS, 55 * MS);
}

/* A block of the disk holds sixteen inodes: one call waits for all of them. */
static uint64_t block_of_inodes(unsigned call)
{
	return call % 16 ? warm(call) : cold_disk(call);
}

/* Three of four miss a cache nearby. */
static uint64_t mostly_slow(unsigned call)
{
	return call % 4 == 3 ? random_between(2 * US, 10 * US) : slow_1ms(call);
}

static uint64_t slow_first(unsigned call)
{
	return call == 0 ? 30 * MS : warm(call);
}

static uint64_t slow_from_1000(unsigned call)
{
	return call < 1000 ? warm(call) : slow_1ms(call);
}

/* The first of COUNT calls after which it is in, or NEVER. */
static int goes_in(struct governor *governor, cost_of *cost, unsigned count)
{
	for (unsigned call = 0; call < count; call++) {
		governor_plain(governor, cost(call));
		if (governor->in)
			return (int)call;
	}
	return NEVER;
}

/* Goes in by slow calls. */
static struct governor engaged(uint64_t cost_ns)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	for (int call = 0; call < GOVERNOR_PROOF; call++)
		governor_plain(&governor, cost_ns);
	NEED(governor.in);
	return governor;
}

static void warm_stays_out(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	CHECK_EQ(goes_in(&governor, warm, 100000), NEVER);
	CHECK(governor.cost_ns < 4 * US);
}

static void spikes_stay_out(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	CHECK_EQ(goes_in(&governor, warm_with_spikes, 100000), NEVER);
}

static void slow_goes_in(void)
{
	static cost_of *const costs[] = {cold_disk, slow_1ms, slow_50ms, mostly_slow};

	for (size_t i = 0; i < sizeof(costs) / sizeof(*costs); i++) {
		struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

		CHECK_EQ(goes_in(&governor, costs[i], 10), GOVERNOR_PROOF - 1);
		CHECK(governor.cost_ns >= GOVERNOR_SLOW_NS);
	}
}

static void blocks_stay_out(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	CHECK_EQ(goes_in(&governor, block_of_inodes, 10000), NEVER);
}

static void first_call_is_no_proof(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	CHECK_EQ(goes_in(&governor, slow_first, 10000), NEVER);
}

static void late_slowness_is_seen(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	CHECK_EQ(goes_in(&governor, slow_from_1000, 10000), 1000 + GOVERNOR_PROOF - 1);
}

/* The limit itself, from both sides. */
static void limit_is_exact(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	for (int call = 0; call < 100; call++)
		governor_plain(&governor, GOVERNOR_SLOW_NS - 1);
	CHECK(!governor.in);
	governor_plain(&governor, GOVERNOR_SLOW_NS);
	CHECK(!governor.in);
	governor_plain(&governor, GOVERNOR_SLOW_NS);
	CHECK(governor.in);
}

static void fast_answers_end_it(void)
{
	struct governor governor = engaged(MS);

	for (int i = 0; i < GOVERNOR_DISPROOF - 1; i++)
		governor_answer(&governor, 3 * US);
	CHECK(governor.in);
	governor_answer(&governor, MS); /* somebody waited after all */
	for (int i = 0; i < GOVERNOR_DISPROOF - 1; i++)
		governor_answer(&governor, 3 * US);
	CHECK(governor.in);
	governor_answer(&governor, 3 * US);
	CHECK(!governor.in);
	CHECK_EQ(governor.sitting, GOVERNOR_SENTENCE_FIRST);
}

static void fast_plain_calls_end_it(void)
{
	struct governor governor = engaged(MS);

	for (int i = 0; i < GOVERNOR_DISPROOF; i++)
		governor_plain(&governor, 2 * US);
	CHECK(!governor.in);
}

/* cp's questions in its target tell little of the storage it reads from. */
static void asides_count_little(void)
{
	struct governor governor = engaged(MS);

	for (int directory = 0; directory < 100; directory++) {
		for (int i = 0; i < GOVERNOR_ASIDE - 1; i++)
			governor_aside(&governor, 2 * US);
		CHECK(governor.in);
		if (directory % 2)
			governor_answer(&governor, MS);
		else
			governor_used(&governor, 1);
	}
	for (int i = 0; i < GOVERNOR_ASIDE; i++)
		governor_aside(&governor, 2 * US);
	CHECK(!governor.in);
}

/* It goes in on two slow calls and is wrong, again and again. */
static void sentences_double(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};
	unsigned expected = GOVERNOR_SENTENCE_FIRST;

	for (int mistake = 0; mistake < 12; mistake++) {
		unsigned sat = 0;

		while (!governor.in) {
			governor_plain(&governor, MS);
			NEED(++sat <= GOVERNOR_SENTENCE_MOST + GOVERNOR_PROOF);
		}
		CHECK_EQ(sat, GOVERNOR_PROOF + (mistake ? expected : 0));
		if (mistake && expected < GOVERNOR_SENTENCE_MOST)
			expected *= 2;
		for (int i = 0; i < GOVERNOR_DISPROOF; i++)
			governor_plain(&governor, 2 * US);
		CHECK(!governor.in);
		CHECK_EQ(governor.sentence, expected);
	}
	CHECK_EQ(expected, GOVERNOR_SENTENCE_MOST);
}

/* Pairs of slow calls, far apart, on a warm storage: in for a moment each time, but ever rarer. */
static void mistakes_get_rarer(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};
	unsigned inside = 0;

	for (unsigned call = 0; call < 100000; call++) {
		governor_plain(&governor, call % 64 < 2 ? MS : warm(call));
		inside += governor.in;
	}
	CHECK(inside > 0);
	CHECK(inside < 100000 / 200);
}

static void right_clears_the_sentence(void)
{
	struct governor governor = engaged(MS);

	for (int i = 0; i < GOVERNOR_DISPROOF; i++)
		governor_answer(&governor, US);
	for (int i = 0; i < GOVERNOR_SENTENCE_FIRST + GOVERNOR_PROOF; i++)
		governor_plain(&governor, MS);
	NEED(governor.in);
	CHECK_EQ(governor.sentence, GOVERNOR_SENTENCE_FIRST);
	governor_answer(&governor, MS);
	CHECK_EQ(governor.sentence, 0);
}

static void vain_preparation_ends_it(void)
{
	struct governor governor = engaged(MS);

	for (int i = 0; i < GOVERNOR_UNHELPFUL - 1; i++)
		governor_prepared(&governor, 900 * US);
	CHECK(governor.in);
	governor_prepared(&governor, 100 * US); /* this one was cheaper for it */
	for (int i = 0; i < GOVERNOR_UNHELPFUL - 1; i++)
		governor_prepared(&governor, 900 * US);
	CHECK(governor.in);
	governor_prepared(&governor, 900 * US);
	CHECK(!governor.in);
}

static void good_preparation_goes_on(void)
{
	struct governor governor = engaged(200 * US);

	governor.sentence = 64;
	for (int i = 0; i < 10000; i++)
		governor_prepared(&governor, random_between(5 * US, 60 * US));
	CHECK(governor.in);
	CHECK_EQ(governor.sentence, 0);
}

/* A disk whose plain files take just less than what counts as waiting on this machine today. */
static void helpful_preparation_outweighs_the_limit(void)
{
	struct governor governor = engaged(GOVERNOR_SLOW_NS + US);

	for (int i = 0; i < GOVERNOR_HELPFUL; i++)
		governor_prepared(&governor, 10 * US);
	for (int i = 0; i < 100; i++)
		governor_plain(&governor, GOVERNOR_SLOW_NS - 10 * US);
	CHECK(governor.in);
	/* What is in the cache by now gains nothing by it any more, and plain calls show that. */
	for (int i = 0; i < 100; i++) {
		governor_plain(&governor, 5 * US);
		governor_prepared(&governor, 5 * US);
	}
	CHECK(!governor.in);
}

static void prior_needs_one(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	governor_prior(&governor);
	CHECK(!governor.in);
	governor_plain(&governor, 3 * US);
	governor_prior(&governor);
	CHECK(!governor.in);
	governor_plain(&governor, MS);
	CHECK(!governor.in);
	governor_prior(&governor);
	CHECK(governor.in);
}

/* What was measured overrules what the kind of file system promised. */
static void prior_is_overruled(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	governor_plain(&governor, MS);
	governor_prior(&governor);
	for (int i = 0; i < GOVERNOR_DISPROOF; i++)
		governor_plain(&governor, 2 * US);
	CHECK(!governor.in);
	for (int i = 0; i < GOVERNOR_SENTENCE_FIRST; i++) {
		governor_plain(&governor, MS);
		governor_prior(&governor);
		CHECK(!governor.in);
	}
	governor_plain(&governor, MS);
	governor_prior(&governor);
	CHECK(governor.in);
}

static void forced_stays_in(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS, .forced = true, .in = true};

	for (unsigned i = 0; i < 1000; i++) {
		governor_plain(&governor, warm(i));
		governor_answer(&governor, US);
		governor_prepared(&governor, warm(i));
		CHECK(governor.in);
	}
}

/* Asks WINDOW at a time whenever it may; USED_OF_100 of them are used. */
static void spend(struct governor *governor, unsigned window, unsigned used_of_100, unsigned times)
{
	for (unsigned i = 0; i < times && governor_affords(governor, window); i++)
		for (unsigned question = 0; question < window; question++) {
			if (random_below(100) < used_of_100)
				governor_used(governor, 1);
			else
				governor_wasted(governor, 1);
		}
}

static void waste_is_bounded(void)
{
	enum { CREDIT = 64 };

	for (unsigned window = 1; window <= 64; window *= 4)
		for (unsigned used = 0; used <= 100; used += 5) {
			struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};
			uint64_t all;

			spend(&governor, window, used, 10000);
			all = governor.used + governor.wasted;
			CHECK(governor.wasted <= CREDIT + all / 20 + window);
			if (used == 0)
				CHECK(!governor_affords(&governor, window));
			if (used == 100)
				CHECK_EQ(all, 10000 * window);
		}
}

/* Being right buys credit back. */
static void credit_comes_back(void)
{
	struct governor governor = {.slow_ns = GOVERNOR_SLOW_NS};

	spend(&governor, 8, 0, 1000);
	CHECK(!governor_affords(&governor, 8));
	CHECK(governor_affords(&governor, 0));
	governor_used(&governor, (unsigned)governor.wasted * 20);
	CHECK(governor_affords(&governor, 8));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C9: warm local storage never brings the governor in", warm_stays_out);
	test("C9: nor does a spike in fifty calls", spikes_stay_out);
	test("C9: nor one read of a block for sixteen inodes", blocks_stay_out);
	test("C9: nor a slow first call", first_call_is_no_proof);
	test("Governor: cold disks, 1 ms, 50 ms and mostly slow ones are seen at the second call",
	     slow_goes_in);
	test("Governor: storage that turns slow is seen at the second slow call",
	     late_slowness_is_seen);
	test("Governor: what counts as slow is exact", limit_is_exact);
	test("Governor: answers nobody waited for bring it out", fast_answers_end_it);
	test("Governor: fast plain calls bring it out", fast_plain_calls_end_it);
	test("Governor: fast calls where nothing is asked ahead do it late", asides_count_little);
	test("Governor: every mistake costs twice the one before, up to a limit", sentences_double);
	test("C9: on a storage that now and then fools it, it goes in ever more rarely",
	     mistakes_get_rarer);
	test("Governor: an answer that was waited for clears the sentence",
	     right_clears_the_sentence);
	test("Governor: preparations that help nothing bring it out", vain_preparation_ends_it);
	test("Governor: preparations that help keep it in", good_preparation_goes_on);
	test("Governor: preparations that help outweigh plain calls that are hardly slow",
	     helpful_preparation_outweighs_the_limit);
	test("Governor: on a network one slow call is proof, none is not", prior_needs_one);
	test("Governor: measured cost overrules the kind of file system", prior_is_overruled);
	test("Governor: forced, it stays in", forced_stays_in);
	test("Governor: waste is bounded for every window and hit rate", waste_is_bounded);
	test("Governor: hits buy back what waste cost", credit_comes_back);
	return tests_end();
}
