/* SPDX-License-Identifier: MIT
 *
 * listing: directory streams whose names the shim wants to know before the program has read
 * them one by one.
 *
 * For such a stream the shim makes libc's getdents64 calls itself, at the same moments and
 * with the same buffer size, and hands the entries out; libc's own buffer stays empty. What the
 * kernel gave is never thrown away but where the program repositions the stream: positions are
 * the file system's own numbers, of any 64 bits, and nothing says that it can go back to one. The
 * buffers are ordinary memory: the child of a fork goes on with a copy, as it would with libc's;
 * and each stream has a lock, as libc's have.
 */
#ifndef USHIM_LISTING_H
#define USHIM_LISTING_H

#include <dirent.h>
#include <stdbool.h>

#include "base/directory.h"

/* Takes over STREAM, from which nothing has been read. False where it cannot. */
bool listing_begin(DIR *stream, int fd);

/*
 * What STREAM, from which nothing has been read, begins with: LENGTH bytes as getdents64 gave them, to the
 * end of the directory if ENDED. Its descriptor is behind them. False where there is no room.
 */
bool listing_give(DIR *stream, const char *entries, size_t length, bool ended);

/* True if STREAM is one of ours. */
bool listing_has(DIR *stream);

/* How many streams are ours. */
unsigned listing_count(void);

/*
 * The next entry, valid until the next call for this stream. Null at the end (*ERROR is 0)
 * and where the kernel refused (*ERROR is negative); *FRESH is true when the kernel was asked,
 * so that entries lie ahead to be looked at.
 */
const struct directory_entry *listing_next(DIR *stream, bool *fresh, int *error);

/* Calls EACH for every entry that the last getdents64 brought and the program has not had. */
void listing_ahead(DIR *stream, void (*each)(void *context, const struct directory_entry *entry),
		   void *context);

/*
 * Makes the next getdents64 before the program wants it, into a buffer of its own, and calls
 * EACH for what it brought. Once, until that buffer's turn has come or it was taken back.
 */
void listing_read_on(DIR *stream, void (*each)(void *context, const struct directory_entry *entry),
		     void *context);

/* True between the two. */
bool listing_is_read_on(DIR *stream);

/*
 * As if it had not been read on, where that can be. That there was nothing more is forgotten, and
 * the kernel is asked again in its time; entries are asked for again where the open file is still
 * where reading them left it and its file system goes back (storage.seeks). Others keep their turn.
 */
void listing_take_back(DIR *stream);

/*
 * seekdir and rewinddir (POSITION 0): the stream goes on from POSITION, or, where the kernel
 * refuses that, from where the open file is. The kernel's error, negative, which libc leaves in
 * errno alone; or 0.
 */
int listing_move(DIR *stream, long position);

/* Between these nobody else reads STREAM. */
void listing_lock(DIR *stream);
void listing_unlock(DIR *stream);

/* telldir's answer. */
long listing_position(DIR *stream);

/* The descriptor of a stream of ours. */
int listing_descriptor(DIR *stream);

/* Forgets STREAM: it is closed. */
void listing_end(DIR *stream);

#endif
