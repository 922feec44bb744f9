/* SPDX-License-Identifier: MIT
 *
 * ahead-listing WHAT DIRECTORY [...]: reads a directory in some awkward way, asks about its
 * entries, and prints all that libc says, for comparison with a plain run.
 *
 *   walk        telldir, seekdir, rewinddir, fork, closedir in the middle of a listing
 *   copy        entries copied by value, as large as struct dirent is
 *   names       asks about every entry, in the order of the listing
 *   memory      the same, silently; prints the most memory it ever had, in KiB
 *   faults      bad pointers for path and result
 *   thread, vfork, exec    in the middle of a listing
 *   shared      by a child too, with readdir_r, a thread and a rewind of its own
 *   changes     removes entries the listing has not come to, between two of its entries
 *   untold      the same, by calls no library sees, as if by somebody who does not tell
 *   position    of the descriptor, after the first entry
 *   steady      once more after each of several things that happen in its middle: is every entry
 *               that was there all the time listed once?
 *   operands    asks about its operands after it has rewritten argv
 */
#include "raw.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void stat_print(const char *name, int result, const struct stat *stat)
{
	if (result)
		printf("%s: %s\n", name, strerrorname_np(errno));
	else
		printf("%s: %lu %o %ld %ld\n", name, (unsigned long)stat->st_ino, stat->st_mode,
		       (long)stat->st_size, (long)stat->st_nlink);
}

static void ask(DIR *stream, const char *name)
{
	struct stat stat;

	stat_print(name, fstatat(dirfd(stream), name, &stat, AT_SYMLINK_NOFOLLOW), &stat);
}

/* Reads and asks about COUNT entries. */
static int walk_on(DIR *stream, int count)
{
	const struct dirent *entry;
	int done = 0;

	while (done < count && (entry = readdir(stream))) {
		printf("%ld %s %lu %d\n", telldir(stream), entry->d_name,
		       (unsigned long)entry->d_ino, entry->d_type);
		ask(stream, entry->d_name);
		done++;
	}
	return done;
}

static void walk_child(DIR *stream)
{
	int pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		puts("child");
		walk_on(stream, 30);
		closedir(stream);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	puts("parent");
}

static void walk(const char *directory)
{
	DIR *stream = opendir(directory), *second;
	long start = telldir(stream), here;

	walk_on(stream, 25);
	here = telldir(stream);
	walk_on(stream, 25);
	seekdir(stream, here);
	walk_on(stream, 40);
	rewinddir(stream);
	walk_on(stream, 10);
	seekdir(stream, start);
	walk_on(stream, 1);
	walk_child(stream);
	walk_on(stream, 30);
	second = opendir(directory);
	walk_on(second, 20);
	walk_child(second);
	closedir(second);
	second = fdopendir(open(directory, O_RDONLY | O_DIRECTORY));
	walk_on(second, 10);
	walk_on(stream, 1 << 20);
	printf("end %ld\n", telldir(stream));
	printf("again %d\n", walk_on(stream, 5));
	walk_on(second, 1 << 20);
	closedir(second);
	closedir(stream);
	stream = opendir(directory); /* where the other was, most likely */
	walk_on(stream, 5);
	close(dirfd(stream)); /* whoever does that gets EBADF in the end */
	while ((errno = 0, readdir(stream)))
		;
	printf("closed: %s\n", errno ? strerrorname_np(errno) : "end");
}

/* Whatever is mapped from here on lies below memory nobody may read. */
static void fence_off(void)
{
	for (int i = 0; i < 2000; i++)
		mmap(NULL, 32768, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void copy(const char *directory)
{
	DIR *first = opendir(directory), *stream;
	const struct dirent *entry;
	unsigned long count = 0, sum = 0;

	readdir(first);
	fence_off();
	stream = opendir(directory);
	while ((entry = readdir(stream))) {
		struct dirent copied = *entry;
		struct stat stat;

		count++;
		sum += copied.d_ino + strlen(copied.d_name);
		if (fstatat(dirfd(stream), copied.d_name, &stat, 0))
			err(1, "%s", copied.d_name);
	}
	printf("%lu %lu\n", count, sum);
}

static void names(const char *directory)
{
	DIR *stream = opendir(directory);

	if (!stream)
		err(1, "opendir");
	walk_on(stream, 1 << 20);
	closedir(stream);
}

static void memory_print(void)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "VmHWM:", 6))
			printf("%ld\n", atol(line + 6));
}

static void memory(const char *directory)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	struct stat stat;

	while ((entry = readdir(stream)))
		if (fstatat(dirfd(stream), entry->d_name, &stat, 0))
			err(1, "%s", entry->d_name);
	memory_print();
}

