/* SPDX-License-Identifier: MIT
 *
 * walks HOW DIRECTORY [...]: walks a tree as programs do and prints all that it is told, for comparison
 * with a plain run. What the library has opened and listed meanwhile must not show.
 *
 *   numbers     each directory by openat and fdopendir, with what its descriptor is
 *   paths       by opendir, after the one above was closed
 *   twice       opened, looked into and closed, and opened again
 *   raw         every third is read by getdents64 past all libraries
 *   watches     as a process that watches files
 *   changes SEED    while the directories that come next are changed by this process
 *   untold      while they are changed by calls that no library sees, as if by somebody else; what
 *               was listed 50 ms ago (USHIM_STALE_MS=10) must not be handed out
 *   counts      how many threads has this process, by each way to ask, in the middle of it?
 *   becomes     goes on as somebody who may not list the rest
 *   leaves      forks, takes a new user name space and execs in the middle of it
 */
#include "raw.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NAMES_MOST = 512,
	DIRECTORY_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK,
};

struct names {
	int count;
	char *name[NAMES_MOST];
};

static bool raws;
static int seen; /* directories so far */
static void (*between)(int fd, const char *path);

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Subdirectories, as listed; all names are printed, in their order. */
static void names_read(DIR *stream, struct names *directories, bool positions)
{
	struct names all = {0};
	const struct dirent *entry;
	unsigned long modes = 0;
	struct stat stat;

	directories->count = 0;
	while ((entry = readdir(stream)) && all.count < NAMES_MOST) {
		if (positions)
			printf(" @%d", telldir(stream) == entry->d_off);
		if (entry->d_name[0] == '.')
			continue;
		all.name[all.count++] = strdup(entry->d_name);
		if (fstatat(dirfd(stream), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW) == 0)
			modes += stat.st_mode;
		if (entry->d_type == DT_DIR)
			directories->name[directories->count++] = all.name[all.count - 1];
	}
	qsort(all.name, (size_t)all.count, sizeof(*all.name), by_name);
	for (int i = 0; i < all.count; i++)
		printf(" %s", all.name[i]);
	printf(" %lo\n", modes);
}

/* The same, past all libraries. */
static void names_read_raw(int fd, struct names *directories)
{
	char buffer[32768];
	struct names all = {0};
	long length;

	directories->count = 0;
	while ((length = raw(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0)
		for (long at = 0; at < length;) {
			const struct {
				uint64_t inode, next;
				uint16_t size;
				uint8_t type;
				char name[];
			} *entry = (const void *)(buffer + at);

			if (entry->name[0] != '.')
				all.name[all.count++] = strdup(entry->name);
			if (entry->type == DT_DIR && entry->name[0] != '.')
				directories->name[directories->count++] = all.name[all.count - 1];
			at += entry->size;
		}
	qsort(all.name, (size_t)all.count, sizeof(*all.name), by_name);
	for (int i = 0; i < all.count; i++)
		printf(" %s", all.name[i]);
	printf("\n");
}

/* What the program may know of a descriptor. */
static void descriptor_print(int fd)
{
	struct stat stat;

	if (fstat(fd, &stat))
		err(2, "fstat");
	printf("%d flags %#x exec %d at %ld %o", fd, (unsigned)fcntl(fd, F_GETFL),
	       fcntl(fd, F_GETFD), (long)lseek(fd, 0, SEEK_CUR), stat.st_mode);
}

static void walk_numbers(int in, const char *name, bool twice)
{
	int fd = openat(in, name, DIRECTORY_FLAGS | (seen % 3 ? O_CLOEXEC : 0)), copy;
	struct names below;
	DIR *stream;

	if (fd < 0) {
		printf("%s: %s\n", name, strerrorname_np(errno));
		return;
	}
	descriptor_print(fd);
	seen++;
	if (between)
		between(fd, name);
	if (twice) {
		stream = fdopendir(fd);
		printf(" %d", readdir(stream) != NULL);
		closedir(stream);
		fd = openat(in, name, DIRECTORY_FLAGS | O_CLOEXEC);
		descriptor_print(fd);
	}
	if (raws && seen % 3 == 0) {
		names_read_raw(fd, &below);
		for (int i = 0; i < below.count; i++)
			walk_numbers(fd, below.name[i], twice);
		close(fd);
		return;
	}
	stream = fdopendir(fd);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	names_read(stream, &below, true);
	printf("%s behind %d\n", name, lseek(fd, 0, SEEK_CUR) == telldir(stream));
	closedir(stream);
	for (int i = 0; i < below.count; i++)
		walk_numbers(copy, below.name[i], twice);
	close(copy);
}

static void walk_paths(const char *path)
{
	char child[4096];
	struct names below;
	DIR *stream = opendir(path);
	struct stat stat;

	if (!stream) {
		printf("%s: %s\n", path, strerrorname_np(errno));
		return;
	}
	seen++;
	printf("%s %d", path, dirfd(stream));
	if (seen % 4 == 0) { /* once more from the beginning */
		readdir(stream);
		rewinddir(stream);
	}
	if (between)
		between(dirfd(stream), path);
	names_read(stream, &below, false);
	closedir(stream);
	for (int i = 0; i < below.count; i++) {
		snprintf(child, sizeof(child), "%s/%s", path, below.name[i]);
		if (lstat(child, &stat) == 0)
			walk_paths(child);
	}
}

/* ---- changes by this process ---- */

static unsigned state;

static unsigned any(unsigned below)
{
	state = state * 1103515245 + 12345;
	return (state >> 16) % below;
}

/* In a directory further on: all are called d0 to d9, one below the other. */
static void change(int fd, const char *path)
{
	char name[64], other[64];

	(void)fd, (void)path;
	for (unsigned i = any(3); i > 0; i--) {
		int length = snprintf(name, sizeof(name), "top/d%u", any(10));

		if (any(2))
			snprintf(name + length, sizeof(name) - (size_t)length, "/d%u", any(3));
		snprintf(other, sizeof(other), "top/d%u", any(10));
		switch (any(7)) {
		case 0:
			strcat(name, "/new");
			if (mkdir(name, 0755) == 0)
				printf(" [mkdir %s]", name);
			break;
		case 1:
			strcat(name, "/f1");
			if (unlink(name) == 0)
				printf(" [unlink %s]", name);
			break;
		case 2:
			strcat(name, "/l");
			if (symlink("f0", name) == 0)
				printf(" [symlink %s]", name);
			break;
		case 3: /* another directory of that name */
			if (rename(name, "aside") == 0 && mkdir(name, 0755) == 0)
				printf(" [replaced %s]", name);
			if (rename("aside", "top/d9/kept") != 0)
				rename("aside", "aside2");
			break;
		case 4: /* or none */
			if (rename(name, "aside") == 0 && symlink("d0", name) == 0)
				printf(" [link for %s]", name);
			break;
		case 5:
			strcat(name, "/f0");
			strcat(other, "/linked");
			if (link(name, other) == 0)
				printf(" [link %s]", other);
			break;
		default:
			if (chmod(name, any(2) ? 0755 : 0700) == 0)
				printf(" [chmod %s]", name);
			break;
		}
	}
}

/* ---- changes by somebody else ---- */

static void spin(long ms)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < ms);
}

