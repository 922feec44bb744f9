/* SPDX-License-Identifier: MIT
 *
 * matrix-file: strange arguments and strange descriptors, call by call (matrix.h).
 */
#include <dlfcn.h>
#include <linux/openat2.h>
#include <pty.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#include "matrix.h"
// LDLIBS: -lutil

/* ---- descriptors of every kind ------------------------------------------------------ */

enum { KINDS_MOST = 32 };

static struct kind {
	const char *name;
	int fd;
} kinds[KINDS_MOST];
static int kinds_count;

static void kind_add(const char *name, int fd)
{
	kinds[kinds_count++] = (struct kind){name, fd};
}

/* Two of a pair, the first of which could be read without blocking. */
static void kind_add_pipes(void)
{
	int fd[2], sockets[2], terminal[2];

	MUST(pipe2(fd, O_NONBLOCK));
	MUST(write(fd[1], "pipe content", 12));
	kind_add("pipe read end", fd[0]);
	kind_add("pipe write end", fd[1]);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets));
	MUST(write(sockets[1], "socket content", 14));
	kind_add("socket", sockets[0]);
	MUST(openpty(&terminal[0], &terminal[1], NULL, NULL, NULL));
	MUST(fcntl(terminal[0], F_SETFL, O_RDWR | O_NONBLOCK));
	MUST(fcntl(terminal[1], F_SETFL, O_RDWR | O_NONBLOCK));
	MUST(write(terminal[0], "line\n", 5));
	kind_add("terminal", terminal[1]);
	MUST(mkfifo("fifo", 0644));
	kind_add("fifo", open("fifo", O_RDWR | O_NONBLOCK));
}

static void kinds_make(void)
{
	file_put("file", "0123456789abcdef");
	kind_add("file", open("file", O_RDWR));
	kind_add("file, read only", open("file", O_RDONLY));
	kind_add("file, write only", open("file", O_WRONLY));
	kind_add("file, append", open("file", O_RDWR | O_APPEND));
	kind_add("file, O_PATH", open("file", O_PATH));
	kind_add("directory", open(".", O_RDONLY | O_DIRECTORY));
	kind_add("directory, O_PATH", open(".", O_PATH));
	kind_add_pipes();
	kind_add("eventfd", eventfd(3, EFD_NONBLOCK));
	kind_add("/dev/null", open("/dev/null", O_RDWR));
	kind_add("/dev/full", open("/dev/full", O_RDWR));
	kind_add("/proc/self/comm", open("/proc/self/comm", O_RDWR));
	kind_add("O_TMPFILE", open(".", O_TMPFILE | O_RDWR, 0600));
	/* Opened last: nothing has happened since that would make the shim forget them. */
	kind_add("new file", open("file", O_RDWR));
	kind_add("new file, append", open("file", O_RDWR | O_APPEND));
	kind_add("closed", 900);
	kind_add("-1", -1);
	kind_add("AT_FDCWD", AT_FDCWD);
	kind_add("INT_MAX", INT_MAX);
}

#define FOR_KINDS for (struct kind *kind = kinds; kind < kinds + kinds_count; kind++)
#define TRY_KIND(text, call) \
	do { \
		char text_[200]; \
		snprintf(text_, sizeof(text_), "%s: %s", kind->name, text); \
		TRY_AS(text_, call); \
	} while (0)

static const size_t lengths[] = {0, 1, 5, 4096, 0x7ffff000, (size_t)1 << 32, ((size_t)1 << 32) + 3,
				 SSIZE_MAX, (size_t)SSIZE_MAX + 1, SIZE_MAX};
static const off_t offsets[] = {0, 3, 16, 4096, -1, -2, INT64_MIN, INT64_MAX, INT64_MAX - 3,
				(off_t)1 << 32, (off_t)1 << 44};

#define FOR_LENGTHS for (const size_t *length = lengths; length < lengths + sizeof(lengths) / sizeof(*lengths); length++)
#define FOR_OFFSETS for (const off_t *offset = offsets; offset < offsets + sizeof(offsets) / sizeof(*offsets); offset++)

static void strange_preads(void)
{
	char *end = fence_make(2), *buffer = end - 8192;
	char text[64];

	kinds_make();
	FOR_KINDS FOR_LENGTHS FOR_OFFSETS {
		memset(buffer, '.', 8192);
		sprintf(text, "pread %zx at %lx", *length, *offset);
		TRY_KIND(text, pread(kind->fd, buffer, *length, *offset));
		if (buffer[0] != '.')
			note("\tgot %.16s", buffer);
	}
}

static void strange_pwrites(void)
{
	char *end = fence_make(2), *buffer = end - 8192;
	char text[64];

	kinds_make();
	memset(buffer, 'w', 8192);
	FOR_KINDS FOR_LENGTHS FOR_OFFSETS {
		sprintf(text, "pwrite %zx at %lx", *length, *offset);
		TRY_KIND(text, pwrite(kind->fd, buffer, *length, *offset));
		if (MUST(truncate("file", 16)))
			return;
	}
	lstat_note("file");
	file_note("file");
}

static void strange_reads(void)
{
	char *end = fence_make(2), *buffer = end - 8192;
	char text[64];

	kinds_make();
	FOR_KINDS FOR_LENGTHS {
		memset(buffer, '.', 8192);
		sprintf(text, "read %zx", *length);
		TRY_KIND(text, read(kind->fd, buffer, *length));
		if (buffer[0] != '.')
			note("\tgot %.16s", buffer);
		TRY_KIND("position", lseek(kind->fd, 0, SEEK_CUR));
	}
}

static void strange_writes(void)
{
	char *end = fence_make(2), *buffer = end - 8192;
	char text[64];

	kinds_make();
	memset(buffer, 'w', 8192);
	signal(SIGPIPE, SIG_IGN);
	FOR_KINDS FOR_LENGTHS {
		if (!strcmp(kind->name, "terminal") && *length > 5)
			continue; /* how much fits is the terminal's business */
		sprintf(text, "write %zx", *length);
		TRY_KIND(text, write(kind->fd, buffer, *length));
		TRY_KIND("position", lseek(kind->fd, 0, SEEK_CUR));
	}
	lstat_note("file");
	file_note("file");
}

