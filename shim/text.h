/* SPDX-License-Identifier: MIT
 *
 * text: strings put together without stdio and without the heap, JSON for the most part, and
 * appended to a file.
 */
#ifndef USHIM_TEXT_H
#define USHIM_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Owned by the caller; what does not fit is cut. */
struct text {
	char *at;
	size_t length, room;
};

void text_add(struct text *text, const char *part);
void text_number(struct text *text, int64_t number);

/* ,"key":number */
void text_pair(struct text *text, const char *key, int64_t number);

/* The program's name as the kernel has it; other bytes than plain ASCII become '?'. */
void text_program(struct text *text);

/*
 * Appends TEXT to the file PATH with one write(2), behind FIRST where the file is still
 * empty. Nothing at all where RLIMIT_FSIZE would cut it.
 */
void text_append(const struct text *text, const char *path, const char *first);

/* True where opening a file might end a process that put a filter on itself. */
_Bool text_may_kill(void);

/* To be called at start, before the program can have installed a filter. */
void text_note_start(void);

#endif
