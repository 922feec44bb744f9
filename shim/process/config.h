/* SPDX-License-Identifier: MIT
 *
 * config: the environment variables, read once when the library is loaded.
 *
 * They are read with secure_getenv(3): a set-user-ID program takes no orders from its
 * caller. A malformed value earns one line on stderr and counts as not given.
 */
#ifndef USHIM_CONFIG_H
#define USHIM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/filter.h"

enum mode {
	MODE_OFF,    /* USHIM=0 or off: nothing but forwarding */
	MODE_AUTO,   /* the default */
	MODE_STRICT, /* the program's own calls are always made */
	MODE_RING,   /* every covered call through the ring, one at a time */
};

/* Which way calls go that are made beside the program (backend/flight.h). */
enum backend_choice {
	BACKEND_AUTO, /* io_uring, and where that cannot be had threads of our own */
	BACKEND_RING,
	BACKEND_CREW,
};

struct config {
	enum mode mode;
	unsigned depth;        /* USHIM_DEPTH: most questions asked ahead at once */
	unsigned stale_ms;     /* USHIM_STALE_MS: oldest answer that is served, milliseconds */
	unsigned ring_entries; /* USHIM_RING: submission queue entries */
	unsigned sqpoll_ms;    /* USHIM_SQPOLL: idle time of a kernel poller; 0: no poller */
	enum backend_choice backend; /* USHIM_BACKEND */
	enum filter_treatment filter; /* of one that is there at start: USHIM_SECCOMP */
	bool force;            /* USHIM_FORCE=1: without the governor */
	const char *stats;     /* USHIM_STATS: absolute path, or null; owned by config */
	const char *trace;     /* USHIM_TRACE: the same */
	uint64_t without;      /* USHIM_WITHOUT: bit n: opcode n is never used */
};

/* Filled in by config_read; all zero (MODE_OFF) before. */
extern struct config config;

void config_read(void);

/* How old an answer may be, in nanoseconds. */
static inline uint64_t config_stale_ns(void)
{
	return config.stale_ms * UINT64_C(1000000);
}

/* "off", "auto", "strict" or "ring". */
const char *config_mode_name(enum mode mode);

#endif