static void vector_calls(struct kind *kind, const struct iovec *vector, int count)
{
	char text[100];

#define VECTOR_CALL(call) \
	do { \
		sprintf(text, "%s (%d vectors)", #call, count); \
		TRY_KIND(text, call); \
	} while (0)
	VECTOR_CALL(readv(kind->fd, vector, count));
	VECTOR_CALL(preadv(kind->fd, vector, count, 1));
	VECTOR_CALL(preadv(kind->fd, vector, count, -1));
	VECTOR_CALL(preadv2(kind->fd, vector, count, 0, 0));
	VECTOR_CALL(preadv2(kind->fd, vector, count, -1, 0));
	VECTOR_CALL(preadv2(kind->fd, vector, count, -2, 0));
	VECTOR_CALL(preadv2(kind->fd, vector, count, 0, 0x4000));
	VECTOR_CALL(writev(kind->fd, vector, count));
	VECTOR_CALL(pwritev(kind->fd, vector, count, 1));
	VECTOR_CALL(pwritev(kind->fd, vector, count, -1));
	VECTOR_CALL(pwritev2(kind->fd, vector, count, 0, RWF_DSYNC));
	VECTOR_CALL(pwritev2(kind->fd, vector, count, -1, 0));
	VECTOR_CALL(pwritev2(kind->fd, vector, count, 0, RWF_APPEND));
	VECTOR_CALL(pwritev2(kind->fd, vector, count, -7, RWF_APPEND));
	VECTOR_CALL(lseek(kind->fd, 0, SEEK_CUR));
}

static void strange_vectors(void)
{
	char *end = fence_make(2), *buffer = end - 8192;
	struct iovec good[3] = {{buffer, 3}, {buffer + 100, 0}, {buffer + 200, 5}};
	struct iovec mixed[3] = {{buffer, 3}, {end, 5}, {buffer, 5}};
	struct iovec bad[2] = {{NULL, 3}, {(void *)1, 5}};
	struct iovec huge[2] = {{buffer, SSIZE_MAX}, {buffer, SSIZE_MAX}};

	kinds_make();
	signal(SIGPIPE, SIG_IGN);
	memset(buffer, 'v', 8192);
	FOR_KINDS {
		vector_calls(kind, good, 3);
		vector_calls(kind, good, 0);
		vector_calls(kind, good, -1);
		vector_calls(kind, good, 1025);
		vector_calls(kind, mixed, 3);
		vector_calls(kind, bad, 2);
		vector_calls(kind, huge, 2);
		vector_calls(kind, NULL, 1);
		vector_calls(kind, (void *)8, 1);
	}
	file_note("file");
}

static void strange_syncs(void)
{
	kinds_make();
	FOR_KINDS {
		TRY_KIND("fsync", fsync(kind->fd));
		TRY_KIND("fdatasync", fdatasync(kind->fd));
		TRY_KIND("sync_file_range", sync_file_range(kind->fd, 0, 0, SYNC_FILE_RANGE_WRITE));
		TRY_KIND("sync_file_range -1", sync_file_range(kind->fd, -1, 0, 2));
		TRY_KIND("sync_file_range 4 GiB", sync_file_range(kind->fd, 0, 1L << 32, 2));
		TRY_KIND("sync_file_range overflow", sync_file_range(kind->fd, INT64_MAX, 5, 2));
		TRY_KIND("sync_file_range flags", sync_file_range(kind->fd, 0, 0, 64));
		TRY_KIND("syncfs", syncfs(kind->fd));
	}
}

static void strange_allocations(void)
{
	kinds_make();
	FOR_KINDS {
		TRY_KIND("fallocate", fallocate(kind->fd, 0, 0, 4096));
		TRY_KIND("fallocate 0", fallocate(kind->fd, 0, 0, 0));
		TRY_KIND("fallocate -1", fallocate(kind->fd, 0, -1, 5));
		TRY_KIND("fallocate length -1", fallocate(kind->fd, 0, 0, -1));
		TRY_KIND("fallocate keep", fallocate(kind->fd, FALLOC_FL_KEEP_SIZE, 8192, 4096));
		TRY_KIND("fallocate punch", fallocate(kind->fd, FALLOC_FL_PUNCH_HOLE, 0, 10));
		TRY_KIND("fallocate hole",
			 fallocate(kind->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4));
		TRY_KIND("posix_fallocate", posix_fallocate(kind->fd, 0, 5000));
		TRY_KIND("posix_fallocate 0", posix_fallocate(kind->fd, 0, 0));
		TRY_KIND("posix_fallocate -1", posix_fallocate(kind->fd, -1, 5));
		TRY_KIND("posix_fadvise", posix_fadvise(kind->fd, 0, 0, POSIX_FADV_WILLNEED));
		TRY_KIND("posix_fadvise -1", posix_fadvise(kind->fd, 0, -1, POSIX_FADV_NORMAL));
		TRY_KIND("posix_fadvise 99", posix_fadvise(kind->fd, 0, 0, 99));
		TRY_KIND("ftruncate", ftruncate(kind->fd, 20));
		TRY_KIND("ftruncate -1", ftruncate(kind->fd, -1));
		TRY_KIND("ftruncate huge", ftruncate(kind->fd, INT64_MAX));
	}
	lstat_note("file");
	TRY(truncate("file", -1));
	TRY(truncate("file", 7));
	TRY(truncate(".", 7));
	TRY(truncate("fifo", 7));
	TRY(truncate("absent", 7));
	file_note("file");
}

/* NULL where the compiler would object to it. */
static const char *volatile nowhere;

static void strange_stats(void)
{
	struct stat stat;
	struct statx statx_;

	kinds_make();
	FOR_KINDS {
		bool sized = strncmp(kind->name, "/dev", 4) && strcmp(kind->name, "terminal");

		TRY_KIND("fstat", fstat(kind->fd, &stat));
		if (errno == ERRNO_BEFORE && sized)
			stat_note("\t", &stat);
		TRY_KIND("fstatat empty", fstatat(kind->fd, "", &stat, AT_EMPTY_PATH));
		TRY_KIND("fstatat empty, no flag", fstatat(kind->fd, "", &stat, 0));
		TRY_KIND("fstatat .", fstatat(kind->fd, ".", &stat, 0));
		TRY_KIND("fstatat /", fstatat(kind->fd, "/", &stat, 0));
		TRY_KIND("fstatat flags", fstatat(kind->fd, "", &stat, 0x40000000));
		TRY_KIND("fstatat symlink flag", fstatat(kind->fd, "x", &stat, AT_SYMLINK_FOLLOW));
		TRY_KIND("fstatat NULL", fstatat(kind->fd, nowhere, &stat,
						 AT_EMPTY_PATH));
		TRY_KIND("statx", statx(kind->fd, "", AT_EMPTY_PATH, STATX_ALL, &statx_));
		TRY_KIND("statx NULL", statx(kind->fd, nowhere, AT_EMPTY_PATH, STATX_ALL, &statx_));
		TRY_KIND("statx mask", statx(kind->fd, "", AT_EMPTY_PATH, 1U << 31, &statx_));
		TRY_KIND("statx sync both", statx(kind->fd, "", AT_EMPTY_PATH | AT_STATX_SYNC_TYPE, 1,
						  &statx_));
	}
}

static void strange_directories(void)
{
	char text[64];
	struct stat stat;

	kinds_make();
	FOR_KINDS {
		snprintf(text, sizeof(text), "d%d", (int)(kind - kinds));
		TRY_KIND("mkdirat", mkdirat(kind->fd, text, 0750));
		TRY_KIND("mkdirat empty", mkdirat(kind->fd, "", 0750));
		TRY_KIND("openat", openat(kind->fd, text, O_RDONLY | O_DIRECTORY) >= 0);
		TRY_KIND("openat empty", openat(kind->fd, "", O_RDONLY));
		TRY_KIND("fstatat", fstatat(kind->fd, text, &stat, 0));
		TRY_KIND("symlinkat", symlinkat("to", kind->fd, "symlink"));
		TRY_KIND("linkat", linkat(kind->fd, "file", kind->fd, "file2", 0));
		TRY_KIND("linkat empty", linkat(kind->fd, "", AT_FDCWD, "file3", AT_EMPTY_PATH));
		TRY_KIND("linkat flags", linkat(kind->fd, "", AT_FDCWD, "file4", 0x40000000));
		TRY_KIND("renameat", renameat(kind->fd, "file2", kind->fd, "file5"));
		TRY_KIND("renameat2", renameat2(kind->fd, "file5", kind->fd, "file", RENAME_NOREPLACE));
		TRY_KIND("unlinkat", unlinkat(kind->fd, "file5", 0));
		TRY_KIND("unlinkat symlink", unlinkat(kind->fd, "symlink", 0));
		TRY_KIND("unlinkat file3", unlinkat(AT_FDCWD, "file3", 0));
		TRY_KIND("unlinkat directory", unlinkat(kind->fd, text, 0));
		TRY_KIND("unlinkat flags", unlinkat(kind->fd, text, 1));
		TRY_KIND("rmdir", unlinkat(kind->fd, text, AT_REMOVEDIR));
	}
	names_note(".");
}

static void strange_attributes(void)
{
	char value[64];

	kinds_make();
	FOR_KINDS {
		TRY_KIND("fgetxattr", fgetxattr(kind->fd, "user.x", value, 64));
		TRY_KIND("fsetxattr", fsetxattr(kind->fd, "user.x", "v", 1, 0));
		TRY_KIND("fgetxattr", fgetxattr(kind->fd, "user.x", value, 64));
		TRY_KIND("flistxattr", flistxattr(kind->fd, NULL, 0) >= 0);
		TRY_KIND("fremovexattr", fremovexattr(kind->fd, "user.x"));
	}
}

static void strange_closes(void)
{
	kinds_make();
	FOR_KINDS {
		TRY_KIND("close", close(kind->fd));
		TRY_KIND("close again", close(kind->fd));
	}
	fds_note("at the end");
}

/* ---- bad pointers ------------------------------------------------------------------- */

static const char *bad_path(int which)
{
	static char *unterminated;

	if (!unterminated) {
		unterminated = fence_make(1) - 3;
		memcpy(unterminated, "fil", 3);
	}
	switch (which) {
	case 0: return NULL;
	case 1: return (char *)1;
	case 2: return unterminated;
	case 3: return (char *)0xffff800000000000;
	case 4: return (char *)0x7fffffffffff;
	default: return (char *)0x8000000000001000;
	}
}

enum { BAD_PATHS = 6 };

#define TRY_BAD(text, call) \
	do { \
		char text_[200]; \
		snprintf(text_, sizeof(text_), "bad pointer %d: %s", i, text); \
		TRY_AS(text_, call); \
	} while (0)
#define TRY_BAD_CALL(call) TRY_BAD(#call, call)

static void bad_names(int i)
{
	const char *bad = bad_path(i);
	char buffer[64];
	struct stat st;
	struct statx stx;

	TRY_BAD_CALL(stat(bad, &st));
	TRY_BAD_CALL(lstat(bad, &st));
	TRY_BAD_CALL(fstatat(AT_FDCWD, bad, &st, 0));
	TRY_BAD_CALL(fstatat(900, bad, &st, 0));
	TRY_BAD_CALL(statx(AT_FDCWD, bad, 0, STATX_ALL, &stx));
	TRY_BAD_CALL(open(bad, O_RDONLY));
	TRY_BAD_CALL(open(bad, O_RDWR | O_CREAT, 0644));
	TRY_BAD_CALL(openat(900, bad, O_RDONLY));
	TRY_BAD_CALL(creat(bad, 0644));
	TRY_BAD_CALL(link(bad, "x"));
	TRY_BAD_CALL(link("file", bad));
	TRY_BAD_CALL(linkat(AT_FDCWD, "file", 900, bad, 0));
	TRY_BAD_CALL(unlink(bad));
	TRY_BAD_CALL(rmdir(bad));
	TRY_BAD_CALL(remove(bad));
	TRY_BAD_CALL(rename(bad, "x"));
	TRY_BAD_CALL(rename("file", bad));
	TRY_BAD_CALL(mkdir(bad, 0755));
	TRY_BAD_CALL(symlink(bad, "x"));
	TRY_BAD_CALL(symlink("x", bad));
	TRY_BAD_CALL(getxattr(bad, "user.x", buffer, 64));
	TRY_BAD_CALL(getxattr("file", bad, buffer, 64));
	TRY_BAD_CALL(setxattr(bad, "user.x", "v", 1, 0));
	TRY_BAD_CALL(setxattr("file", bad, "v", 1, 0));
	TRY_BAD_CALL(listxattr(bad, buffer, 64));
	TRY_BAD_CALL(readlink(bad, buffer, 64));
	TRY_BAD_CALL(access(bad, R_OK));
	TRY_BAD_CALL(chmod(bad, 0644));
	TRY_BAD_CALL(chown(bad, 0, 0));
	TRY_BAD_CALL(truncate(bad, 0));
	TRY_BAD_CALL(utimensat(AT_FDCWD, bad, NULL, 0));
	TRY_BAD_CALL(mknod(bad, S_IFREG | 0644, 0));
	TRY_BAD_CALL(chdir(bad));
}

static void bad_buffers(int i, int fd)
{
	char *bad = (char *)(uintptr_t)bad_path(i);
	struct open_how how = {.flags = O_RDONLY};

	TRY_BAD_CALL(stat("file", (struct stat *)bad));
	TRY_BAD_CALL(stat("absent", (struct stat *)bad));
	TRY_BAD_CALL(lstat("file", (struct stat *)bad));
	TRY_BAD_CALL(fstat(fd, (struct stat *)bad));
	TRY_BAD_CALL(fstat(900, (struct stat *)bad));
	TRY_BAD_CALL(fstatat(AT_FDCWD, "file", (struct stat *)bad, 0));
	TRY_BAD_CALL(statx(AT_FDCWD, "file", 0, STATX_ALL, (struct statx *)bad));
	TRY_BAD_CALL(statx(AT_FDCWD, "absent", 0, STATX_ALL, (struct statx *)bad));
	TRY_BAD_CALL(read(fd, bad, 5));
	TRY_BAD_CALL(pread(fd, bad, 5, 0));
	TRY_BAD_CALL(pread(fd, bad, 5, 100));
	TRY_BAD_CALL(write(fd, bad, 5));
	TRY_BAD_CALL(pwrite(fd, bad, 5, 0));
	TRY_BAD_CALL(readv(fd, (struct iovec *)bad, 1));
	TRY_BAD_CALL(pwritev(fd, (struct iovec *)bad, 1, 0));
	TRY_BAD_CALL(getxattr("file", "user.x", bad, 64));
	TRY_BAD_CALL(getxattr("file", "user.x", bad, 0));
	TRY_BAD_CALL(fgetxattr(fd, "user.x", bad, 64));
	TRY_BAD_CALL(setxattr("file", "user.y", bad, 4, 0));
	TRY_BAD_CALL(fsetxattr(fd, "user.y", bad, 4, 0));
	TRY_BAD_CALL(syscall(SYS_openat2, AT_FDCWD, bad, &how, sizeof(how)));
	TRY_BAD_CALL(syscall(SYS_openat2, AT_FDCWD, "file", bad, sizeof(how)));
	TRY_BAD_CALL(lseek(fd, 0, SEEK_CUR));
}

static void bad_pointers(void)
{
	int fd = file_make("file", "0123456789");

	TRY(setxattr("file", "user.x", "value", 5, 0));
	MUST(lseek(fd, 0, SEEK_SET));
	for (int i = 0; i < BAD_PATHS; i++) {
		bad_names(i);
		bad_buffers(i, fd);
	}
	file_note("file");
	names_note(".");
	fds_note("at the end");
}

/* Structures and buffers that begin in good memory and end in bad. */
static void buffers_at_the_edge(void)
{
	char *edge = fence_make(1);
	int fd = file_make("file", "0123456789abcdef");
	size_t sizes[] = {sizeof(struct stat), sizeof(struct stat) - 1, 100, 8, 1};
	char text[100];

	memset(edge - 4096, '.', 4096);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		snprintf(text, sizeof(text), "fstat, %zu bytes", sizes[i]);
		TRY_AS(text, fstat(fd, (struct stat *)(edge - sizes[i])));
		snprintf(text, sizeof(text), "stat, %zu bytes", sizes[i]);
		TRY_AS(text, stat("file", (struct stat *)(edge - sizes[i])));
	}
	TRY(statx(AT_FDCWD, "file", 0, STATX_ALL, (struct statx *)(edge - sizeof(struct statx))));
	TRY(statx(AT_FDCWD, "file", 0, STATX_ALL, (struct statx *)(edge - 100)));
	memset(edge - 4096, '.', 4096);
	TRY(pread(fd, edge - 8, 16, 0));
	note("%.8s", edge - 8);
	TRY(pread(fd, edge - 8, 8, 0));
	TRY(pread(fd, edge - 16, 16, 0));
	TRY(pwrite(fd, edge - 4, 16, 16));
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, edge - 8, 16));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(write(fd, edge - 8, 16));
	TRY(lseek(fd, 0, SEEK_CUR));
	strcpy(edge - 5, "file");
	TRY(stat(edge - 5, (struct stat *)(edge - 4096)));
	TRY(open(edge - 5, O_RDONLY));
	TRY(link(edge - 5, "linked"));
	file_note("file");
}

