/* SPDX-License-Identifier: MIT
 *
 * readers: what the programs share that read files one after another while inotify(7) watches who
 * opens which. Whatever fails ends the program with 1.
 */
#ifndef USHIM_TESTS_READERS_H
#define USHIM_TESTS_READERS_H

#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#define CHECK(call)                                                                                \
	do                                                                                         \
		if ((call) < 0)                                                                    \
			err(1, "%s", #call);                                                       \
	while (0)

static inline void file_make(const char *path)
{
	int fd;

	CHECK(fd = open(path, O_WRONLY | O_CREAT, 0600));
	CHECK(write(fd, "contents", 8));
	close(fd);
}

static inline void file_read(int at, const char *path)
{
	char buffer[16];
	int fd;

	CHECK(fd = openat(at, path, O_RDONLY));
	CHECK(read(fd, buffer, sizeof(buffer)));
	close(fd);
}

/* How many times WATCH, which does not block, has seen a file opened whose name COUNTS. */
static inline int openings(int watch, bool (*counts)(const char *name))
{
	_Alignas(struct inotify_event) char buffer[65536];
	ssize_t length = read(watch, buffer, sizeof(buffer));
	int count = 0;

	for (char *at = buffer; at < buffer + length;) {
		const struct inotify_event *event = (const void *)at;

		if (event->len && counts(event->name)) {
			fprintf(stderr, "%s was opened\n", event->name);
			count++;
		}
		at += sizeof(*event) + event->len;
	}
	return count;
}

#endif
