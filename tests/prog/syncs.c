/* SPDX-License-Identifier: MIT
 *
 * syncs run SEED DIRECTORY MARKS [cheat]: a random program that changes a few files in every
 * way there is and makes them durable, mostly one after another; "cheat" leaves out every
 * seventh fsync, as a library that lies would. MARKS is appended to behind everybody's back:
 *
 *   W inode time         a change of inode was over
 *   C count time         a link was made, the COUNT-th
 *   S inode time errno   an fsync of it returned
 *
 * syncs each DIRECTORY MARKS: every way of changing a file, of one that is synced a little later.
 *
 * syncs links DIRECTORY MARKS: links made in a new directory, with an fsync now and then.
 *
 * syncs errors DIRECTORY ORDER: files with several descriptors, synced by each in ORDER; prints
 * what came of them, a line a file.
 *
 * syncs older DIRECTORY: prints what two descriptors of each file are told of a failure.
 *
 * syncs few DIRECTORY: files of which the first four are synced. inherited: then all, by a child.
 * log: one is, often.
 *
 * syncs check LOG MARKS: holds the marks against slowfs's log of requests. Of every fsync that
 * returned success there has to be an FSYNC of that inode that began after the last change of
 * it and had ended with success, and as many LINKs as were made before; every FSYNC that failed
 * has to be told to the program, once, by an fsync of that inode.
 */
#include <aio.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FILES = 14,
	ROUNDS = 5,
	SIZE = 4096,
	LINES_MOST = 1 << 20,
};

static uint64_t random_state;

static unsigned random_below(unsigned limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state >> 20) % limit;
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	exit(1);
}

/* ---- marks ---- */

static int marks;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* No library sees this call: it is to change nothing. */
static void write_unseen(int fd, const char *text, size_t length)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(SYS_write), "D"(fd), "S"(text), "d"(length)
			 : "rcx", "r11", "memory");
	if (result != (long)length)
		abort();
}

static void mark(char kind, ino_t inode, int err)
{
	char line[96];
	int length = kind != 'S'
			     ? snprintf(line, sizeof(line), "%c %ju %" PRIu64 "\n", kind,
					(uintmax_t)inode, now_ns())
			     : snprintf(line, sizeof(line), "S %ju %" PRIu64 " %d\n",
					(uintmax_t)inode, now_ns(), err);

	write_unseen(marks, line, (size_t)length);
}

/* ---- the program ---- */

static struct file {
	int fd;    /* -1: closed */
	int copy;  /* a dup of it, or -1 */
	char name[32];
	ino_t inode;
	char *memory;
	FILE *stream; /* or null */
	bool pending; /* something is in its buffer */
} files[FILES];

static int source; /* a file to copy from */
static char data[SIZE];

static void file_open(struct file *file, int flags)
{
	struct stat stat;

	file->fd = open(file->name, O_RDWR | flags, 0644);
	check(file->fd >= 0 && fstat(file->fd, &stat) == 0, file->name);
	file->inode = stat.st_ino;
	file->copy = -1;
	file->stream = random_below(3) ? NULL : fdopen(fcntl(file->fd, F_DUPFD, 100), "r+");
}

static void file_close(struct file *file)
{
	if (file->memory)
		munmap(file->memory, SIZE);
	file->memory = NULL;
	if (file->stream)
		fclose(file->stream);
	file->stream = NULL;
	file->pending = false;
	close(file->fd);
	if (file->copy >= 0)
		close(file->copy);
	file->fd = file->copy = -1;
}

static void file_write(struct file *file)
{
	check(write(file->fd, data, 100) == 100, "write");
}

static void file_pwrite(struct file *file)
{
	check(pwrite(file->fd, data, 10, random_below(SIZE)) == 10, "pwrite");
}

static void file_writev(struct file *file)
{
	struct iovec parts[2] = {{data, 10}, {data, 20}};

	check(writev(file->fd, parts, 2) == 30, "writev");
}

static void file_ftruncate(struct file *file)
{
	check(ftruncate(file->fd, SIZE + random_below(SIZE)) == 0, "ftruncate");
}

static void file_truncate(struct file *file)
{
	check(truncate(file->name, SIZE + random_below(SIZE)) == 0, "truncate");
}