static void faults(const char *directory)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			    0);
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	int i = 0;

	mprotect(memory + page, page, PROT_NONE);
	while ((entry = readdir(stream))) {
		size_t length = strlen(entry->d_name) + 1;
		char *at = memory + page - length; /* ends where the memory ends */
		struct stat stat;

		memcpy(at, entry->d_name, length);
		errno = 4321;
		switch (i++ % 12) {
		case 6:
			break;
		case 7:
			stat_print("path nowhere", fstatat(dirfd(stream), memory + page, &stat, AT_SYMLINK_NOFOLLOW),
				   &stat);
			break;
		case 5:
			stat_print("result nowhere",
				   fstatat(dirfd(stream), at, (struct stat *)(memory + page), AT_SYMLINK_NOFOLLOW),
				   &stat);
			stat_print("result half way",
				   fstatat(dirfd(stream), at, (struct stat *)(memory + page - 64),
					   AT_SYMLINK_NOFOLLOW),
				   &stat);
			stat_print("result read-only",
				   fstatat(dirfd(stream), at, (struct stat *)(long)faults,
					   AT_SYMLINK_NOFOLLOW), &stat);
			break;
		case 11:
			at[length - 1] = 'x'; /* no end */
			stat_print("path without end", fstatat(dirfd(stream), at, &stat, AT_SYMLINK_NOFOLLOW), &stat);
			break;
		default:
			ask(stream, at);
			printf("errno %d\n", errno);
		}
	}
}

static void *thread_walks(void *stream)
{
	walk_on(stream, 15);
	return NULL;
}

static void thread(const char *directory)
{
	DIR *stream = opendir(directory);
	pthread_t thread;

	walk_on(stream, 25);
	pthread_create(&thread, NULL, thread_walks, stream);
	pthread_join(thread, NULL);
	walk_on(stream, 1 << 20);
}

static void readdir_r_on(DIR *stream, int count)
{
	struct dirent entry, *result;
	int error = 0;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	while (count-- && !(error = readdir_r(stream, &entry, &result)) && result)
		printf("%ld %s\n", telldir(stream), result->d_name);
#pragma GCC diagnostic pop
	printf("readdir_r: %d\n", error);
}

/* The position is the open file's, so whoever moves it moves it for both. */
static void shared(const char *directory)
{
	DIR *stream = opendir(directory);
	pthread_t thread;

	walk_on(stream, 25);
	fflush(stdout);
	if (!fork()) {
		readdir_r_on(stream, 30);
		pthread_create(&thread, NULL, thread_walks, stream);
		pthread_join(thread, NULL);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	walk_on(stream, 30);
	printf("at %ld\n", (long)lseek(dirfd(stream), 0, SEEK_CUR));
	readdir_r_on(stream, 1 << 20);
	rewinddir(stream);
	walk_on(stream, 5);
	fflush(stdout);
	if (!fork()) {
		rewinddir(stream);
		walk_on(stream, 5);
		fflush(stdout);
		_exit(0);
	}
	wait(NULL);
	walk_on(stream, 1 << 20);
}

static void unlink_untold(const char *name)
{
	if (raw(SYS_unlink, name))
		errx(1, "%s", name);
}

static void unlink_told(const char *name)
{
	if (unlink(name))
		err(1, "%s", name);
}

enum { NAMES = 1000 };

static char name[NAMES][256];

/*
 * To the end and asked about; then once more, as far as the first entry. Who looks on reads on:
 * the directory is to have more entries than one getdents64 brings.
 */
static DIR *list_again(const char *directory, int *count)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	struct stat stat;

	for (*count = 0; (entry = readdir(stream)) && *count < NAMES;) {
		strcpy(name[(*count)++], entry->d_name);
		fstatat(dirfd(stream), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW);
	}
	closedir(stream);
	if (chdir(directory))
		err(1, "%s", directory);
	stream = opendir(".");
	readdir(stream);
	return stream;
}

static void position(const char *directory)
{
	int count;
	DIR *stream = list_again(directory, &count);

	printf("%ld\n", (long)lseek(dirfd(stream), 0, SEEK_CUR));
}

static void removals(const char *directory, void (*remove)(const char *name))
{
	enum { LATE = 800 };
	const struct dirent *entry;
	int count, listed = 0;
	DIR *stream = list_again(directory, &count);

	for (int i = LATE; i < count; i++)
		remove(name[i]);
	while ((entry = readdir(stream)))
		for (int i = LATE; i < count; i++)
			listed += !strcmp(entry->d_name, name[i]) && name[i][0] != '.';
	printf("%d removed, %d of them listed\n", count - LATE, listed);
	for (int i = LATE; i < count; i++)
		close(open(name[i], O_WRONLY | O_CREAT, 0600));
}

static void changes(const char *directory)
{
	removals(directory, unlink_told);
}

static void untold(const char *directory)
{
	removals(directory, unlink_untold);
}

/* ---- steady ---- */

static int seen[NAMES];

static void seen_add(const char *entry, int count)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(entry, name[i]))
			seen[i]++;
}

