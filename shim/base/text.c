/* SPDX-License-Identifier: MIT */
#include "base/text.h"


void text_add(struct text *text, const char *part)
{
	while (*part && text->length < text->room - 1)
		text->at[text->length++] = *part++;
}

void text_number(struct text *text, int64_t number)
{
	char digits[24];
	char *digit = digits + sizeof(digits) - 1;
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	*digit = '\0';
	do {
		*--digit = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		*--digit = '-';
	text_add(text, digit);
}

void text_pair(struct text *text, const char *key, int64_t number)
{
	text_add(text, ",\"");
	text_add(text, key);
	text_add(text, "\":");
	text_number(text, number);
}
