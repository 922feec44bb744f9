/* SPDX-License-Identifier: MIT
 *
 * trace: what happened when, in Chrome's trace event format (USHIM_TRACE; opens in Perfetto,
 * https://ui.perfetto.dev). The program's calls are on one track per thread, what was in
 * flight for them on tracks of their own, so that overlap can be seen.
 *
 * Events are kept in memory that a forked child finds empty, and appended to the file when
 * that is full and at every way out of the process image. Several processes share one file.
 */
#ifndef USHIM_TRACE_H
#define USHIM_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "table/call.h"

void trace_open(void);
bool trace_wanted(void);

/* OP was called at BEGIN, met as REASON says, and over at END; nanoseconds of clock_ns. */
void trace_call(enum op op, enum reason reason, uint64_t begin, uint64_t end);

/* WHAT (static storage) was in flight in place SLOT. */
void trace_flight(unsigned slot, const char *what, uint64_t begin, uint64_t end);

/* Appends what was kept. */
void trace_write(void);

#endif