static void file_fallocate(struct file *file)
{
	check(posix_fallocate(file->fd, SIZE, 1 + random_below(SIZE)) == 0, "posix_fallocate");
}

static void file_copy(struct file *file)
{
	off_t from = 0, to = random_below(SIZE);

	check(copy_file_range(source, &from, file->fd, &to, 50, 0) == 50, "copy_file_range");
}

static void file_sendfile(struct file *file)
{
	off_t from = 0;

	check(sendfile(file->fd, source, &from, 50) == 50, "sendfile");
}

static void file_splice(struct file *file)
{
	int ends[2];
	off_t to = 0;

	check(pipe(ends) == 0 && write(ends[1], data, 64) == 64, "pipe");
	check(splice(ends[0], NULL, file->fd, &to, 64, 0) == 64, "splice");
	close(ends[0]);
	close(ends[1]);
}

static void file_copied_descriptor(struct file *file)
{
	if (file->copy < 0)
		file->copy = fcntl(file->fd, F_DUPFD, 60);
	check(pwrite(file->copy, data, 30, 0) == 30, "pwrite of a copy");
}

static void file_second_open(struct file *file)
{
	int fd = open(file->name, O_WRONLY);

	check(fd >= 0 && pwrite(fd, data, 40, 7) == 40, "second open");
	close(fd);
}

/* What is written to the stream reaches the file at once, or when this comes to it again. */
static void file_stream(struct file *file)
{
	if (!file->stream)
		file->stream = fdopen(fcntl(file->fd, F_DUPFD, 100), "r+");
	if (!file->pending) {
		check(file->stream && fwrite(data, 1, 60, file->stream) == 60, "fwrite");
		file->pending = true;
		if (random_below(3))
			return;
	}
	file->pending = false;
	if (random_below(2)) {
		check(fflush(file->stream) == 0, "fflush");
		return;
	}
	check(fclose(file->stream) == 0, "fclose");
	file->stream = NULL;
}

static void file_print(struct file *file)
{
	FILE *stream = fopen(file->name, "a");

	check(stream && fprintf(stream, "%d\n", 17) == 3 && fclose(stream) == 0, "fprintf");
}

static void file_dprintf(struct file *file)
{
	check(dprintf(file->fd, "%s", "some words") == 10, "dprintf");
}

/* Stored now, or later, when no call will show it. */
static void file_map(struct file *file)
{
	struct stat stat;

	check(fstat(file->fd, &stat) == 0, "fstat");
	if (stat.st_size < SIZE)
		check(ftruncate(file->fd, SIZE) == 0, "ftruncate");
	if (!file->memory) {
		file->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, 0);
		check(file->memory != MAP_FAILED, "mmap");
	}
	file->memory[random_below(SIZE)] ^= 1;
}

static void file_child(struct file *file)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(pwrite(file->fd, data, 70, 0) != 70);
	check(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
}

static void file_syscall(struct file *file)
{
	check(syscall(SYS_pwrite64, file->fd, data, 80, 1L) == 80, "syscall");
}

static void file_empty(struct file *file)
{
	int fd = open(file->name, O_WRONLY | O_TRUNC);

	check(fd >= 0, "open to truncate");
	close(fd);
	if (random_below(2))
		check(pwrite(file->fd, data, 20, 0) == 20, "pwrite");
}

static void file_aio(struct file *file)
{
	struct aiocb block = {.aio_fildes = file->fd, .aio_buf = data, .aio_nbytes = 90};
	const struct aiocb *list[] = {&block};

	check(aio_write(&block) == 0 && aio_suspend(list, 1, NULL) == 0 &&
		      aio_return(&block) == 90,
	      "aio_write");
}

static void *thread_write(void *file)
{
	file_write(file);
	return NULL;
}

static void file_thread(struct file *file)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, thread_write, file) == 0 &&
		      pthread_join(thread, NULL) == 0,
	      "thread");
}

static void (*const changes[])(struct file *file) = {
	file_write,     file_pwrite,   file_writev, file_ftruncate,         file_truncate,
	file_fallocate, file_copy,     file_splice, file_copied_descriptor, file_second_open,
	file_stream,    file_print,    file_map,    file_child,             file_syscall,
	file_empty,     file_sendfile, file_dprintf,
	/* With several threads nothing is started together any more, so these come last. */
	file_aio,       file_thread};

