/* SPDX-License-Identifier: MIT
 *
 * asked-again: in the current directory, asks by a symbolic link for names that were acknowledged a moment ago.
 * 1 where one is not there, or a success touched errno.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 30, UNTOUCHED = 4711 };

#define CHECK(call)                                                                                \
	do                                                                                         \
		if ((call) < 0)                                                                    \
			err(1, "%s", #call);                                                       \
	while (0)

int main(void)
{
	char from[32], to[32], by[32], name[32];

	CHECK(mkdir("s", 0755));
	for (int i = 0; i < FILES; i++) {
		snprintf(from, sizeof(from), "s/f%d", i);
		CHECK(close(creat(from, 0644)));
	}
	CHECK(mkdir("to", 0755));
	CHECK(mkdir("by", 0755));
	for (int i = 0; i < FILES; i++) {
		struct stat stat_of;

		snprintf(from, sizeof(from), "s/f%d", i);
		snprintf(to, sizeof(to), "to/f%d", i);
		snprintf(by, sizeof(by), "by/l%d", i);
		snprintf(name, sizeof(name), "../to/f%d", i);
		CHECK(symlink(name, by));
		CHECK(lstat(by, &stat_of)); /* so that the link is there, and only what it says is not */
		CHECK(lstat(from, &stat_of));
		CHECK(link(from, to));
		errno = UNTOUCHED;
		CHECK(stat(by, &stat_of));
		if (errno != UNTOUCHED)
			err(1, "%s: found, but errno touched", by);
	}
	return 0;
}
