/* SPDX-License-Identifier: MIT
 *
 * leave WAY FROM TO [STATUS]: links every file f1, f2, ... of FROM into a new directory TO and
 * ends at once, by return, exit, _exit, quick_exit or exit_group, with STATUS (0).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int links_make(const char *from, const char *to)
{
	char source[512], target[512];

	if (mkdir(to, 0700) != 0)
		return -1;
	for (int i = 1;; i++) {
		snprintf(source, sizeof(source), "%s/f%d", from, i);
		snprintf(target, sizeof(target), "%s/f%d", to, i);
		if (access(source, F_OK) != 0)
			return 0;
		if (link(source, target) != 0)
			return -1;
	}
}

int main(int argc, char **argv)
{
	int status = argc > 4 ? atoi(argv[4]) : 0;

	if (argc < 4)
		return 2;
	/* A plain call that reports the failure is as good: then there is nothing to be late. */
	if (links_make(argv[2], argv[3]) != 0 && !status)
		return 3;
	if (!strcmp(argv[1], "exit"))
		exit(status);
	if (!strcmp(argv[1], "_exit"))
		_exit(status);
	if (!strcmp(argv[1], "quick_exit"))
		quick_exit(status);
	if (!strcmp(argv[1], "exit_group"))
		syscall(SYS_exit_group, status);
	return status;
}
