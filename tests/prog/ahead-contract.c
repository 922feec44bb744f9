/* SPDX-License-Identifier: MIT
 *
 * ahead-contract make KIND DIRECTORY
 * ahead-contract scenarios
 * ahead-contract run SCENARIO fd|path DIRECTORY
 *
 * run lists DIRECTORY, asks about its first entries in the order of the listing, lets SCENARIO
 * change something about a later one, and asks about all the rest. Every answer of libc's is
 * held against the kernel's own, asked for past any library. Time is let pass in a loop
 * that makes no call: whoever answers ahead has the answers by then.
 *
 * KIND is what the entries are: file, link (symbolic), dir. DIRECTORY.other is for the
 * scenario; of files it has a hard link for each.
 */
// LDLIBS: -lrt
#include "raw.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
	ENTRIES = 60,
	FIRST = 20,  /* asked about before the change */
	TARGET = 22, /* what is changed */
	WAIT_MS = 12,
};

extern char **environ;

static char directory[PATH_MAX], other[PATH_MAX];
static DIR *stream;
static int dirfd_asked;
static bool by_path;
static char names[ENTRIES][NAME_MAX + 1];
static int count;
static char target[PATH_MAX], target_other[PATH_MAX];
static int held = -1; /* a descriptor or stream from before */
static FILE *held_stream;

/* ---- past any library ---- */

static int truth(const char *name, struct stat *stat)
{
	return (int)raw(SYS_newfstatat, dirfd_asked, (long)name, (long)stat, AT_SYMLINK_NOFOLLOW);
}

static double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static void spin(double ms)
{
	double end = now_ms() + ms;

	while (now_ms() < end)
		;
}

/* ---- asking ---- */

