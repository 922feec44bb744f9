/* SPDX-License-Identifier: MIT
 *
 * matrix: what the programs of the transparency matrix share.
 *
 * Each program is a list of cases. "matrix-x DIRECTORY [CASE]" runs every case (or one) in a
 * process of its own, in a directory of its own below DIRECTORY, and prints what each noted:
 * results, errno names, file contents, descriptor numbers, never times, inode or process
 * numbers. The output of a run under the shim has to be the output of a plain run, byte by
 * byte.
 *
 * Notes go to a shared mapping, made and filled without libc: nothing the shim can see, no
 * descriptor, and a case may close whatever it likes.
 */
#ifndef USHIM_TESTS_MATRIX_H
#define USHIM_TESTS_MATRIX_H

#include "raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

enum {
	NOTES_SIZE = 1 << 20,
	PATIENCE_S = 60, /* a case that takes longer hangs */
	ERRNO_BEFORE = 77,
};

struct matrix_case {
	const char *name;
	void (*run)(void);
	int closed; /* bit n: descriptor n (0 to 2) is closed when the program starts */
};

struct notes {
	size_t length;
	char text[];
};

static struct notes *notes;

static void notes_open(const char *path)
{
	long fd = raw(SYS_open, (long)path, O_RDWR, 0, 0, 0, 0);
	long memory = raw(SYS_mmap, 0, NOTES_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (fd < 0 || memory < 0)
		raw(SYS_exit_group, 99, 0, 0, 0, 0, 0);
	raw(SYS_close, fd, 0, 0, 0, 0, 0);
	notes = (struct notes *)memory;
}

/* Adds a line. errno stays. */
__attribute__((format(printf, 1, 2))) static UNUSED void note(const char *format, ...)
{
	char line[1024];
	int saved = errno;
	size_t length, at;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	length = strlen(line);
	line[length++] = '\n';
	at = __atomic_fetch_add(&notes->length, length, __ATOMIC_SEQ_CST);
	if (at + length < NOTES_SIZE - sizeof(*notes))
		memcpy(notes->text + at, line, length);
	errno = saved;
}

static UNUSED const char *error_name(int err)
{
	static __thread char number[16];

#ifdef __GLIBC__
	if (strerrorname_np(err))
		return strerrorname_np(err);
#endif
	snprintf(number, sizeof(number), "errno %d", err);
	return number;
}

static UNUSED long note_result(const char *call, long value)
{
	int err = errno;

	if (value == -1)
		note("%s = -1 %s", call, error_name(err));
	else if (err != ERRNO_BEFORE)
		note("%s = %ld, and errno became %s", call, value, error_name(err));
	else
		note("%s = %ld", call, value);
	errno = err;
	return value;
}

/* Makes a call, notes its text, result and errno, and that errno stays on success. */
#define TRY(call) note_result(#call, (errno = ERRNO_BEFORE, (long)(call)))

/* The same with a text of one's own. */
#define TRY_AS(text, call) note_result(text, (errno = ERRNO_BEFORE, (long)(call)))

/* For calls that only prepare: silent, but loud when they fail. */
#define MUST(call) must(#call, (errno = ERRNO_BEFORE, (long)(call)))
static UNUSED long must(const char *call, long value)
{
	return value == -1 ? note_result(call, value) : value;
}

static UNUSED int file_make(const char *name, const char *content)
{
	int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));

	if (*content)
		MUST(write(fd, content, strlen(content)));
	return fd;
}

static UNUSED void file_put(const char *name, const char *content)
{
	MUST(close(file_make(name, content)));
}

