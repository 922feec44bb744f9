/* SPDX-License-Identifier: MIT
 *
 * listing: directory streams whose names the shim wants to know before the program has read
 * them one by one.
 *
 * For such a stream the shim makes libc's getdents64 calls itself, at the same moments and
 * with the same buffer size, and hands the entries out; libc's own buffer stays empty. At a
 * buffer's end, or wherever the program repositions the stream, libc can take over, because
 * the position is the descriptor's. The buffers are ordinary memory: the child of a fork goes
 * on with a copy, as it would with libc's.
 */
#ifndef USHIM_LISTING_H
#define USHIM_LISTING_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the kernel has it, getdents64(2); struct dirent is the same on x86-64. */
struct listing_entry {
	uint64_t inode;
	int64_t next; /* telldir's position behind this entry */
	uint16_t size;
	uint8_t type;
	char name[];
};

/* Takes over STREAM, from which nothing has been read. False where it cannot. */
bool listing_begin(DIR *stream, int fd);

/* True if STREAM is one of ours. */
bool listing_has(DIR *stream);

/* How many streams are ours. */
unsigned listing_count(void);

/*
 * The next entry, valid until the next call for this stream. Null at the end (*ERROR is 0),
 * where libc has to take over for the exact error (*ERROR is negative), and *FRESH is true
 * when the kernel was asked, so that entries lie ahead to be looked at.
 */
const struct listing_entry *listing_next(DIR *stream, bool *fresh, int *error);

/* Calls EACH for every entry that the last getdents64 brought and the program has not had. */
void listing_ahead(DIR *stream, void (*each)(void *context, const struct listing_entry *entry),
		   void *context);

/* telldir's answer. */
long listing_position(DIR *stream);

/* The descriptor of a stream of ours. */
int listing_descriptor(DIR *stream);

/* Gives STREAM back to libc where the program stands in it. */
void listing_hand_over(DIR *stream);

/* The same for every stream of ours. */
void listing_hand_over_all(void);

/* Forgets STREAM: it is closed, or repositioned by libc. */
void listing_end(DIR *stream);

#endif