static const char *spelled(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void differ(const char *name, const char *what, long said, long is)
{
	errx(1, "%s: %s was said to be %ld, is %ld", name, what, said, is);
}

static void same_long(const char *name, const char *what, long said, long is)
{
	if (said != is)
		differ(name, what, said, is);
}

static void same_time(const char *name, const char *what, struct timespec said, struct timespec is)
{
	if (said.tv_sec != is.tv_sec || said.tv_nsec != is.tv_nsec)
		errx(1, "%s: %s was said to be %ld.%09ld, is %ld.%09ld", name, what, said.tv_sec,
		     said.tv_nsec, is.tv_sec, is.tv_nsec);
}

static void same_stat(const char *name, const struct stat *said, const struct stat *is)
{
	same_long(name, "device", (long)said->st_dev, (long)is->st_dev);
	same_long(name, "inode", (long)said->st_ino, (long)is->st_ino);
	same_long(name, "mode", said->st_mode, is->st_mode);
	same_long(name, "nlink", (long)said->st_nlink, (long)is->st_nlink);
	same_long(name, "uid", said->st_uid, is->st_uid);
	same_long(name, "gid", said->st_gid, is->st_gid);
	same_long(name, "size", said->st_size, is->st_size);
	same_long(name, "blocks", said->st_blocks, is->st_blocks);
	same_time(name, "mtime", said->st_mtim, is->st_mtim);
	same_time(name, "ctime", said->st_ctim, is->st_ctim);
	same_time(name, "atime", said->st_atim, is->st_atim);
}

static void ask(int i)
{
	struct stat said, is;
	int result, error;

	errno = 12345;
	memset(&said, 0xa5, sizeof(said));
	result = by_path ? lstat(spelled(names[i]), &said)
			 : fstatat(dirfd_asked, names[i], &said, AT_SYMLINK_NOFOLLOW);
	error = result ? -errno : 0;
	if (!result && errno != 12345)
		errx(1, "%s: errno was touched", names[i]);
	same_long(names[i], "result", error, truth(names[i], &is));
	if (!error)
		same_stat(names[i], &said, &is);
}

/* The order of the listing, past any library: which entry is the target has to be known. */
static void names_learn(void)
{
	char buffer[32768];
	long fd = raw(SYS_openat, AT_FDCWD, (long)directory, O_RDONLY | O_DIRECTORY, 0);
	long length;

	while ((length = raw(SYS_getdents64, fd, (long)buffer, sizeof(buffer), 0)) > 0)
		for (long at = 0; at < length;) {
			const struct dirent64 *entry = (const struct dirent64 *)(buffer + at);

			if (entry->d_name[0] != '.' && count < ENTRIES)
				strcpy(names[count++], entry->d_name);
			at += entry->d_reclen;
		}
	raw(SYS_close, fd, 0, 0, 0);
	if (count < ENTRIES)
		errx(1, "%s: %d entries", directory, count);
	snprintf(target, sizeof(target), "%.*s/%.*s", PATH_MAX / 2, directory, NAME_MAX,
		 names[TARGET]);
	snprintf(target_other, sizeof(target_other), "%.*s/%.*s", PATH_MAX / 2, other, NAME_MAX,
		 names[TARGET]);
}

static void list(void)
{
	int listed = 0;

	struct dirent *entry;

	if (by_path) {
		stream = opendir(directory);
		dirfd_asked = stream ? dirfd(stream) : -1;
	} else {
		dirfd_asked = open(directory, O_RDONLY | O_DIRECTORY);
		stream = fdopendir(dirfd_asked);
	}
	if (!stream)
		err(1, "%s", directory);
	while (listed < ENTRIES && (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, names[listed++]))
			errx(1, "%s was listed instead of %s", entry->d_name, names[listed - 1]);
}

/* ---- what can happen: by this process itself ---- */

#define CHECK(expression) \
	do { \
		if ((expression) < 0) \
			err(1, "%s", #expression); \
	} while (0)

static void nothing(void)
{
}

static int next = -1; /* the entry behind the target */

static void open_to_write(void)
{
	CHECK(held = open(target, O_RDWR));
	CHECK(next = open(spelled(names[TARGET + 1]), O_RDONLY));
}

static void open_to_read(void)
{
	CHECK(held = open(target, O_RDONLY));
}

static void fopen_target(void)
{
	if (!(held_stream = fopen(target, "r+")))
		err(1, "fopen");
}

static void open_other_name(void)
{
	CHECK(held = open(target_other, O_RDWR));
}

static const char *name_made(int i)
{
	static char name[16];

	snprintf(name, sizeof(name), "f%02d", i);
	return name;
}

static void do_write(void)
{
	CHECK(write(held, "a longer one than before", 24));
}

static void do_write_close(void)
{
	do_write();
	close(held);
}

/* ... and something after which descriptors are looked at afresh. */
static void do_write_close_pipe(void)
{
	int ends[2];

	do_write_close();
	CHECK(pipe(ends));
}

static void do_write_close_dup2(void)
{
	do_write_close();
	CHECK(dup2(2, 77));
}

static void do_write_dup2_over(void)
{
	do_write();
	CHECK(dup2(2, held));
}

static void do_fwrite_fclose(void)
{
	if (fwrite("a longer one than before", 24, 1, held_stream) != 1 || fclose(held_stream))
		err(1, "fwrite");
}

static void do_pwrite(void)
{
	CHECK(pwrite(held, "a longer one than before", 24, 100));
}

static void do_writev(void)
{
	struct iovec part = {"a longer one than before", 24};

	CHECK(writev(held, &part, 1));
}

static void do_ftruncate(void)
{
	CHECK(ftruncate(held, 4711));
}

static void do_fallocate(void)
{
	CHECK(posix_fallocate(held, 0, 65536) ? -1 : 0);
}

static void do_fchmod(void)
{
	CHECK(fchmod(held, 0600));
}

static void do_futimens(void)
{
	const struct timespec times[2] = {{1, 2}, {3, 4}};

	CHECK(futimens(held, times));
}

static void do_fsetxattr(void)
{
	if (fsetxattr(held, "user.x", "y", 1, 0) < 0 && errno != ENOTSUP)
		err(1, "fsetxattr");
}

static void do_sendfile(void)
{
	CHECK(lseek(held, 0, SEEK_END));
	CHECK(sendfile(held, next, NULL, 5));
}

static void do_copy_file_range(void)
{
	loff_t at = 30;

	CHECK(copy_file_range(next, NULL, held, &at, 5, 0));
}

/* A read changes the access time. */
static void do_read_close_pipe(void)
{
	char buffer[16];
	int ends[2];

	CHECK(read(held, buffer, sizeof(buffer)));
	close(held);
	CHECK(pipe(ends));
}

static void do_mmap_write(void)
{
	char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	memory[0] = 'x';
	CHECK(msync(memory, 4096, MS_SYNC));
}

static void do_open_write_close(void)
{
	int fd;

	CHECK(fd = open(target, O_WRONLY | O_APPEND));
	CHECK(write(fd, "more", 4));
	close(fd);
}

static void do_open_trunc(void)
{
	CHECK(held = open(target, O_WRONLY | O_TRUNC));
}

static void do_creat(void)
{
	CHECK(held = creat(target, 0644));
}

static void do_fopen_append(void)
{
	FILE *file = fopen(target, "a");

	if (!file || fputs("more", file) < 0 || fclose(file))
		err(1, "fopen");
}

static void do_openat2(void)
{
	struct {
		uint64_t flags, mode, resolve;
	} how = {.flags = O_WRONLY | O_TRUNC};

	CHECK(held = (int)syscall(SYS_openat2, AT_FDCWD, target, &how, sizeof(how)));
}

static void do_truncate(void)
{
	CHECK(truncate(target, 4711));
}

static void do_truncate_other(void)
{
	CHECK(truncate(target_other, 4711));
}

static void do_chmod(void)
{
	CHECK(chmod(target, 0604));
}

static void do_chmod_other(void)
{
	CHECK(chmod(target_other, 0604));
}

static void do_fchmodat(void)
{
	CHECK(fchmodat(dirfd_asked, names[TARGET], 0604, 0));
}

static void do_chown(void)
{
	CHECK(lchown(target, 12, 34));
}

static void do_utimensat(void)
{
	const struct timespec times[2] = {{1, 2}, {3, 4}};

	CHECK(utimensat(dirfd_asked, names[TARGET], times, AT_SYMLINK_NOFOLLOW));
}

static void do_setxattr(void)
{
	if (lsetxattr(target, "user.x", "y", 1, 0) < 0 && errno != ENOTSUP)
		err(1, "lsetxattr");
}

static char *beside(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", other, name);
	return path;
}

static void do_link(void)
{
	CHECK(link(target, beside("one-more")));
}

static void do_unlink(void)
{
	CHECK(unlink(target));
}

static void do_unlinkat(void)
{
	CHECK(unlinkat(dirfd_asked, names[TARGET], 0));
}

static void do_remove(void)
{
	CHECK(remove(target));
}

static void do_unlink_other(void)
{
	CHECK(unlink(target_other));
}

static void do_rename_away(void)
{
	CHECK(rename(target, beside("away")));
}

static void replacement_make(void)
{
	int fd;

	CHECK(fd = open(beside("new"), O_WRONLY | O_CREAT | O_EXCL, 0640));
	CHECK(write(fd, "new", 3));
	close(fd);
}

static void do_rename_over(void)
{
	CHECK(rename(beside("new"), target));
}

static void do_renameat2_exchange(void)
{
	if (renameat2(AT_FDCWD, beside("new"), AT_FDCWD, target, RENAME_EXCHANGE) < 0)
		CHECK(rename(beside("new"), target));
}

static void do_syscall_chmod(void)
{
	CHECK(syscall(SYS_chmod, target, 0604));
}

static void do_syscall_write(void)
{
	CHECK(syscall(SYS_write, held, "a longer one than before", 24));
}

static void *thread_body(void *unused)
{
	do_truncate();
	return unused;
}

static void do_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_body, NULL) || pthread_join(thread, NULL))
		errx(1, "thread");
}