static void steady_rest(DIR *stream, int count, const char *first, const char *what)
{
	const struct dirent *entry;
	int missing = 0, twice = 0;

	memset(seen, 0, sizeof(seen));
	seen_add(first, count);
	while ((errno = 0, entry = readdir(stream))) {
		struct stat stat;

		seen_add(entry->d_name, count);
		fstatat(dirfd(stream), entry->d_name, &stat, AT_SYMLINK_NOFOLLOW);
	}
	if (errno)
		warn("%s", what);
	for (int i = 0; i < count; i++) {
		missing += !seen[i];
		twice += seen[i] > 1;
	}
	printf("%s: %d missing, %d twice\n", what, missing, twice);
}

static void nothing(DIR *stream)
{
	(void)stream;
}

static void makes_and_removes(DIR *stream)
{
	(void)stream;
	for (int i = 0; i < 3; i++) {
		close(open("a-new-name", O_WRONLY | O_CREAT, 0600));
		rename("a-new-name", "another-new-name");
		unlink("another-new-name");
	}
}

static void duplicates(DIR *stream)
{
	close(dup(dirfd(stream)));
}

static void looks_where(DIR *stream)
{
	lseek(dirfd(stream), 0, SEEK_CUR);
}

static void seeks_to_itself(DIR *stream)
{
	rewinddir(stream);
	readdir(stream);
}

static void lists_another(DIR *stream)
{
	char buffer[32768];
	DIR *other = opendir(".");

	(void)stream;
	readdir(other);
	raw(SYS_getdents64, dirfd(other), buffer, sizeof(buffer));
	closedir(other);
}

static void has_a_child(DIR *stream)
{
	(void)stream;
	fflush(stdout);
	if (!fork())
		_exit(0);
	wait(NULL);
}

static void forks_away(DIR *stream)
{
	(void)stream;
	fflush(stdout);
	if (fork()) {
		wait(NULL);
		_exit(0);
	}
}

static void dallies(DIR *stream)
{
	const struct timespec a_third = {.tv_nsec = 333333333};

	(void)stream;
	nanosleep(&a_third, NULL);
}

static void steady(const char *directory)
{
	static const struct {
		const char *name;
		void (*what)(DIR *stream);
	} events[] = {
		{"nothing", nothing}, {"makes and removes", makes_and_removes}, {"dup", duplicates},
		{"lseek", looks_where}, {"rewinddir", seeks_to_itself}, {"another", lists_another},
		{"child", has_a_child}, {"sleep", dallies}, {"fork", forks_away},
	};
	int count;
	DIR *stream = list_again(directory, &count);

	closedir(stream);
	for (size_t i = 0; i < sizeof(events) / sizeof(*events); i++) {
		char first[256];

		stream = opendir(".");
		strcpy(first, readdir(stream)->d_name);
		events[i].what(stream);
		steady_rest(stream, count, first, events[i].name);
		closedir(stream);
	}
}

static void borrow(const char *directory)
{
	DIR *stream = opendir(directory);
	int pid;

	walk_on(stream, 25);
	fflush(stdout);
	pid = vfork();
	if (!pid) {
		execl("/bin/echo", "echo", "vforked", NULL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	walk_on(stream, 1 << 20);
}

static void replace(const char *directory)
{
	DIR *stream = opendir(directory);

	walk_on(stream, 25);
	fflush(stdout);
	execl("/usr/bin/find", "find", directory, "-size", "+0", NULL);
}

/* Pointers moved and set to null, strings written over: by the time the rest is asked. */
static void operands(int count, char **list)
{
	char **copies = calloc(count, sizeof(*copies));
	struct stat stat;

	for (int i = 0; i < count; i++)
		copies[i] = strdup(list[i]);
	for (int i = 0; i < count; i++) {
		stat_print(copies[i], lstat(copies[i], &stat), &stat);
		if (i < 2)
			continue;
		for (int j = 0; j < count; j++)
			if (list[j])
				memset(list[j], j % 2 ? 'x' : '\0', strlen(list[j]));
		list[count - 1 - i % count] = NULL;
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*what)(const char *directory);
	} table[] = {
		{"walk", walk},     {"copy", copy},   {"names", names},   {"memory", memory},
		{"faults", faults}, {"thread", thread}, {"vfork", borrow}, {"exec", replace},
		{"shared", shared}, {"changes", changes},
		{"untold", untold}, {"position", position}, {"steady", steady},
	};

	if (argc < 3)
		errx(2, "usage: ahead-listing WHAT DIRECTORY");
	if (!strcmp(argv[1], "operands")) {
		operands(argc - 2, argv + 2);
		return 0;
	}
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(argv[1], table[i].name)) {
			table[i].what(argv[2]);
			return 0;
		}
	errx(2, "%s: no such way", argv[1]);
}
