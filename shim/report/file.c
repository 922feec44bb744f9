/* SPDX-License-Identifier: MIT */
#include "report/file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/sys.h"
#include "process/process.h"

void file_append(const struct text *text, const char *path, const char *first)
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