enum {
	CHANGES = sizeof(changes) / sizeof(*changes),
	CHANGES_ALONE = CHANGES - 2,
};

/* A program has its way of writing, so that what goes wrong with one comes often enough. */
static unsigned favourite;

static void file_change(struct file *file)
{
	changes[random_below(3) ? favourite : random_below(CHANGES_ALONE)](file);
	mark('W', file->inode, 0);
}

/* Another file gets this name, and this one another: the inodes stay. */
static void file_rename(struct file *file)
{
	char name[sizeof(file->name)];

	snprintf(name, sizeof(name), "%.20s~", file->name);
	if (strlen(name) > 20)
		return;
	check(rename(file->name, name) == 0, "rename");
	memcpy(file->name, name, sizeof(name));
}

static void file_sync(struct file *file, unsigned *count, bool cheat)
{
	bool data_only = random_below(4) == 0;
	int fd = file->copy >= 0 && random_below(3) == 0 ? file->copy : file->fd;
	int err = 0;

	if (!(cheat && ++*count % 7 == 0))
		err = (data_only ? fdatasync(fd) : fsync(fd)) == 0 ? 0 : errno;
	mark('S', file->inode, err);
}

/* A child changes and syncs one file, its parent meanwhile another, and then that one. */
static void forked(struct file *file)
{
	struct file *other = file == files ? file + 1 : file - 1;
	unsigned count = 0;
	int status;
	pid_t pid;

	if (file->fd < 0 || other->fd < 0)
		return;
	pid = fork();
	if (pid == 0) {
		file_write(file);
		mark('W', file->inode, 0);
		file_sync(file, &count, false);
		_exit(0);
	}
	file_write(other);
	mark('W', other->inode, 0);
	file_sync(other, &count, false);
	check(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0, "child");
	file_sync(file, &count, false);
}

/*
 * Behind file I: one that is to be synced soon is changed, mostly, or something happens that
 * has nothing to do with any.
 */
static void disturb(int i)
{
	struct file *file = &files[(i + 1 + (int)random_below(5)) % FILES];
	struct stat stat;

	switch (random_below(10)) {
	case 0:
		check(fstat(source, &stat) == 0, "fstat");
		break;
	case 2:
		forked(file);
		break;
	case 1:
		if (file->fd >= 0)
			file_rename(file);
		break;
	default:
		if (file->fd >= 0)
			file_change(file);
	}
}

/* All are written; then all synced, through the descriptors they were written by. */
static void round_kept(unsigned noise, unsigned *count, bool cheat)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].fd < 0)
			file_open(&files[i], O_CREAT);
	for (int i = 0; i < FILES; i++)
		if (random_below(8))
			file_change(&files[i]);
	for (int i = 0; i < FILES; i++) {
		file_sync(&files[i], count, cheat);
		if (random_below(100) < noise)
			disturb(i);
		if (random_below(100) < noise)
			file_sync(&files[random_below(FILES)], count, cheat);
	}
}

/* All are written and closed; then each is opened and synced. */
static void round_reopened(unsigned noise, unsigned *count, bool cheat)
{
	for (int i = 0; i < FILES; i++) {
		if (files[i].fd < 0)
			file_open(&files[i], O_CREAT);
		file_change(&files[i]);
		file_close(&files[i]);
	}
	for (int i = 0; i < FILES; i++) {
		if (files[i].fd < 0)
			file_open(&files[i], 0);
		if (random_below(100) < noise)
			file_change(&files[i]);
		file_sync(&files[i], count, cheat);
		if (random_below(100) < noise)
			disturb(i);
		if (random_below(4))
			file_close(&files[i]);
	}
}

static void begin(uint64_t seed, const char *directory, const char *path)
{
	random_state = seed * 2654435761u + 88172645463325252u;
	for (int i = 0; i < 16; i++)
		random_below(2);
	marks = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	check(marks >= 0, path);
	check(chdir(directory) == 0, directory);
	memset(data, 'd', sizeof(data));
	source = open("source", O_RDWR | O_CREAT, 0644);
	check(source >= 0 && pwrite(source, data, SIZE, 0) == SIZE, "source");
	for (int i = 0; i < FILES; i++) {
		snprintf(files[i].name, sizeof(files[i].name), "f%02d", i);
		files[i].fd = -1;
	}
}

