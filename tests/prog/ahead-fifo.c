/* SPDX-License-Identifier: MIT
 *
 * ahead-fifo WAY DIRECTORY: lists files and reads them one after another; before it comes to
 * the last ones, these are FIFOs. None of those may be opened, by whatever reads ahead: its
 * writer would take it for a reader. inotify(7) tells.
 *
 *   unlink, rename          each name is made a FIFO by the program itself
 *   swap, chdir             the path leads to another directory
 *   child                   a child does it, and is waited for
 *   stranger                as child, but nobody tells; USHIM_STALE_MS passes
 *   symlink                 so, but at once, and they are symbolic links to a file
 *   close, dup2             the directory's number is another one's, of FIFOs alone; on storage
 *                           where an open has to wait, or nothing is left for later
 *
 * 77 where what it needs is not permitted.
 */
#include "raw.h"
#include "readers.h"
#include "run-first.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { FILES = 40, CHANGE_AT = 6, READ = 23 };

static int fifos_from = 24;
static bool symlinks; /* instead */

static char names[FILES][256];
static DIR *stream;
static int other;

static void file_in(const char *directory, int i)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
	file_make(path);
}

static void fifo_make(const char *directory, int i)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
	if (symlinks)
		CHECK(symlink("../b/target", path));
	else
		CHECK(mkfifo(path, 0600));
}

/* In a; the names are in the order of the listing from here on. */
static void list(void)
{
	const struct dirent *entry;
	int count = 0;

	if (!(stream = opendir("a")))
		err(1, "a");
	while ((entry = readdir(stream)) && count < FILES)
		if (entry->d_name[0] != '.')
			strcpy(names[count++], entry->d_name);
}

static void trees_make(void)
{
	CHECK(mkdir("a", 0700));
	CHECK(mkdir("b", 0700));
	CHECK(mkdir("c", 0700));
	for (int i = 0; i < FILES; i++) {
		snprintf(names[i], sizeof(names[i]), "file-%d", i);
		file_in("a", i);
	}
	list();
	closedir(stream);
	for (int i = 0; i < FILES; i++)
		if (i < fifos_from)
			file_in("b", i);
		else
			fifo_make("b", i);
}

static void read_some(int at, int from, int to)
{
	char path[512];

	for (int i = from; i < to; i++) {
		snprintf(path, sizeof(path), "%s%s", at == AT_FDCWD ? "a/" : "", names[i]);
		file_read(at, path);
	}
}

static void by_rename(void)
{
	char from[512], to[512];

	for (int i = fifos_from; i < FILES; i++) {
		snprintf(from, sizeof(from), "b/%s", names[i]);
		snprintf(to, sizeof(to), "a/%s", names[i]);
		CHECK(rename(from, to));
	}
}

static void by_unlink(void)
{
	char path[512];

	for (int i = fifos_from; i < FILES; i++) {
		snprintf(path, sizeof(path), "a/%s", names[i]);
		CHECK(unlink(path));
		fifo_make("a", i);
	}
}

static void by_child(void)
{
	int status, pid = fork();

	CHECK(pid);
	if (!pid) {
		by_rename();
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0));
}

static void spin(int ms)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

/* Goes to work when GO is closed. */
static void stranger_begin(int go[2])
{
	char byte;

	CHECK(pipe(go));
	if (!fork()) {
		close(go[1]);
		CHECK(read(go[0], &byte, 1));
		by_rename();
		_exit(0);
	}
	close(go[0]);
}

static bool stranger_done(void)
{
	char path[512];
	struct stat stat;

	snprintf(path, sizeof(path), "a/%s", names[FILES - 1]);
	return raw(SYS_lstat, path, &stat) == 0 && !S_ISREG(stat.st_mode);
}

static void change(const char *way, const int go[2])
{
	if (!strcmp(way, "unlink")) {
		by_unlink();
	} else if (!strcmp(way, "rename")) {
		by_rename();
	} else if (!strcmp(way, "swap")) {
		CHECK(rename("a", "c/a"));
		CHECK(rename("b", "a"));
	} else if (!strcmp(way, "chdir")) {
		CHECK(rename("b", "c/a"));
		CHECK(chdir("c"));
	} else if (!strcmp(way, "child")) {
		by_child();
	} else if (!strcmp(way, "stranger") || symlinks) {
		close(go[1]);
		while (!stranger_done())
			;
		spin(symlinks ? 0 : atoi(getenv("USHIM_STALE_MS")) + 2);
	}
}

static void by_path(const char *way)
{
	int go[2] = {-1, -1};

	if (!strcmp(way, "stranger") || symlinks)
		stranger_begin(go);
	list();
	closedir(stream);
	list(); /* by now whoever looks on does */
	read_some(AT_FDCWD, 0, CHANGE_AT);
	change(way, go);
	read_some(AT_FDCWD, CHANGE_AT, READ);
}

/* After AFTER files were opened by the number that is then another's. */
static void number_round(const char *way, int after)
{
	const struct timespec a_while = {.tv_nsec = 1000 * 1000};
	int fd, now;

	CHECK(fd = open("a", O_RDONLY | O_DIRECTORY));
	if (!(stream = fdopendir(dup(fd))))
		err(1, "fdopendir");
	while (readdir(stream))
		;
	read_some(fd, 0, after);
	CHECK(openat(fd, names[after], O_RDONLY));
	if (!strcmp(way, "close"))
		close(fd);
	now = strcmp(way, "close") ? dup2(other, fd) : dup(other);
	if (now != fd)
		errx(1, "%d instead of %d", now, fd);
	raw(SYS_nanosleep, &a_while, NULL); /* now others come to something */
	closedir(stream);
	close(fd);
}

static void by_number(const char *way)
{
	run_first();
	list();
	closedir(stream);
	for (int after = 2; after < FILES - 2; after++)
		number_round(way, after);
}

static bool is_fifo(const char *name)
{
	for (int i = fifos_from; i < FILES; i++)
		if (!strcmp(name, names[i]))
			return true;
	return !strcmp(name, "target");
}

int main(int argc, char **argv)
{
	int watch, status, pid;
	bool numbers;

	if (argc != 3)
		errx(2, "usage: see the source");
	CHECK(chdir(argv[2]));
	numbers = !strcmp(argv[1], "close") || !strcmp(argv[1], "dup2");
	if (numbers)
		fifos_from = 0;
	symlinks = !strcmp(argv[1], "symlink");
	trees_make();
	if (symlinks)
		file_make("b/target");
	CHECK(other = open("b", O_RDONLY | O_DIRECTORY));
	watch = watch_begin();
	if (!numbers)
		watch_add(watch, "a", IN_OPEN);
	watch_add(watch, "b", IN_OPEN);
	watch = watch_hide(watch);
	CHECK(pid = fork());
	if (!pid) {
		if (numbers)
			by_number(argv[1]);
		else
			by_path(argv[1]);
		exit(0);
	}
	CHECK(waitpid(pid, &status, 0));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	return openings(watch_show(watch), is_fifo) != 0;
}
