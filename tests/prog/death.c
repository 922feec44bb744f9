/* SPDX-License-Identifier: MIT
 *
 * death run SEED COUNT HOW DIRECTORY SOURCE      makes the first COUNT commands of a random sequence
 *                                                in a new DIRECTORY, then dies: kill, term, segv,
 *                                                abort, handler (of SIGTERM, which ends), none; or
 *                                                is stopped (stop) and ends once it is continued
 * death check SEED COUNT exactly|some DIRECTORY  what is left in each directory is what the first
 *                                                commands there made, all of them or some; prints
 *                                                how many are missing
 *
 * Signals come by system calls without libc: kill(2) by name is a fence.
 */
#include "raw.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
	DIRS = 4,
	COMMANDS_MOST = 512,
	ROOM = 1024,
	LINGER_NS = 300 * 1000,
	WITHOUT_RENAMES = 100000, /* the first seed of a sequence without renames */
};

enum kind {
	MAKES_LINK,
	MAKES_SYMLINK,
	MAKES_DIRECTORY,
	RENAMES,
};

struct command {
	enum kind kind;
	int dir;        /* DIRS: the one all are in */
	char name[16];
	char before[16]; /* what it renames */
};

static struct command commands[COMMANDS_MOST];
static uint64_t state;

static unsigned random_below(unsigned limit)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(state >> 33) % limit;
}

/* The last link of DIR before AT that still has its name, or null. */
static const char *renamable(int dir, int at)
{
	for (int i = at - 1; i >= 0; i--) {
		if (commands[i].dir != dir)
			continue;
		return commands[i].kind == MAKES_LINK ? commands[i].name : NULL;
	}
	return NULL;
}

/* Renames wait for their file: these sequences are without, and have more pending. */
static void commands_invent(void)
{
	bool renames = state < WITHOUT_RENAMES;

	for (int i = 0; i < COMMANDS_MOST; i++) {
		struct command *command = &commands[i];
		unsigned dice = random_below(16);
		const char *before;

		command->dir = i < DIRS ? DIRS : (int)random_below(DIRS);
		before = renames ? renamable(command->dir, i) : NULL;
		command->kind = i < DIRS || dice == 0	? MAKES_DIRECTORY
				: dice == 1		? MAKES_SYMLINK
				: dice < 5 && before	? RENAMES
							: MAKES_LINK;
		snprintf(command->name, sizeof(command->name), "%c%d", i < DIRS ? 'd' : "lskr"[command->kind], i);
		snprintf(command->before, sizeof(command->before), "%s", before ? before : "");
	}
}

/* ---- run ---- */

static const char *path_of(int place, const char *directory, int dir, const char *name)
{
	static char paths[2][ROOM];

	if (dir == DIRS)
		snprintf(paths[place], ROOM, "%s/%s", directory, name);
	else
		snprintf(paths[place], ROOM, "%s/d%d/%s", directory, dir, name);
	return paths[place];
}

static int command_make(const struct command *command, const char *directory, const char *source)
{
	const char *path = path_of(0, directory, command->dir, command->name);

	switch (command->kind) {
	case MAKES_LINK:
		return link(source, path);
	case MAKES_SYMLINK:
		return symlink("nowhere", path);
	case MAKES_DIRECTORY:
		return mkdir(path, 0700);
	case RENAMES:
		return rename(path_of(1, directory, command->dir, command->before), path);
	}
	return -1;
}

static void on_term(int number)
{
	_exit(number);
}

static void die(const char *how)
{
	long self = raw(SYS_getpid, 0, 0);

	if (!strcmp(how, "kill"))
		raw(SYS_kill, self, SIGKILL);
	if (!strcmp(how, "term") || !strcmp(how, "handler"))
		raw(SYS_kill, self, SIGTERM);
	if (!strcmp(how, "segv"))
		raw(SYS_kill, self, SIGSEGV);
	if (!strcmp(how, "stop"))
		raw(SYS_kill, self, SIGSTOP);
	if (!strcmp(how, "abort"))
		abort();
}

/* So that some are done and some are gathered behind them, by no call that could be a fence. */
static void linger(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < LINGER_NS);
}

static int run(int count, const char *how, const char *directory, const char *source)
{
	if (!strcmp(how, "handler"))
		signal(SIGTERM, on_term);
	if (mkdir(directory, 0700) != 0)
		return 3;
	for (int i = 0; i < count; i++) {
		if (command_make(&commands[i], directory, source) != 0)
			return 4;
		if (!strcmp(how, "stop"))
			linger();
	}
	die(how);
	return 0;
}

/* ---- check ---- */

/* Which names are there by the model; -1 in GONE. */
static bool names_same(char there[][ROOM], int count, char model[][16], int expected)
{
	if (count != expected)
		return false;
	for (int i = 0; i < count; i++) {
		bool found = false;

		for (int j = 0; j < expected && !found; j++)
			found = !strcmp(there[i], model[j]);
		if (!found)
			return false;
	}
	return true;
}

static int names_read(const char *path, char there[][ROOM])
{
	DIR *stream = opendir(path);
	int count = 0;

	for (const struct dirent *entry; stream && (entry = readdir(stream));)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..") && count < COMMANDS_MOST)
			snprintf(there[count++], ROOM, "%.255s", entry->d_name);
	if (stream)
		closedir(stream);
	return count;
}

static int model_apply(const struct command *command, char model[][16], int count)
{
	if (command->kind != RENAMES)
		return memcpy(model[count], command->name, 16), count + 1;
	for (int i = 0; i < count; i++)
		if (!strcmp(model[i], command->before))
			memcpy(model[i], command->name, 16);
	return count;
}

/* How many of DIR's commands are missing; -1: what is there is no beginning of them. */
static int dir_missing(const char *path, int dir, int count)
{
	static char there[COMMANDS_MOST][ROOM], model[COMMANDS_MOST][16];
	int names = names_read(path, there), expected = 0, all = 0, fits = -1;

	if (names_same(there, names, model, 0))
		fits = 0;
	for (int i = 0; i < count; i++) {
		if (commands[i].dir != dir)
			continue;
		all++;
		expected = model_apply(&commands[i], model, expected);
		if (names_same(there, names, model, expected))
			fits = all;
	}
	return fits < 0 ? -1 : all - fits;
}

static int check(int count, bool exactly, const char *directory)
{
	char path[ROOM];
	int missing = 0;

	for (int dir = 0; dir <= DIRS; dir++) {
		int of_dir;

		if (dir == DIRS)
			snprintf(path, sizeof(path), "%s", directory);
		else
			snprintf(path, sizeof(path), "%s/d%d", directory, dir);
		of_dir = dir_missing(path, dir, count);
		if (of_dir < 0 || (exactly && of_dir > 0)) {
			printf("%s: %s\n", path, of_dir < 0 ? "not what it asked for" : "not all");
			return 1;
		}
		missing += of_dir;
	}
	printf("%d\n", missing);
	return 0;
}

int main(int argc, char **argv)
{
	int count;

	if (argc < 6)
		return 2;
	state = strtoull(argv[2], NULL, 10);
	count = atoi(argv[3]);
	commands_invent();
	if (count > COMMANDS_MOST)
		return 2;
	if (!strcmp(argv[1], "check"))
		return check(count, !strcmp(argv[4], "exactly"), argv[5]);
	return argc < 7 ? 2 : run(count, argv[4], argv[5], argv[6]);
}