/* A page that becomes readable only by the fault handler, and one that is read only. */
static void read_only_memory(void)
{
	char *edge = fence_make(1);
	int fd = file_make("file", "0123456789abcdef");

	memset(edge - 4096, 'r', 4096);
	mprotect(edge - 4096, 4096, PROT_READ);
	TRY(fstat(fd, (struct stat *)(edge - 1024)));
	TRY(pread(fd, edge - 1024, 10, 0));
	TRY(pwrite(fd, edge - 1024, 10, 0));
	TRY(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, (struct statx *)(edge - 1024)));
	TRY(getxattr("file", "user.x", edge - 1024, 5));
	file_note("file");
}

/* ---- names -------------------------------------------------------------------------- */

static void open_variants(void)
{
	static char longest[5000];
	mode_t before = umask(027);
	struct stat stat;
	int fd;

	file_put("file", "content");
	MUST(mkdir("dir", 0777));
	MUST(symlink("file", "symlink"));
	MUST(symlink("loop", "loop"));
	MUST(symlink("absent", "dangling"));
	memset(longest, 'n', sizeof(longest) - 1);
	TRY(open("file", O_RDONLY | O_CREAT | O_EXCL, 0666));
	TRY(open("symlink", O_RDONLY | O_NOFOLLOW));
	TRY(open("symlink", O_PATH | O_NOFOLLOW));
	TRY(open("symlink", O_RDONLY));
	TRY(open("loop", O_RDONLY));
	TRY(open("dangling", O_RDONLY));
	TRY(open("dangling", O_RDONLY | O_CREAT | O_EXCL, 0666));
	TRY(open("dangling", O_RDWR | O_CREAT, 0666));
	lstat_note("absent");
	TRY(open("dir", O_RDWR));
	TRY(open("dir", O_RDONLY | O_CREAT, 0666));
	TRY(open("dir", O_RDONLY));
	TRY(open("dir", O_TMPFILE | O_RDONLY, 0600));
	TRY(open("file", O_RDONLY | O_DIRECTORY));
	TRY(open("file/", O_RDONLY));
	TRY(open("file/x", O_RDONLY));
	TRY(open("absent/", O_RDWR | O_CREAT, 0666));
	TRY(open("", O_RDONLY));
	TRY(open("", O_RDWR | O_CREAT, 0666));
	TRY(open(longest, O_RDONLY));
	longest[255] = '\0';
	TRY(open(longest, O_RDWR | O_CREAT, 0666));
	longest[255] = 'n', longest[256] = '\0';
	TRY(open(longest, O_RDWR | O_CREAT, 0666));
	TRY(open("mode", O_RDWR | O_CREAT, 0777));
	lstat_note("mode");
	TRY(open("strange", O_RDWR | O_CREAT, 07777));
	lstat_note("strange");
	TRY(creat("created", 0666));
	lstat_note("created");
	TRY(open("readonly", O_RDWR | O_CREAT, 0));
	lstat_note("readonly");
	TRY(open("readonly", O_RDWR));
	TRY(open("file", O_WRONLY | O_TRUNC));
	lstat_note("file");
	TRY(open("file", 3));
	TRY(open("file", O_RDONLY | 0x40000000));
	TRY(open("file", O_RDWR | O_CREAT | O_DIRECTORY, 0666));
	TRY(open("/dev/tty", O_RDWR));
	TRY(open("/proc/self/nothing", O_RDONLY));
	TRY(open("/proc/self/cmdline", O_RDONLY));
	fd = open("dir", O_TMPFILE | O_RDWR, 0666);
	TRY(fstat(fd, &stat));
	stat_note("O_TMPFILE", &stat);
	TRY(linkat(fd, "", AT_FDCWD, "dir/linked", AT_EMPTY_PATH) && errno != ENOENT);
	umask(before);
	names_note(".");
	fds_note("at the end");
}

