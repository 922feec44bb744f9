/* SPDX-License-Identifier: MIT
 *
 * spelling: what a name's letters say about whether every file system could hold it.
 *
 * ext4 holds any bytes. exFAT, NTFS, SMB and the FUSE bridges to them refuse some characters, strip
 * others from the end, keep some names for devices and give a second, short name to each file.
 */
#ifndef USHIM_SPELLING_H
#define USHIM_SPELLING_H

#include <stdbool.h>
#include <stdint.h>

/* ASCII bytes beyond letters, digits, '.', '_' and '-' that were seen to go well. */
struct spelling {
	uint64_t held[2];
};

/*
 * True if no file system is known to take NAME for another one, to have it already, or to refuse
 * it for more than a single character.
 */
bool spelling_common(const char *name);

/* True if all bytes of TEXT are held; one beyond ASCII never is. */
bool spelling_holds(const struct spelling *spelling, const char *text);

/* TEXT went well. */
void spelling_learn(struct spelling *spelling, const char *text);

#endif