/* Notes the content, past 200 bytes only its sum. */
static UNUSED void file_note(const char *name)
{
	enum { SHOWN = 200 };
	static char buffer[1 << 16];
	char text[4 * SHOWN + 1] = "";
	unsigned long sum = 0, total = 0;
	int fd = open(name, O_RDONLY);
	ssize_t got = -1;

	if (fd < 0) {
		note("%s: %s", name, error_name(errno));
		return;
	}
	while ((got = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < got; i++, total++) {
			unsigned char c = (unsigned char)buffer[i];

			sum = sum * 31 + c;
			if (total < SHOWN)
				sprintf(text + strlen(text), c < ' ' || c > '~' ? "\\%03o" : "%c", c);
		}
	if (got < 0)
		note("%s: read: %s", name, error_name(errno));
	note("%s: %lu bytes, sum %lx: %s", name, total, sum, total <= SHOWN ? text : "...");
	close(fd);
}

static UNUSED void stat_note(const char *name, const struct stat *stat)
{
	note("%s: mode %o, links %lu, uid %u, gid %u, rdev %lx, size %ld, blksize %ld", name,
	     stat->st_mode, (unsigned long)stat->st_nlink, stat->st_uid, stat->st_gid,
	     (unsigned long)stat->st_rdev, S_ISDIR(stat->st_mode) ? 0L : (long)stat->st_size,
	     (long)stat->st_blksize);
}

static UNUSED void lstat_note(const char *name)
{
	struct stat stat;

	if (lstat(name, &stat))
		note("%s: %s", name, error_name(errno));
	else
		stat_note(name, &stat);
}

/* The numbers of all open descriptors, without the one used to find out. */
static UNUSED void fds_note(const char *when)
{
	char text[512] = "";
	bool open_fd[1024] = {false};
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!dir) {
		note("descriptors %s: %s", when, error_name(errno));
		return;
	}
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && atoi(entry->d_name) < 1024)
			open_fd[atoi(entry->d_name)] = true;
		else if (entry->d_name[0] != '.')
			note("descriptor %s", entry->d_name);
	open_fd[dirfd(dir)] = false;
	closedir(dir);
	for (int fd = 0; fd < 1024; fd++)
		if (open_fd[fd] && strlen(text) < sizeof(text) - 8)
			sprintf(text + strlen(text), " %d", fd);
	note("descriptors %s:%s", when, text);
}

static UNUSED int name_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in a directory, sorted. */
static UNUSED void names_note(const char *path)
{
	static char text[900];
	char *names[256];
	int count = 0;
	DIR *dir = opendir(path);
	const struct dirent *entry;

	if (!dir) {
		note("names in %s: %s", path, error_name(errno));
		return;
	}
	while ((entry = readdir(dir)) && count < 256)
		if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
			names[count++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, (size_t)count, sizeof(*names), name_order);
	text[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (strlen(text) + strlen(names[i]) + 2 < sizeof(text))
			strcat(strcat(text, " "), names[i]);
		free(names[i]);
	}
	note("names in %s:%s", path, text);
}

static UNUSED void status_note(const char *who, int status)
{
	if (WIFSIGNALED(status))
		note("%s: signal %d", who, WTERMSIG(status));
	else
		note("%s: exit %d", who, WEXITSTATUS(status));
}

static UNUSED void child_note(const char *who, pid_t pid)
{
	int status = 0;
	pid_t got;

	while ((got = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
		;
	if (got < 0)
		note("%s: waitpid: %s", who, error_name(errno));
	else
		status_note(who, status);
}

/* Calls that make a ring and, where a worker is needed for them, its worker. */
static UNUSED void ring_warm_in(const char *dir)
{
	struct stat st;
	int at, fd;

	MUST(mkdir(dir, 0755));
	at = (int)MUST(open(dir, O_RDONLY | O_DIRECTORY));
	fd = (int)MUST(openat(at, "file", O_RDWR | O_CREAT, 0644));
	MUST(pwrite(fd, "warm", 4, 0));
	MUST(fstat(fd, &st));
	MUST(fsync(fd));
	MUST(close(fd));
	MUST(linkat(at, "file", at, "link", 0));
	MUST(unlinkat(at, "link", 0));
	MUST(unlinkat(at, "file", 0));
	MUST(close(at));
	MUST(rmdir(dir));
}

static UNUSED void ring_warm(void)
{
	ring_warm_in("warm");
}

/*
 * What a process or thread does to see whether it is whole: file calls on NAME, which is its
 * own. Returns how many went wrong.
 */
static UNUSED int works(const char *name)
{
	char buffer[16];
	struct stat st;
	static int rounds; /* a disk's fsync is slow: the first rounds have it */
	bool sync = __atomic_fetch_add(&rounds, 1, __ATOMIC_RELAXED) < 4;
	int fd, bad = 0;

	bad += mkdir(name, 0755) != 0;
	fd = openat(AT_FDCWD, name, O_RDONLY | O_DIRECTORY);
	bad += fd < 0;
	bad += sync && fsync(fd) != 0;
	bad += symlinkat("to", fd, "symlink") != 0;
	bad += unlinkat(fd, "symlink", 0) != 0;
	bad += close(fd) != 0;
	bad += rmdir(name) != 0;
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	bad += fd < 0;
	bad += pwrite(fd, "0123456789", 10, 0) != 10;
	bad += pread(fd, buffer, 16, 5) != 5;
	bad += write(fd, "abc", 3) != 3;
	bad += fstat(fd, &st) != 0 || st.st_size != 10;
	bad += sync && fsync(fd) != 0;
	bad += close(fd) != 0;
	bad += stat(name, &st) != 0;
	bad += unlink(name) != 0;
	return bad;
}

/* In a directory entry of its own, so that parent and child may do it at once. */
static UNUSED void works_note(const char *when)
{
	char name[32];

	sprintf(name, "work-%d", (int)raw(SYS_getpid, 0, 0, 0, 0, 0, 0));
	note("%s: %d calls wrong", when, works(name));
}

/* A line of /proc/self/status, whole. */
static UNUSED void status_line_note(const char *key)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':') {
			line[strcspn(line, "\n")] = '\0';
			note("%s", line);
		}
	if (file)
		fclose(file);
}

