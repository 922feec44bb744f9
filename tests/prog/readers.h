/* SPDX-License-Identifier: MIT
 *
 * readers: what the programs share that read files one after another while inotify(7) watches who
 * opens which. Whatever fails ends the program with 1.
 *
 * The library opens nothing ahead of a process that watches. So the watch is made past it, and lies in a
 * socket's queue until its events are wanted: it is somebody else's as far as can be seen.
 */
#ifndef USHIM_TESTS_READERS_H
#define USHIM_TESTS_READERS_H

#include <err.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "raw.h"

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

static inline int watch_begin(void)
{
	long fd = raw(SYS_inotify_init1, IN_NONBLOCK, 0, 0, 0, 0, 0);

	if (fd < 0)
		errx(1, "inotify_init1");
	return (int)fd;
}

static inline void watch_add(int watch, const char *path, unsigned events)
{
	if (raw(SYS_inotify_add_watch, watch, (long)path, events, 0, 0, 0) < 0)
		errx(1, "inotify_add_watch %s", path);
}

/* Room for one descriptor in a message, cmsg(3). */
union one_descriptor {
	char room[CMSG_SPACE(sizeof(int))];
	struct cmsghdr aligned;
};

/* Puts WATCH away; the socket it is in is returned. */
static inline int watch_hide(int watch)
{
	union one_descriptor control = {.room = ""};
	char byte = 0;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
				 .msg_controllen = sizeof(control.room)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int ends[2];

	if (raw(SYS_socketpair, AF_UNIX, SOCK_DGRAM, 0, (long)ends, 0, 0) < 0)
		errx(1, "socketpair");
	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
				   .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(header), &watch, sizeof(watch));
	if (raw(SYS_sendmsg, ends[0], (long)&message, 0, 0, 0, 0) < 0)
		errx(1, "sendmsg");
	raw(SYS_close, ends[0], 0, 0, 0, 0, 0);
	raw(SYS_close, watch, 0, 0, 0, 0, 0);
	return ends[1];
}

/* Takes it out of there again. */
static inline int watch_show(int hidden)
{
	union one_descriptor control = {.room = ""};
	char byte;
	struct iovec part = {&byte, 1};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room,
				 .msg_controllen = sizeof(control.room)};
	int watch;

	if (raw(SYS_recvmsg, hidden, (long)&message, 0, 0, 0, 0) < 0 || !CMSG_FIRSTHDR(&message))
		errx(1, "recvmsg");
	memcpy(&watch, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(watch));
	return watch;
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
