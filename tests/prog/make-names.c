/* SPDX-License-Identifier: MIT
 *
 * make-names KIND FROM DIRECTORY NAME...: makes DIRECTORY, in it some names that any file system holds,
 * and then each NAME, and prints which calls failed and how. KIND is what they are: link (of FROM),
 * below (links by DIRECTORY/name below a descriptor of where that is), symlink (to FROM), mkdir, rename (of a file made before), or target: symbolic links with ordinary
 * names, each saying one NAME.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ORDINARY = 12,
	NAMES_MOST = 64,
};

static int results[ORDINARY + NAMES_MOST];
static unsigned count;

static const char *number(const char *prefix, unsigned at)
{
	static char names[2][32];
	static unsigned turn;
	char *name = names[turn++ % 2];

	snprintf(name, sizeof(*names), "%s%u", prefix, at);
	return name;
}

/* Files for rename, before the directory is of interest: opening to write waits for all. */
static void prepare(unsigned most)
{
	for (unsigned i = 0; i < most; i++)
		close(open(number("before", i), O_WRONLY | O_CREAT | O_EXCL, 0644));
}

static int above = -1; /* where DIRECTORY is */
static const char *directory;

static int link_below(const char *from, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return linkat(AT_FDCWD, from, above, path, 0);
}

static int make(const char *kind, const char *from, const char *name)
{
	if (!strcmp(kind, "link"))
		return link(from, name);
	if (!strcmp(kind, "below"))
		return link_below(from, name);
	if (!strcmp(kind, "symlink"))
		return symlink(from, name);
	if (!strcmp(kind, "mkdir"))
		return mkdir(name, 0755);
	if (!strcmp(kind, "target"))
		return symlink(name, number("t", count));
	return rename(number("before", count), name);
}

static void note(int result)
{
	results[count++] = result == 0 ? 0 : errno;
}

int main(int argc, char **argv)
{
	char from[PATH_MAX];

	if (argc < 4 || argc - 4 > NAMES_MOST || !realpath(argv[2], from))
		return 2;
	directory = argv[3];
	if (!strcmp(argv[1], "below"))
		above = open(".", O_PATH | O_DIRECTORY);
	if (mkdir(argv[3], 0755) || chdir(argv[3]))
		return 2;
	if (!strcmp(argv[1], "rename"))
		prepare(ORDINARY + (unsigned)argc - 4);
	for (unsigned i = 0; i < ORDINARY; i++)
		note(make(argv[1], from, number("n", i)));
	for (int i = 4; i < argc; i++)
		note(make(argv[1], from, argv[i]));
	for (unsigned i = 0; i < count; i++)
		printf("%.40s: %s\n", i < ORDINARY ? "an ordinary name" : argv[4 + i - ORDINARY],
		       results[i] ? strerrorname_np(results[i]) : "0");
	return 0;
}
