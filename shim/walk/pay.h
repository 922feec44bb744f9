/* SPDX-License-Identifier: MIT
 *
 * pay: decides from measured cost whether fsyncs are started together. Pure: no
 * system calls, no clock, no global state.
 *
 * It starts outside and goes in when plain fsyncs waited for something several times in a row.
 * A group has to take clearly less time for each file the program came for than plain fsyncs
 * did; after two that do not, or one that shows that what is synced takes as long once more (in
 * strict mode, on storage that asks a server each time), plain ones are all there is for a while,
 * longer each time.
 */
#ifndef USHIM_PAY_H
#define USHIM_PAY_H

#include <stdbool.h>
#include <stdint.h>

struct pay {
	uint64_t device;   /* what is known here is about this file system */
	uint64_t slow_ns;  /* a plain fsync from here on waited; set by the caller (pace.h) */
	uint64_t cost_ns;  /* recent cost of a plain fsync; 0: none seen */
	unsigned slow;     /* slow ones in a row */
	unsigned fast;     /* fast ones in a row */
	unsigned vain;     /* groups in a row that did not pay */
	unsigned groups;   /* since plain fsyncs were timed */
	bool asked;        /* one of the two was */
	unsigned window;   /* files to start together */
	unsigned sentence; /* plain fsyncs to sit out after a mistake: doubles */
	unsigned sitting;  /* plain fsyncs still to sit out */
	bool barred;       /* nothing to be gained on this file system */
	bool opens;        /* files may be opened there, too, to be synced */
	bool forced;       /* USHIM_FORCE: in, whatever is measured */
	bool twice;        /* strict mode: the program's own fsyncs are made as well, so less is gained */
};

enum {
	PAY_SLOW_NS = 40 * 1000, /* for slow_ns */
	PAY_PROOF = 2,           /* slow ones in a row before going in */
	PAY_DISPROOF = 3,        /* fast ones in a row before sitting out */
	PAY_VAIN = 2,            /* groups in a row that did not pay before sitting out, or */
	PAY_TELLING = 5,         /* one with more files than these that took as long once more */
	PAY_GROUPS = 6,          /* groups before two fsyncs are made plainly, */
	PAY_GROUPS_TWICE = 2,    /* and where less is gained, if anything */
	PAY_WINDOW_FIRST = 8,
	PAY_WINDOW_GROWTH = 8,
	PAY_SENTENCE_FIRST = 32,
	PAY_SENTENCE_REPEATED = 256, /* where no group can pay */
	PAY_SENTENCE_MOST = 1024,
};

/* Everything anew, for DEVICE. */
void pay_begin(struct pay *pay, uint64_t device);

/* True while fsyncs are neither to be timed nor grouped; counts one. */
bool pay_sits_out(struct pay *pay);

/* True if nothing is measured for a while. */
static inline bool pay_rests(const struct pay *pay)
{
	return pay->sitting > 0;
}

/* The next COUNT are: they are in no order that could be gone ahead of. */
void pay_pause(struct pay *pay, unsigned count);

/* A plain fsync took NS. */
void pay_plain(struct pay *pay, uint64_t ns);

/* True if groups are worth starting. */
bool pay_in(const struct pay *pay);

/*
 * True where the next fsync is to be plain, to see what one costs by now: the first ones wait for
 * whatever was done before them, and a file system may have become quicker since.
 */
bool pay_asks(const struct pay *pay);

/* True if COUNT plain fsyncs take NS or more: to find out about them may cost that. */
bool pay_covers(const struct pay *pay, unsigned count, uint64_t ns);

/*
 * A group took NS, and whatever fsyncs the program made itself of its files AGAIN_NS; it came for
 * USED of them, the one that started it included. USED is 0 where one was prepared in vain. MOST
 * is the limit of the window.
 */
void pay_group(struct pay *pay, unsigned used, uint64_t ns, uint64_t again_ns, unsigned most);

#endif
