/* SPDX-License-Identifier: MIT
 *
 * pace: times grow with the machine's own, and are measured only where that can matter.
 */
#include "walk/pace.h"

#include <time.h>

#include "base/clock.h"
#include "check.h"

enum { US = 1000 };

/* The clock, as it runs on a machine where everything takes so many times as long. */
static unsigned slower = 1;
static unsigned reads;

int clock_gettime(clockid_t clock, struct timespec *time)
{
	static uint64_t now = 1;

	(void)clock;
	reads++;
	now += UINT64_C(870) * slower; /* between two: the work, or nothing */
	time->tv_sec = (time_t)(now / 1000000000);
	time->tv_nsec = (long)(now % 1000000000);
	return 0;
}

static void warm_calls_measure_nothing(void)
{
	CHECK_EQ(pace_limit(50 * US, 3 * US), 50 * US);
	CHECK_EQ(reads, 0);
}

static void a_slow_machine_is_no_slow_storage(void)
{
	slower = 7;
	CHECK_EQ(pace_limit(50 * US, 60 * US), 350 * US);
	CHECK_EQ(pace_of(80 * US), 560 * US);
}

static void once_is_enough(void)
{
	slower = 7;
	CHECK_EQ(pace_of(80 * US), 560 * US);
	slower = 1;
	reads = 0;
	CHECK_EQ(pace_of(80 * US), 560 * US);
	CHECK_EQ(reads, 0);
}

int main(void)
{
	test("C9: a call that was over at once has nothing measured", warm_calls_measure_nothing);
	test("what waits here takes longer than what waits there", a_slow_machine_is_no_slow_storage);
	test("the machine is measured once", once_is_enough);
	return tests_end();
}