static volatile int thread_told;

static void *thread_telling(void *unused)
{
	do_truncate();
	thread_told = 1;
	return unused;
}

static void do_thread_memory(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_telling, NULL))
		errx(1, "thread");
	while (!thread_told)
		;
}

static void do_fork_wait(void)
{
	int pid = fork();

	if (!pid) {
		do_truncate();
		_exit(0);
	}
	CHECK(waitpid(pid, NULL, 0));
}

static void do_vfork(void)
{
	int pid = vfork();

	if (!pid) {
		chmod(target, 0604);
		_exit(0);
	}
	CHECK(pid);
}

static char *const true_argv[] = {"true", NULL};

static void do_vfork_exec(void)
{
	int pid = vfork();

	if (!pid) {
		truncate(target, 4711);
		execv("/bin/true", true_argv);
		_exit(1);
	}
	CHECK(pid);
}

/* It opens, and so truncates, before posix_spawn returns: nothing has to be waited for. */
static void do_spawn(void)
{
	posix_spawn_file_actions_t actions;
	int pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, target, O_WRONLY | O_TRUNC, 0);
	if (posix_spawn(&pid, "/bin/true", &actions, NULL, true_argv, environ))
		errx(1, "posix_spawn");
}

static const char *shell(const char *command)
{
	static char line[3 * PATH_MAX];

	snprintf(line, sizeof(line), "%s '%s'", command, target);
	return line;
}

static void do_system(void)
{
	CHECK(system(shell("chmod 604")));
}

static void do_popen(void)
{
	FILE *pipe = popen(shell("chmod 604"), "r");

	if (!pipe || pclose(pipe))
		err(1, "popen");
}

/*
 * A program that has its own malloc is called by libc in the middle of calls that ask for memory:
 * in a stream's opening here, which is itself no change.
 */
static void (*in_malloc)(void);

extern void *__libc_malloc(size_t size);

void *malloc(size_t size)
{
	void (*first)(void) = in_malloc;

	in_malloc = NULL;
	if (first)
		first();
	return __libc_malloc(size);
}

static void within(void (*change)(void), bool directory_too)
{
	in_malloc = change;
	if (directory_too ? !opendir("/") : !fopen(beside(name_made(0)), "r"))
		err(1, "%s", other);
	if (in_malloc)
		errx(1, "malloc was not called");
}

static void do_within_opendir(void)
{
	within(do_open_write_close, true);
}

static void do_within_fopen(void)
{
	within(do_truncate, false);
}

/* The listed directory is moved away and another is put in its place. */
static void twin_make(void)
{
	CHECK(mkdir(beside("twin"), 0700));
	for (int i = 0; i < ENTRIES; i++) {
		char path[2 * PATH_MAX];
		int fd;

		snprintf(path, sizeof(path), "%s/twin/%s", other, name_made(i));
		CHECK(fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600));
		CHECK(write(fd, "twin", 4));
		close(fd);
	}
}

static void do_replace_directory(void)
{
	CHECK(rename(directory, beside("old")));
	CHECK(rename(beside("twin"), directory));
	if (by_path) /* truth is asked through the descriptor */
		CHECK(dirfd_asked = (int)raw(SYS_openat, AT_FDCWD, (long)directory, O_RDONLY, 0));
}

static void do_dup2_directory(void)
{
	int fd;

	CHECK(fd = open(beside("twin"), O_RDONLY | O_DIRECTORY));
	CHECK(dup2(fd, dirfd_asked));
	if (by_path)
		CHECK(dirfd_asked = (int)raw(SYS_openat, AT_FDCWD, (long)directory, O_RDONLY, 0));
}

static void do_closedir_reuse(void)
{
	int was = dirfd_asked, fd;

	CHECK(closedir(stream));
	CHECK(fd = open(by_path ? directory : beside("twin"), O_RDONLY | O_DIRECTORY));
	if (fd != was)
		CHECK(dup2(fd, was));
}

/* DIRECTORY is relative; where the process goes, the name means something else. */
static void relative(void)
{
	char *slash = strrchr(directory, '/'), to[3 * PATH_MAX];

	*slash = '\0';
	CHECK(chdir(directory));
	memmove(directory, slash + 1, strlen(slash + 1) + 1);
	CHECK(mkdir(beside("place"), 0700));
	twin_make();
	snprintf(to, sizeof(to), "%s/%s", beside("place"), directory);
	CHECK(rename(beside("twin"), to));
}

static void do_chdir(void)
{
	CHECK(chdir(beside("place")));
	if (by_path)
		CHECK(dirfd_asked = (int)raw(SYS_openat, AT_FDCWD, (long)directory, O_RDONLY, 0));
}

static void do_fchdir(void)
{
	int fd;

	CHECK(fd = open(beside("place"), O_RDONLY | O_DIRECTORY));
	CHECK(fchdir(fd));
	if (by_path)
		CHECK(dirfd_asked = (int)raw(SYS_openat, AT_FDCWD, (long)directory, O_RDONLY, 0));
}

/* Permission that is lost: truth is asked with the same ids. */
static void lock_parent(void)
{
	CHECK(chmod(directory, 0700));
}

static void do_seteuid(void)
{
	CHECK(seteuid(65534));
}

static void do_setreuid(void)
{
	CHECK(setreuid(-1, 65534));
}

