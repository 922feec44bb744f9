/* SPDX-License-Identifier: MIT
 *
 * together: fsyncs that are likely to come next are started with the one that is made (modes
 * auto and strict), so that the file system commits them at once.
 *
 *   together.c          a durability point on its way: served, grouped, or made and timed
 *   next.c     which files will be synced next, of those that are open
 *   names.c    ... and of those the program has closed
 *   record.c   ... as the command line has them, or this process made them
 *   group.c    fsyncs in flight
 *   stored.c   completions kept for the program
 *   void.c     which calls make a completion worthless
 *   maps.c     files that may be written through memory
 *   locks.c    files that are locked, or leased
 *   grace.c    what spares a look at the locks its wait
 *   walk/pay.c      whether it pays
 *
 * A completion stands for the program's own fsync only if nothing can have been written to the
 * file since that fsync was started (DESIGN C7). So nothing is in flight while the program
 * runs: the fsync that starts a group waits for all of it. While completions are kept, every
 * call that is not known to leave them alone makes them void, and what the kernel says of size
 * and times must be what it was when the fsync was started. Processes with more than one
 * thread are left alone.
 */
#ifndef USHIM_TOGETHER_H
#define USHIM_TOGETHER_H

#include <stdbool.h>

#include "call/passage.h"

void together_begin(void);

/* The process image is about to end: what nobody came for and has to be told is told. */
void together_ends(void);

/* True if OP is a durability point that can be grouped. */
static inline bool together_syncs(enum op op)
{
	return op == OP_FSYNC || op == OP_FDATASYNC;
}

/* True while completions are kept for the program. */
extern bool together_keeps;

/* True once the names of files that are made are recorded; and if OP makes some. */
extern bool together_records;
bool record_wants(enum op op);

/* True if OP is of interest at the moment. Asked of every operation when a process starts. */
bool together_wants(enum op op);

static inline bool together_needs(enum op op)
{
	return (together_keeps || together_records || together_syncs(op)) && together_wants(op);
}

/* PASSAGE, any call, is about to be made. */
void together_watch(const struct passage *passage);

/* The same. True when it was one of together_syncs, and answered or made here. */
bool together_sync(const struct passage *passage);

#endif
