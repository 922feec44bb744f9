/* SPDX-License-Identifier: MIT */
#include "call/filestream.h"

#include <string.h>
#include <sys/stat.h>

#include "base/path.h"

/* As with fileno, what is wanted of stdio is declared here (stdio_ext(3), stdin(3)). */
extern struct _IO_FILE *stdin;
int __fwritable(struct _IO_FILE *stream);
int __flbf(struct _IO_FILE *stream);
size_t __fbufsize(struct _IO_FILE *stream);

enum {
	BUFFER_NONE = 1, /* what __fbufsize says of an unbuffered stream; 0: it was not used yet */
};

/* Which argument is the stream. */
enum {
	FILESTREAM_0,
	FILESTREAM_2 = 2,
	FILESTREAM_3,
	FILESTREAM_4,
	FILESTREAM_STDIN, /* there is none, but stdin is meant */
	FILESTREAM_NONE,
};

static const uint8_t filestreams[FAMILY_COUNT] = {
#define FAMILY_STREAM(id, stream) [FAMILY_##id] = FILESTREAM_##stream,
#include "table/families.def"
};

struct _IO_FILE *filestream_of(const struct passage *passage)
{
	uint8_t which = filestreams[table_op_family(passage->op)];

	if (which == FILESTREAM_STDIN)
		return stdin;
	return which == FILESTREAM_NONE ? NULL : (struct _IO_FILE *)passage->regs->arg[which];
}

/*
 * Before it asks the kernel for more, glibc writes out a line-buffered stdout, but only for a stream
 * that is unbuffered or line-buffered itself (fileops.c and wfileops.c, underflow).
 */
static bool stream_keeps_to_itself(struct _IO_FILE *stream)
{
	return !__fwritable(stream) && !__flbf(stream) && __fbufsize(stream) != BUFFER_NONE;
}

/* A stream of memory, or of functions of the program's own, has no descriptor. */
bool filestream_only_reads(const struct passage *passage, int *fd)
{
	struct _IO_FILE *stream = filestream_of(passage);
	struct statx statx;

	if (!stream || !stream_keeps_to_itself(stream))
		return false;
	*fd = fileno(stream);
	return *fd >= 0 && descriptor_statx(*fd, STATX_TYPE, &statx) == 0 &&
	       S_ISREG(statx.stx_mode);
}

/* "r", and then anything but '+'; what follows a comma is the name of a character set. */
bool filestream_mode_reads(const char *mode)
{
	char text[PATH_MAX];

	if (!path_read(mode, text) || text[0] != 'r')
		return false;
	text[strcspn(text, ",")] = '\0';
	return !strchr(text, '+');
}