static void do_readlink(void)
{
	char buffer[64];

	CHECK(readlink(target, buffer, sizeof(buffer)));
}

static void do_readlinkat(void)
{
	char buffer[64];

	CHECK(readlinkat(dirfd_asked, names[TARGET], buffer, sizeof(buffer)));
}

static void do_list_inner(void)
{
	DIR *inner = opendir(target);
	int ends[2];

	if (!inner)
		err(1, "opendir");
	while (readdir(inner))
		;
	closedir(inner);
	CHECK(pipe(ends));
}

static const char *inside(const char *name)
{
	static char path[2 * PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", target, name);
	return path;
}

static void do_create_inside(void)
{
	CHECK(held = open(inside("new"), O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static void do_mkdir_inside(void)
{
	CHECK(mkdir(inside("new"), 0700));
}

static void do_mkstemp_inside(void)
{
	CHECK(held = mkstemp((char *)inside("XXXXXX")));
}

static void do_rmdir(void)
{
	CHECK(rmdir(target));
}

/* ---- what can happen: by another, who tells ---- */

static int go[2], back[2], pair[2], event, lock_fd, queue = -1, sems = -1, shared, watched;
static int shared_sysv = -1;
static int peer;
static mqd_t messages;
static char fifo[PATH_MAX];
static sem_t *semaphore;
static volatile sig_atomic_t handler_ran;

static void on_signal(int number)
{
	(void)number;
	handler_ran = 1;
}

static void peer_change(void)
{
	char path[PATH_MAX];

	if (read(go[0], path, sizeof(path)) != sizeof(path))
		_exit(1);
	CHECK(truncate(path, 4711));
}

/* The parent's part: everything is ready, now change it. */
static void peer_go(void)
{
	CHECK(write(go[1], target, PATH_MAX));
}

static void (*peer_tell)(void);

static void peer_make(void)
{
	CHECK(pipe(go));
	CHECK(peer = fork());
	if (peer)
		return;
	peer_change();
	peer_tell();
	_exit(0);
}

static void with_pipe(void)
{
	CHECK(pipe(back));
	peer_make();
}

static void tell_pipe(void)
{
	CHECK(write(back[1], "done\n", 5));
}

static void hear_read(void)
{
	char buffer[8];

	peer_go();
	CHECK(read(back[0], buffer, 5));
}

static void hear_readv(void)
{
	char buffer[8];
	struct iovec part = {buffer, 5};

	peer_go();
	CHECK(readv(back[0], &part, 1));
}

static void hear_preadv2(void)
{
	char buffer[8];
	struct iovec part = {buffer, 5};

	peer_go();
	CHECK(preadv2(back[0], &part, 1, -1, 0));
}

static void hear_splice(void)
{
	int ends[2];

	CHECK(pipe(ends));
	peer_go();
	CHECK(splice(back[0], NULL, ends[1], NULL, 5, 0));
}

static void hear_syscall(void)
{
	char buffer[8];

	peer_go();
	CHECK(syscall(SYS_read, back[0], buffer, 5));
}

static void with_pipe_stream(void)
{
	CHECK(pipe(back));
	held_stream = fdopen(back[0], "r");
	peer_make();
}

static void hear_fgets(void)
{
	char line[8];

	peer_go();
	if (!fgets(line, sizeof(line), held_stream))
		errx(1, "fgets");
}

static void hear_getline(void)
{
	char *line = NULL;
	size_t size = 0;

	peer_go();
	CHECK(getline(&line, &size, held_stream));
}

static void hear_getc(void)
{
	peer_go();
	if (getc(held_stream) != 'd')
		errx(1, "getc");
}

static void hear_getc_unlocked(void)
{
	peer_go();
	if (getc_unlocked(held_stream) != 'd')
		errx(1, "getc_unlocked");
}

static void hear_fread(void)
{
	char buffer[8];

	peer_go();
	if (fread(buffer, 5, 1, held_stream) != 1)
		errx(1, "fread");
}

static void hear_fscanf(void)
{
	char word[8];

	peer_go();
	if (fscanf(held_stream, "%4s", word) != 1)
		errx(1, "fscanf");
}

static void hear_poll(void)
{
	struct pollfd poll_fd = {back[0], POLLIN, 0};

	peer_go();
	CHECK(poll(&poll_fd, 1, -1));
}

static void hear_poll_loop(void)
{
	struct pollfd poll_fd = {back[0], POLLIN, 0};

	peer_go();
	while (poll(&poll_fd, 1, 0) == 0)
		;
}

static void hear_select(void)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(back[0], &set);
	peer_go();
	CHECK(select(back[0] + 1, &set, NULL, NULL, NULL));
}

static void hear_epoll(void)
{
	struct epoll_event wanted = {.events = EPOLLIN};
	int fd;

	CHECK(fd = epoll_create1(0));
	CHECK(epoll_ctl(fd, EPOLL_CTL_ADD, back[0], &wanted));
	peer_go();
	CHECK(epoll_wait(fd, &wanted, 1, -1));
}

static void with_socket(void)
{
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	back[1] = pair[1];
	back[0] = pair[0];
	peer_make();
}

static void with_socket_timed(void)
{
	const struct timeval long_time = {60, 0};

	with_socket();
	CHECK(setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &long_time, sizeof(long_time)));
}

static void hear_recv(void)
{
	char buffer[8];

	peer_go();
	CHECK(recv(pair[0], buffer, 5, 0));
}

static void hear_recvmsg(void)
{
	char buffer[8];
	struct iovec part = {buffer, 5};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	peer_go();
	CHECK(recvmsg(pair[0], &message, 0));
}

static void with_event(void)
{
	CHECK(event = eventfd(0, 0));
	peer_make();
}

static void tell_event(void)
{
	CHECK(eventfd_write(event, 1));
}

static void hear_event(void)
{
	eventfd_t value;

	peer_go();
	CHECK(eventfd_read(event, &value));
}

static void hear_event_read(void)
{
	uint64_t value;

	peer_go();
	CHECK(read(event, &value, sizeof(value)));
}

static void tell_nothing(void)
{
}

static void hear_wait(void)
{
	peer_go();
	CHECK(wait(NULL));
}

static void hear_waitid(void)
{
	siginfo_t info;

	peer_go();
	CHECK(waitid(P_PID, (id_t)peer, &info, WEXITED));
}

static void hear_waitpid_loop(void)
{
	peer_go();
	while (waitpid(peer, NULL, WNOHANG) == 0)
		;
}

static void hear_pidfd_poll(void)
{
	struct pollfd poll_fd = {.events = POLLIN};

	CHECK(poll_fd.fd = (int)syscall(SYS_pidfd_open, peer, 0));
	peer_go();
	CHECK(poll(&poll_fd, 1, -1));
}

static void hear_kill(void)
{
	signal(SIGCHLD, SIG_IGN); /* leaves no zombie */
	peer_go();
	while (kill(peer, 0) == 0)
		;
}

static void tell_signal(void)
{
	CHECK(kill(getppid(), SIGUSR1));
}

static void hear_handler(void)
{
	signal(SIGUSR1, on_signal);
	peer_go();
	while (!handler_ran)
		;
}

static void hear_handler_sigaction(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	CHECK(sigaction(SIGUSR1, &action, NULL));
	peer_go();
	while (!handler_ran)
		;
}

static void hear_pause(void)
{
	sigset_t set, before;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &before);
	peer_go();
	while (!handler_ran)
		sigsuspend(&before);
	signal(SIGUSR1, SIG_DFL);
}

static void signal_blocked(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, set, NULL));
}

