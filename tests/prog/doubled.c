/* SPDX-License-Identifier: MIT
 *
 * doubled WHAT: in the current directory, on storage where directories beside each other show one
 * inode number, does something in one of them while the other is known. What is where afterwards
 * is for the caller to see; what the calls say is printed.
 *
 *   link     into a directory just made, and into one beside it
 *   remove   two directories, of which one keeps a file
 *   attrs    of a directory just made, and of one beside it
 *   below    directories in one just made, and a name in each
 *   make     a directory beside one just made, and files in both
 *   nlink    removes names of files that have others, and asks about these
 *   stat     asks about names of two directories that were listed, below their descriptors
 *   spelled  the same, by a spelling below a descriptor's number that is another's by then
 */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 40 };

static char said_text[1 << 20];
static size_t said_length;

/* At the end: who is told something may do something. */
static void say(const char *text)
{
	size_t length = strlen(text);

	memcpy(said_text + said_length, text, length);
	said_length += length;
}

static void said(const char *what, int result)
{
	char line[256];

	snprintf(line, sizeof(line), "%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "0");
	say(line);
}

static const char *name_of(const char *directory, int n)
{
	static char name[4][64];
	static int at;

	at = (at + 1) % 4;
	snprintf(name[at], sizeof(name[at]), "%s/file%02d", directory, n);
	return name[at];
}

/* Of s, which is full, into a, which is new, and every third into b, which was there. */
static void links(void)
{
	said("mkdir a", mkdir("a", 0755));
	for (int i = 0; i < FILES; i++) {
		said("link", link(name_of("s", i), name_of("a", i)));
		if (i % 3 == 2)
			said("link", link(name_of("s", i), name_of("b", i)));
	}
}

static void empty(const char *directory, int keep)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	char name[FILES + 1][256];
	int count = 0;

	while ((entry = readdir(stream)))
		if (entry->d_name[0] != '.')
			strcpy(name[count++], entry->d_name);
	for (int i = 0; i < count; i++)
		if (i != keep)
			said("unlink", unlinkat(dirfd(stream), name[i], 0));
	closedir(stream);
}

static void removes(void)
{
	empty("gone/b", 0); /* keeps one */
	empty("gone/s", -1);
	for (int i = 0; i < FILES; i++)
		said("unlink", unlink(name_of("gone", i)));
	said("rmdir b", rmdir("gone/b"));
	said("rmdir s", rmdir("gone/s"));
}

static void counts(void)
{
	DIR *stream = opendir("gone");
	const struct dirent *entry;
	char name[FILES + 3][256];
	int count = 0;

	while ((entry = readdir(stream)))
		if (!strncmp(entry->d_name, "file", 4))
			strcpy(name[count++], entry->d_name);
	for (int i = 0; i < count; i++) {
		struct stat stat;
		char other[264] = "s/", line[64];

		said("unlink", unlinkat(dirfd(stream), name[i], 0));
		strcat(other, name[i]);
		said("stat", lstat(other, &stat));
		snprintf(line, sizeof(line), "nlink %ld\n", (long)stat.st_nlink);
		say(line);
	}
	closedir(stream);
}

static void attributes(void)
{
	const struct timespec times[2] = {{1, 0}, {1000000000, 0}};

	said("mkdir a", mkdir("a", 0755));
	for (int i = 0; i < FILES; i++) {
		said("link", link(name_of("s", i), name_of("a", i)));
		if (i % 10 == 9) {
			said("chmod b", chmod("b", 0700));
			said("utimensat b", utimensat(AT_FDCWD, "b", times, 0));
		}
	}
	said("chmod a", chmod("a", 0750));
}

static void makes(void)
{
	said("mkdir a", mkdir("a", 0755));
	said("mkdir a2", mkdir("a2", 0755));
	for (int i = 0; i < FILES; i++) {
		said("link", link(name_of("s", i), name_of(i % 2 ? "a" : "a2", i)));
		said("symlink", symlink("nowhere", name_of(i % 2 ? "a2" : "a", FILES + i)));
	}
}

static void below(void)
{
	char name[] = "a/n0";

	said("mkdir a", mkdir("a", 0755));
	for (int i = 0; i < 8; i++) {
		name[3] = (char)('0' + i);
		said("mkdir", mkdir(name, 0755));
	}
	for (int i = 0; i < 8; i++) {
		name[3] = (char)('0' + i);
		said("symlink", symlink("nowhere", name_of(name, i)));
	}
}

static void ask(int fd, const char *path)
{
	struct stat stat;
	char line[256];
	int result = fstatat(fd, path, &stat, AT_SYMLINK_NOFOLLOW);

	if (result) {
		said(path, result);
		return;
	}
	snprintf(line, sizeof(line), "%s: %o %ld\n", path, stat.st_mode, (long)stat.st_size);
	say(line);
}

static void lists_fd(int fd)
{
	DIR *stream = fdopendir(dup(fd));

	while (readdir(stream))
		;
	closedir(stream);
}

static int lists(const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY);

	lists_fd(fd);
	return fd;
}

static void ask_some(int fd, int from, int to)
{
	for (int i = from; i < to; i++) {
		char name[64];

		snprintf(name, sizeof(name), "file%02d", i);
		ask(fd, name);
	}
}

static void stats(void)
{
	int s = lists("s"), c = lists("c");

	ask_some(c, 0, 8);
	ask_some(s, 8, 16);
	ask_some(c, 16, 24);
	ask_some(s, 0, FILES);
	ask_some(c, 0, FILES);
}

static void spelled(void)
{
	int top = lists("top"), c = open("top2", O_RDONLY | O_DIRECTORY), sub;

	ask(top, "sub");
	sub = openat(top, "sub", O_RDONLY | O_DIRECTORY);
	lists_fd(sub);
	for (int i = 0; i < 8; i++)
		ask(top, name_of("sub", i));
	dup2(c, top);
	for (int i = 8; i < FILES; i++)
		ask(top, name_of("sub", i));
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*what)(void);
	} table[] = {
		{"link", links}, {"remove", removes}, {"attrs", attributes},
		{"make", makes}, {"stat", stats},     {"spelled", spelled}, {"nlink", counts},
		{"below", below},
	};

	for (size_t i = 0; argc == 2 && i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(argv[1], table[i].name)) {
			table[i].what();
			return fwrite(said_text, 1, said_length, stdout) != said_length;
		}
	errx(2, "usage: doubled WHAT");
}
