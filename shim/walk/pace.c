/* SPDX-License-Identifier: MIT */
#include "walk/pace.h"

#include <stdbool.h>

#include "base/clock.h"

enum {
	STEPS = 512,     /* of the work: about a microsecond; */
	THERE_NS = 870,  /* there, exactly */
	TRIES = 4,       /* the first one may have to be fetched or translated, one may be interrupted */
	FASTEST = 8,     /* no machine is so many times as fast, */
	SLOWEST = 1000,  /* and none that is so slow is told from one that is slower yet */
};

typedef uint32_t step(uint32_t value);

static uint32_t step_add(uint32_t value)
{
	return value + 3;
}

static uint32_t step_mix(uint32_t value)
{
	return value ^ value >> 1;
}

static uint32_t step_multiply(uint32_t value)
{
	return value * 5;
}

static uint32_t step_turn(uint32_t value)
{
	return value << 7 | value >> 25;
}

/* Volatile, so that the compiler has to believe that they may be others by the next call. */
static step *volatile steps[] = {step_add, step_mix, step_multiply, step_turn};

static uint64_t work(void)
{
	static volatile uint32_t result;
	uint64_t before = clock_ns();
	uint32_t value = 1;

	for (int i = 0; i < STEPS; i++)
		value = steps[value & 3](value);
	result = value;
	(void)result;
	return clock_ns() - before;
}

static uint64_t least(void)
{
	uint64_t least = (uint64_t)THERE_NS * SLOWEST;

	for (int i = 0; i < TRIES; i++) {
		uint64_t ns = work();

		if (ns < least)
			least = ns;
	}
	return least > THERE_NS / FASTEST ? least : THERE_NS / FASTEST;
}

/* In ordinary memory: children are on the same machine. 0: not measured yet. */
static uint64_t here_ns;

uint64_t pace_of(uint64_t ns)
{
	uint64_t here = __atomic_load_n(&here_ns, __ATOMIC_RELAXED);

	if (!here) {
		here = least();
		__atomic_store_n(&here_ns, here, __ATOMIC_RELAXED);
	}
	return ns * here / THERE_NS;
}

uint64_t pace_limit(uint64_t ns, uint64_t took)
{
	return took < ns / FASTEST ? ns : pace_of(ns);
}