static void hear_sigwait(void)
{
	sigset_t set;
	int number;

	signal_blocked(&set);
	peer_go();
	if (sigwait(&set, &number))
		errx(1, "sigwait");
}

static void hear_sigtimedwait(void)
{
	const struct timespec long_time = {60, 0};
	sigset_t set;

	signal_blocked(&set);
	peer_go();
	CHECK(sigtimedwait(&set, NULL, &long_time));
}

static void hear_sigpending(void)
{
	sigset_t set, pending;

	signal_blocked(&set);
	peer_go();
	do
		sigpending(&pending);
	while (!sigismember(&pending, SIGUSR1));
}

static void hear_signalfd(void)
{
	struct signalfd_siginfo info;
	sigset_t set;
	int fd;

	signal_blocked(&set);
	CHECK(fd = signalfd(-1, &set, 0));
	peer_go();
	CHECK(read(fd, &info, sizeof(info)));
}

/* Locks: the peer holds it, changes, and lets go. */
static void lock_path(char *path)
{
	strcpy(path, beside("lock"));
}

static void with_lock(void)
{
	char path[PATH_MAX], ready;
	int readiness[2];

	lock_path(path);
	CHECK(pipe(go));
	CHECK(pipe(readiness));
	CHECK(peer = fork());
	if (!peer) {
		struct flock whole = {.l_type = F_WRLCK};
		int fd;

		CHECK(fd = open(path, O_RDWR | O_CREAT, 0600));
		CHECK(flock(fd, LOCK_EX));
		CHECK(fcntl(fd, F_SETLK, &whole));
		CHECK(write(readiness[1], "r", 1));
		peer_change();
		_exit(0); /* and so lets go */
	}
	CHECK(read(readiness[0], &ready, 1));
	CHECK(lock_fd = open(path, O_RDWR));
}

static void hear_flock(void)
{
	peer_go();
	CHECK(flock(lock_fd, LOCK_EX));
}

static void hear_fcntl(void)
{
	struct flock whole = {.l_type = F_WRLCK};

	peer_go();
	CHECK(fcntl(lock_fd, F_SETLKW, &whole));
}

static void hear_fcntl_ofd(void)
{
	struct flock whole = {.l_type = F_RDLCK};

	peer_go();
	CHECK(fcntl(lock_fd, F_OFD_SETLKW, &whole));
}

static void hear_fcntl_get(void)
{
	struct flock whole;

	peer_go();
	do {
		whole = (struct flock){.l_type = F_WRLCK};
		CHECK(fcntl(lock_fd, F_GETLK, &whole));
	} while (whole.l_type != F_UNLCK);
}

static void hear_lockf(void)
{
	peer_go();
	CHECK(lockf(lock_fd, F_LOCK, 0));
}

/* A dot-lock: a name made exclusively, removed by its holder. */
static void with_dot_lock(void)
{
	int fd;

	CHECK(fd = open(beside("lock"), O_RDWR | O_CREAT | O_EXCL, 0600));
	close(fd);
	peer_make();
}

static void tell_dot_lock(void)
{
	CHECK(unlink(beside("lock")));
}

static void hear_dot_lock(void)
{
	peer_go();
	while ((held = open(beside("lock"), O_RDWR | O_CREAT | O_EXCL, 0600)) < 0)
		;
}

static void hear_dot_lock_link(void)
{
	char path[PATH_MAX];

	lock_path(path);
	peer_go();
	while (link(beside("new"), path) < 0)
		;
}

static void with_dot_lock_and_new(void)
{
	replacement_make();
	with_dot_lock();
}

static void with_dot_lock_directory(void)
{
	CHECK(mkdir(beside("lock"), 0700));
	peer_make();
}

static void tell_dot_lock_directory(void)
{
	CHECK(rmdir(beside("lock")));
}

static void hear_dot_lock_directory(void)
{
	peer_go();
	while (mkdir(beside("lock"), 0700) < 0)
		;
}

