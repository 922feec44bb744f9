/* SPDX-License-Identifier: MIT
 *
 * together-contract WHAT DIRECTORY: what a program could notice of fsyncs that are started
 * together, and must not. Plainly all of it succeeds; 77 where that cannot be tried.
 *
 *   exec       executables are written, synced one by one, closed and run at once: ETXTBSY
 *   flock      files are written and locked, synced and closed; the locks are gone
 *   lease      files are synced and closed; a write lease, for which nobody else may have the
 *              file open, is granted at once
 *   reopened   the same, where they are opened again to sync them
 *   posix      the lock on a file next in order stays, for this process never closes it
 *   directory  the same for a lock on the directory they are in
 *   place      an fsync by a descriptor of O_PATH is EBADF, whatever was synced ahead
 *   stream     errno stays where it is nobody's business
 *   holder     somebody's write lease on a file next in order is not broken
 *
 * So that what lags behind shows, this thread runs before all others of its processor, where
 * that is permitted.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	FILES = 12,
	TIMES = 20,
	PAUSE_US = 20 * 1000, /* file times go by ticks of up to 10 ms */
	SIZE = 8192,
};

static int fds[FILES];
static char data[SIZE];

static void run_first(void)
{
	struct sched_param first = {.sched_priority = 1};
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &first) == 0)
		sched_setaffinity(0, sizeof(one), &one);
}

static const char *name_of(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "f%02d", i);
	return name;
}

static void check(bool good, const char *what)
{
	if (!good)
		err(1, "%s", what);
}

static void write_all(const char *text, size_t length, mode_t mode)
{
	for (int i = 0; i < FILES; i++) {
		fds[i] = open(name_of(i), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
		check(fds[i] >= 0 && write(fds[i], text, length) == (ssize_t)length, name_of(i));
	}
}

static void sync_all(void)
{
	for (int i = 0; i < FILES; i++)
		check(fsync(fds[i]) == 0, "fsync");
}

static void close_all(void)
{
	for (int i = 0; i < FILES; i++)
		check(close(fds[i]) == 0, "close");
}

static void close_written(void)
{
	close_all();
	usleep(PAUSE_US);
}

/* Of files that are closed, all but ONE, or those before it. */
static void sync_reopened(int one, bool before)
{
	for (int i = 0; i < (before ? one : FILES); i++) {
		if (i == one)
			continue;

		int fd = open(name_of(i), O_RDONLY);

		check(fd >= 0 && fsync(fd) == 0 && close(fd) == 0, name_of(i));
	}
}

static int run(const char *name)
{
	char path[32];
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "./%s", name);
	pid = vfork();
	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid, "vfork");
	return status;
}

static void execs(void)
{
	static const char script[] = "#!/bin/true\n";

	write_all(script, sizeof(script) - 1, 0755);
	sync_all();
	close_all();
	for (int i = FILES - 1; i >= 0; i--) {
		int status = run(name_of(i));

		if (status)
			errx(1, "%s: %s", name_of(i), strerror(WEXITSTATUS(status)));
	}
}

static void flocks(void)
{
	write_all(data, SIZE, 0644);
	for (int i = 0; i < FILES; i++)
		check(flock(fds[i], LOCK_EX | LOCK_NB) == 0, "flock");
	sync_all();
	close_all();
	for (int i = FILES - 1; i >= 0; i--) {
		int fd = open(name_of(i), O_RDONLY | O_CLOEXEC);

		check(fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0, "flock of a closed file");
		close(fd);
	}
}

static void lease_all(void)
{
	for (int i = FILES - 1; i >= 0; i--) {
		int fd = open(name_of(i), O_RDONLY | O_CLOEXEC);

		check(fd >= 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0, "F_SETLEASE");
		close(fd);
	}
}

static void leases(void)
{
	write_all(data, SIZE, 0644);
	sync_all();
	close_all();
	lease_all();
}

