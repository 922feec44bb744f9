/* SPDX-License-Identifier: MIT
 *
 * ahead-lease WAY DIRECTORY: lists files and reads the first ones; the next ones are under somebody's
 * lease, so that who opens them waits until that one lets go (fcntl(2), F_SETLEASE), among so many locks
 * that the kernel does not list them in one piece.
 *
 * held: they were when the first file was read. Nobody may come for one of them.
 *
 * taken: while files are being read. Whatever reads ahead and does not know yet must find them busy and
 * leave: when the leases are given back, nobody may be there who has waited to open. inotify(7) tells.
 *
 * own: the program itself takes a lease on a file that is being read ahead, and has to get it.
 *
 * 77 where files have no leases.
 */
#include "raw.h"
#include "readers.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { FILES = 30, READ_FIRST = 3, READ = 6, LEASED = 8, LOCKS = 300 };

static char names[FILES][300];
static int leased[FILES];
static bool held; /* before the first file is read */

static void files_make(void)
{
	char path[32];

	CHECK(mkdir("files", 0700));
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "files/%d", i);
		file_make(path);
	}
	file_make("first");
	file_make("second");
	file_make("locked");
}

/* In the order of the listing from here on. */
static void list(void)
{
	const struct dirent *entry;
	DIR *stream = opendir("files");
	int count = 0;

	if (!stream)
		err(1, "files");
	while ((entry = readdir(stream)) && count < FILES)
		if (entry->d_name[0] != '.')
			snprintf(names[count++], sizeof(names[0]), "files/%s", entry->d_name);
	closedir(stream);
}

static void leases_take(void)
{
	signal(SIGIO, SIG_IGN);
	for (int i = LEASED; i < FILES; i++) {
		CHECK(leased[i] = open(names[i], O_RDWR));
		if (fcntl(leased[i], F_SETLEASE, F_WRLCK))
			err(77, "F_SETLEASE");
	}
}

/* The newest are listed first, so the leases are behind these. */
static void locks_take(void)
{
	int fd;

	CHECK(fd = open("locked", O_RDWR));
	for (int i = 0; i < LOCKS; i++) {
		struct flock lock = {.l_type = F_WRLCK, .l_start = 2 * i, .l_len = 1};

		CHECK(fcntl(fd, F_SETLK, &lock));
	}
}

static void leases_give_back(void)
{
	int wanted = 0;

	for (int i = LEASED; i < FILES; i++) {
		wanted += fcntl(leased[i], F_GETLEASE) == F_RDLCK;
		CHECK(fcntl(leased[i], F_SETLEASE, F_UNLCK));
	}
	if (held && wanted)
		errx(1, "somebody has come for %d of them", wanted);
	if (!held && !wanted)
		errx(1, "nobody has come for one of them");
}

static bool is_leased(const char *name)
{
	for (int i = LEASED; i < FILES; i++)
		if (!strcmp(name, names[i] + strlen("files/")))
			return true;
	return false;
}

/* A word that no library knows of. */
static void say(int fd)
{
	char byte = 0;

	if (raw(SYS_write, fd, &byte, 1) != 1)
		errx(1, "nobody listens");
}

/* False when there will be none. */
static bool hear(int fd)
{
	char byte;

	return raw(SYS_read, fd, &byte, 1) == 1;
}

static void hold(int told, int says)
{
	int watch;

	if (!held && !hear(told))
		exit(1);
	leases_take();
	locks_take();
	watch = watch_begin();
	watch_add(watch, "files", IN_OPEN);
	watch = watch_hide(watch);
	say(says);
	if (!hear(told))
		exit(1);
	leases_give_back();
	say(says);
	hear(told); /* the end */
	exit(openings(watch_show(watch), is_leased) != 0);
}

/* A removal lets what is being opened ahead come to its end, as far as it does. */
static void read_ahead_of(int told, int says)
{
	int first = 0;

	if (!held) {
		list();
		while (first < READ_FIRST)
			file_read(AT_FDCWD, names[first++]);
		say(says);
	}
	if (!hear(told))
		return;
	if (held)
		list();
	for (int i = first; i < READ; i++)
		file_read(AT_FDCWD, names[i]);
	CHECK(unlink("first"));
	say(says);
	if (hear(told))
		CHECK(unlink("second"));
}

/* Opening one has the next ones read. */
static int take_own(void)
{
	const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
	int fd;

	list();
	CHECK(fd = open(names[2], O_RDWR)); /* on FUSE an open waits for reads */
	list();
	file_read(AT_FDCWD, names[0]);
	CHECK(open(names[1], O_RDONLY));
	for (int i = 0; i < 5; i++) /* they are open by then, and their reads take longer; */
		raw(SYS_nanosleep, &moment, NULL); /* new workers end a sleep early */
	if (fcntl(fd, F_SETLEASE, F_WRLCK))
		err(errno == EAGAIN ? 1 : 77, "F_SETLEASE");
	return 0;
}

int main(int argc, char **argv)
{
	int there[2], back[2], status, pid;

	if (argc != 3)
		errx(2, "usage: see the source");
	CHECK(chdir(argv[2]));
	files_make();
	if (!strcmp(argv[1], "own"))
		return take_own();
	held = !strcmp(argv[1], "held");
	list();
	CHECK(pipe(there));
	CHECK(pipe(back));
	CHECK(pid = fork());
	close(there[!pid]);
	close(back[!!pid]);
	if (!pid)
		hold(there[0], back[1]);
	read_ahead_of(back[0], there[1]);
	close(there[1]);
	CHECK(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