static void with_fifo(void)
{
	strcpy(fifo, beside("fifo"));
	CHECK(mkfifo(fifo, 0600));
	peer_make();
}

static void tell_fifo(void)
{
	CHECK(held = open(fifo, O_WRONLY));
	pause();
}

static void hear_fifo_open(void)
{
	peer_go();
	CHECK(held = open(fifo, O_RDONLY));
	raw(SYS_kill, peer, SIGKILL, 0, 0); /* kill would be news by itself */
}

static void hear_fifo_fopen(void)
{
	peer_go();
	if (!fopen(fifo, "r"))
		err(1, "fopen");
	raw(SYS_kill, peer, SIGKILL, 0, 0); /* kill would be news by itself */
}

/* Shared memory, got only when answers are in play already. */
static void with_memory(void)
{
	CHECK(shared = memfd_create("shared", 0));
	CHECK(ftruncate(shared, 4096));
	peer_make();
}

static volatile int *memory_map(int protection)
{
	void *memory = mmap(NULL, 4096, protection, MAP_SHARED, shared, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	return memory;
}

static void tell_memory(void)
{
	*memory_map(PROT_READ | PROT_WRITE) = 1;
}

static void hear_memory(void)
{
	volatile int *memory = memory_map(PROT_READ);

	peer_go();
	while (!*memory)
		;
}

static void with_memory_sysv(void)
{
	CHECK(shared_sysv = shmget(IPC_PRIVATE, 4096, 0600));
	peer_make();
}

static void tell_memory_sysv(void)
{
	*(volatile int *)shmat(shared_sysv, NULL, 0) = 1;
}

static void hear_memory_sysv(void)
{
	volatile int *memory = shmat(shared_sysv, NULL, SHM_RDONLY);

	peer_go();
	while (!*memory)
		;
	CHECK(shmctl(shared_sysv, IPC_RMID, NULL));
}

/* The semaphore's page is mapped by libc itself: sem_open is what can be seen. */
static void with_semaphore(void)
{
	char name[64];

	snprintf(name, sizeof(name), "/ahead-contract.%d", (int)getpid());
	semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 0);
	if (semaphore == SEM_FAILED)
		err(1, "sem_open");
	sem_unlink(name);
	peer_make();
}

static void tell_semaphore(void)
{
	CHECK(sem_post(semaphore));
}

static void hear_semaphore(void)
{
	peer_go();
	CHECK(sem_wait(semaphore));
}

static void hear_semaphore_loop(void)
{
	int value = 0;

	peer_go();
	while (!value)
		sem_getvalue(semaphore, &value);
}

static void with_sysv(void)
{
	CHECK(sems = semget(IPC_PRIVATE, 1, 0600));
	CHECK(queue = msgget(IPC_PRIVATE, 0600));
	peer_make();
}

static void tell_sysv(void)
{
	struct sembuf up = {0, 1, 0};
	struct {
		long type;
		char text[4];
	} message = {1, "new"};

	CHECK(semop(sems, &up, 1));
	CHECK(msgsnd(queue, &message, 4, 0));
}

static void sysv_end(void)
{
	CHECK(semctl(sems, 0, IPC_RMID));
	CHECK(msgctl(queue, IPC_RMID, NULL));
}

static void hear_semop(void)
{
	struct sembuf down = {0, -1, 0};

	peer_go();
	CHECK(semop(sems, &down, 1));
}

static void hear_msgrcv(void)
{
	struct {
		long type;
		char text[4];
	} message;

	peer_go();
	CHECK(msgrcv(queue, &message, 4, 0, 0));
}

static void with_mq(void)
{
	struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
	char name[64];

	snprintf(name, sizeof(name), "/ahead-contract.%d", (int)getpid());
	messages = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
	if (messages < 0)
		err(1, "mq_open");
	mq_unlink(name);
	peer_make();
}

static void tell_mq(void)
{
	CHECK(mq_send(messages, "done", 4, 0));
}

static void hear_mq(void)
{
	char buffer[8];

	peer_go();
	CHECK(mq_receive(messages, buffer, sizeof(buffer), NULL));
}

static void with_inotify(void)
{
	CHECK(watched = inotify_init1(0));
	CHECK(inotify_add_watch(watched, other, IN_CREATE));
	peer_make();
}

static void tell_inotify(void)
{
	CHECK(mkdir(beside("told"), 0700));
}

static void hear_inotify(void)
{
	char buffer[4096];

	peer_go();
	CHECK(read(watched, buffer, sizeof(buffer)));
}

static void hear_sleep(void)
{
	const struct timespec a_while = {.tv_nsec = 1000 * 1000};
	struct stat is;

	peer_go();
	do
		nanosleep(&a_while, NULL);
	while (truth(names[TARGET], &is) == 0 && is.st_size != 4711);
}

/* Nobody tells us; only the kernel, past any library. */
static void hear_nothing(void)
{
	const char *stale = getenv("USHIM_STALE_MS");
	struct stat is;

	peer_go();
	while (truth(names[TARGET], &is) == 0 && is.st_size != 4711)
		;
	spin(stale ? atoi(stale) + 1 : 251);
}

/* ---- the table ---- */

