/* SPDX-License-Identifier: MIT
 *
 * branch-on-read: decides by what calls wrote to fresh memory, so that valgrind complains
 * about any of it that it did not see being written.
 */
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	char path[] = "branch-XXXXXX";
	int fd = mkstemp(path), wrong = fd < 0;
	struct stat *st = malloc(sizeof(*st));
	struct statx *stx = malloc(sizeof(*stx));
	char *bytes = malloc(10);

	wrong += pwrite(fd, "0123456789", 10, 0) != 10;
	wrong += pread(fd, bytes, 10, 0) != 10;
	for (int i = 0; i < 10; i++)
		wrong += bytes[i] != '0' + i;
	wrong += stat(path, st) != 0 || st->st_size != 10 || st->st_nlink != 1;
	wrong += statx(AT_FDCWD, path, 0, STATX_ALL, stx) != 0 || stx->stx_size != 10;
	wrong += close(fd) != 0;
	wrong += unlink(path) != 0;
	free(st);
	free(stx);
	free(bytes);
	printf("%d wrong\n", wrong);
	return wrong != 0;
}
