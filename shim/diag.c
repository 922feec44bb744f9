/* SPDX-License-Identifier: MIT */
#include "diag.h"

#include <stddef.h>

#include "sys.h"

enum {
	DELETE = 0x7f,
};

void diag_line(const char *const *parts)
{
	char line[1024] = "ushim: ";
	size_t length = sizeof("ushim: ") - 1;

	for (; *parts; parts++)
		for (const char *c = *parts; *c && length < sizeof(line) - 1; c++)
			line[length++] = (unsigned char)*c < ' ' || *c == DELETE ? '?' : *c;
	line[length++] = '\n';
	sys(SYS_write, 2, line, length);
}
