/* SPDX-License-Identifier: MIT
 *
 * durable PATTERN DIRECTORY COUNT: makes COUNT files of 8 KiB durable and prints the
 * nanoseconds each fsync took (and what the pattern makes it do besides), written or not:
 *
 *   kept      all are written, then each is synced through the descriptor that wrote it
 *   whole     the same, and the writing counts too
 *   written   all are written and closed, and nothing is synced
 *   reopened  so, and then each is opened, synced and closed
 *   log       one small file is written and synced again and again beside a big dirty one
 *
 * The files are new in every run and are removed by the next.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "timing.h"

enum {
	COUNT_MOST = 4096,
	SIZE = 8192,
	LINE = 128,
	CHUNK = 1024 * 1024,
	BIG_CHUNKS = 1024,
};

static int fds[COUNT_MOST];
static char data[CHUNK];

static void check(int failed, const char *what)
{
	if (!failed)
		return;
	perror(what);
	exit(1);
}

static const char *name_of(int i)
{
	static char name[32];

	snprintf(name, sizeof(name), "f%04d", i);
	return name;
}

static int file_new(const char *name, int flags)
{
	int fd;

	unlink(name); /* a file that is emptied is written back when it is closed (ext4) */
	fd = open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0644);
	check(fd < 0, name);
	return fd;
}

static double kept(int count, bool whole)
{
	double begin = now_ns();

	for (int i = 0; i < count; i++) {
		fds[i] = file_new(name_of(i), 0);
		check(write(fds[i], data, SIZE) != SIZE, "write");
	}
	if (!whole)
		begin = now_ns();
	for (int i = 0; i < count; i++)
		check(fsync(fds[i]) != 0, "fsync");
	return now_ns() - begin;
}

static void written(int count)
{
	for (int i = 0; i < count; i++) {
		int fd = file_new(name_of(i), 0);

		check(write(fd, data, SIZE) != SIZE, "write");
		close(fd);
	}
}

static double reopened(int count)
{
	double begin;

	written(count);
	begin = now_ns();
	for (int i = 0; i < count; i++) {
		int fd = open(name_of(i), O_RDONLY);

		check(fd < 0 || fsync(fd) != 0, "fsync");
		close(fd);
	}
	return now_ns() - begin;
}

/* The big one lies on both sides of the small one's descriptor. */
static double growing(int count)
{
	int before = file_new("big", 0);
	int fd = file_new("log", O_APPEND);
	int after = dup(before);
	double begin;

	for (int i = 0; i < BIG_CHUNKS; i++)
		check(write(after, data, CHUNK) != CHUNK, "write");
	begin = now_ns();
	for (int i = 0; i < count; i++)
		check(write(fd, data, LINE) != LINE || fsync(fd) != 0, "log");
	begin = now_ns() - begin;
	unlink("big");
	return begin;
}

int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[3]) : 0;
	struct rlimit limit = {COUNT_MOST + 64, COUNT_MOST + 64};
	double ns = 0;

	if (count < 1 || count > COUNT_MOST || chdir(argv[2]) != 0) {
		fprintf(stderr, "usage: durable kept|whole|written|reopened|log DIRECTORY COUNT\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	memset(data, 7, sizeof(data));
	if (!strcmp(argv[1], "kept"))
		ns = kept(count, false);
	else if (!strcmp(argv[1], "whole"))
		ns = kept(count, true);
	else if (!strcmp(argv[1], "reopened"))
		ns = reopened(count);
	else if (!strcmp(argv[1], "written"))
		written(count);
	else if (!strcmp(argv[1], "log"))
		ns = growing(count);
	printf("%.0f\n", ns / count);
	return 0;
}