static const struct scenario {
	const char *name;
	void (*before)(void), (*change)(void), (*tell)(void), (*after)(void);
} scenarios[] = {
	{"nothing", nothing, nothing, NULL, NULL},
	{"write", open_to_write, do_write, NULL, NULL},
	{"write-close", open_to_write, do_write_close, NULL, NULL},
	{"write-close-pipe", open_to_write, do_write_close_pipe, NULL, NULL},
	{"write-close-dup2", open_to_write, do_write_close_dup2, NULL, NULL},
	{"write-dup2-over", open_to_write, do_write_dup2_over, NULL, NULL},
	{"write-syscall", open_to_write, do_syscall_write, NULL, NULL},
	{"write-other-name", open_other_name, do_write, NULL, NULL},
	{"write-other-name-close-pipe", open_other_name, do_write_close_pipe, NULL, NULL},
	{"fwrite-fclose", fopen_target, do_fwrite_fclose, NULL, NULL},
	{"pwrite", open_to_write, do_pwrite, NULL, NULL},
	{"writev", open_to_write, do_writev, NULL, NULL},
	{"ftruncate", open_to_write, do_ftruncate, NULL, NULL},
	{"fallocate", open_to_write, do_fallocate, NULL, NULL},
	{"fchmod", open_to_read, do_fchmod, NULL, NULL},
	{"futimens", open_to_read, do_futimens, NULL, NULL},
	{"fsetxattr", open_to_read, do_fsetxattr, NULL, NULL},
	{"sendfile", open_to_write, do_sendfile, NULL, NULL},
	{"copy_file_range", open_to_write, do_copy_file_range, NULL, NULL},
	{"read-close-pipe", open_to_read, do_read_close_pipe, NULL, NULL},
	{"mmap-write", open_to_write, do_mmap_write, NULL, NULL},
	{"open-write-close", nothing, do_open_write_close, NULL, NULL},
	{"open-trunc", nothing, do_open_trunc, NULL, NULL},
	{"creat", nothing, do_creat, NULL, NULL},
	{"fopen-append", nothing, do_fopen_append, NULL, NULL},
	{"openat2", nothing, do_openat2, NULL, NULL},
	{"truncate", nothing, do_truncate, NULL, NULL},
	{"truncate-other-name", nothing, do_truncate_other, NULL, NULL},
	{"chmod", nothing, do_chmod, NULL, NULL},
	{"chmod-other-name", nothing, do_chmod_other, NULL, NULL},
	{"fchmodat", nothing, do_fchmodat, NULL, NULL},
	{"chown", nothing, do_chown, NULL, NULL},
	{"utimensat", nothing, do_utimensat, NULL, NULL},
	{"setxattr", nothing, do_setxattr, NULL, NULL},
	{"link", nothing, do_link, NULL, NULL},
	{"unlink", nothing, do_unlink, NULL, NULL},
	{"unlinkat", nothing, do_unlinkat, NULL, NULL},
	{"remove", nothing, do_remove, NULL, NULL},
	{"unlink-other-name", nothing, do_unlink_other, NULL, NULL},
	{"rename-away", nothing, do_rename_away, NULL, NULL},
	{"rename-over", replacement_make, do_rename_over, NULL, NULL},
	{"rename-exchange", replacement_make, do_renameat2_exchange, NULL, NULL},
	{"syscall-chmod", nothing, do_syscall_chmod, NULL, NULL},
	{"thread", nothing, do_thread, NULL, NULL},
	{"thread-memory", nothing, do_thread_memory, NULL, NULL},
	{"fork-wait", nothing, do_fork_wait, NULL, NULL},
	{"vfork", nothing, do_vfork, NULL, NULL},
	{"vfork-exec", nothing, do_vfork_exec, NULL, NULL},
	{"spawn", nothing, do_spawn, NULL, NULL},
	{"system", nothing, do_system, NULL, NULL},
	{"popen", nothing, do_popen, NULL, NULL},
	{"within-opendir", nothing, do_within_opendir, NULL, NULL},
	{"within-fopen", nothing, do_within_fopen, NULL, NULL},
	{"replace-directory", twin_make, do_replace_directory, NULL, NULL},
	{"dup2-directory", twin_make, do_dup2_directory, NULL, NULL},
	{"closedir-reuse", twin_make, do_closedir_reuse, NULL, NULL},
	{"chdir", relative, do_chdir, NULL, NULL},
	{"fchdir", relative, do_fchdir, NULL, NULL},
	{"seteuid", lock_parent, do_seteuid, NULL, NULL},
	{"setreuid", lock_parent, do_setreuid, NULL, NULL},
	{"readlink", nothing, do_readlink, NULL, NULL},
	{"readlinkat", nothing, do_readlinkat, NULL, NULL},
	{"list-inner", nothing, do_list_inner, NULL, NULL},
	{"create-inside", nothing, do_create_inside, NULL, NULL},
	{"mkdir-inside", nothing, do_mkdir_inside, NULL, NULL},
	{"mkstemp-inside", nothing, do_mkstemp_inside, NULL, NULL},
	{"rmdir", nothing, do_rmdir, NULL, NULL},
	{"told-read", with_pipe, hear_read, tell_pipe, NULL},
	{"told-readv", with_pipe, hear_readv, tell_pipe, NULL},
	{"told-preadv2", with_pipe, hear_preadv2, tell_pipe, NULL},
	{"told-splice", with_pipe, hear_splice, tell_pipe, NULL},
	{"told-syscall", with_pipe, hear_syscall, tell_pipe, NULL},
	{"told-fgets", with_pipe_stream, hear_fgets, tell_pipe, NULL},
	{"told-getline", with_pipe_stream, hear_getline, tell_pipe, NULL},
	{"told-getc", with_pipe_stream, hear_getc, tell_pipe, NULL},
	{"told-getc_unlocked", with_pipe_stream, hear_getc_unlocked, tell_pipe, NULL},
	{"told-fread", with_pipe_stream, hear_fread, tell_pipe, NULL},
	{"told-fscanf", with_pipe_stream, hear_fscanf, tell_pipe, NULL},
	{"told-poll", with_pipe, hear_poll, tell_pipe, NULL},
	{"told-poll-loop", with_pipe, hear_poll_loop, tell_pipe, NULL},
	{"told-select", with_pipe, hear_select, tell_pipe, NULL},
	{"told-epoll", with_pipe, hear_epoll, tell_pipe, NULL},
	{"told-socket-read", with_socket, hear_read, tell_pipe, NULL},
	{"told-recv", with_socket, hear_recv, tell_pipe, NULL},
	{"told-recvmsg", with_socket, hear_recvmsg, tell_pipe, NULL},
	{"told-eventfd", with_event, hear_event, tell_event, NULL},
	{"told-eventfd-read", with_event, hear_event_read, tell_event, NULL},
	{"told-wait", peer_make, hear_wait, tell_nothing, NULL},
	{"told-waitid", peer_make, hear_waitid, tell_nothing, NULL},
	{"told-waitpid-loop", peer_make, hear_waitpid_loop, tell_nothing, NULL},
	{"told-pidfd", peer_make, hear_pidfd_poll, tell_nothing, NULL},
	{"told-kill", peer_make, hear_kill, tell_nothing, NULL},
	{"told-handler", peer_make, hear_handler, tell_signal, NULL},
	{"told-handler-sigaction", peer_make, hear_handler_sigaction, tell_signal, NULL},
	{"told-sigsuspend", peer_make, hear_pause, tell_signal, NULL},
	{"told-sigwait", peer_make, hear_sigwait, tell_signal, NULL},
	{"told-sigtimedwait", peer_make, hear_sigtimedwait, tell_signal, NULL},
	{"told-sigpending", peer_make, hear_sigpending, tell_signal, NULL},
	{"told-signalfd", peer_make, hear_signalfd, tell_signal, NULL},
	{"told-flock", with_lock, hear_flock, NULL, NULL},
	{"told-fcntl", with_lock, hear_fcntl, NULL, NULL},
	{"told-fcntl-ofd", with_lock, hear_fcntl_ofd, NULL, NULL},
	{"told-fcntl-getlk", with_lock, hear_fcntl_get, NULL, NULL},
	{"told-lockf", with_lock, hear_lockf, NULL, NULL},
	{"told-dot-lock", with_dot_lock, hear_dot_lock, tell_dot_lock, NULL},
	{"told-dot-lock-link", with_dot_lock_and_new, hear_dot_lock_link, tell_dot_lock, NULL},
	{"told-dot-lock-mkdir", with_dot_lock_directory, hear_dot_lock_directory,
	 tell_dot_lock_directory, NULL},
	{"told-fifo-open", with_fifo, hear_fifo_open, tell_fifo, NULL},
	{"told-fifo-fopen", with_fifo, hear_fifo_fopen, tell_fifo, NULL},
	{"told-memory", with_memory, hear_memory, tell_memory, NULL},
	{"told-shmat", with_memory_sysv, hear_memory_sysv, tell_memory_sysv, NULL},
	{"told-sem", with_semaphore, hear_semaphore, tell_semaphore, NULL},
	{"told-sem-getvalue", with_semaphore, hear_semaphore_loop, tell_semaphore, NULL},
	{"told-semop", with_sysv, hear_semop, tell_sysv, sysv_end},
	{"told-msgrcv", with_sysv, hear_msgrcv, tell_sysv, sysv_end},
	{"told-mq", with_mq, hear_mq, tell_mq, NULL},
	{"told-inotify", with_inotify, hear_inotify, tell_inotify, NULL},
	/* Without waiting until everything has arrived. */
	{"hurry-semop", with_sysv, hear_semop, tell_sysv, sysv_end},
	{"hurry-epoll", with_pipe, hear_epoll, tell_pipe, NULL},
	{"hurry-sigtimedwait", peer_make, hear_sigtimedwait, tell_signal, NULL},
	{"hurry-recv", with_socket_timed, hear_recv, tell_pipe, NULL},
	{"hurry-read", with_socket_timed, hear_read, tell_pipe, NULL},
	{"told-sleep", peer_make, hear_sleep, tell_nothing, NULL},
	{"untold", peer_make, hear_nothing, tell_nothing, NULL},
};

