/* SPDX-License-Identifier: MIT
 *
 * proc: files of /proc, line by line, and the inodes they name.
 */
#ifndef USHIM_PROC_H
#define USHIM_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	INODES_MOST = 64,
};

/* By number alone, whatever the device. */
struct inodes {
	uint64_t number[INODES_MOST];
	unsigned count;
};

bool inodes_have(const struct inodes *inodes, uint64_t inode);

/* False where there are too many. */
bool inodes_add(struct inodes *inodes, uint64_t inode);

/*
 * Calls TAKE for every line of FILE, by way of TEXT, SIZE bytes, which have to hold the longest.
 * False where FILE cannot be read to its end, or TAKE had enough.
 */
bool proc_lines(const char *file, char *text, size_t size, bool (*take)(const char *line));

/* Behind the next blanks of the line AT is in; at its end at the latest. */
const char *proc_field_next(const char *at);

/* Up to a blank or hyphen. */
uint64_t proc_number(const char *at, unsigned base);

#endif
