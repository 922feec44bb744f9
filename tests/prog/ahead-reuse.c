/* SPDX-License-Identifier: MIT
 *
 * ahead-reuse close|closedir|dup2|close_range A B
 *
 * Two directories with the same names; A's files are of one byte, B's of two. Lists A, asks
 * about some of its entries, lets the number it was asked by become B's, and asks about the
 * rest of A through another number. Whatever was asked ahead by the old number and has not been
 * looked at yet must not be answered from B.
 *
 * So that there is something: this thread runs before all others of its processor, so whoever
 * works for it comes to nothing before it sleeps. 77 where that is not permitted.
 */
#include "run-first.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRIES = 60 };

static char names[ENTRIES][256];
static int count;

static DIR *list(int fd)
{
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;

	if (!stream)
		err(1, "fdopendir");
	for (count = 0; count < ENTRIES && (entry = readdir(stream));)
		if (entry->d_name[0] != '.')
			strcpy(names[count++], entry->d_name);
	return stream;
}

static void ask(int fd, int from, int to)
{
	struct stat stat;

	for (int i = from; i < to; i++) {
		if (fstatat(fd, names[i], &stat, AT_SYMLINK_NOFOLLOW))
			err(1, "%s", names[i]);
		if (stat.st_size != 1)
			errx(1, "%s: %ld bytes, after %d by the old number", names[i],
			     (long)stat.st_size, from);
	}
}

/* FD, of which STREAM is or not, becomes OTHER's. */
static void reuse(const char *way, DIR *stream, int fd, int other)
{
	int now = fd;

	if (!strcmp(way, "dup2")) {
		now = dup2(other, fd);
	} else {
		if (!strcmp(way, "close"))
			close(fd);
		else if (!strcmp(way, "closedir"))
			closedir(stream);
		else
			close_range(fd, fd, 0);
		now = dup(other);
	}
	if (now != fd)
		errx(1, "%d instead of %d", now, fd);
}

/* After AFTER questions by the number that is then another's. */
static void round_go(const char *way, const char *a, int other, int after)
{
	bool by_stream = !strcmp(way, "closedir");
	int fd = open(a, O_RDONLY | O_DIRECTORY), kept = dup(fd);
	DIR *stream = list(by_stream ? fd : dup(fd));

	ask(fd, 0, after);
	reuse(way, stream, fd, other);
	ask(kept, after, count);
	if (!by_stream)
		closedir(stream);
	close(kept);
	close(fd);
}

int main(int argc, char **argv)
{
	int other;

	if (argc != 4)
		errx(2, "usage: see the source");
	other = open(argv[3], O_RDONLY | O_DIRECTORY);
	if (other < 0)
		err(1, "%s", argv[3]);
	run_first();
	for (int after = 3; after < ENTRIES - 10; after++)
		round_go(argv[1], argv[2], other, after);
	return 0;
}