/* COUNT pages of ours with an untouchable one behind: returns the first byte of that one. */
static UNUSED char *fence_make(int count)
{
	size_t size = (size_t)count * 4096;
	char *memory = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(memory + size, 4096, PROT_NONE);
	return memory + size;
}

/* ---- running the cases -------------------------------------------------------------- */

static void case_become(const struct matrix_case *c, char *self, char *notes_path)
{
	char *argv[] = {self, (char *)"--case", (char *)c->name, notes_path, NULL};

	if (mkdir(c->name, 0777) || chdir(c->name)) {
		perror(c->name);
		_exit(98);
	}
	close(0);
	close(1);
	close(2);
	open("/dev/null", O_RDONLY);
	open("../stdout", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0666);
	open("../stderr", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0666);
	for (int fd = 0; fd < 3; fd++)
		if (c->closed & 1 << fd)
			close(fd);
	raw(SYS_close_range, 3, ~0U, 0, 0, 0, 0);
	umask(022);
	alarm(PATIENCE_S);
	execv(self, argv);
	_exit(97);
}

static void text_print(const char *what, const char *path)
{
	char line[1024];
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		printf("  %s%s", what, line);
	if (file)
		fclose(file);
	unlink(path);
}

static void notes_print(const char *path)
{
	static char buffer[NOTES_SIZE];
	FILE *file = fopen(path, "r");
	struct notes *found = (struct notes *)buffer;

	if (file && fread(buffer, 1, sizeof(buffer), file) == sizeof(buffer))
		fwrite(found->text, 1, found->length, stdout);
	if (file)
		fclose(file);
}

static void case_run(const struct matrix_case *c, char *self, char *notes_path)
{
	int status, fd = open(notes_path, O_RDWR | O_CREAT | O_TRUNC, 0666);
	pid_t pid;

	if (fd < 0 || fchmod(fd, 0666) || ftruncate(fd, NOTES_SIZE)) {
		perror(notes_path);
		exit(96);
	}
	close(fd);
	printf("== %s\n", c->name);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		case_become(c, self, notes_path);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	notes_print(notes_path);
	text_print("stdout: ", "stdout");
	text_print("stderr: ", "stderr");
	if (WIFSIGNALED(status))
		printf("ended by signal %d%s\n", WTERMSIG(status),
		       WTERMSIG(status) == SIGALRM ? " (it hung)" : "");
	else
		printf("ended with %d\n", WEXITSTATUS(status));
}

static int matrix_main(int argc, char **argv, const struct matrix_case *cases, size_t count)
{
	static char self[PATH_MAX], notes_path[PATH_MAX + 8];

	if (argc == 4 && !strcmp(argv[1], "--case")) {
		notes_open(argv[3]);
		for (size_t i = 0; i < count; i++)
			if (!strcmp(cases[i].name, argv[2]))
				cases[i].run();
		return 0;
	}
	if (argc < 2 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0 ||
	    chdir(argv[1]) || !getcwd(notes_path, PATH_MAX)) {
		fprintf(stderr, "usage: %s DIRECTORY [CASE...]\n", argv[0]);
		return 2;
	}
	strcat(notes_path, "/notes");
	for (size_t i = 0; i < count; i++) {
		bool wanted = argc == 2;

		for (int arg = 2; arg < argc; arg++)
			wanted = wanted || !strcmp(argv[arg], cases[i].name);
		if (wanted)
			case_run(&cases[i], self, notes_path);
	}
	unlink(notes_path);
	puts("all cases done");
	return 0;
}

#define MATRIX(cases) \
	int main(int argc, char **argv) \
	{ \
		return matrix_main(argc, argv, cases, sizeof(cases) / sizeof(*(cases))); \
	}

#endif
