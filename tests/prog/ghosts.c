/* SPDX-License-Identifier: MIT
 *
 * ghosts DIRECTORY...: lists each, unlinks what was listed in the order of the names, and prints how many of
 * them were not there.
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAMES = 100 };

static char names[NAMES][256];

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int not_there(const char *directory)
{
	const struct dirent *entry;
	int count = 0, gone = 0;
	DIR *stream = opendir(directory);

	if (!stream)
		err(1, "%s", directory);
	while ((entry = readdir(stream)) && count < NAMES)
		if (entry->d_name[0] != '.')
			strcpy(names[count++], entry->d_name);
	qsort(names, (size_t)count, sizeof(names[0]), by_name);
	for (int i = 0; i < count; i++)
		if (unlinkat(dirfd(stream), names[i], 0)) {
			if (errno != ENOENT)
				err(1, "%s", names[i]);
			gone++;
		}
	closedir(stream);
	return gone;
}

int main(int argc, char **argv)
{
	int gone = 0;

	for (int i = 1; i < argc; i++)
		gone += not_there(argv[i]);
	printf("%d\n", gone);
	return 0;
}