static void open_flags_kept(void)
{
	static const int flags[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR | O_APPEND,
				    O_RDWR | O_NONBLOCK, O_RDWR | O_SYNC, O_RDWR | O_DSYNC,
				    O_RDONLY | O_NOATIME, O_RDWR | O_CLOEXEC, O_RDONLY | O_ASYNC,
				    O_PATH, O_PATH | O_CLOEXEC, O_RDONLY | O_NOCTTY};

	file_put("file", "content");
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		int fd = open("file", flags[i]);

		note("open with %o: %d, status flags %o, descriptor flags %d", flags[i], fd,
		     fcntl(fd, F_GETFL), fcntl(fd, F_GETFD));
		close(fd);
	}
}

static void openat2_variants(void)
{
	struct {
		struct open_how how;
		uint64_t more;
	} big = {.how = {.flags = O_RDONLY}};
	struct open_how how = {.flags = O_RDONLY};
	int dir;

	MUST(mkdir("dir", 0755));
	file_put("file", "content");
	file_put("dir/inside", "inside");
	MUST(symlink("../file", "dir/out"));
	MUST(symlink("inside", "dir/in"));
	dir = open("dir", O_PATH);
#define OPENAT2(fd, path, pointer, size) TRY(syscall(SYS_openat2, fd, path, pointer, size))
	OPENAT2(AT_FDCWD, "file", &how, sizeof(how));
	OPENAT2(AT_FDCWD, "absent", &how, sizeof(how));
	OPENAT2(AT_FDCWD, "file", &how, 0L);
	OPENAT2(AT_FDCWD, "file", &how, sizeof(how) - 1);
	OPENAT2(AT_FDCWD, "file", &big, sizeof(big));
	big.more = 1;
	OPENAT2(AT_FDCWD, "file", &big, sizeof(big));
	OPENAT2(AT_FDCWD, "file", &big, 8192L);
	how.resolve = RESOLVE_BENEATH;
	OPENAT2(dir, "inside", &how, sizeof(how));
	OPENAT2(dir, "in", &how, sizeof(how));
	OPENAT2(dir, "out", &how, sizeof(how));
	OPENAT2(dir, "../file", &how, sizeof(how));
	OPENAT2(dir, "/etc", &how, sizeof(how));
	how.resolve = RESOLVE_NO_SYMLINKS;
	OPENAT2(dir, "in", &how, sizeof(how));
	how.resolve = RESOLVE_IN_ROOT;
	OPENAT2(dir, "/inside", &how, sizeof(how));
	OPENAT2(dir, "/file", &how, sizeof(how));
	how.resolve = 1 << 20;
	OPENAT2(dir, "inside", &how, sizeof(how));
	how = (struct open_how){.flags = O_RDONLY, .mode = 0600};
	OPENAT2(dir, "inside", &how, sizeof(how));
	how = (struct open_how){.flags = O_RDWR | O_CREAT, .mode = 0640};
	OPENAT2(dir, "new", &how, sizeof(how));
	lstat_note("dir/new");
	how.flags = (uint64_t)1 << 40;
	OPENAT2(dir, "inside", &how, sizeof(how));
	fds_note("at the end");
}

