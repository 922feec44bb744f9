/* SPDX-License-Identifier: MIT
 *
 * by-file KIND FROM TO COUNT: what a program does that asks for each file by itself what can be done
 * with it. Makes TO, and in it COUNT names f0 f1 ... and puts something else in the place of those
 * that fail. KIND says what they are:
 *
 *   link     of FROM/f0 ..., or else a copy, as git clone and rsync do
 *   rename   from TO/t0 ..., which are made before, or else a copy, and the first goes
 *   symlink  to FROM, or else a file
 *   mkdir    or else a file
 *   fork     as link, and a child process links as many more, named g0 g1 ...
 *            in TO/more
 *
 * Then it prints which failed and how.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATH_ROOM = 4096,
	SAID_ROOM = 65536,
};

static char said[SAID_ROOM];
static size_t said_used;

/* Nothing is written before the end: output would end what is private. */
static void say(const char *name)
{
	said_used += (size_t)snprintf(said + said_used, SAID_ROOM - said_used, "%s: %s\n", name,
				      strerrorname_np(errno));
	if (said_used >= SAID_ROOM)
		abort();
}

static void copy(const char *from, const char *to)
{
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_EXCL, 0644);
	char text[256];
	ssize_t n = read(in, text, sizeof(text));

	if (in < 0 || out < 0 || n < 0 || write(out, text, (size_t)n) != n)
		exit(3);
	close(in);
	close(out);
}

static void make_link(const char *from, const char *to)
{
	if (link(from, to) == 0)
		return;
	say(to);
	copy(from, to);
}

static void make_rename(const char *from, const char *to)
{
	if (rename(from, to) == 0)
		return;
	say(to);
	copy(from, to);
	unlink(from);
}

static void make_file_unless(int made, const char *to)
{
	if (made == 0)
		return;
	say(to);
	close(open(to, O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static void make(const char *kind, const char *from, const char *to)
{
	if (!strcmp(kind, "symlink"))
		make_file_unless(symlink(from, to), to);
	else if (!strcmp(kind, "mkdir"))
		make_file_unless(mkdir(to, 0755), to);
	else if (!strcmp(kind, "rename"))
		make_rename(from, to);
	else
		make_link(from, to);
}

static void make_all(const char *kind, char *const *dirs, char prefix, int count)
{
	char from[PATH_ROOM], to[PATH_ROOM];
	int renames = !strcmp(kind, "rename");

	for (int i = 0; renames && i < count; i++) {
		snprintf(to, sizeof(to), "%s/t%d", dirs[1], i);
		close(open(to, O_WRONLY | O_CREAT | O_EXCL, 0644));
	}
	for (int i = 0; i < count; i++) {
		snprintf(from, sizeof(from), renames ? "%s/t%d" : "%s/f%d", dirs[renames], i);
		snprintf(to, sizeof(to), "%s/%c%d", dirs[1], prefix, i);
		make(kind, from, to);
	}
}

int main(int argc, char **argv)
{
	int count = argc == 5 ? atoi(argv[4]) : 0;
	char more[PATH_ROOM];

	if (!count || mkdir(argv[3], 0755))
		return 2;
	make_all(argv[1], argv + 2, 'f', count);
	snprintf(more, sizeof(more), "%s/more", argv[3]);
	if (!strcmp(argv[1], "fork") && fork() == 0) {
		if (mkdir(more, 0755))
			return 2;
		make_all("link", (char *[]){argv[2], more}, 'g', count);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	fputs(said, stdout);
	return 0;
}