static void run(const char *seed, const char *directory, const char *path, bool cheat)
{
	unsigned noise, count = 0;

	begin(strtoull(seed, NULL, 10), directory, path);
	noise = random_below(4) ? 10 + random_below(40) : 0;
	favourite = random_below(CHANGES_ALONE);
	for (int i = 0; i < ROUNDS; i++)
		if (random_below(2))
			round_kept(noise, &count, cheat);
		else
			round_reopened(noise, &count, cheat);
}

/*
 * The first are synced, and with them, under the library, the others: then one of those is
 * changed. What can be begun before is: a buffer filled, memory shared.
 */
static void one_way(unsigned way)
{
	enum { FIRST = 4, CHANGED = 6 };
	struct file *file = &files[CHANGED];
	unsigned count = 0;

	for (int i = 0; i < FILES; i++) {
		file_open(&files[i], O_CREAT);
		file_write(&files[i]);
		mark('W', files[i].inode, 0);
	}
	if (changes[way] == file_stream && !file->pending)
		while (!file->pending)
			file_stream(file);
	if (changes[way] == file_map)
		file_map(file);
	for (int i = 0; i < FILES; i++) {
		file_sync(&files[i], &count, false);
		if (i + 1 == FIRST)
			changes[way](file);
		if (i + 1 == FIRST)
			mark('W', file->inode, 0);
	}
	for (int i = 0; i < FILES; i++)
		file_close(&files[i]);
}

static void each(const char *directory, const char *path)
{
	enum { TIMES = 4 };

	begin(1, directory, path);
	for (unsigned way = 0; way < CHANGES; way++)
		for (int i = 0; i < TIMES; i++)
			one_way(way);
}

static void links(const char *directory, const char *path)
{
	enum { LINKS = 40, EVERY = 8 };
	unsigned count = 0;
	char name[32];

	begin(1, directory, path);
	file_open(&files[0], O_CREAT);
	check(mkdir("links", 0755) == 0, "mkdir");
	for (ino_t i = 1; i <= LINKS; i++) {
		if (i % EVERY == 1) {
			file_write(&files[0]);
			mark('W', files[0].inode, 0);
		}
		snprintf(name, sizeof(name), "links/%02u", (unsigned)i);
		check(link("source", name) == 0, "link");
		mark('C', i, 0);
		if (i % EVERY == 0)
			file_sync(&files[0], &count, false);
	}
}

/* ---- what fails ---- */

static const char *sync_told(int fd)
{
	return fsync(fd) == 0 ? "success" : strerrorname_np(errno);
}

/*
 * Files with four descriptors; letters of ORDER say by which one all are synced next: the first,
 * one that is as old, a dup of the first, one that is opened then. F is the first three files
 * alone, with which the others are started; 3 where it is one of those that fails.
 */
static void errors(const char *directory, const char *order)
{
	enum { FIRST = 3, TIMES_MOST = 8, OTHER_STATUS = 3 };
	static const char *told[FILES][TIMES_MOST];
	int times = 0, dups[FILES];

	close_range(3, ~0U, 0); /* so that numbers are in order */
	begin(1, directory, "/dev/null");
	for (int i = 0; i < FILES; i++) {
		file_open(&files[i], O_CREAT);
		files[i].copy = open(files[i].name, O_RDWR);
		dups[i] = dup(files[i].fd);
		file_write(&files[i]);
	}
	for (int i = 0; *order == 'F' && i < FIRST; i++)
		if (fsync(files[i].fd) != 0)
			exit(OTHER_STATUS);
	for (order += *order == 'F'; *order && times < TIMES_MOST; order++, times++)
		for (int i = 0; i < FILES; i++) {
			int fd = *order == 'c'	 ? files[i].copy
				 : *order == 'd' ? dups[i]
				 : *order == 'n' ? open(files[i].name, O_RDWR)
						 : files[i].fd;

			told[i][times] = sync_told(fd);
		}
	for (int i = 0; i < FILES; i++)
		for (int time = 0; time < times; time++)
			printf("%s%s", told[i][time], time + 1 < times ? " " : "\n");
}

