/* SPDX-License-Identifier: MIT
 *
 * calls pread|fstat|unlink BATCHES CALLS: nanoseconds per call, the median over BATCHES of
 * CALLS calls each: a cached 4 KiB pread, an fstat of an open file, an unlink of a name that
 * is not there. Uses and removes a file in the working directory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "timing.h"

static char page[4096];
static int fd;

static int call_pread(void)
{
	return pread(fd, page, sizeof(page), 0) == (ssize_t)sizeof(page);
}

static int call_fstat(void)
{
	struct stat stat;

	return fstat(fd, &stat) == 0;
}

static int call_unlink(void)
{
	return unlink("no-such-name") == -1 && errno == ENOENT;
}

static const struct {
	const char *name;
	int (*call)(void);
} kinds[] = {{"pread", call_pread}, {"fstat", call_fstat}, {"unlink", call_unlink}};

static double measure(int (*call)(void), int batches, int calls)
{
	double *times = calloc((size_t)batches, sizeof(*times)), median;

	if (!times)
		exit(2);
	for (int batch = 0; batch < batches; batch++) {
		double begin = now_ns();

		for (int i = 0; i < calls; i++)
			if (!call()) {
				perror("calls");
				exit(1);
			}
		times[batch] = (now_ns() - begin) / calls;
	}
	times_sort(times, batches);
	median = times[batches / 2];
	free(times);
	return median;
}

int main(int argc, char **argv)
{
	char name[] = "calls.XXXXXX";
	int batches = argc == 4 ? atoi(argv[2]) : 0, calls = argc == 4 ? atoi(argv[3]) : 0;

	if (batches < 1 || calls < 1) {
		fprintf(stderr, "usage: calls pread|fstat|unlink BATCHES CALLS\n");
		return 2;
	}
	fd = mkstemp(name);
	if (fd < 0 || write(fd, page, sizeof(page)) != (ssize_t)sizeof(page)) {
		perror(name);
		return 1;
	}
	unlink(name);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strcmp(argv[1], kinds[i].name)) {
			printf("%.1f\n", measure(kinds[i].call, batches, calls));
			return 0;
		}
	fprintf(stderr, "calls: no such call: %s\n", argv[1]);
	return 2;
}
