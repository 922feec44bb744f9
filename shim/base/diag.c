/* SPDX-License-Identifier: MIT */
#include "base/diag.h"

#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "base/sys.h"

enum {
	DELETE = 0x7f,
};

void diag_write(int fd, const char *data, size_t length)
{
	const uint64_t raised = UINT64_C(1) << (SIGPIPE - 1) | UINT64_C(1) << (SIGXFSZ - 1);
	const struct timespec at_once = {.tv_sec = 0};
	uint64_t before = 0, pending = raised, ours;

	sys(SYS_rt_sigprocmask, SIG_BLOCK, &raised, &before, sizeof(raised));
	sys(SYS_rt_sigpending, &pending, sizeof(pending));
	ours = raised & ~pending;
	if (sys(SYS_write, fd, data, length) < 0 && ours)
		sys(SYS_rt_sigtimedwait, &ours, NULL, &at_once, sizeof(ours));
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

void diag_line(const char *const *parts)
{
	char line[1024] = "ushim: ";
	size_t length = sizeof("ushim: ") - 1;

	for (; *parts; parts++)
		for (const char *c = *parts; *c && length < sizeof(line) - 1; c++)
			line[length++] = (unsigned char)*c < ' ' || *c == DELETE ? '?' : *c;
	line[length++] = '\n';
	diag_write(2, line, length);
}
