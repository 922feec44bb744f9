/* SPDX-License-Identifier: MIT
 *
 * thread-count [ceded]: prints how many threads /proc shows of this process after a few file
 * calls; with an argument, after unshare(CLONE_FS) too.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct stat tasks;

	(void)argv;
	if (mkdir("counted", 0755) || rmdir("counted"))
		return 1;
	if (argc > 1 && unshare(CLONE_FS))
		return 1;
	if (stat("/proc/self/task", &tasks))
		return 1;
	printf("%d\n", (int)tasks.st_nlink - 2);
	return 0;
}