static void names_and_links(void)
{
	static char target[4200];

	file_put("file", "content");
	MUST(mkdir("dir", 0755));
	MUST(mkdir("dir/full", 0755));
	MUST(symlink("file", "symlink"));
	TRY(link("symlink", "hard-symlink"));
	lstat_note("hard-symlink");
	TRY(linkat(AT_FDCWD, "symlink", AT_FDCWD, "hard-file", AT_SYMLINK_FOLLOW));
	lstat_note("hard-file");
	TRY(link("dir", "hard-dir"));
	TRY(link("file", "file"));
	TRY(link("file", "/proc/x"));
	TRY(link("/proc/self/comm", "x"));
	TRY(link("file/", "x"));
	TRY(link("file", "x/"));
	TRY(link("file", "absent/x"));
	TRY(symlink("", "empty"));
	memset(target, 't', 4199);
	TRY(symlink(target, "toolong"));
	target[4095] = '\0';
	TRY(symlink(target, "long"));
	TRY(symlink("x", "file"));
	TRY(symlink("x", "dir/"));
	TRY(unlink("dir"));
	TRY(unlink("dir/"));
	TRY(unlink("symlink/"));
	TRY(unlink("file/"));
	TRY(rmdir("dir"));
	TRY(rmdir("file"));
	TRY(rmdir("symlink"));
	TRY(rmdir("."));
	TRY(rmdir("dir/full/."));
	TRY(rmdir("dir/full/.."));
	TRY(rmdir("/"));
	TRY(rmdir(""));
	TRY(remove("dir"));
	TRY(remove("dir/full"));
	TRY(remove("hard-symlink"));
	TRY(remove("absent"));
	TRY(remove("dir/"));
	TRY(mkdir("dir", 0755));
	TRY(mkdir("dir2/", 01777));
	lstat_note("dir2");
	TRY(mkdir("dir2/..", 0755));
	TRY(mkdir("file/x", 0755));
	TRY(mkdir("/", 0755));
	names_note(".");
}

static void renames(void)
{
	file_put("a", "a");
	file_put("b", "b");
	MUST(mkdir("dir", 0755));
	MUST(mkdir("full", 0755));
	file_put("full/x", "x");
	MUST(symlink("a", "symlink"));
	TRY(rename("a", "b"));
	TRY(rename("b", "b"));
	TRY(rename("b", "dir"));
	TRY(rename("dir", "b"));
	TRY(rename("dir", "full"));
	TRY(rename("full", "dir"));
	TRY(rename("dir", "dir/below"));
	TRY(rename("dir/.", "x"));
	TRY(rename("absent", "x"));
	TRY(rename("b/", "x"));
	TRY(rename("b", "x/"));
	TRY(rename("b", "/proc/x"));
	TRY(rename("symlink", "moved"));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "moved", RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "moved", RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "absent", RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "moved", RENAME_EXCHANGE | RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "b", AT_FDCWD, "moved", 1 << 20));
	file_put("c", "c");
	file_put("d", "d");
	MUST(link("c", "c2"));
	TRY(rename("c", "c2"));
	names_note(".");
	names_note("dir");
}

static void attributes(void)
{
	static char large[70000];
	volatile size_t huge = (size_t)1 << 32;
	static const char *const names[] = {"user.x", "user.", "user", "", "bogus.x", "trusted.x",
					    "security.x", "system.x",
					    "system.posix_acl_access"};
	char value[64], text[100];
	int fd = file_make("file", "content");

	MUST(mkdir("dir", 0755));
	MUST(symlink("file", "symlink"));
	MUST(symlink("absent", "dangling"));
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(text, sizeof(text), "set %s", names[i]);
		TRY_AS(text, setxattr("file", names[i], "value", 5, 0));
		snprintf(text, sizeof(text), "get %s", names[i]);
		TRY_AS(text, getxattr("file", names[i], value, sizeof(value)));
		snprintf(text, sizeof(text), "remove %s", names[i]);
		TRY_AS(text, removexattr("file", names[i]));
	}
	TRY(setxattr("file", "user.x", "value", 5, XATTR_REPLACE));
	TRY(setxattr("file", "user.x", "value", 5, XATTR_CREATE));
	TRY(setxattr("file", "user.x", "value", 5, XATTR_CREATE));
	TRY(setxattr("file", "user.x", "other", 5, XATTR_REPLACE));
	TRY(setxattr("file", "user.x", "other", 5, XATTR_REPLACE | XATTR_CREATE));
	TRY(setxattr("file", "user.x", "other", 5, 99));
	TRY(setxattr("file", "user.empty", "", 0, 0));
	TRY(setxattr("file", "user.empty", NULL, 0, 0));
	TRY(setxattr("file", "user.large", large, 65537, 0));
	TRY(setxattr("file", "user.large", large, huge, 0));
	TRY(getxattr("file", "user.empty", value, 64));
	TRY(getxattr("file", "user.x", value, 0));
	TRY(getxattr("file", "user.x", NULL, 0));
	TRY(getxattr("file", "user.x", value, 2));
	TRY(getxattr("file", "user.x", value, 5));
	note("%.5s", value);
	TRY(getxattr("file", "user.x", large, 70000));
	TRY(getxattr("file", "user.x", large, huge));
	TRY(getxattr("symlink", "user.x", value, 64));
	TRY(lgetxattr("symlink", "user.x", value, 64));
	TRY(lsetxattr("symlink", "user.x", "v", 1, 0));
	TRY(getxattr("dangling", "user.x", value, 64));
	TRY(getxattr("absent", "user.x", value, 64));
	TRY(getxattr("file/", "user.x", value, 64));
	TRY(setxattr("dir", "user.x", "dir", 3, 0));
	TRY(getxattr("dir", "user.x", value, 64));
	TRY(fgetxattr(fd, "user.x", value, 64));
	TRY(fsetxattr(fd, "user.x", "longer value", 12, 0));
	TRY(fgetxattr(fd, "user.x", value, 64));
	note("%.12s", value);
	TRY(fgetxattr(fd, "user.absent", value, 64));
	TRY(fgetxattr(open("file", O_RDONLY), "user.x", value, 64));
	TRY(fsetxattr(open("file", O_RDONLY), "user.x", "ro", 2, 0));
	TRY(getxattr("/proc/self/comm", "user.x", value, 64));
	TRY(getxattr("/dev/null", "user.x", value, 64));
	TRY(setxattr("/dev/null", "user.x", "v", 1, 0));
}

