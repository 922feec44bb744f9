/* SPDX-License-Identifier: MIT
 *
 * guard: which descriptors and paths the ring may have.
 */
#include "base/fsinfo.h"
#include "call/fd_owner.h"
#include "call/guard.h"

#include <errno.h>
#include <pty.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/threads.h"
#include "scratch.h"

static enum reason guard_fd(enum guard guard, int fd)
{
	struct call call = {.guard = guard, .fd = fd};

	return guard_check(&call);
}

static enum reason guard_path(const char *path, uint32_t flags)
{
	struct call call = {.guard = GUARD_OPEN, .fd = AT_FDCWD, .path = path, .flags = flags};

	return guard_check(&call);
}

/* What each guard says of FD: file, sync, close; GUARD_POSITION says no to strangers. */
static void expect(const char *what, int fd, int file, int sync, int closing)
{
	int failed = checks_failed;

	NEED(fd >= 0);
	CHECK_EQ(guard_fd(GUARD_FILE, fd), file ? REASON_NONE : REASON_TARGET);
	CHECK_EQ(guard_fd(GUARD_SYNC, fd), sync ? REASON_NONE : REASON_TARGET);
	CHECK_EQ(guard_fd(GUARD_CLOSE, fd), closing ? REASON_NONE : REASON_TARGET);
	CHECK_EQ(guard_fd(GUARD_POSITION, fd), REASON_POSITION);
	CHECK_EQ(guard_fd(GUARD_NONE, fd), REASON_NONE);
	if (failed != checks_failed)
		note("%s", what);
	close(fd);
}

