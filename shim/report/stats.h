/* SPDX-License-Identifier: MIT
 *
 * stats: what was called and how it was met, one JSON line per process (USHIM_STATS).
 *
 * The counters lie in memory that a forked child finds zeroed. Without USHIM_STATS there is
 * no such memory and counting does nothing. The record is appended with a single write(2) at
 * whatever way out of the process image the program takes; nothing stays open meanwhile.
 */
#ifndef USHIM_STATS_H
#define USHIM_STATS_H

#include <stdbool.h>

#include "table/call.h"

enum ring_stat {
	RING_STAT_RINGS,     /* rings made */
	RING_STAT_ENTERS,    /* io_uring_enter calls */
	RING_STAT_SUBMITTED, /* entries the kernel took */
	RING_STAT_STALE,     /* completions of calls given up earlier */
	RING_STAT_CANCELLED, /* waits ended for a signal handler */
	RING_STAT_ASKED,     /* questions asked ahead of the program */
	RING_STAT_USED,      /* of these, the ones it came for */
	RING_STAT_WASTED,    /* and the ones it did not */
	RING_STAT_FETCHED,   /* files read ahead */
	RING_STAT_BATCHES,   /* times questions were asked ahead together */
	RING_STAT_LATE,      /* commands that failed after they were acknowledged */
	RING_STAT_LATE_GONE, /* names that were to be removed and had gone */
	RING_STAT_GROUPED, /* fsyncs started together with another */
	RING_STAT_SPARED,  /* of these, the ones the program came for */
	RING_STAT_GROUPS,
	RING_STAT_BY_CREW, /* calls made by threads of our own */
	RING_STAT_COUNT,
};

void stats_open(void);
bool stats_wanted(void);

/* OP was called and met as REASON says. */
void stats_call(enum op op, enum reason reason);
void stats_ring(enum ring_stat stat);

/* NOW operations are in flight: the record says how many there were at most. */
void stats_flight(unsigned now);

/* The errno (negative) with which the kernel refused a ring. */
void stats_ring_error(int err);

/*
 * Appends this process's record and starts from zero. END names the way out: "exit", "exec",
 * ... Does nothing where nothing was counted or the memory is a vfork parent's.
 */
void stats_write(const char *end);

#endif