static void leases_reopened(void)
{
	write_all(data, SIZE, 0644);
	close_written();
	sync_reopened(FILES, false);
	lease_all();
}

/* In a child, which sees the locks of this process. */
static bool locked(const char *name)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK};
		int fd = open(name, O_RDONLY);

		_exit(fd < 0 || fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK);
	}
	check(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	return status == 0;
}

static void posix_lock(const char *name, short type, int flags, int left_out)
{
	struct flock lock = {.l_type = type};
	int fd;

	write_all(data, SIZE, 0644);
	close_written();
	fd = open(name, flags);
	if (fd < 0 || fcntl(fd, F_SETLK, &lock) != 0)
		err(77, "F_SETLK of %s", name);
	sync_reopened(left_out, false);
	if (!locked(name))
		errx(1, "the lock on %s is gone", name);
	close(fd);
}

static void posix(void)
{
	posix_lock("f06", F_WRLCK, O_RDWR, 6);
}

static void directory(void)
{
	posix_lock(".", F_RDLCK, O_RDONLY | O_DIRECTORY, FILES);
}

/* Behind some that are open to be synced, one that is open by its place alone. */
static void place(void)
{
	enum { OPENED = 6 };
	int fd;

	write_all(data, SIZE, 0644);
	close_written();
	sync_reopened(OPENED, true);
	fd = open(name_of(OPENED), O_PATH);
	check(fd >= 0, "O_PATH");
	if (fsync(fd) == 0 || errno != EBADF)
		errx(1, "fsync by O_PATH succeeds");
	close(fd);
}

/* A stream without a descriptor is looked at while completions are kept. */
static void stream(void)
{
	FILE *memory = fmemopen(data, SIZE, "w");

	check(memory, "fmemopen");
	write_all(data, SIZE, 0644);
	for (int i = 0; i < FILES; i++) {
		check(fsync(fds[i]) == 0, "fsync");
		errno = EXDEV;
		if (fflush(memory) != 0 || errno != EXDEV)
			err(1, "errno");
	}
	fclose(memory);
	close_all();
}

static volatile sig_atomic_t broken;

static void lease_broken(int number)
{
	(void)number;
	broken = 1;
}

/* Takes a lease, says so, and waits until it is asked. */
static void lease_hold(const char *name, int said, int asked)
{
	int fd = open(name, O_RDONLY);
	char word = 'l';

	signal(SIGIO, lease_broken);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) != 0 || write(said, &word, 1) != 1)
		_exit(1);
	while (read(asked, &word, 1) < 0 && errno == EINTR)
		;
	_exit(broken);
}

static void holder(void)
{
	enum { HELD = 8 };
	int said[2], ask[2], status = -1;
	char word;
	pid_t pid;

	write_all(data, SIZE, 0644);
	close_written();
	check(pipe(said) == 0 && pipe(ask) == 0, "pipe");
	pid = fork();
	if (pid == 0) {
		close(ask[1]);
		lease_hold("f08", said[1], ask[0]);
	}
	close(said[1]);
	close(ask[0]);
	check(pid > 0 && read(said[0], &word, 1) == 1, "lease");
	sync_reopened(HELD, true);
	close(ask[1]);
	check(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status)
		errx(1, "the lease was broken");
	close(said[0]);
}

static void often(void (*what)(void))
{
	for (int i = 0; i < TIMES; i++)
		what();
}

static const struct {
	const char *name;
	void (*run)(void);
} kinds[] = {
	{"exec", execs},   {"flock", flocks},         {"lease", leases}, {"reopened", leases_reopened},
	{"posix", posix}, {"directory", directory}, {"holder", holder},
	{"place", place}, {"stream", stream},
};

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[2]))
		errx(2, "usage: together-contract WHAT DIRECTORY");
	run_first();
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(argv[1], kinds[i].name))
			continue;
		often(kinds[i].run);
		return 0;
	}
	errx(2, "%s?", argv[1]);
}
