/* SPDX-License-Identifier: MIT */
#include "text.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "diag.h"
#include "process.h"
#include "sys.h"

/* By a container's filter, say. It lets files be opened, or the program could do nothing. */
static bool filtered_at_start;

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

void text_program(struct text *text)
{
	char name[32] = "";

	sys(SYS_prctl, PR_GET_NAME, name);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	text_add(text, name);
}

void text_note_start(void)
{
	filtered_at_start = process_filtered();
}

bool text_may_kill(void)
{
	return process_filter_noted() || (!filtered_at_start && process_filtered());
}

void text_append(const struct text *text, const char *path, const char *first)
{
	long fd = sys(SYS_openat, AT_FDCWD, path,
		      O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
	long at;

	if (fd < 0)
		return;
	at = sys(SYS_lseek, fd, 0, SEEK_END);
	if (at == 0 && *first)
		diag_write((int)fd, first, strlen(first));
	if (at >= 0 && (uint64_t)at + text->length + strlen(first) <= process_file_size_limit())
		diag_write((int)fd, text->at, text->length);
	sys(SYS_close, fd);
}
