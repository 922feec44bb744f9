/* SPDX-License-Identifier: MIT
 *
 * ahead-spelled A B: two directories, each with a directory d of the same names; A's files are of one
 * byte, B's of two. Asks about names of d below A's number, lets the number become B's with no call
 * that anybody could see, and asks about the rest by the same words.
 */
#include "raw.h"

#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { FILES = 40, CHANGE_AT = 20 };

static void ask(int fd, int number, long size)
{
	struct stat stat;
	char path[32];

	snprintf(path, sizeof(path), "d/f%02d", number);
	if (fstatat(fd, path, &stat, AT_SYMLINK_NOFOLLOW))
		err(1, "%s", path);
	if (stat.st_size != size)
		errx(1, "%s: %ld bytes", path, (long)stat.st_size);
}

int main(int argc, char **argv)
{
	int a, b;

	if (argc != 3)
		errx(2, "usage: see the source");
	if ((a = open(argv[1], O_RDONLY | O_DIRECTORY)) < 0)
		err(1, "%s", argv[1]);
	if ((b = open(argv[2], O_RDONLY | O_DIRECTORY)) < 0)
		err(1, "%s", argv[2]);
	for (int i = 0; i < CHANGE_AT; i++)
		ask(a, i, 1);
	if (raw(SYS_dup2, b, a) != a)
		errx(1, "dup2");
	for (int i = CHANGE_AT; i < FILES; i++)
		ask(a, i, 2);
	return 0;
}