/* The files in the order the directory has them, one that the library knows. */
static void in_listed_order(int order[FILES])
{
	DIR *list = opendir(".");
	const struct dirent *entry;
	int count = 0;

	check(list != NULL, ".");
	while ((entry = readdir(list)))
		if (entry->d_name[0] == 'f' && count < FILES)
			order[count++] = atoi(entry->d_name + 1);
	closedir(list);
}

/*
 * Files with two descriptors each, one of which is told of a failure and closed. Then some are
 * opened again to be synced; and what have the descriptors heard that were there all the time?
 */
static void older(const char *directory)
{
	enum { REOPENED = 3, PAUSE_US = 20 * 1000 /* file times go by ticks of up to 10 ms */ };
	const char *told[FILES][3];
	int old[FILES], order[FILES];

	close_range(3, ~0U, 0);
	begin(1, directory, "/dev/null");
	check(unlink("source") == 0, "source"); /* nobody would ask what became of it */
	for (int i = 0; i < FILES; i++) {
		old[i] = open(files[i].name, O_RDWR | O_CREAT, 0644);
		check(old[i] >= 0 && write(old[i], data, SIZE) == SIZE, files[i].name);
		file_open(&files[i], 0);
		told[i][0] = sync_told(files[i].fd);
		file_close(&files[i]);
	}
	in_listed_order(order);
	usleep(PAUSE_US);
	for (int i = 0; i < REOPENED; i++) {
		int fd = open(files[order[i]].name, O_RDONLY);

		check(fd >= 0 && fsync(fd) == 0 && close(fd) == 0, "fsync");
	}
	for (int i = 0; i < FILES; i++) {
		int at = i % 2 ? FILES - 1 - i / 2 : i / 2; /* an order that shows none to come */

		told[at][1] = sync_told(old[at]);
		told[at][2] = sync_told(old[at]);
	}
	for (int i = 0; i < FILES; i++)
		printf("%s %s %s\n", told[i][0], told[i][1], told[i][2]);
}

/* The first files are synced, and nobody comes for what was started with them. */
static void few(const char *directory)
{
	enum { FEW = 4 };

	begin(1, directory, "/dev/null");
	for (int i = 0; i < FILES; i++) {
		file_open(&files[i], O_CREAT);
		file_write(&files[i]);
	}
	for (int i = 0; i < FEW; i++)
		sync_told(files[i].fd);
}

/* The first files are synced, then a child syncs all. */
static void inherited(const char *directory)
{
	int status;
	pid_t pid;

	few(directory);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < FILES; i++)
			printf("%s\n", sync_told(files[i].fd));
		fflush(stdout);
		_exit(0);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid, "child");
}

/* One small file is synced again and again, between descriptors of another that is not. */
static void growing(const char *directory)
{
	begin(1, directory, "/dev/null");
	for (int i = 0; i < FILES; i++) {
		file_open(&files[i], O_CREAT);
		file_write(&files[i]);
	}
	for (int i = 0; i < 50; i++) {
		file_write(&files[0]);
		file_write(&files[FILES / 2]);
		check(fsync(files[FILES / 2].fd) == 0, "fsync");
	}
}

/* ---- the checker ---- */

struct line {
	uint64_t inode, begin, end;
	int err;
	bool told; /* a failure was told to the program */
	size_t made; /* links, before a call */
};

static struct line *requests, *calls, *linked;
static size_t request_count, call_count, link_count;

static struct line *lines_make(void)
{
	struct line *lines = calloc(LINES_MOST, sizeof(*lines));

	check(lines != NULL, "memory");
	return lines;
}

static int error_number(const char *name)
{
	for (int err = 1; err < 134; err++)
		if (strerrorname_np(err) && !strcmp(strerrorname_np(err), name))
			return err;
	return 0;
}