static void no_files(void)
{
	int ends[2], sockets[2], master, slave;

	NEED(pipe(ends) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
	expect("pipe", ends[0], 0, 0, 0);
	expect("pipe", ends[1], 0, 0, 0);
	expect("socket", sockets[0], 0, 0, 0);
	expect("eventfd", eventfd(0, 0), 0, 0, 0);
	expect("timerfd", timerfd_create(CLOCK_MONOTONIC, 0), 0, 0, 0);
	expect("epoll", epoll_create1(0), 0, 0, 0);
	expect("null", open("/dev/null", O_RDWR), 0, 0, 0);
	scratch();
	NEED(mkfifo("fifo", 0666) == 0);
	expect("FIFO", open("fifo", O_RDWR), 0, 0, 0);
	if (openpty(&master, &slave, NULL, NULL, NULL) == 0) {
		expect("terminal", slave, 0, 0, 0);
		close(master);
	}
	CHECK_EQ(guard_fd(GUARD_FILE, -1), REASON_TARGET);
	CHECK_EQ(guard_fd(GUARD_CLOSE, 1 << 30), REASON_TARGET);
}

static void pseudo_files(void)
{
	expect("/proc", open("/proc/self/status", O_RDONLY), 0, 0, 0);
	expect("/proc's directory", open("/proc/self", O_RDONLY), 0, 0, 0);
	expect("/sys", open("/sys/kernel/notes", O_RDONLY), 0, 0, 0);
	CHECK_EQ(guard_path("/proc/self/status", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("/proc/thread-self/comm", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("/sys/kernel/notes", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("/proc", O_RDONLY | O_DIRECTORY), REASON_TARGET);
	CHECK_EQ(guard_path("/dev/null", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("/dev/tty", O_RDWR), REASON_TARGET);
}

/* Where the tests run; what kind of file system that is, only close has to know. */
static void files(void)
{
	int fd;

	scratch();
	file_make("file", "text");
	fd = open("file", O_RDWR);
	CHECK_EQ(guard_fd(GUARD_FILE, fd), REASON_NONE);
	CHECK_EQ(guard_fd(GUARD_SYNC, fd), REASON_NONE);
	close(fd);
	fd = open(".", O_RDONLY);
	CHECK_EQ(guard_fd(GUARD_FILE, fd), REASON_TARGET);
	CHECK_EQ(guard_fd(GUARD_SYNC, fd), REASON_NONE);
	close(fd);
	/* shared memory: a tmpfs, everywhere */
	expect("memfd", memfd_create("file", 0), 1, 1, 1);
}

static void paths(void)
{
	scratch();
	file_make("file", "text");
	NEED(mkdir("dir", 0777) == 0 && mkfifo("fifo", 0666) == 0);
	NEED(symlink("file", "to-file") == 0 && symlink("fifo", "to-fifo") == 0);
	NEED(symlink("none", "to-none") == 0);
	CHECK_EQ(guard_path("file", O_RDONLY), REASON_NONE);
	CHECK_EQ(guard_path("dir", O_RDONLY), REASON_NONE);
	CHECK_EQ(guard_path("to-file", O_RDONLY), REASON_NONE);
	CHECK_EQ(guard_path("to-file", O_RDWR), REASON_ARGUMENT);
	CHECK_EQ(guard_path("to-file", O_RDONLY | O_TRUNC), REASON_ARGUMENT);
	CHECK_EQ(guard_path("to-file", O_RDWR | O_NOFOLLOW), REASON_TARGET);
	CHECK_EQ(guard_path("fifo", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("to-fifo", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("none", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path("none", O_CREAT | O_WRONLY), REASON_NONE);
	CHECK_EQ(guard_path("to-none", O_CREAT | O_WRONLY), REASON_NONE);
	CHECK_EQ(guard_path("none/none", O_CREAT | O_WRONLY), REASON_NONE); /* ENOENT is the ring's */
	CHECK_EQ(guard_path("", O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path(NULL, O_RDONLY), REASON_TARGET);
	CHECK_EQ(guard_path((const char *)16, O_CREAT), REASON_TARGET);
}

static void paths_from_directories(void)
{
	struct call call = {.guard = GUARD_OPEN, .path = "file"};

	scratch();
	file_make("file", "text");
	call.fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(guard_check(&call), REASON_NONE);
	call.path = "/proc/self/status";
	CHECK_EQ(guard_check(&call), REASON_TARGET);
	call.fd = open("/proc", O_RDONLY | O_DIRECTORY);
	CHECK_EQ(guard_check(&call), REASON_TARGET);
	call.path = "self/status";
	CHECK_EQ(guard_check(&call), REASON_TARGET);
	call.path = "file";
	call.fd = -1;
	CHECK_EQ(guard_check(&call), REASON_TARGET);
}

static void owners(void)
{
	int fd, copy;

	scratch();
	file_make("file", "text");
	fd = open("file", O_RDONLY);
	CHECK_EQ(guard_fd(GUARD_POSITION, fd), REASON_POSITION);
	fd_owner_opened(fd);
	CHECK_EQ(guard_fd(GUARD_POSITION, fd), REASON_NONE);
	copy = dup(fd);
	fd_owner_copied(fd, copy);
	CHECK_EQ(guard_fd(GUARD_POSITION, copy), REASON_NONE);
	fd_owner_closed(fd);
	CHECK_EQ(guard_fd(GUARD_POSITION, fd), REASON_POSITION);
	fd_owner_forget();
	CHECK_EQ(guard_fd(GUARD_POSITION, copy), REASON_POSITION);
	fd_owner_opened(copy);
	CHECK_EQ(guard_fd(GUARD_POSITION, copy), REASON_NONE);
	fd_owner_copied(fd, copy);
	CHECK_EQ(guard_fd(GUARD_POSITION, copy), REASON_POSITION);
	fd_owner_opened(-1);
	fd_owner_opened(1 << 30);
	fd_owner_closed(-1);
	fd_owner_copied(-1, 1 << 30);
	CHECK_EQ(guard_fd(GUARD_POSITION, -1), REASON_POSITION);
	CHECK_EQ(guard_fd(GUARD_POSITION, 1 << 30), REASON_POSITION);
	fd = open("file", O_WRONLY | O_APPEND);
	fd_owner_opened(fd);
	CHECK_EQ(guard_fd(GUARD_POSITION, fd), REASON_POSITION);
	fd_owner_opened(copy);
	threads_note();
	CHECK_EQ(guard_fd(GUARD_POSITION, copy), REASON_POSITION);
}

static void types_are_told(void)
{
	int ends[2], memory = memfd_create("file", 0), proc = open("/proc", O_RDONLY);
	struct storage storage;

	NEED(pipe(ends) == 0 && memory >= 0 && proc >= 0);
	storage = fsinfo_storage(memory);
	CHECK(storage.in_memory && storage.alike && !storage.network && !storage.shares_commits);
	for (int i = 0; i < 3; i++) {
		storage = fsinfo_storage((const int[]){ends[0], proc, -1}[i]);
		CHECK(!storage.in_memory && !storage.alike && !storage.network &&
		      !storage.shares_commits);
	}
}

/* A device number that was a tmpfs's is a procfs's next: the number alone says nothing. */
static void numbers_come_back(void)
{
	struct stat before, after;
	int fd;

	if (geteuid() != 0)
		skip("requires root");
	if (unshare(CLONE_NEWNS) || mount_private())
		skip("requires a mount namespace of its own");
	scratch();
	NEED(mkdir("on", 0777) == 0 && mount_at("none", "on", "tmpfs") == 0);
	file_make("on/file", "text");
	NEED(stat("on", &before) == 0);
	fd = open("on/file", O_RDONLY);
	expect("tmpfs", fd, 1, 1, 1);
	CHECK_EQ(guard_path("on/file", O_RDONLY), REASON_NONE);
	NEED(umount2("on", 0) == 0);
	if (mount_at("none", "on", "devpts") || stat("on", &after))
		skip("requires devpts");
	if (before.st_dev != after.st_dev) {
		unmount_at("on");
		skip("requires that the number is given again");
	}
	CHECK_EQ(guard_path("on", O_RDONLY), REASON_TARGET);
	fd = open("on", O_RDONLY);
	CHECK_EQ(guard_fd(GUARD_SYNC, fd), REASON_TARGET);
	close(fd);
	unmount_at("on");
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("pipes, sockets, FIFOs, devices and terminals are not for the ring", no_files);
	test("/proc and /sys are not for the ring", pseudo_files);
	test("files are, and directories to sync and close", files);
	test("a path is if it leads to a file, a directory, or nothing yet", paths);
	test("a path from a directory's descriptor too", paths_from_directories);
	test("C2: a position is the opener's own until it may be shared", owners);
	test("a type of file system is told, and nothing is said of one that cannot be",
	     types_are_told);
	test("a device number given to another file system is asked about anew", numbers_come_back);
	return tests_end();
}
