/* SPDX-License-Identifier: MIT
 *
 * text: strings put together without stdio and without the heap, JSON for the most part.
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

#endif
