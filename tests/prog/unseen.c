/* SPDX-License-Identifier: MIT
 *
 * unseen raw|stat|access|open|list DIRECTORY FLAG: lists DIRECTORY, whose files are empty, and asks about one
 * after the other. Halfway all files behind get a size of 1,000: by a system call of this program
 * that passes libc by (raw), or by a child, which then makes FLAG, for which this program looks
 * without reading from anything. Prints how many of the files behind were seen as they were before.
 *
 * "What auto gives up" in README names both; strict and ring give up nothing.
 */
#include "raw.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FILES = 200,
	SIZE = 1000,
};

static char names[FILES][256];
static int count;

static void list(const char *directory)
{
	const struct dirent *entry;
	DIR *stream = opendir(directory);

	if (!stream)
		err(1, "%s", directory);
	while ((entry = readdir(stream)) && count < FILES)
		if (entry->d_name[0] != '.')
			strcpy(names[count++], entry->d_name);
	closedir(stream);
}

static void enlarge(const char *directory, int from)
{
	char path[4096];

	for (int i = from; i < count; i++) {
		snprintf(path, sizeof(path), "%.3000s/%.255s", directory, names[i]);
		raw(SYS_truncate, (long)path, SIZE, 0, 0, 0, 0);
	}
}

static bool is_listed(const char *flag)
{
	const struct dirent *entry;
	char copy[4096];
	bool found = false;
	DIR *stream;

	strcpy(copy, flag);
	stream = opendir(dirname(copy));
	while (stream && (entry = readdir(stream)))
		found |= !strcmp(entry->d_name, strrchr(flag, '/') + 1);
	if (stream)
		closedir(stream);
	return found;
}

static bool is_there(const char *how, const char *flag)
{
	struct stat stat_buffer;
	int fd;

	if (!strcmp(how, "stat"))
		return stat(flag, &stat_buffer) == 0;
	if (!strcmp(how, "access"))
		return access(flag, F_OK) == 0;
	if (!strcmp(how, "list"))
		return is_listed(flag);
	fd = open(flag, O_RDONLY);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Another process does it, started by a system call too: a fork would be news. */
static void child_enlarges(const char *directory, int from, const char *flag)
{
	long pid = raw(SYS_fork, 0, 0, 0, 0, 0, 0);

	if (pid)
		return;
	enlarge(directory, from);
	raw(SYS_mknod, (long)flag, S_IFREG | 0600, 0, 0, 0, 0);
	raw(SYS_exit_group, 0, 0, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
	struct stat found;
	char path[4096];
	int old = 0, half;

	if (argc != 4)
		errx(2, "usage: unseen HOW DIRECTORY FLAG");
	list(argv[2]);
	half = count / 2;
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%.3000s/%.255s", argv[2], names[i]);
		if (i == half && !strcmp(argv[1], "raw")) {
			enlarge(argv[2], half);
		} else if (i == half) {
			child_enlarges(argv[2], half, argv[3]);
			while (!is_there(argv[1], argv[3]))
				;
		}
		if (lstat(path, &found))
			err(1, "%s", path);
		old += i >= half && found.st_size != SIZE;
	}
	printf("%d of %d as they were before\n", old, count - half);
	return 0;
}