static void log_read(const char *path)
{
	FILE *file = fopen(path, "r");
	char kind[32], err[32];
	struct line line = {0};

	check(file != NULL, path);
	requests = lines_make();
	linked = lines_make();
	while (fscanf(file, "%" SCNu64 " %" SCNu64 " %31s %" SCNu64 " %*s %*s %*s %31s %*s\n",
		      &line.begin, &line.end, kind, &line.inode, err) == 5) {
		line.err = error_number(err);
		if (!strcmp(kind, "fsync") && request_count < LINES_MOST)
			requests[request_count++] = line;
		if (!strcmp(kind, "link") && !line.err && link_count < LINES_MOST)
			linked[link_count++] = line;
	}
	fclose(file);
}

/* A call's begin is when it returned, end the time of the last change before. */
static void marks_read(const char *path)
{
	FILE *file = fopen(path, "r");
	static uint64_t changed[1 << 16];
	static uint64_t inode_of[1 << 16];
	char kind;
	uint64_t inode, when, made = 0;

	check(file != NULL, path);
	calls = lines_make();
	while (fscanf(file, "%c %" SCNu64 " %" SCNu64, &kind, &inode, &when) == 3) {
		unsigned place = (unsigned)(inode & 0xffff);
		int err = 0;

		check(kind != 'S' || fscanf(file, "%d", &err) == 1, "mark");
		fscanf(file, "\n");
		if (kind == 'C') {
			made = inode;
			continue;
		}
		while (inode_of[place] && inode_of[place] != inode)
			place = (place + 1) & 0xffff;
		inode_of[place] = inode;
		if (kind == 'W')
			changed[place] = when;
		else if (call_count < LINES_MOST)
			calls[call_count++] = 
				(struct line){inode, when, changed[place], err, false, made};
	}
	fclose(file);
}

static bool links_made(const struct line *call)
{
	size_t made = 0;

	for (size_t i = 0; i < link_count; i++)
		made += linked[i].end <= call->begin;
	return made >= call->made;
}

static bool call_durable(const struct line *call)
{
	if (!links_made(call))
		return false;
	for (size_t i = 0; i < request_count; i++) {
		const struct line *it = &requests[i];

		if (it->inode == call->inode && !it->err && it->begin >= call->end &&
		    it->end <= call->begin)
			return true;
	}
	return false;
}

/* The failed request that CALL told of, and nobody else. */
static bool call_failed_rightly(const struct line *call)
{
	for (size_t i = 0; i < request_count; i++) {
		struct line *it = &requests[i];

		if (it->inode == call->inode && it->err == call->err && !it->told &&
		    it->end <= call->begin)
			return it->told = true;
	}
	return false;
}

static int verify(void)
{
	unsigned broken = 0, failures = 0, untold = 0;

	for (size_t i = 0; i < call_count; i++) {
		const struct line *call = &calls[i];

		failures += call->err != 0;
		if (call->err ? call_failed_rightly(call) : call_durable(call))
			continue;
		if (broken++ < 5)
			printf("broken: fsync of %" PRIu64 " returned %d at %" PRIu64
			       ", changed last at %" PRIu64 "\n",
			       call->inode, call->err, call->begin, call->end);
	}
	for (size_t i = 0; i < request_count; i++)
		untold += requests[i].err && !requests[i].told;
	printf("%zu fsyncs, %u failed, %u broken, %u failures untold\n", call_count, failures,
	       broken, untold);
	return broken || untold || !call_count ? 1 : 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && !strcmp(argv[1], "run")) {
		run(argv[2], argv[3], argv[4], argc > 5 && !strcmp(argv[5], "cheat"));
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "each")) {
		each(argv[2], argv[3]);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "links")) {
		links(argv[2], argv[3]);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "errors")) {
		errors(argv[2], argv[3]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "older")) {
		older(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "few")) {
		few(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "inherited")) {
		inherited(argv[2]);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "log")) {
		growing(argv[2]);
		return 0;
	}
	if (argc == 4 && !strcmp(argv[1], "check")) {
		log_read(argv[2]);
		marks_read(argv[3]);
		return verify();
	}
	fprintf(stderr, "usage: syncs run SEED DIRECTORY MARKS [cheat] | each DIRECTORY MARKS |\n"
			"       syncs links DIRECTORY MARKS | errors DIRECTORY ORDER |\n"
			"       syncs older|few|inherited|log DIRECTORY | check LOG MARKS\n");
	return 2;
}
