/* SPDX-License-Identifier: MIT
 *
 * random DIRECTORY COUNT listed|unlisted
 *
 * Asks about COUNT different names of the files f0000, f0001, ... f1999 in DIRECTORY, in an
 * order that nothing foretells but is the same every time; after it has listed the directory,
 * or not.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { NAMES = 2000 };

static unsigned random_below(unsigned limit)
{
	static unsigned long long state = 88172645463325252ULL;

	state ^= state << 13; /* xorshift64 */
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % limit);
}

static void shuffle(int numbers[NAMES])
{
	for (int i = 0; i < NAMES; i++)
		numbers[i] = i;
	for (unsigned i = NAMES - 1; i > 0; i--) {
		unsigned other = random_below(i + 1);
		int swap = numbers[i];

		numbers[i] = numbers[other];
		numbers[other] = swap;
	}
}

static int list(const char *directory)
{
	DIR *stream = opendir(directory);
	int names = 0;

	if (!stream)
		return 0;
	while (readdir(stream))
		names++;
	return closedir(stream) == 0 && names >= NAMES;
}

int main(int argc, char **argv)
{
	int numbers[NAMES], count = argc == 4 ? atoi(argv[2]) : 0;

	if (count < 1 || count > NAMES) {
		fprintf(stderr, "usage: random DIRECTORY COUNT listed|unlisted\n");
		return 2;
	}
	if (!strcmp(argv[3], "listed") && !list(argv[1])) {
		fprintf(stderr, "random: no list of %s\n", argv[1]);
		return 1;
	}
	shuffle(numbers);
	for (int i = 0; i < count; i++) {
		char path[4096];
		struct stat stat;

		snprintf(path, sizeof(path), "%s/f%04d", argv[1], numbers[i]);
		if (lstat(path, &stat) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}
