/* SPDX-License-Identifier: MIT
 *
 * ahead-removed unlink|rename DIRECTORY: of the files in DIRECTORY reads the first ones and removes
 * the next ones (or renames them away, to DIRECTORY.other), again and again. Whatever is opened
 * ahead has to be closed by then: storage that silly-renames, or has leases, tells the difference,
 * and so does inotify(7), which has a file's closing before its removal or behind it.
 *
 * This thread runs before all others of its processor, so whoever works for it comes no further
 * than to the word that it is done. 77 where that is not permitted.
 */
#include "raw.h"
#include "readers.h"
#include "run-first.h"

#include <dirent.h>
#include <libgen.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

enum { FILES = 60, READ = 3, REMOVED = 4, ROUNDS = 12 };

static char names[FILES][256], all[FILES][256];
static int opened[FILES];
static bool removed[FILES];

static int list(void)
{
	const struct dirent *entry;
	DIR *stream = opendir(".");
	int count = 0;

	if (!stream)
		err(1, "opendir");
	while ((entry = readdir(stream)) && count < FILES)
		if (entry->d_name[0] != '.')
			strcpy(names[count++], entry->d_name);
	closedir(stream);
	return count;
}

static void remove_one(const char *name, const char *other)
{
	char to[600];

	if (!other) {
		CHECK(unlink(name));
		return;
	}
	snprintf(to, sizeof(to), "%s/%s", other, name);
	CHECK(rename(name, to));
}

/* False where NAME was open when it went, or is opened or closed afterwards. */
static bool event_fits(const struct inotify_event *event)
{
	for (int i = 0; i < FILES; i++) {
		if (strcmp(event->name, all[i]))
			continue;
		if (event->mask & IN_OPEN)
			opened[i]++;
		if (event->mask & IN_CLOSE)
			opened[i]--;
		if (event->mask & (IN_DELETE | IN_MOVED_FROM))
			removed[i] = true;
		return !removed[i] || !opened[i];
	}
	return true;
}

static bool events_fit(int watch)
{
	static _Alignas(struct inotify_event) char buffer[1 << 18];
	ssize_t length = read(watch, buffer, sizeof(buffer));
	bool fit = true;

	for (char *at = buffer; at < buffer + length;) {
		const struct inotify_event *event = (const void *)at;

		if (event->len && !event_fits(event)) {
			fprintf(stderr, "%s was open (event %x)\n", event->name, event->mask);
			fit = false;
		}
		at += sizeof(*event) + event->len;
	}
	return fit;
}

int main(int argc, char **argv)
{
	char other[300];
	const struct timespec a_while = {.tv_nsec = 3 * 1000 * 1000};
	int watch;
	bool renames;

	if (argc != 3)
		errx(2, "usage: see the source");
	renames = !strcmp(argv[1], "rename");
	CHECK(chdir(argv[2]));
	snprintf(other, sizeof(other), "../%s.other", basename(argv[2]));
	watch = watch_begin();
	watch_add(watch, ".", IN_OPEN | IN_CLOSE | IN_DELETE | IN_MOVED_FROM);
	watch_add(watch, other, IN_OPEN | IN_CLOSE); /* what is renamed is there */
	watch = watch_hide(watch);
	run_first();
	list();
	memcpy(all, names, sizeof(all));
	for (int round = 0; round < ROUNDS; round++) {
		raw(SYS_nanosleep, &a_while, NULL); /* what is listed before a change counts no more */
		if (list() < READ + REMOVED)
			errx(1, "round %d", round);
		for (int i = 0; i < READ; i++)
			file_read(AT_FDCWD, names[i]);
		for (int i = READ; i < READ + REMOVED; i++)
			remove_one(names[i], renames ? other : NULL);
	}
	return events_fit(watch_show(watch)) ? 0 : 1;
}
