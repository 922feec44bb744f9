/* SPDX-License-Identifier: MIT
 *
 * aside: who hands questions over yields between two where that is cheap, and on a busy machine
 * hardly ever.
 */
#include "walk/aside.h"

#include "check.h"

enum {
	US = 1000,
	MS = 1000 * US,
	QUESTIONS = 10000,
};

/* What stepping aside takes in all while QUESTIONS are handed over, each time STEP_NS. */
static uint64_t stepped_in_all(uint64_t step_ns, uint64_t cost_ns)
{
	struct aside aside = {.owed_ns = 0};
	uint64_t all = 0;

	for (int i = 0; i < QUESTIONS; i++)
		if (aside_may(&aside, cost_ns)) {
			all += step_ns;
			aside_took(&aside, step_ns, cost_ns);
		}
	return all;
}

static void cheap_steps_are_taken_each_time(void)
{
	CHECK_EQ(stepped_in_all(15 * US, MS), QUESTIONS * UINT64_C(15) * US);
	CHECK_EQ(stepped_in_all(150 * US, 10 * MS), QUESTIONS * UINT64_C(150) * US);
}

static void slices_are_hardly_ever_given_away(void)
{
	const uint64_t waits = QUESTIONS * UINT64_C(1) * MS;

	CHECK(stepped_in_all(1 * MS, MS) < waits / 400);
	CHECK(stepped_in_all(4 * MS, MS) < waits / 400);
	CHECK(stepped_in_all(20 * MS, MS) < waits / 200);
}

static void what_is_dear_shows_beside_what_a_question_costs(void)
{
	for (uint64_t step = US; step < 20 * MS; step *= 3)
		CHECK_EQ(stepped_in_all(step, MS) * 7, stepped_in_all(step * 7, 7 * MS));
}

static void it_is_crowded_until_that_is_made_up_for(void)
{
	struct aside aside = {.owed_ns = 0};
	int questions = 0;

	aside_took(&aside, 20 * US, MS);
	CHECK(!aside_crowded(&aside, MS));
	aside_took(&aside, 3 * MS, MS);
	CHECK(aside_crowded(&aside, MS));
	while (!aside_may(&aside, MS) && questions < QUESTIONS)
		questions++;
	CHECK(!aside_crowded(&aside, MS));
	CHECK(questions < QUESTIONS);
}

int main(void)
{
	test("on an idle machine it is stepped aside behind every question", cheap_steps_are_taken_each_time);
	test("on a busy one hardly a slice is given away", slices_are_hardly_ever_given_away);
	test("no processor time decides", what_is_dear_shows_beside_what_a_question_costs);
	test("a busy machine may become an idle one", it_is_crowded_until_that_is_made_up_for);
	return tests_end();
}