/* ---- positions, sharing, locks ------------------------------------------------------ */

static void positions(void)
{
	char buffer[32];
	int fd = file_make("file", "0123456789abcdef");
	int copy = dup(fd), again = open("file", O_RDWR | O_APPEND);

	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(pread(fd, buffer, 4, 0));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(lseek(fd, 4, SEEK_SET));
	TRY(read(fd, buffer, 2));
	TRY(lseek(copy, 0, SEEK_CUR));
	TRY(read(copy, buffer, 2));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(write(fd, "WW", 2));
	TRY(pwrite(fd, "P", 1, 1));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(write(again, "appended", 8));
	TRY(lseek(again, 0, SEEK_CUR));
	TRY(pwrite(again, "p", 1, 0));
	TRY(lseek(again, 2, SEEK_SET));
	TRY(write(again, "A", 1));
	TRY(lseek(again, 0, SEEK_CUR));
	TRY(lseek(fd, 100, SEEK_SET));
	TRY(read(fd, buffer, 5));
	TRY(write(fd, "after a hole", 12));
	TRY(lseek(fd, INT64_MAX, SEEK_SET));
	TRY(read(fd, buffer, 5));
	TRY(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, buffer, 32));
	TRY(read(fd, buffer, 0));
	file_note("file");
}

static void positions_shared_by_fork(void)
{
	char buffer[8] = "";
	int fd = file_make("file", "");

	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			for (int line = 0; line < 50; line++)
				if (write(fd, "child line.....\n", 16) != 16)
					_exit(1);
			_exit(0);
		}
		for (int line = 0; line < 50; line++)
			if (write(fd, "parent line....\n", 16) != 16)
				note("short write");
		child_note("writer", pid);
	}
	TRY(lseek(fd, 0, SEEK_CUR));
	lstat_note("file");
	MUST(lseek(fd, 0, SEEK_SET));
	for (int i = 0; i < 3; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit((int)read(fd, buffer, 5));
		child_note("reader", pid);
		TRY(lseek(fd, 0, SEEK_CUR));
	}
}

static void appending_together(void)
{
	pid_t pids[4];
	struct stat stat;

	file_put("log", "");
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int fd = open("log", O_WRONLY | O_APPEND);

			for (int line = 0; line < 200; line++)
				if (write(fd, "0123456789\n", 11) != 11)
					_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++)
		child_note("appender", pids[i]);
	MUST(lstat("log", &stat));
	note("size %ld", (long)stat.st_size);
	file_note("log");
}

static void lock_ask(const char *name)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(name, O_RDWR);

		MUST(fcntl(fd, F_GETLK, &lock));
		_exit(lock.l_type == F_UNLCK ? 10 : 11);
	}
	child_note("fcntl lock (10 free, 11 held)", pid);
}

static void flock_ask(const char *name)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(flock(open(name, O_RDWR), LOCK_EX | LOCK_NB) ? 11 : 10);
	child_note("flock (10 free, 11 held)", pid);
}

static void locks_released_by_close(void)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int fd = file_make("file", "content"), other;

	TRY(flock(fd, LOCK_EX));
	flock_ask("file");
	TRY(close(fd));
	flock_ask("file");
	fd = open("file", O_RDWR);
	TRY(fcntl(fd, F_SETLK, &lock));
	lock_ask("file");
	other = open("file", O_RDONLY);
	TRY(close(other)); /* POSIX: any close of the file by the process lets go */
	lock_ask("file");
	TRY(fcntl(fd, F_OFD_SETLK, &lock));
	other = open("file", O_RDONLY);
	TRY(close(other));
	lock_ask("file");
	TRY(close(fd));
	lock_ask("file");
}

static volatile sig_atomic_t lease_breaks;

static void lease_broken(int number)
{
	(void)number;
	lease_breaks++;
}

static void leases(void)
{
	int fd = file_make("file", "content");
	pid_t pid;

	signal(SIGIO, lease_broken);
	TRY(fcntl(fd, F_SETLEASE, F_RDLCK));
	TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
	TRY(fcntl(fd, F_GETLEASE));
	pid = fork();
	if (pid == 0)
		_exit(open("file", O_RDWR | O_NONBLOCK) < 0 && errno == EWOULDBLOCK ? 11 : 10);
	child_note("open of a leased file (11 would block)", pid);
	note("breaks: %d", lease_breaks);
	TRY(fcntl(fd, F_SETLEASE, F_UNLCK));
	TRY(open("file", O_RDWR | O_NONBLOCK) >= 0);
	TRY(fcntl(fd, F_SETLEASE, F_WRLCK));
	TRY(close(fd));
	TRY(open("file", O_RDONLY | O_NONBLOCK) >= 0);
}

static void deleted_directory(void)
{
	char path[PATH_MAX];
	struct stat st;
	int fd;

	MUST(mkdir("gone", 0755));
	fd = open("gone", O_RDONLY | O_DIRECTORY);
	MUST(chdir("gone"));
	MUST(rmdir("../gone"));
	TRY(stat(".", &st));
	stat_note(".", &st);
	TRY(stat("..", &st));
	TRY(open("x", O_RDWR | O_CREAT, 0644));
	TRY(open(".", O_RDONLY | O_DIRECTORY));
	TRY(mkdir("x", 0755));
	TRY(mkdirat(fd, "x", 0755));
	TRY(symlink("y", "x"));
	TRY(fsync(fd));
	TRY(fstatat(fd, "", &st, AT_EMPTY_PATH));
	TRY(rmdir("."));
	TRY(getcwd(path, sizeof(path)) != NULL);
	names_note(".");
	TRY(chdir(".."));
	TRY(close(fd));
}

static void deleted_file(void)
{
	char buffer[16];
	struct stat stat;
	int fd = file_make("file", "0123456789");

	TRY(unlink("file"));
	TRY(fstat(fd, &stat));
	stat_note("deleted", &stat);
	TRY(pwrite(fd, "more", 4, 10));
	TRY(pread(fd, buffer, 14, 0));
	TRY(fsync(fd));
	TRY(ftruncate(fd, 3));
	TRY(fsetxattr(fd, "user.x", "v", 1, 0));
	TRY(fgetxattr(fd, "user.x", buffer, 16));
	TRY(linkat(fd, "", AT_FDCWD, "back", AT_EMPTY_PATH));
	TRY(close(fd));
	names_note(".");
}

/* ---- limits ------------------------------------------------------------------------- */

static volatile sig_atomic_t too_large;

static void size_exceeded(int number)
{
	(void)number;
	too_large++;
}

static void beyond_the_limit(int fd)
{
	struct iovec vector = {(void *)"0123456789", 10};

	too_large = 0;
	TRY(pwrite(fd, "0123456789", 10, 95));
	TRY(pwrite(fd, "0123456789", 10, 100));
	TRY(lseek(fd, 98, SEEK_SET));
	TRY(write(fd, "0123456789", 10));
	TRY(write(fd, "0123456789", 10));
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(pwritev(fd, &vector, 1, 100));
	TRY(pwritev2(fd, &vector, 1, 105, 0));
	TRY(ftruncate(fd, 101));
	TRY(ftruncate(fd, 100));
	TRY(truncate("file", 200));
	TRY(fallocate(fd, 0, 0, 200));
	TRY(posix_fallocate(fd, 0, 200));
	note("SIGXFSZ %d times", too_large);
	lstat_note("file");
}

