/* SPDX-License-Identifier: MIT */
#include "base/proc.h"

#include <fcntl.h>
#include <string.h>

#include "base/sys.h"

bool inodes_have(const struct inodes *inodes, uint64_t inode)
{
	for (unsigned i = 0; i < inodes->count; i++)
		if (inodes->number[i] == inode)
			return true;
	return false;
}

bool inodes_add(struct inodes *inodes, uint64_t inode)
{
	if (inodes->count == INODES_MOST)
		return false;
	inodes->number[inodes->count++] = inode;
	return true;
}

const char *proc_field_next(const char *at)
{
	while (*at && *at != ' ')
		at++;
	while (*at == ' ')
		at++;
	return at;
}

uint64_t proc_number(const char *at, unsigned base)
{
	uint64_t number = 0;

	for (; *at && *at != ' ' && *at != '-'; at++)
		number = number * base + (unsigned)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return number;
}

/* Takes the whole lines of TEXT; returns how much of it they were, or -1. */
static long lines_take(char *text, size_t length, bool (*take)(const char *line))
{
	size_t begin = 0;

	for (size_t i = 0; i < length; i++) {
		if (text[i] != '\n')
			continue;
		text[i] = '\0';
		if (!take(text + begin))
			return -1;
		begin = i + 1;
	}
	return (long)begin;
}

bool proc_lines(const char *file, char *text, size_t size, bool (*take)(const char *line))
{
	long fd = sys(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
	size_t held = 0;
	long got, used = 0;

	if (fd < 0)
		return false;
	while (used >= 0 && (got = sys(SYS_read, fd, text + held, size - held)) > 0) {
		held += (size_t)got;
		used = lines_take(text, held, take);
		if (used >= 0)
			memmove(text, text + used, held -= (size_t)used);
		if (held == size)
			break;
	}
	sys(SYS_close, fd);
	return used >= 0 && got == 0;
}
