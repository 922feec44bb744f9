/* SPDX-License-Identifier: MIT
 *
 * pace: how fast this machine is.
 *
 * Whether a call waited, or was only work, shows in how long it took, beside what work takes; and
 * processors are old, emulated, or slow today. So the times by which that is told are written as on
 * the machine they were found on ("there"), and are longer where a piece of work takes longer than
 * it does there. The work is user code that calls from place to place, as kernels and programs
 * do: an emulator that runs a sum at full speed takes ten times as long for that. It is no system
 * call, since a tracer makes those slow and a filter may forbid them.
 */
#ifndef USHIM_PACE_H
#define USHIM_PACE_H

#include <stdint.h>

/* How many nanoseconds it takes here to do what takes NS there. */
uint64_t pace_of(uint64_t ns);

/*
 * The same for what a call that took TOOK is to be compared with. Nothing is measured where it
 * was over before it can have reached that on any machine: programs on warm storage pay nothing.
 */
uint64_t pace_limit(uint64_t ns, uint64_t took);

#endif