static void change_untold(int fd, const char *path)
{
	char name[64];

	(void)fd, (void)path;
	if (seen != 7 && seen != 23)
		return;
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "top/d%d/untold%d", i, seen);
		raw(SYS_mkdirat, AT_FDCWD, name, 0755);
	}
	spin(50);
}

/* ---- what shows ---- */

/* The kernel's own for this process (io_uring's workers) do not count. */
static int workers(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *entry;
	int count = 0;

	while ((entry = readdir(tasks))) {
		char path[300], name[16] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (file && fgets(name, sizeof(name), file))
			count += !strncmp(name, "iou-", 4);
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return count;
}

static void count_threads(int fd, const char *path)
{
	char line[256];
	struct stat stat;
	int count = 0;
	FILE *status;
	DIR *tasks;

	(void)fd, (void)path;
	switch (seen) {
	case 10:
		if (lstat("/proc/self/task", &stat) == 0)
			printf(" links %d", (int)stat.st_nlink - 2 - workers());
		break;
	case 20:
		tasks = opendir("/proc/self/task");
		while (tasks && readdir(tasks))
			count++;
		closedir(tasks);
		printf(" tasks %d", count - 2 - workers());
		break;
	case 30:
		status = fopen("/proc/self/status", "r");
		while (status && fgets(line, sizeof(line), status))
			if (!strncmp(line, "Threads:", 8))
				count = atoi(line + 8);
		fclose(status);
		printf(" threads %d", count - workers());
		break;
	default:
		break;
	}
}

static void become(int fd, const char *path)
{
	(void)fd, (void)path;
	if (seen == 12 && seteuid(65534) != 0)
		err(2, "seteuid");
}

static void leave(int fd, const char *path)
{
	int status;
	pid_t child;

	(void)fd, (void)path;
	if (seen != 12 && seen != 24)
		return;
	child = fork();
	if (child == 0) {
		fflush(stdout);
		_exit(seen == 12 ? 3 : 4);
	}
	if (waitpid(child, &status, 0) != child)
		err(2, "waitpid");
	printf(" child %d", WEXITSTATUS(status));
	if (seen == 24)
		printf(" unshare %d", unshare(CLONE_NEWUSER));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[1] : "";

	setvbuf(stdout, NULL, _IOFBF, 1 << 20);
	if (!strcmp(how, "numbers")) {
		walk_numbers(AT_FDCWD, argv[2], false);
	} else if (!strcmp(how, "twice")) {
		walk_numbers(AT_FDCWD, argv[2], true);
	} else if (!strcmp(how, "paths")) {
		walk_paths(argv[2]);
	} else if (!strcmp(how, "raw")) {
		raws = true;
		walk_numbers(AT_FDCWD, argv[2], false);
	} else if (!strcmp(how, "watches")) {
		inotify_init1(IN_CLOEXEC);
		walk_numbers(AT_FDCWD, argv[2], false);
	} else if (!strcmp(how, "changes") && argc > 3) {
		state = (unsigned)atoi(argv[3]);
		between = change;
		if (state % 2)
			walk_paths(argv[2]);
		else
			walk_numbers(AT_FDCWD, argv[2], state % 4 == 0);
	} else if (!strcmp(how, "untold")) {
		between = change_untold;
		walk_paths(argv[2]);
	} else if (!strcmp(how, "counts")) {
		between = count_threads;
		walk_paths(argv[2]);
	} else if (!strcmp(how, "becomes")) {
		between = become;
		walk_paths(argv[2]);
	} else if (!strcmp(how, "leaves")) {
		between = leave;
		walk_numbers(AT_FDCWD, argv[2], false);
	} else {
		errx(2, "walks HOW DIRECTORY [SEED]");
	}
	return 0;
}