static void size_limit(void)
{
	struct rlimit limit = {100, 1000};
	int fd = file_make("file", "content");
	pid_t pid;

	MUST(setrlimit(RLIMIT_FSIZE, &limit));
	signal(SIGXFSZ, SIG_IGN);
	beyond_the_limit(fd);
	signal(SIGXFSZ, size_exceeded);
	beyond_the_limit(fd);
	pid = fork();
	if (pid == 0) {
		signal(SIGXFSZ, SIG_DFL);
		TRY(pwrite(fd, "0123456789", 10, 95));
		pwrite(fd, "x", 1, 100);
		_exit(0);
	}
	child_note("SIGXFSZ by default", pid);
	limit.rlim_cur = limit.rlim_max = 0;
	MUST(setrlimit(RLIMIT_FSIZE, &limit));
	TRY(pwrite(fd, "x", 1, 0));
	TRY(open("empty", O_RDWR | O_CREAT, 0644) >= 0);
}

static void descriptor_limit(void)
{
	struct rlimit limit = {8, 1024};
	int fd;

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	ring_warm();
	while ((fd = open("/", O_RDONLY)) >= 0)
		note("opened %d", fd);
	note("then %s", error_name(errno));
	TRY(open("file", O_RDWR | O_CREAT, 0644));
	TRY(mkdir("dir", 0755));
	TRY(dup(0));
	TRY(dup2(0, 8));
	limit.rlim_cur = 0;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TRY(open("file", O_RDWR | O_CREAT, 0644));
	TRY(mkdir("dir2", 0755));
	TRY(fsync(5));
	TRY(close(5));
	TRY(open("/", O_RDONLY));
	limit.rlim_cur = 8;
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TRY(open("/", O_RDONLY));
	names_note(".");
}

/* The very first call of a process whose limits leave no room for anything. */
static void descriptor_limit_at_first(void)
{
	struct rlimit limit = {3, 1024};

	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	TRY(mkdir("dir", 0755));
	TRY(open("dir", O_RDONLY));
	TRY(rmdir("dir"));
}

/* ---- other names of the same functions ---------------------------------------------- */

#ifdef __GLIBC__
static void legacy_stats(void)
{
	int (*xstat)(int, const char *, struct stat *) = dlsym(RTLD_DEFAULT, "__xstat");
	int (*lxstat)(int, const char *, struct stat *) = dlsym(RTLD_DEFAULT, "__lxstat");
	int (*fxstat)(int, int, struct stat *) = dlsym(RTLD_DEFAULT, "__fxstat");
	int (*fxstatat)(int, int, const char *, struct stat *, int) =
		dlsym(RTLD_DEFAULT, "__fxstatat");
	int (*xstat64)(int, const char *, struct stat *) = dlsym(RTLD_DEFAULT, "__xstat64");
	int (*xmknod)(int, const char *, mode_t, dev_t *) = dlsym(RTLD_DEFAULT, "__xmknod");
	struct stat stat;
	dev_t none = 0;
	int fd = file_make("file", "content");

	MUST(symlink("file", "symlink"));
	for (int layout = -1; layout < 4; layout++) {
		note("layout %d", layout);
		memset(&stat, 0, sizeof(stat));
		TRY(xstat(layout, "symlink", &stat));
		stat_note("__xstat", &stat);
		TRY(lxstat(layout, "symlink", &stat));
		stat_note("__lxstat", &stat);
		TRY(fxstat(layout, fd, &stat));
		stat_note("__fxstat", &stat);
		TRY(fxstatat(layout, AT_FDCWD, "symlink", &stat, AT_SYMLINK_NOFOLLOW));
		stat_note("__fxstatat", &stat);
		TRY(xstat64(layout, "absent", &stat));
		TRY(xmknod(layout, "node", S_IFREG | 0600, &none));
	}
	lstat_note("node");
}

static void chk_overflow(void (*run)(int fd), const char *what, int fd)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		run(fd);
		_exit(0);
	}
	child_note(what, pid);
}

static void overflow_read(int fd)
{
	ssize_t (*chk)(int, void *, size_t, size_t) = dlsym(RTLD_DEFAULT, "__read_chk");
	char buffer[8];

	chk(fd, buffer, 9, 8);
}

static void overflow_pread(int fd)
{
	ssize_t (*chk)(int, void *, size_t, off_t, size_t) = dlsym(RTLD_DEFAULT, "__pread64_chk");
	char buffer[8];

	chk(fd, buffer, 9, 0, 8);
}

static void overflow_open(int fd)
{
	int (*chk)(const char *, int) = dlsym(RTLD_DEFAULT, "__open_2");

	(void)fd;
	chk("new", O_RDWR | O_CREAT);
}

static void fortified(void)
{
	ssize_t (*read_chk)(int, void *, size_t, size_t) = dlsym(RTLD_DEFAULT, "__read_chk");
	ssize_t (*pread_chk)(int, void *, size_t, off_t, size_t) =
		dlsym(RTLD_DEFAULT, "__pread_chk");
	ssize_t (*pread64_chk)(int, void *, size_t, off_t, size_t) =
		dlsym(RTLD_DEFAULT, "__pread64_chk");
	int (*open_2)(const char *, int) = dlsym(RTLD_DEFAULT, "__open64_2");
	int (*openat_2)(int, const char *, int) = dlsym(RTLD_DEFAULT, "__openat_2");
	char buffer[16] = "";
	int fd = file_make("file", "0123456789");

	MUST(lseek(fd, 0, SEEK_SET));
	TRY(read_chk(fd, buffer, 4, 16));
	TRY(pread_chk(fd, buffer, 4, 2, 16));
	TRY(pread64_chk(fd, buffer, 16, 2, 16));
	note("%.8s", buffer);
	TRY(pread64_chk(fd, buffer, 16, -1, 16));
	TRY(open_2("file", O_RDONLY));
	TRY(open_2("absent", O_RDONLY));
	TRY(openat_2(AT_FDCWD, "file", O_RDONLY));
	chk_overflow(overflow_read, "__read_chk too long", fd);
	chk_overflow(overflow_pread, "__pread64_chk too long", fd);
	chk_overflow(overflow_open, "__open_2 with O_CREAT", fd);
}
#endif

/* ---- the rest ----------------------------------------------------------------------- */

static void special_files(void)
{
	char buffer[32] = "";
	int fd;

	TRY(mkfifo("fifo", 0644));
	TRY(open("fifo", O_WRONLY | O_NONBLOCK));
	TRY(fd = open("fifo", O_RDONLY | O_NONBLOCK));
	TRY(read(fd, buffer, 5));
	TRY(open("fifo", O_WRONLY | O_NONBLOCK));
	TRY(read(fd, buffer, 5));
	TRY(write(fd, buffer, 5));
	TRY(pread(fd, buffer, 5, 0));
	TRY(close(fd));
	TRY(fd = open("/dev/zero", O_RDWR));
	TRY(pread(fd, buffer, 5, 1000));
	TRY(read(fd, buffer, 5));
	TRY(pwrite(fd, buffer, 5, 0));
	TRY(fd = open("/proc/self/status", O_RDONLY));
	TRY(pread(fd, buffer, 5, 0));
	note("%.5s", buffer);
	TRY(fd = open("/proc/self/mem", O_RDONLY));
	TRY(pread(fd, buffer, 5, 0));
	TRY(pread(fd, buffer, 16, (off_t)(uintptr_t) "in memory......."));
	note("%.16s", buffer);
	TRY(fd = open("/proc/thread-self/comm", O_RDONLY));
	TRY(read(fd, buffer, 32) > 0);
	note("%.12s", buffer);
}