static const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	errx(2, "%s: no such scenario", name);
}

static void run(const struct scenario *scenario)
{
	peer_tell = scenario->tell;
	names_learn();
	scenario->before();
	list();
	for (int i = 0; i < FIRST; i++)
		ask(i);
	if (strncmp(scenario->name, "hurry", 5))
		spin(WAIT_MS);
	scenario->change();
	for (int i = FIRST; i < count; i++)
		ask(i);
	if (peer)
		waitpid(peer, NULL, 0);
	if (scenario->after)
		scenario->after();
}

static void make(const char *kind)
{
	CHECK(mkdir(directory, 0755));
	CHECK(mkdir(other, 0755));
	for (int i = 0; i < ENTRIES; i++) {
		const char *path = spelled(name_made(i));
		int fd;

		if (!strcmp(kind, "dir")) {
			CHECK(mkdir(path, 0755));
		} else if (!strcmp(kind, "link")) {
			CHECK(symlink("nowhere", path));
		} else {
			CHECK(fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644));
			CHECK(write(fd, "contents\n", 9));
			close(fd);
			CHECK(link(path, beside(name_made(i))));
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "scenarios")) {
		for (size_t i = 0; i < sizeof(scenarios) / sizeof(*scenarios); i++)
			puts(scenarios[i].name);
		return 0;
	}
	if (argc < 4)
		errx(2, "usage: see the source");
	strcpy(directory, argv[argc - 1]);
	snprintf(other, sizeof(other), "%.*s.other", PATH_MAX - 8, directory);
	if (!strcmp(argv[1], "make")) {
		make(argv[2]);
		return 0;
	}
	by_path = !strcmp(argv[3], "path");
	run(scenario_find(argv[2]));
	return 0;
}
