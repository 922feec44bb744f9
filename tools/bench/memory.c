/* SPDX-License-Identifier: MIT
 *
 * memory: makes a few file calls of each kind and prints this process's private dirty memory
 * in KiB, at its highest (nothing is given back in between).
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	static char text[16384];
	char name[] = "memory.XXXXXX";
	struct stat info;
	const char *line;
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	long dirty = -1;

	for (int i = 0; i < 100; i++) {
		if (pwrite(fd, text, 4096, 0) != 4096 || pread(fd, text, 4096, 0) != 4096)
			return 1;
		if (fstat(fd, &info) || stat(name, &info) || fsync(fd))
			return 1;
	}
	if (link(name, "memory.link") || rename("memory.link", name) || unlink("memory.link") ||
	    unlink(name) || close(fd))
		return 1;
	fd = open("/proc/self/smaps_rollup", O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return 1;
	line = strstr(text, "Private_Dirty:");
	if (!line || sscanf(line, "Private_Dirty: %ld", &dirty) != 1)
		return 1;
	printf("%ld\n", dirty);
	return 0;
}