/* A blocked reader of a FIFO, freed by its peer. */
static void fifo_meets(void)
{
	char buffer[16] = "";
	pid_t pid;
	int fd;

	MUST(mkfifo("fifo", 0644));
	pid = fork();
	if (pid == 0) {
		fd = open("fifo", O_WRONLY);
		usleep(20000);
		if (write(fd, "through", 7) != 7)
			_exit(1);
		_exit(0);
	}
	TRY(fd = open("fifo", O_RDONLY));
	TRY(read(fd, buffer, sizeof(buffer)));
	note("%s", buffer);
	TRY(read(fd, buffer, sizeof(buffer)));
	child_note("writer", pid);
}

static void streams(void)
{
	char line[64] = "";
	FILE *file = fopen("file", "w+e");
	DIR *dir;
	int fd;

	note("fileno %d", fileno(file));
	TRY(fputs("one\ntwo\n", file) >= 0);
	TRY(fflush(file));
	TRY(fsync(fileno(file)));
	rewind(file);
	TRY(fgets(line, sizeof(line), file) != NULL);
	note("%s", line);
	TRY(fclose(file));
	fd = open("file", O_RDONLY);
	file = fdopen(fd, "r");
	TRY(fgets(line, sizeof(line), file) != NULL);
	TRY(lseek(fd, 0, SEEK_CUR));
	TRY(fclose(file));
	TRY(fstat(fd, &(struct stat){0}));
	dir = opendir(".");
	TRY(dirfd(dir));
	TRY(close(dirfd(dir)));
	TRY(closedir(dir));
	file = fopen("file", "r");
	TRY(close(fileno(file)));
	TRY(fd = open("file", O_WRONLY | O_APPEND)); /* takes the number the stream still has */
	TRY(fgetc(file));
	TRY(write(fd, "three\n", 6));
	TRY(fclose(file));
	TRY(write(fd, "four\n", 5));
	file_note("file");
}

static void numbers_reused_behind(void)
{
	char buffer[32] = "";
	FILE *file;
	int fd = file_make("first", "first file content"), other, fds[2];

	MUST(lseek(fd, 0, SEEK_SET));
	TRY(read(fd, buffer, 5));
	fclose(fdopen(fd, "r")); /* closed by libc's own close */
	TRY(pipe(fds));
	TRY(write(fds[1], "piped", 5));
	memset(buffer, 0, sizeof(buffer));
	TRY(read(fds[0], buffer, 32));
	note("%s", buffer);
	TRY(pread(fds[0], buffer, 5, 0));
	raw(SYS_close, fds[0], 0, 0, 0, 0, 0);
	TRY(other = open("first", O_RDONLY));
	TRY(read(other, buffer, 5));
	note("%s", buffer);
	raw(SYS_close, other, 0, 0, 0, 0, 0);
	file = tmpfile();
	note("tmpfile %d", fileno(file));
	TRY(write(fileno(file), "x", 1));
	TRY(read(fileno(file), buffer, 1));
	fclose(file);
	fds_note("at the end");
}

static void errno_stays(void)
{
	char buffer[32];
	struct stat st;
	struct timespec times[2] = {{1, 2}, {3, 4}};
	int fd;

	TRY(fd = open("file", O_RDWR | O_CREAT, 0644));
	TRY(write(fd, "content", 7));
	TRY(pwrite(fd, "C", 1, 0));
	TRY(pread(fd, buffer, 7, 0));
	TRY(fsync(fd));
	TRY(fdatasync(fd));
	TRY(fstat(fd, &st));
	TRY(stat("file", &st));
	TRY(lstat("file", &st));
	TRY(ftruncate(fd, 5));
	TRY(truncate("file", 4));
	TRY(link("file", "link"));
	TRY(symlink("file", "symlink"));
	TRY(readlink("symlink", buffer, 32));
	TRY(rename("link", "moved"));
	TRY(mkdir("dir", 0755));
	TRY(rmdir("dir"));
	TRY(access("file", R_OK));
	TRY(chmod("file", 0600));
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	TRY(posix_fadvise(fd, 0, 0, 0));
	TRY(posix_fadvise(fd, 0, 0, 99));
	TRY(unlink("moved"));
	TRY(dup(fd));
	TRY(dup2(fd, 20));
	TRY(close(20));
	TRY(umask(022));
	TRY(close(fd));
	MUST(lstat("file", &st));
	note("times %ld.%ld", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* libc's own callers: what they do passes through no exported symbol. */
static void libc_inside(void)
{
	char name[] = "temp-XXXXXX", directory[] = "tempdir-XXXXXX";
	char path[PATH_MAX];
	int fd;

	TRY(fd = mkstemp(name));
	TRY(write(fd, "temporary", 9));
	TRY(unlink(name));
	TRY(mkdtemp(directory) != NULL);
	TRY(rmdir(directory));
	file_put("file", "content");
	TRY(symlink("file", "symlink"));
	TRY(realpath("symlink", path) != NULL);
	note("%s", strrchr(path, '/'));
	TRY(dprintf(fd, "formatted %d", 5));
	TRY(lockf(fd, F_TLOCK, 0));
	TRY(getcwd(path, sizeof(path)) != NULL);
	TRY(fd = open("file", O_RDONLY));
	fds_note("at the end");
}

static const struct matrix_case cases[] = {
	{"strange-preads", strange_preads, 0},
	{"strange-pwrites", strange_pwrites, 0},
	{"strange-reads", strange_reads, 0},
	{"strange-writes", strange_writes, 0},
	{"strange-vectors", strange_vectors, 0},
	{"strange-syncs", strange_syncs, 0},
	{"strange-allocations", strange_allocations, 0},
	{"strange-stats", strange_stats, 0},
	{"strange-directories", strange_directories, 0},
	{"strange-attributes", strange_attributes, 0},
	{"strange-closes", strange_closes, 0},
	{"bad-pointers", bad_pointers, 0},
	{"buffers-at-the-edge", buffers_at_the_edge, 0},
	{"read-only-memory", read_only_memory, 0},
	{"open-variants", open_variants, 0},
	{"open-flags-kept", open_flags_kept, 0},
	{"openat2-variants", openat2_variants, 0},
	{"names-and-links", names_and_links, 0},
	{"renames", renames, 0},
	{"attributes", attributes, 0},
	{"positions", positions, 0},
	{"positions-shared-by-fork", positions_shared_by_fork, 0},
	{"appending-together", appending_together, 0},
	{"locks-released-by-close", locks_released_by_close, 0},
	{"leases", leases, 0},
	{"deleted-directory", deleted_directory, 0},
	{"deleted-file", deleted_file, 0},
	{"size-limit", size_limit, 0},
	{"descriptor-limit", descriptor_limit, 0},
	{"descriptor-limit-at-first", descriptor_limit_at_first, 0},
#ifdef __GLIBC__
	{"legacy-stats", legacy_stats, 0},
	{"fortified", fortified, 0},
#endif
	{"special-files", special_files, 0},
	{"fifo-meets", fifo_meets, 0},
	{"streams", streams, 0},
	{"numbers-reused-behind", numbers_reused_behind, 0},
	{"errno-stays", errno_stays, 0},
	{"libc-inside", libc_inside, 0},
};

MATRIX(cases)
