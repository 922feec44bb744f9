/* SPDX-License-Identifier: MIT
 *
 * watches HOW DIRECTORY: watches the files of DIRECTORY, opens and reads them one after another, and says how
 * many events of each kind it has seen.
 *
 * HOW   inotify, fanotify (root), call (inotify by syscall()), late (half of the files first), early (an
 *       exec between the watch and the files; then inherited), syncs (opened, synced)
 * Exit status 77: there is no such thing here.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NAMES_MOST = 1000,
	INHERITED = 9,
	EVENTS = IN_OPEN | IN_CLOSE | IN_ACCESS, /* as of fanotify */
};

static char *names[NAMES_MOST];
static int count;
static char buffer[65536];

static int names_compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_read(const char *directory)
{
	DIR *stream = opendir(directory);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)) && count < NAMES_MOST)
		if (entry->d_name[0] != '.')
			names[count++] = strdup(entry->d_name);
	if (!stream || closedir(stream))
		exit(2);
	qsort(names, (size_t)count, sizeof(*names), names_compare);
}

static int watch(const char *how, const char *directory)
{
	int fd;

	if (!strcmp(how, "fanotify")) {
		fd = fanotify_init(FAN_NONBLOCK | FAN_UNLIMITED_QUEUE, O_RDONLY);
		if (fd < 0 || fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN | FAN_CLOSE | FAN_ACCESS |
					    FAN_EVENT_ON_CHILD, AT_FDCWD, directory))
			exit(77);
		return fd;
	}
	fd = inotify_init1(IN_NONBLOCK);
	if (!strcmp(how, "call"))
		syscall(SYS_inotify_add_watch, fd, directory, EVENTS);
	else
		inotify_add_watch(fd, directory, EVENTS);
	return fd;
}

static void use(const char *directory, int from, int to, int syncs)
{
	char path[4096], text[200];

	for (int i = from; i < to; i++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			exit(2);
		if (syncs)
			fsync(fd);
		else
			while (read(fd, text, sizeof(text)) > 0)
				;
		close(fd);
	}
}

/* IN_ and FAN_ have the same bits. */
static void count_events(int opened[3], uint32_t mask)
{
	opened[0] += (mask & IN_OPEN) != 0;
	opened[1] += (mask & IN_CLOSE) != 0;
	opened[2] += (mask & IN_ACCESS) != 0;
}

static void say(const char *how, int watched)
{
	int seen[3] = {0, 0, 0};
	ssize_t length;

	usleep(20000); /* what a worker still does would be seen */
	while ((length = read(watched, buffer, sizeof(buffer))) > 0)
		if (!strcmp(how, "fanotify"))
			for (struct fanotify_event_metadata *event = (void *)buffer;
			     FAN_EVENT_OK(event, length); event = FAN_EVENT_NEXT(event, length)) {
				count_events(seen, (uint32_t)event->mask);
				close(event->fd);
			}
		else
			for (char *at = buffer; at < buffer + length;) {
				struct inotify_event *event = (void *)at;

				count_events(seen, event->mask);
				at += sizeof(*event) + event->len;
			}
	printf("%d files: opened %d, closed %d, read %d\n", count, seen[0], seen[1], seen[2]);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "", *directory = argc > 2 ? argv[2] : "";
	int half, watched;

	if (argc != 3)
		return 2;
	if (!strcmp(how, "early")) {
		dup2(watch(how, directory), INHERITED);
		execl(argv[0], argv[0], "inherited", directory, NULL);
		return 2;
	}
	names_read(directory);
	half = strcmp(how, "late") ? 0 : count / 2;
	use(directory, 0, half, 0);
	watched = strcmp(how, "inherited") ? watch(how, directory) : INHERITED;
	use(directory, half, count, !strcmp(how, "syncs"));
	say(how, watched);
	return 0;
}
