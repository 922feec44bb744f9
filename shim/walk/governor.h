/* SPDX-License-Identifier: MIT
 *
 * governor: decides from measured cost whether asking ahead pays. Pure: no system calls, no
 * clock, no global state; the caller brings the times and keeps the structure.
 *
 * It starts outside. It goes in when plain calls are clearly dearer than an entry in the ring
 * (tens of microseconds, DESIGN F1), and out when what was asked ahead came no faster than
 * the plain calls would have. Each time it was wrong it waits longer before it tries again.
 */
#ifndef USHIM_GOVERNOR_H
#define USHIM_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

struct governor {
	uint64_t slow_ns;   /* a plain call from here on waited; set by the caller (pace.h) */
	uint64_t cost_ns;   /* recent cost of a plain call; 0: none seen */
	unsigned slow;      /* slow plain calls in a row */
	unsigned fast;      /* answers in a row that nobody had to wait for */
	unsigned aside;     /* and such calls where nothing is asked ahead, between two answers */
	unsigned unhelpful; /* prepared calls in a row that were no cheaper for it */
	unsigned helpful;   /* and the ones that were */
	bool in;
	bool forced;        /* USHIM_FORCE: in, whatever is measured */
	unsigned sentence;  /* plain calls to sit out after a mistake: doubles */
	unsigned sitting;   /* plain calls still to sit out */
	uint64_t asked;     /* questions asked ahead, ever */
	uint64_t used;      /* of these, the ones the program came for */
	uint64_t wasted;    /* and the ones it never did */
};

enum {
	GOVERNOR_SLOW_NS = 50 * 1000,  /* for slow_ns: a question or read that waited */
	GOVERNOR_PROOF = 2,            /* slow calls in a row before going in */
	GOVERNOR_UNHELPFUL = 4,        /* vain preparations in a row before going out */
	GOVERNOR_HELPFUL = 16,         /* good ones in a row that clear an old sentence */
	GOVERNOR_SENTENCE_FIRST = 16,
	GOVERNOR_DISPROOF = 3,         /* fast ones in a row before going out, */
	GOVERNOR_ASIDE = 24,           /* or so many where nothing is asked ahead */
	GOVERNOR_SENTENCE_MOST = 1024,
};

/* A plain call took NS; slow_ns is such that it can be told whether it waited. */
void governor_plain(struct governor *governor, uint64_t ns);

/* The same of a place where nothing is asked ahead: cp's target, say, on other storage. */
void governor_aside(struct governor *governor, uint64_t ns);

/* The file system is one that waits by nature: one slow call is proof enough. */
void governor_prior(struct governor *governor);

/* The first answer of a batch came NS after it was asked for, without queueing behind others. */
void governor_answer(struct governor *governor, uint64_t ns);

/* A plain call that was prepared for by asking ahead took NS all the same. */
void governor_prepared(struct governor *governor, uint64_t ns);

/* What became of COUNT questions asked ahead. */
void governor_used(struct governor *governor, unsigned count);
void governor_wasted(struct governor *governor, unsigned count);

/*
 * True if waste leaves room for COUNT more questions: of everything asked, at most one in
 * twenty may go unused, beyond an opening credit.
 */
bool governor_affords(const struct governor *governor, unsigned count);

#endif
