/* SPDX-License-Identifier: MIT
 *
 * fences WORK LIBRARY SLOW BACKING OWN [ROW...]: for every fence there is, a process under
 * LIBRARY that has made names (WORK is "links", or "unlinks" where it has removed some) in a
 * directory of SLOW and then does what the row says; and an observer without the library, at the
 * other end of the pipe, behind the lock, in wait, ..., who looks for them in BACKING, where
 * SLOW keeps its files, at the very moment it is told. OWN is an empty directory elsewhere.
 *
 * One line a row: "ok", "LATE" (told before all was done: the fault), "SILENT" (never told),
 * "IDLE" (nothing was pending before the fence, in any of the tries; where SLOW is BACKING, this is
 * not asked for), "skip" (the row cannot be run here).
 *
 * The subject speaks to the observer by system calls without libc, which the library cannot see.
 */
// LDLIBS: -lrt -lutil
#include "raw.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <fts.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <threads.h>
#include <unistd.h>
#include <wchar.h>

enum {
	NAMES = 10,
	TRIES = 5,     /* until something is seen pending */
	PATIENCE_S = 10,
	MESSAGE = 512, /* room for a row's name or a path */
};

/* The subject's descriptors, from here on. */
enum {
	OUT = 20, /* a pipe the observer reads */
	IN,       /* a pipe in which a line waits */
	EMPTY,    /* a pipe in which nothing ever comes */
	TALK,     /* a socket in which a line waits */
	TTY,
	FLOCK, /* a file locked by flock */
	POSIX, /* by fcntl */
	OFD,   /* by F_OFD_SETLK */
	LOCKDIR, /* a directory locked by flock */
	WATCHED, /* OWN/watched, open for writing */
	EVENT,   /* an eventfd */
	PAGE,    /* a file of one page, mapped by the observer */
	HELD,    /* a file the observer has locked */
	LISTENS, /* a socket that somebody is about to connect to */
	TELL,    /* the way to speak to the observer past the library */
	FDS_END,
};

/* How the observer is told. */
enum told {
	BY_PIPE,    /* OUT is readable, or closed by all */
	BY_TALK,    /* as that, the socket */
	BY_TTY,     /* bytes on the terminal */
	BY_MODES,   /* the terminal's modes differ */
	BY_DRAIN,   /* the line in IN or TALK is gone */
	BY_EXIT,    /* the process is gone */
	BY_SIGNAL,  /* SIGUSR1 comes */
	BY_FLOCK,   /* a lock is free */
	BY_POSIX,
	BY_OFD,
	BY_LOCKDIR,
	BY_CHANGE,  /* OWN/watched is another */
	BY_NAME,    /* OWN/new is there */
	BY_LACK,    /* OWN/gone is not */
	BY_LISTED,  /* the subject has seen all its names itself */
	BY_EVENT,   /* the eventfd is not 0 */
	BY_PAGE,    /* the first byte of PAGE is not 0 */
	BY_SHM,     /* of the System V segment */
	BY_SEM,     /* its semaphore */
	BY_MSG,
	BY_MQ,
	BY_FIFO,    /* OWN/fifo has a reader */
	BY_FIFO_WRITER,
	BY_CONNECT, /* somebody waits at the observer's socket */
	BY_ACCEPT,
	BY_BOUND,   /* OWN/bound is there */
	BY_SLEEP,   /* the process is seen asleep in the call (/proc/PID/syscall) */
	BY_RETURN,  /* the call has returned */
};

struct row {
	const char *name;
	enum told told;
	long number;         /* BY_SLEEP: of the system call */
	void (*early)(void); /* before the first name is made */
	void (*act)(void);
};

static const char *own, *directory; /* the subject's */
static char *memory;                /* PAGE, mapped */
static int segment, semaphores, messages;
static pid_t child;
static FILE *stream;

static void tell(char what)
{
	raw(SYS_write, TELL, (long)&what, 1, 0);
}

static const char *in_own(const char *name)
{
	static char path[2][MESSAGE];
	static int turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", own, name);
	return path[turn];
}

/* ---- the rows ---- */

#define ROW_WITH(id, told, number, early)                                                     \
	static void act_##id(void);                                                           \
	static const struct row row_##id = {#id, told, number, early, act_##id};              \
	static const struct row *const ref_##id __attribute__((used, section("rows"))) = &row_##id; \
	static void act_##id(void)
#define ROW(id, told) ROW_WITH(id, told, 0, NULL)
#define SLEEPS(id, number) ROW_WITH(id, BY_SLEEP, number, NULL)

/* A row's result is of no interest: who is told is. */
static void ignore(long result)
{
	(void)result;
}

/* Output. */

ROW(write, BY_PIPE) { ignore(write(OUT, "x", 1)); }
ROW(write_socket, BY_TALK) { ignore(write(TALK, "x", 1)); }
ROW(write_tty, BY_TTY) { ignore(write(TTY, "x", 1)); }
ROW(writev, BY_PIPE) { ignore(writev(OUT, &(struct iovec){(char *)"x", 1}, 1)); }
ROW(send, BY_TALK) { ignore(send(TALK, "x", 1, 0)); }
ROW(sendto, BY_TALK) { ignore(sendto(TALK, "x", 1, 0, NULL, 0)); }

static struct msghdr *message(void)
{
	static char byte = 'x';
	static struct iovec vector = {&byte, 1};
	static struct mmsghdr header = {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}};

	return &header.msg_hdr;
}

ROW(sendmsg, BY_TALK) { ignore(sendmsg(TALK, message(), 0)); }
ROW(sendmmsg, BY_TALK) { ignore(sendmmsg(TALK, (struct mmsghdr *)message(), 1, 0)); }
ROW(sendfile, BY_PIPE) { ignore(sendfile(OUT, WATCHED, &(off_t){0}, 1)); }
ROW(sendfile_socket, BY_TALK) { ignore(sendfile(TALK, WATCHED, &(off_t){0}, 1)); }
ROW(splice, BY_PIPE) { ignore(splice(IN, NULL, OUT, NULL, 1, 0)); }
ROW(splice_file, BY_PIPE) { ignore(splice(WATCHED, &(off_t){0}, OUT, NULL, 1, 0)); }
ROW(tee, BY_PIPE) { ignore(tee(IN, OUT, 1, 0)); }
ROW(vmsplice, BY_PIPE) { ignore(vmsplice(OUT, &(struct iovec){(char *)"x", 1}, 1, 0)); }
ROW(dprintf, BY_PIPE) { dprintf(OUT, "x"); }

static void stream_begin(void)
{
	stream = fdopen(dup(OUT), "w");
}

static void stream_unbuffered(void)
{
	stream_begin();
	setvbuf(stream, NULL, _IONBF, 0);
}

static void stream_of_lines(void)
{
	stream_begin();
	setvbuf(stream, NULL, _IOLBF, 4096);
}

static void stream_filled(void)
{
	stream_begin();
	fputs("text", stream);
}

static void stdout_of_lines(void)
{
	dup2(OUT, STDOUT_FILENO);
	setvbuf(stdout, NULL, _IOLBF, 4096);
}

static void stdout_filled(void)
{
	dup2(OUT, STDOUT_FILENO);
	printf("text");
}

static void stderr_is_pipe(void)
{
	dup2(OUT, STDERR_FILENO);
}

static void said(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vfprintf(stream, format, list);
	va_end(list);
}

ROW_WITH(printf_newline, BY_PIPE, 0, stdout_of_lines) { printf("%d\n", child); }
ROW_WITH(puts, BY_PIPE, 0, stdout_of_lines) { puts("x"); }
ROW_WITH(putchar, BY_PIPE, 0, stdout_of_lines) { putchar('\n'); }
ROW_WITH(putchar_unlocked, BY_PIPE, 0, stdout_of_lines) { putchar_unlocked('\n'); }
ROW_WITH(fprintf, BY_PIPE, 0, stream_unbuffered) { fprintf(stream, "%d", child); }
ROW_WITH(vfprintf, BY_PIPE, 0, stream_unbuffered) { said("%d", child); }
ROW_WITH(fputs, BY_PIPE, 0, stream_unbuffered) { fputs("x", stream); }
ROW_WITH(fputc, BY_PIPE, 0, stream_unbuffered) { fputc('x', stream); }
ROW_WITH(putc, BY_PIPE, 0, stream_unbuffered) { putc('x', stream); }
ROW_WITH(putc_unlocked, BY_PIPE, 0, stream_of_lines) { putc_unlocked('\n', stream); }
ROW_WITH(putw, BY_PIPE, 0, stream_unbuffered) { putw(7, stream); }
ROW_WITH(fwrite, BY_PIPE, 0, stream_unbuffered) { fwrite("x", 1, 1, stream); }
ROW_WITH(fwrite_unlocked, BY_PIPE, 0, stream_unbuffered) { fwrite_unlocked("x", 1, 1, stream); }
ROW_WITH(fputs_unlocked, BY_PIPE, 0, stream_unbuffered) { fputs_unlocked("x", stream); }
ROW_WITH(fwprintf, BY_PIPE, 0, stream_unbuffered) { fwprintf(stream, L"x"); }
ROW_WITH(fflush, BY_PIPE, 0, stream_filled) { fflush(stream); }
ROW_WITH(fflush_unlocked, BY_PIPE, 0, stream_filled) { fflush_unlocked(stream); }
ROW_WITH(fflush_all, BY_PIPE, 0, stream_filled) { fflush(NULL); }
ROW_WITH(fclose, BY_PIPE, 0, stream_filled) { fclose(stream); }
ROW_WITH(fcloseall, BY_PIPE, 0, stream_filled) { fcloseall(); }
ROW_WITH(freopen, BY_PIPE, 0, stream_filled) { ignore(freopen("/dev/null", "w", stream) != NULL); }
ROW_WITH(fseek, BY_PIPE, 0, stream_filled) { fseek(stream, 0, SEEK_SET); }
ROW_WITH(setvbuf, BY_RETURN, 0, stream_begin) { setvbuf(stream, NULL, _IONBF, 0); }
ROW_WITH(perror, BY_PIPE, 0, stderr_is_pipe) { perror("x"); }
ROW_WITH(warn, BY_PIPE, 0, stderr_is_pipe) { warn("x"); }
ROW_WITH(warnx, BY_PIPE, 0, stderr_is_pipe) { warnx("x"); }
ROW_WITH(error, BY_PIPE, 0, stderr_is_pipe) { error(0, 0, "x"); }
ROW_WITH(psignal, BY_PIPE, 0, stderr_is_pipe) { psignal(SIGINT, "x"); }
ROW_WITH(getopt, BY_PIPE, 0, stderr_is_pipe)
{
	char *argv[] = {(char *)"x", (char *)"-z", NULL};

	ignore(getopt(2, argv, "a"));
}

/* What somebody else may watch: a file or a name elsewhere. */

ROW(write_file, BY_CHANGE) { ignore(write(WATCHED, "longer", 6)); }
ROW(pwrite_file, BY_CHANGE) { ignore(pwrite(WATCHED, "x", 1, 9)); }
ROW(pwritev_file, BY_CHANGE) { ignore(pwritev(WATCHED, &(struct iovec){(char *)"x", 1}, 1, 9)); }
ROW(ftruncate, BY_CHANGE) { ignore(ftruncate(WATCHED, 0)); }
ROW(truncate, BY_CHANGE) { ignore(truncate(in_own("watched"), 0)); }
ROW(fallocate, BY_CHANGE) { ignore(fallocate(WATCHED, 0, 0, 100000)); }
ROW(posix_fallocate, BY_CHANGE) { ignore(posix_fallocate(WATCHED, 0, 100000)); }
ROW(copy_file_range, BY_CHANGE)
{
	ignore(copy_file_range(PAGE, &(off_t){0}, WATCHED, &(off_t){0}, 100, 0));
}
ROW(open_truncating, BY_CHANGE) { ignore(open(in_own("watched"), O_WRONLY | O_TRUNC)); }
ROW(open_creating, BY_NAME) { ignore(open(in_own("new"), O_WRONLY | O_CREAT, 0600)); }
ROW(openat_creating, BY_NAME)
{
	ignore(openat(AT_FDCWD, in_own("new"), O_RDONLY | O_CREAT | O_EXCL, 0600));
}
ROW(creat, BY_NAME) { ignore(creat(in_own("new"), 0600)); }
ROW(fopen_creating, BY_NAME) { ignore(fopen(in_own("new"), "w") != NULL); }
ROW(fopen_truncating, BY_CHANGE) { ignore(fopen(in_own("watched"), "w") != NULL); }
ROW(mkdir, BY_NAME) { ignore(mkdir(in_own("new"), 0700)); }
ROW(symlink, BY_NAME) { ignore(symlink("x", in_own("new"))); }
ROW(link, BY_NAME) { ignore(link(in_own("watched"), in_own("new"))); }
ROW(mknod, BY_NAME) { ignore(mknod(in_own("new"), S_IFIFO | 0600, 0)); }
ROW(mkfifo, BY_NAME) { ignore(mkfifo(in_own("new"), 0600)); }
ROW(rename, BY_NAME) { ignore(rename(in_own("gone"), in_own("new"))); }
ROW(renameat2, BY_NAME)
{
	ignore(renameat2(AT_FDCWD, in_own("gone"), AT_FDCWD, in_own("new"), RENAME_NOREPLACE));
}
ROW(unlink, BY_LACK) { ignore(unlink(in_own("gone"))); }
ROW(remove, BY_LACK) { ignore(remove(in_own("gone"))); }
ROW(rmdir, BY_RETURN) { ignore(rmdir(in_own("godir"))); }
ROW(mkdtemp, BY_RETURN)
{
	char path[MESSAGE];

	snprintf(path, sizeof(path), "%s/XXXXXX", own);
	ignore(mkdtemp(path) != NULL);
}
ROW(mkstemp, BY_RETURN)
{
	char path[MESSAGE];

	snprintf(path, sizeof(path), "%s/XXXXXX", own);
	ignore(mkstemp(path));
}
ROW(chmod, BY_CHANGE) { ignore(chmod(in_own("watched"), 0751)); }
ROW(fchmod, BY_CHANGE) { ignore(fchmod(WATCHED, 0751)); }
ROW(fchmodat, BY_CHANGE) { ignore(fchmodat(AT_FDCWD, in_own("watched"), 0751, 0)); }
ROW(chown, BY_CHANGE) { ignore(chown(in_own("watched"), 7, 7)); }
ROW(fchown, BY_CHANGE) { ignore(fchown(WATCHED, 7, 7)); }
ROW(utimensat, BY_CHANGE)
{
	ignore(utimensat(AT_FDCWD, in_own("watched"), (struct timespec[]){{7, 7}, {7, 7}}, 0));
}
ROW(futimens, BY_CHANGE) { ignore(futimens(WATCHED, (struct timespec[]){{7, 7}, {7, 7}})); }
ROW(setxattr, BY_RETURN) { ignore(setxattr(in_own("watched"), "user.x", "x", 1, 0)); }
ROW(removexattr, BY_RETURN) { ignore(removexattr(in_own("watched"), "user.x")); }

/* Input: the other end sees that it was taken. */

static char taken[64];

ROW(read, BY_DRAIN) { ignore(read(IN, taken, sizeof(taken))); }
ROW(readv, BY_DRAIN) { ignore(readv(IN, &(struct iovec){taken, sizeof(taken)}, 1)); }
ROW(read_socket, BY_DRAIN) { ignore(read(TALK, taken, sizeof(taken))); }
ROW(recv, BY_DRAIN) { ignore(recv(TALK, taken, sizeof(taken), 0)); }
ROW(recvfrom, BY_DRAIN) { ignore(recvfrom(TALK, taken, sizeof(taken), 0, NULL, NULL)); }
ROW(recvmsg, BY_DRAIN)
{
	struct iovec vector = {taken, sizeof(taken)};

	ignore(recvmsg(TALK, &(struct msghdr){.msg_iov = &vector, .msg_iovlen = 1}, 0));
}
ROW(read_tty, BY_DRAIN) { ignore(read(TTY, taken, sizeof(taken))); }
ROW(sendfile_in, BY_DRAIN) { ignore(splice(IN, NULL, WATCHED, &(off_t){0}, sizeof(taken), 0)); }

static void stream_in(void)
{
	stream = fdopen(dup(IN), "r");
}

ROW_WITH(fgets, BY_DRAIN, 0, stream_in) { ignore(fgets(taken, sizeof(taken), stream) != NULL); }
ROW_WITH(fgetc, BY_DRAIN, 0, stream_in) { ignore(fgetc(stream)); }
ROW_WITH(getc_unlocked, BY_DRAIN, 0, stream_in) { ignore(getc_unlocked(stream)); }
ROW_WITH(fread, BY_DRAIN, 0, stream_in) { ignore((long)fread(taken, 1, 1, stream)); }
ROW_WITH(fscanf, BY_DRAIN, 0, stream_in) { ignore(fscanf(stream, "%60s", taken)); }
ROW_WITH(getline, BY_DRAIN, 0, stream_in)
{
	char *line = NULL;
	size_t room = 0;

	ignore(getline(&line, &room, stream));
}

/* Other processes. */

extern char **environ;

static char *const shell[] = {(char *)"sh", (char *)"-c", (char *)"echo x >/proc/self/fd/20", NULL};

ROW(fork, BY_PIPE)
{
	if (fork() == 0)
		raw(SYS_write, OUT, (long)"x", 1, 0), raw(SYS_exit_group, 0, 0, 0, 0);
}
ROW(_Fork, BY_PIPE)
{
	if (_Fork() == 0)
		raw(SYS_write, OUT, (long)"x", 1, 0), raw(SYS_exit_group, 0, 0, 0, 0);
}
ROW(vfork, BY_PIPE)
{
	if (vfork() == 0) {
		raw(SYS_write, OUT, (long)"x", 1, 0);
		_exit(0);
	}
}
ROW(posix_spawn, BY_PIPE) { posix_spawn(&child, "/bin/sh", NULL, NULL, shell, environ); }
ROW(posix_spawnp, BY_PIPE) { posix_spawnp(&child, "sh", NULL, NULL, shell, environ); }
ROW(system, BY_PIPE) { ignore(system(shell[2])); }
ROW(popen, BY_PIPE) { ignore(popen(shell[2], "r") != NULL); }
ROW(execv, BY_PIPE) { execv("/bin/sh", shell); }
ROW(execve, BY_PIPE) { execve("/bin/sh", shell, environ); }
ROW(execvp, BY_PIPE) { execvp("sh", shell); }
ROW(execl, BY_PIPE) { execl("/bin/sh", "sh", "-c", shell[2], (char *)NULL); }
ROW(execlp, BY_PIPE) { execlp("sh", "sh", "-c", shell[2], (char *)NULL); }
ROW(execle, BY_PIPE) { execle("/bin/sh", "sh", "-c", shell[2], (char *)NULL, environ); }
ROW(fexecve, BY_PIPE) { fexecve(open("/bin/sh", O_RDONLY), shell, environ); }
ROW(execveat, BY_PIPE) { execveat(AT_FDCWD, "/bin/sh", shell, environ, 0); }
ROW(daemon, BY_PIPE)
{
	if (daemon(1, 1) == 0)
		raw(SYS_write, OUT, (long)"x", 1, 0), raw(SYS_exit_group, 0, 0, 0, 0);
}

static int cloned(void *unused)
{
	(void)unused;
	raw(SYS_write, OUT, (long)"x", 1, 0);
	raw(SYS_exit, 0, 0, 0, 0);
	return 0;
}

static char stack[65536] __attribute__((aligned(16)));

ROW(clone, BY_PIPE) { ignore(clone(cloned, stack + sizeof(stack), SIGCHLD, NULL)); }
ROW(clone_vm, BY_PIPE) { ignore(clone(cloned, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL)); }

static void *thread(void *unused)
{
	raw(SYS_write, OUT, (long)"x", 1, 0);
	return unused;
}

static int c11_thread(void *unused)
{
	thread(unused);
	return 0;
}

ROW(pthread_create, BY_PIPE)
{
	pthread_t id;

	pthread_create(&id, NULL, thread, NULL);
}
ROW(thrd_create, BY_PIPE)
{
	thrd_t id;

	thrd_create(&id, c11_thread, NULL);
}

/* A child that stays until the observer has seen enough. */
static void child_begin(void)
{
	child = (pid_t)raw(SYS_fork, 0, 0, 0, 0);
	if (child == 0)
		for (;;)
			raw(SYS_pause, 0, 0, 0, 0);
}

ROW_WITH(wait, BY_SLEEP, SYS_wait4, child_begin) { wait(NULL); }
ROW_WITH(waitpid, BY_SLEEP, SYS_wait4, child_begin) { waitpid(child, NULL, 0); }
ROW_WITH(wait3, BY_SLEEP, SYS_wait4, child_begin) { wait3(NULL, 0, NULL); }
ROW_WITH(wait4, BY_SLEEP, SYS_wait4, child_begin) { wait4(child, NULL, 0, NULL); }
ROW_WITH(waitid, BY_SLEEP, SYS_waitid, child_begin) { waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED); }
ROW_WITH(waitpid_nohang, BY_RETURN, 0, child_begin) { waitpid(child, NULL, WNOHANG); }

/* Signals. */

ROW(kill, BY_SIGNAL) { kill(getppid(), SIGUSR1); }
ROW(sigqueue, BY_SIGNAL) { sigqueue(getppid(), SIGUSR1, (union sigval){0}); }

static void on_signal(int signal)
{
	(void)signal;
	raw(SYS_write, OUT, (long)"x", 1, 0);
}

static void handler_begin(void)
{
	signal(SIGUSR1, on_signal);
}

ROW_WITH(raise, BY_PIPE, 0, handler_begin) { raise(SIGUSR1); }
ROW_WITH(pthread_kill, BY_PIPE, 0, handler_begin) { pthread_kill(pthread_self(), SIGUSR1); }
ROW_WITH(tgkill, BY_PIPE, 0, handler_begin) { tgkill(getpid(), gettid(), SIGUSR1); }
ROW_WITH(pthread_sigqueue, BY_PIPE, 0, handler_begin)
{
	pthread_sigqueue(pthread_self(), SIGUSR1, (union sigval){0});
}

/* Locks. */

static struct flock whole(short type)
{
	return (struct flock){.l_type = type, .l_whence = SEEK_SET};
}

ROW(flock, BY_FLOCK) { flock(FLOCK, LOCK_UN); }
ROW(close_locked, BY_FLOCK) { close(FLOCK); }
ROW(dup2_locked, BY_FLOCK) { dup2(IN, FLOCK); }
ROW(dup3_locked, BY_FLOCK) { dup3(IN, FLOCK, O_CLOEXEC); }
ROW(close_range_locked, BY_FLOCK) { close_range(FLOCK, FLOCK, 0); }
ROW(fcntl_unlock, BY_POSIX)
{
	struct flock lock = whole(F_UNLCK);

	fcntl(POSIX, F_SETLK, &lock);
}
ROW(lockf, BY_POSIX) { ignore(lockf(POSIX, F_ULOCK, 0)); }
ROW(close_of_fcntl_lock, BY_POSIX) { close(POSIX); }
ROW(ofd_unlock, BY_OFD)
{
	struct flock lock = whole(F_UNLCK);

	fcntl(OFD, F_OFD_SETLK, &lock);
}
ROW(close_ofd, BY_OFD) { close(OFD); }
ROW(flock_directory, BY_LOCKDIR) { flock(LOCKDIR, LOCK_UN); }
ROW(close_locked_directory, BY_LOCKDIR) { close(LOCKDIR); }
ROW(dup2_locked_directory, BY_LOCKDIR) { dup2(IN, LOCKDIR); }

static DIR *listing;

static void listing_begin(void)
{
	listing = fdopendir(LOCKDIR);
}

ROW_WITH(closedir_locked, BY_LOCKDIR, 0, listing_begin) { closedir(listing); }
SLEEPS(flock_waits, SYS_flock) { flock(HELD, LOCK_EX); }
SLEEPS(fcntl_waits, SYS_fcntl)
{
	struct flock lock = whole(F_WRLCK);

	fcntl(HELD, F_OFD_SETLKW, &lock);
}

/* Closing. */

ROW(close_pipe, BY_PIPE) { close(OUT); }
ROW(close_socket, BY_TALK) { close(TALK); }
ROW(shutdown, BY_TALK) { shutdown(TALK, SHUT_WR); }
ROW(dup2_pipe, BY_PIPE) { dup2(EMPTY, OUT); }
ROW(dup3_pipe, BY_PIPE) { dup3(EMPTY, OUT, O_CLOEXEC); }
ROW(close_range, BY_PIPE) { close_range(OUT, OUT, 0); }

/* OUT above all else but the observer's own. */
static void tell_below(void)
{
	raw(SYS_dup2, OUT, 300, 0, 0);
	raw(SYS_close, OUT, 0, 0, 0);
}

ROW_WITH(closefrom, BY_PIPE, 0, tell_below) { closefrom(300); }

/* Memory shared with others. */

static void page_map(void)
{
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, PAGE, 0);
}

static void page_map_readable(void)
{
	memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, PAGE, 0);
}

static void segment_map(void)
{
	memory = shmat(segment, NULL, 0);
}

ROW(mmap, BY_PAGE)
{
	page_map();
	memory[0] = 1;
}
ROW_WITH(store, BY_PAGE, 0, page_map) { memory[0] = 1; }
ROW_WITH(mprotect, BY_PAGE, 0, page_map_readable)
{
	mprotect(memory, 4096, PROT_READ | PROT_WRITE);
	memory[0] = 1;
}
ROW(shmat, BY_SHM)
{
	segment_map();
	memory[0] = 1;
}
ROW_WITH(store_shm, BY_SHM, 0, segment_map) { memory[0] = 1; }
ROW_WITH(sem_post, BY_PAGE, 0, page_map) { sem_post((sem_t *)memory); }
ROW_WITH(msync, BY_RETURN, 0, page_map) { msync(memory, 4096, MS_SYNC); }
ROW(semop, BY_SEM) { semop(semaphores, &(struct sembuf){0, 1, 0}, 1); }
ROW(semctl, BY_SEM) { semctl(semaphores, 0, SETVAL, 1); }
ROW(msgsnd, BY_MSG) { msgsnd(messages, &(struct { long type; char text[1]; }){1, {'x'}}, 1, 0); }
ROW(eventfd_write, BY_EVENT) { eventfd_write(EVENT, 1); }
ROW(write_eventfd, BY_EVENT) { ignore(write(EVENT, &(uint64_t){1}, 8)); }

static mqd_t queue;

static void queue_open(void)
{
	queue = mq_open("/ushim-fences", O_WRONLY);
}

ROW_WITH(mq_send, BY_MQ, 0, queue_open) { mq_send(queue, "x", 1, 0); }

/* Waiting. */

SLEEPS(sleep, SYS_clock_nanosleep) { sleep(1000); }
SLEEPS(usleep, SYS_clock_nanosleep) { usleep(999999999); }
SLEEPS(nanosleep, SYS_clock_nanosleep) { nanosleep(&(struct timespec){1000, 0}, NULL); }
SLEEPS(clock_nanosleep, SYS_clock_nanosleep)
{
	clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){1000, 0}, NULL);
}
SLEEPS(pause, SYS_pause) { pause(); }
SLEEPS(poll, SYS_poll) { poll(&(struct pollfd){EMPTY, POLLIN, 0}, 1, -1); }
SLEEPS(ppoll, SYS_ppoll) { ppoll(&(struct pollfd){EMPTY, POLLIN, 0}, 1, NULL, NULL); }
SLEEPS(select, SYS_pselect6)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(EMPTY, &set);
	select(EMPTY + 1, &set, NULL, NULL, NULL);
}
SLEEPS(pselect, SYS_pselect6) { pselect(0, NULL, NULL, NULL, NULL, NULL); }

static int polled;

static void poll_begin(void)
{
	polled = epoll_create1(0);
	epoll_ctl(polled, EPOLL_CTL_ADD, EMPTY, &(struct epoll_event){.events = EPOLLIN});
}

ROW_WITH(epoll_wait, BY_SLEEP, SYS_epoll_wait, poll_begin)
{
	epoll_wait(polled, &(struct epoll_event){0}, 1, -1);
}
ROW_WITH(epoll_pwait, BY_SLEEP, SYS_epoll_pwait, poll_begin)
{
	epoll_pwait(polled, &(struct epoll_event){0}, 1, -1, NULL);
}
SLEEPS(sigsuspend, SYS_rt_sigsuspend) { sigsuspend(&(sigset_t){0}); }
SLEEPS(sigwait, SYS_rt_sigtimedwait)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigwait(&set, &signal);
}
SLEEPS(sigwaitinfo, SYS_rt_sigtimedwait)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigwaitinfo(&set, NULL);
}
SLEEPS(read_waits, SYS_read) { ignore(read(EMPTY, taken, 1)); }
SLEEPS(msgrcv, SYS_msgrcv) { msgrcv(messages, &(struct { long type; char text[1]; }){0}, 1, 0, 0); }
SLEEPS(semop_waits, SYS_semtimedop) { semop(semaphores, &(struct sembuf){0, -1, 0}, 1); }
ROW_WITH(sem_wait, BY_SLEEP, SYS_futex, page_map) { sem_wait((sem_t *)memory); }
SLEEPS(accept_waits, SYS_accept4)
{
	accept4(LISTENS, NULL, NULL, 0);
	accept4(LISTENS, NULL, NULL, 0); /* nobody else comes */
}

/* Sockets, FIFOs, terminals. */

static void connect_to(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	ignore(connect(TALK + 100, (struct sockaddr *)&address, sizeof(address)));
}

static void socket_begin(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	dup2(fd, TALK + 100);
	close(fd);
}

ROW_WITH(connect, BY_CONNECT, 0, socket_begin) { connect_to(in_own("socket")); }
ROW(accept, BY_ACCEPT) { ignore(accept(LISTENS, NULL, NULL)); }
ROW_WITH(bind, BY_BOUND, 0, socket_begin)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", in_own("bound"));
	ignore(bind(TALK + 100, (struct sockaddr *)&address, sizeof(address)));
}
ROW(open_fifo, BY_FIFO) { ignore(open(in_own("fifo"), O_RDONLY | O_NONBLOCK)); }
ROW(openat_fifo, BY_FIFO) { ignore(openat(AT_FDCWD, in_own("fifo"), O_RDONLY | O_NONBLOCK)); }
ROW(open_fifo_waiting, BY_FIFO) { ignore(open(in_own("fifo"), O_RDONLY)); }
ROW(fopen_fifo, BY_FIFO) { ignore(fopen(in_own("fifo"), "r") != NULL); }
ROW(open_fifo_writer, BY_FIFO_WRITER) { ignore(open(in_own("fifo"), O_WRONLY)); }
ROW(tcsetattr, BY_MODES)
{
	struct termios modes = {0};

	tcsetattr(TTY, TCSANOW, &modes);
}
ROW(ioctl, BY_MODES)
{
	struct winsize size = {7, 7, 0, 0};

	ioctl(TTY, TIOCSWINSZ, &size);
}

/* What pending work resolves against, and what has to be on disk. */

ROW(chdir, BY_RETURN) { ignore(chdir("/")); }
ROW(fchdir, BY_RETURN) { ignore(fchdir(LOCKDIR)); }
ROW(umask, BY_RETURN) { umask(077); }
ROW(seteuid, BY_RETURN) { ignore(seteuid(geteuid())); }
ROW(setegid, BY_RETURN) { ignore(setegid(getegid())); }
ROW(setuid, BY_RETURN) { ignore(setuid(getuid())); }
ROW(setgroups, BY_RETURN) { ignore(setgroups(0, NULL)); }
ROW(chroot, BY_RETURN) { ignore(chroot("/")); }
ROW(setrlimit, BY_RETURN) { setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); }
ROW(prlimit, BY_RETURN) { prlimit(0, RLIMIT_CORE, &(struct rlimit){0, 0}, NULL); }
ROW(prctl, BY_RETURN) { prctl(PR_SET_DUMPABLE, 1); }
ROW(personality, BY_RETURN) { personality(0xffffffff); }
ROW(unshare, BY_RETURN) { ignore(unshare(CLONE_FS)); }
ROW(fsync, BY_RETURN) { ignore(fsync(WATCHED)); }
ROW(fdatasync, BY_RETURN) { ignore(fdatasync(WATCHED)); }
ROW(syncfs, BY_RETURN) { ignore(syncfs(LOCKDIR)); }
ROW(sync_file_range, BY_RETURN) { ignore(sync_file_range(WATCHED, 0, 0, 0)); }
ROW(statvfs, BY_RETURN) { ignore(statvfs(directory, &(struct statvfs){0})); }
ROW(syscall_getpid, BY_RETURN) { ignore(syscall(SYS_getpid)); }
ROW(syscall_write, BY_PIPE) { ignore(syscall(SYS_write, OUT, "x", 1)); }
ROW(syscall_exit_group, BY_EXIT) { syscall(SYS_exit_group, 0); }
ROW(syscall_fork, BY_PIPE)
{
	if (syscall(SYS_fork) == 0)
		raw(SYS_write, OUT, (long)"x", 1, 0), raw(SYS_exit_group, 0, 0, 0, 0);
}

/* The subject's own view, by calls that are no question about one name. */

static int seen;

/* Only what is to be there: names that were removed have to be away. */
static int see(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status, (void)kind;
	seen += where->level == 1 && strrchr(path, '/')[1] == 'n';
	return 0;
}

static bool work_is_links;

static void told_if_exact(void)
{
	tell(seen == (work_is_links ? NAMES : 0) ? 'L' : 'l');
}

ROW(nftw, BY_LISTED)
{
	nftw(directory, see, 4, FTW_PHYS);
	told_if_exact();
}
ROW(fts, BY_LISTED)
{
	char *roots[] = {(char *)directory, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOSTAT, NULL);

	for (const FTSENT *entry; (entry = fts_read(walk));)
		seen += entry->fts_name[0] == 'n' && entry->fts_level == 1;
	told_if_exact();
}
ROW(glob, BY_LISTED)
{
	char pattern[MESSAGE];
	glob_t found = {0};

	snprintf(pattern, sizeof(pattern), "%s/n*", directory);
	glob(pattern, 0, NULL, &found);
	seen = (int)found.gl_pathc;
	told_if_exact();
}
ROW(scandir, BY_LISTED)
{
	struct dirent **names;

	seen = scandir(directory, &names, NULL, alphasort) - 2;
	told_if_exact();
}
ROW(readdir, BY_LISTED)
{
	DIR *stream_of = opendir(directory);

	for (const struct dirent *entry; (entry = readdir(stream_of));)
		seen += entry->d_name[0] == 'n';
	told_if_exact();
}
ROW(getdents, BY_LISTED)
{
	char buffer[8192];
	int fd = open(directory, O_RDONLY | O_DIRECTORY);
	long length = getdents64(fd, buffer, sizeof(buffer));

	for (long at = 0; at < length; at += ((struct dirent64 *)(buffer + at))->d_reclen)
		seen += ((struct dirent64 *)(buffer + at))->d_name[0] == 'n';
	told_if_exact();
}

/* Ways out. */

ROW(exit, BY_EXIT) { exit(0); }
ROW(_exit, BY_EXIT) { _exit(0); }
ROW(quick_exit, BY_EXIT) { quick_exit(0); }
ROW(return_from_main, BY_EXIT) {}
ROW(abort, BY_EXIT) { abort(); }
ROW(err, BY_EXIT) { err(3, "x"); }
ROW(errx, BY_EXIT) { errx(3, "x"); }
ROW(error_status, BY_EXIT) { error(3, 0, "x"); }
ROW(pthread_exit, BY_EXIT) { pthread_exit(NULL); }
ROW_WITH(exit_flush, BY_PIPE, 0, stdout_filled) { exit(0); }
ROW(thrd_exit, BY_EXIT) { thrd_exit(0); }

/* ---- the subject ---- */

static bool lock_all(void)
{
	struct flock lock = whole(F_WRLCK), open_file = whole(F_WRLCK);

	return flock(FLOCK, LOCK_EX) == 0 && fcntl(POSIX, F_SETLK, &lock) == 0 &&
	       fcntl(OFD, F_OFD_SETLK, &open_file) == 0 && flock(LOCKDIR, LOCK_EX) == 0;
}

static void names_make(const char *source)
{
	char path[MESSAGE];

	if (mkdir(directory, 0700) != 0)
		tell('E');
	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%s/n%d", directory, i);
		if (link(source, path) != 0)
			tell('E');
	}
}

static void names_remove(void)
{
	char names[NAMES][16], path[MESSAGE];
	DIR *dir = opendir(directory);
	int count = 0;

	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] == 'n' && count < NAMES)
			snprintf(names[count++], sizeof(*names), "%.15s", entry->d_name);
	closedir(dir);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
		if (unlink(path) != 0)
			tell('E');
	}
}

static int done(const char *backing, bool links)
{
	char path[MESSAGE + 16];
	struct statx statx;
	int count = 0;

	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%s/n%d", backing, i);
		count += (raw(SYS_lstat, (long)path, (long)&statx, 0, 0) == 0) == links;
	}
	return count;
}

static const struct row *row_find(const char *name)
{
	extern const struct row *const __start_rows[], *const __stop_rows[];

	for (const struct row *const *row = __start_rows; row < __stop_rows; row++)
		if (!strcmp((*row)->name, name))
			return *row;
	return NULL;
}

/* "subject" WORK ROW DIRECTORY BACKING SOURCE OWN SEGMENT SEMAPHORES MESSAGES */
static int subject(char **argv)
{
	const struct row *row = row_find(argv[3]);
	bool links = !strcmp(argv[2], "links");

	work_is_links = links;
	directory = argv[4];
	own = argv[7];
	segment = atoi(argv[8]);
	semaphores = atoi(argv[9]);
	messages = atoi(argv[10]);
	if (!lock_all())
		tell('E');
	if (row->early)
		row->early();
	if (links)
		names_make(argv[6]);
	else
		names_remove();
	tell(done(argv[5], links) < NAMES ? 'P' : 'N');
	row->act();
	if (row->told == BY_EXIT)
		return 0;
	tell('R');
	for (;;)
		raw(SYS_pause, 0, 0, 0, 0);
}

/* ---- the observer ---- */

static struct {
	const char *work, *library, *slow, *backing, *own;
	int out[2], in[2], empty[2], talk[2], tty[2], locks[4], watched, event, page, held, listens,
		told[2], connects;
	volatile char *shared, *attached;
	struct stat before;
	struct termios modes;
	mqd_t queue;
	pid_t pid;
	bool exited, returned, listed, failed, pending, ready;
} world;

static void own_file(const char *name, int *fd)
{
	*fd = open(in_own(name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		err(2, "%s", name);
}

static void own_clean(void)
{
	static const char *const names[] = {"new", "gone", "watched", "fifo",	"bound",   "page",
					    "socket", "flock", "posix", "ofd", "held", "lockdir", "godir"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		remove(in_own(names[i]));
}

static int listen_at(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 4) != 0)
		err(2, "%s", name);
	return fd;
}

static int connect_now(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		err(2, "connect");
	return fd;
}

static void terminal_open(void)
{
	struct termios modes;

	world.tty[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (world.tty[0] < 0 || grantpt(world.tty[0]) || unlockpt(world.tty[0]))
		err(2, "pty");
	world.tty[1] = open(ptsname(world.tty[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	tcgetattr(world.tty[1], &modes);
	cfmakeraw(&modes);
	tcsetattr(world.tty[1], TCSANOW, &modes);
	tcgetattr(world.tty[1], &world.modes);
}

static bool is_row(const struct row *row, const char *name)
{
	return !strcmp(row->name, name);
}

static void world_begin(const struct row *row)
{
	own_clean();
	if (pipe2(world.out, O_CLOEXEC) || pipe2(world.in, O_CLOEXEC) || pipe2(world.empty, O_CLOEXEC) ||
	    pipe2(world.told, O_CLOEXEC) || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, world.talk))
		err(2, "pipe");
	terminal_open();
	own_file("flock", &world.locks[0]);
	own_file("posix", &world.locks[1]);
	own_file("ofd", &world.locks[2]);
	own_file("gone", &world.held);
	close(world.held);
	own_file("held", &world.held);
	own_file("watched", &world.watched);
	own_file("page", &world.page);
	mkdir(in_own("lockdir"), 0700);
	mkdir(in_own("godir"), 0700);
	mkfifo(in_own("fifo"), 0600);
	world.locks[3] = open(in_own("lockdir"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	world.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (write(world.watched, "some", 4) != 4 || ftruncate(world.page, 4096) != 0)
		err(2, "watched");
	fstat(world.watched, &world.before);
	world.shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, world.page, 0);
	world.listens = listen_at(in_own("socket"));
	world.connects = -1;
	if (is_row(row, "accept") || is_row(row, "accept_waits"))
		world.connects = connect_now(in_own("socket"));
	segment = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600);
	semaphores = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
	messages = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	world.attached = shmat(segment, NULL, 0);
	world.queue = (mqd_t)-1;
	if (row->told == BY_MQ)
		world.queue = mq_open("/ushim-fences", O_RDONLY | O_CREAT, 0600, NULL);
	if (flock(world.held, LOCK_EX) != 0)
		err(2, "flock");
	if (is_row(row, "fcntl_waits")) {
		struct flock lock = whole(F_WRLCK);

		fcntl(world.held, F_OFD_SETLK, &lock);
	}
	world.exited = world.returned = world.listed = world.failed = world.pending =
		world.ready = false;
}

static void world_end(void)
{
	const int fds[] = {world.out[0],   world.in[0],	  world.in[1],	 world.empty[0], world.empty[1],
			   world.talk[0],  world.tty[0],  world.tty[1],	 world.locks[0], world.locks[1],
			   world.locks[2], world.locks[3], world.watched, world.event,	 world.page,
			   world.held,	   world.listens, world.told[0], world.connects};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	munmap((void *)world.shared, 4096);
	shmdt((void *)world.attached);
	shmctl(segment, IPC_RMID, NULL);
	semctl(semaphores, 0, IPC_RMID);
	msgctl(messages, IPC_RMID, NULL);
	if (world.queue != (mqd_t)-1) {
		mq_close(world.queue);
		mq_unlink("/ushim-fences");
	}
	own_clean();
}

/* The subject's descriptors take their places, above all that is open. */
static void place(int fd, int number)
{
	if (dup2(fd, number) != number)
		_exit(3);
}

/* The subject opens its locked files itself: locks belong to an open file. */
static void place_own(const char *name, int number)
{
	int fd = open(in_own(name), number == LOCKDIR ? O_RDONLY | O_DIRECTORY : O_RDWR);

	place(fd, number);
	if (fd != number)
		close(fd);
}

static void subject_begin(const struct row *row, const char *made, const char *backing)
{
	const int places[][2] = {{world.out[1], OUT},	{world.in[0], IN},	{world.empty[0], EMPTY},
				 {world.talk[1], TALK}, {world.tty[1], TTY},	{world.event, EVENT},
				 {world.page, PAGE},	{world.listens, LISTENS}, {world.told[1], TELL}};
	int high[sizeof(places) / sizeof(*places)];
	char source[MESSAGE], numbers[3][16];

	setpgid(0, 0);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		high[i] = fcntl(places[i][0], F_DUPFD_CLOEXEC, FDS_END);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		place(high[i], places[i][1]);
	place_own("flock", FLOCK);
	place_own("posix", POSIX);
	place_own("ofd", OFD);
	place_own("lockdir", LOCKDIR);
	place_own("watched", WATCHED);
	place_own("held", HELD);
	snprintf(source, sizeof(source), "%s/source", world.slow);
	snprintf(numbers[0], sizeof(numbers[0]), "%d", segment);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", semaphores);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", messages);
	signal(SIGUSR1, SIG_DFL);
	sigprocmask(SIG_SETMASK, &(sigset_t){0}, NULL);
	setenv("LD_PRELOAD", world.library, 1);
	execl("/proc/self/exe", "fences", "subject", world.work, row->name, made, backing, source,
	      world.own, numbers[0], numbers[1], numbers[2], (char *)NULL);
	_exit(3);
}

static void listen_to_subject(void)
{
	char text[16];
	long length = read(world.told[0], text, sizeof(text));

	for (long i = 0; i < length; i++) {
		world.ready |= text[i] == 'P' || text[i] == 'N';
		world.pending |= text[i] == 'P';
		world.returned |= text[i] == 'R';
		world.listed |= text[i] == 'L';
		world.failed |= text[i] == 'E';
	}
}

static bool readable(int fd)
{
	struct pollfd poll_of = {fd, POLLIN, 0};

	return poll(&poll_of, 1, 0) == 1 && poll_of.revents != 0;
}

static bool drained(int fd)
{
	int left = 1;

	return ioctl(fd, FIONREAD, &left) == 0 && left == 0;
}

static bool sent(int fd)
{
	int left = 1;

	return ioctl(fd, TIOCOUTQ, &left) == 0 && left == 0;
}

static bool lock_free(const char *name, bool directory_of)
{
	int fd = open(in_own(name), (directory_of ? O_RDONLY : O_RDWR) | O_CLOEXEC);
	bool is_free = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;

	close(fd);
	return is_free;
}

static bool record_free(const char *name)
{
	struct flock lock = whole(F_WRLCK);
	int fd = open(in_own(name), O_RDWR | O_CLOEXEC);
	bool is_free = fd >= 0 && fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;

	close(fd);
	return is_free;
}

static bool changed(void)
{
	const struct stat *before = &world.before;
	struct stat now;

	return fstat(world.watched, &now) == 0 &&
	       (now.st_size != before->st_size || now.st_mode != before->st_mode ||
		now.st_uid != before->st_uid || now.st_blocks != before->st_blocks ||
		now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
		now.st_mtim.tv_nsec != before->st_mtim.tv_nsec);
}

static bool there(const char *name)
{
	struct stat now;

	return lstat(in_own(name), &now) == 0;
}

static bool modes_differ(void)
{
	struct termios now;
	struct winsize size = {0};

	tcgetattr(world.tty[0], &now);
	ioctl(world.tty[0], TIOCGWINSZ, &size);
	return now.c_cflag != world.modes.c_cflag || size.ws_row == 7;
}

static bool fifo_has(int flags)
{
	int fd = open(in_own("fifo"), flags | O_NONBLOCK | O_CLOEXEC);
	bool has = fd >= 0;
	char byte;

	if (flags == O_RDONLY) /* without a writer it is at its end */
		has &= read(fd, &byte, 1) == -1;
	close(fd);
	return has;
}

/* Which of the two libc makes of a call depends on its version. */
static long call_kin(long number)
{
	switch (number) {
	case SYS_nanosleep:
		return SYS_clock_nanosleep;
	case SYS_select:
		return SYS_pselect6;
	case SYS_semop:
		return SYS_semtimedop;
	case SYS_accept:
		return SYS_accept4;
	default:
		return number;
	}
}

/* False where /proc does not say. */
static bool asleep_in(long number)
{
	char path[64], text[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", world.pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	ignore(fgets(text, sizeof(text), file) != NULL);
	fclose(file);
	return text[0] >= '0' && text[0] <= '9' && call_kin(atol(text)) == number;
}

static bool told(const struct row *row)
{
	struct mq_attr attributes = {0};
	struct msqid_ds state = {0};

	switch (row->told) {
	case BY_PIPE:
		return readable(world.out[0]);
	case BY_TALK:
		return readable(world.talk[0]);
	case BY_TTY:
		return readable(world.tty[0]);
	case BY_MODES:
		return modes_differ();
	case BY_DRAIN:
		return is_row(row, "read_tty")
			       ? drained(world.tty[1])
			       : drained(world.in[1]) || sent(world.talk[0]);
	case BY_EXIT:
		return world.exited;
	case BY_SIGNAL:
		return sigtimedwait(&(sigset_t){{1 << (SIGUSR1 - 1)}}, NULL, &(struct timespec){0, 0}) > 0;
	case BY_FLOCK:
		return lock_free("flock", false);
	case BY_POSIX:
		return record_free("posix");
	case BY_OFD:
		return record_free("ofd");
	case BY_LOCKDIR:
		return lock_free("lockdir", true);
	case BY_CHANGE:
		return changed();
	case BY_NAME:
		return there("new");
	case BY_LACK:
		return !there("gone");
	case BY_LISTED:
		return world.listed;
	case BY_EVENT:
		return readable(world.event);
	case BY_PAGE:
		return world.shared[0] != 0;
	case BY_SHM:
		return world.attached[0] != 0;
	case BY_SEM:
		return semctl(semaphores, 0, GETVAL) == 1;
	case BY_MSG:
		return msgctl(messages, IPC_STAT, &state) == 0 && state.msg_qnum == 1;
	case BY_MQ:
		return mq_getattr(world.queue, &attributes) == 0 && attributes.mq_curmsgs == 1;
	case BY_FIFO:
		return fifo_has(O_WRONLY);
	case BY_FIFO_WRITER:
		return fifo_has(O_RDONLY);
	case BY_CONNECT:
		return readable(world.listens);
	case BY_ACCEPT:
		return !readable(world.listens);
	case BY_BOUND:
		return there("bound");
	case BY_SLEEP:
		return asleep_in(row->number);
	case BY_RETURN:
		return world.returned;
	}
	return false;
}

static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		world.exited |= pid == world.pid;
}

/* Waits until the observer is told. False: the subject is through and said nothing. */
static bool await(const struct row *row)
{
	time_t end = time(NULL) + PATIENCE_S;

	while (time(NULL) < end) {
		/* In this order: who has returned or is gone has told before. A child may
		 * still write to the pipe; when all are gone it is closed. */
		bool over = row->told != BY_PIPE &&
			    (world.exited || (world.returned && row->told != BY_RETURN));

		if (world.ready && told(row))
			return true;
		if (over)
			return false;
		reap(); /* and then hear what was said before */
		listen_to_subject();
		usleep(50);
	}
	return false;
}

static void subject_kill(void)
{
	kill(-world.pid, SIGKILL);
	kill(world.pid, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

static void backing_prepare(const char *backing)
{
	char path[MESSAGE + 16], source[MESSAGE];

	if (!strcmp(world.work, "links"))
		return;
	mkdir(backing, 0700);
	snprintf(source, sizeof(source), "%s/source", world.backing);
	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%s/n%d", backing, i);
		if (link(source, path) != 0)
			err(2, "%s", path);
	}
}

static void backing_clean(const char *backing)
{
	char path[MESSAGE + 16];

	for (int i = 0; i < NAMES; i++) {
		snprintf(path, sizeof(path), "%s/n%d", backing, i);
		unlink(path);
	}
	rmdir(backing);
}

/* Nothing is pending any more once memory is shared: a store to it is no call. */
static bool row_shares(const struct row *row)
{
	return row->early == page_map || row->early == page_map_readable || row->early == segment_map;
}

/* One try. What is wrong, or null. */
static const char *row_try(const struct row *row, int number, int *missing)
{
	char made[MESSAGE], backing[MESSAGE];
	const char *wrong = NULL;

	snprintf(made, sizeof(made), "%s/%s.%d", world.slow, row->name, number);
	snprintf(backing, sizeof(backing), "%s/%s.%d", world.backing, row->name, number);
	backing_prepare(backing);
	world_begin(row);
	if (write(is_row(row, "read_tty") ? world.tty[0] : world.in[1], "line\n", 5) != 5 ||
	    write(world.talk[0], "line\n", 5) != 5)
		err(2, "line");
	world.pid = fork();
	if (world.pid == 0)
		subject_begin(row, made, backing);
	close(world.out[1]);
	close(world.talk[1]);
	close(world.told[1]);
	fcntl(world.told[0], F_SETFL, O_NONBLOCK);
	if (!await(row))
		wrong = "SILENT";
	*missing = NAMES - done(backing, !strcmp(world.work, "links"));
	listen_to_subject();
	if (!wrong && *missing)
		wrong = "LATE";
	if (world.failed)
		wrong = "SILENT";
	subject_kill();
	backing_clean(backing);
	world_end();
	if (!wrong && !world.pending && strcmp(world.slow, world.backing) && !row_shares(row))
		wrong = "IDLE";
	return wrong;
}

/* What this machine lacks. */
static bool row_skipped(const struct row *row)
{
	mqd_t queue_here;

	if (row->told == BY_MQ) {
		queue_here = mq_open("/ushim-fences", O_RDONLY | O_CREAT, 0600, NULL);
		if (queue_here == (mqd_t)-1)
			return true;
		mq_close(queue_here);
	}
	if (row->told == BY_SLEEP && access("/proc/self/syscall", R_OK) != 0)
		return true;
	return geteuid() != 0 && (is_row(row, "chown") || is_row(row, "fchown"));
}

static bool row_run(const struct row *row)
{
	const char *wrong = "IDLE";
	int missing = 0;

	if (row_skipped(row)) {
		printf("skip %s\n", row->name);
		return true;
	}
	for (int i = 0; i < TRIES && wrong && !strcmp(wrong, "IDLE"); i++)
		wrong = row_try(row, i, &missing);
	if (wrong)
		printf("%s %s: %d of %d not done\n", wrong, row->name, missing, NAMES);
	else
		printf("ok %s\n", row->name);
	fflush(stdout);
	return !wrong;
}

int main(int argc, char **argv)
{
	extern const struct row *const __start_rows[], *const __stop_rows[];
	bool good = true;

	if (argc > 10 && !strcmp(argv[1], "subject"))
		return subject(argv);
	if (argc < 6)
		return 2;
	world.work = argv[1];
	world.library = argv[2];
	world.slow = argv[3];
	world.backing = argv[4];
	own = world.own = argv[5];
	sigprocmask(SIG_BLOCK, &(sigset_t){{1 << (SIGUSR1 - 1)}}, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (const struct row *const *row = __start_rows; row < __stop_rows; row++) {
		bool wanted = argc == 6;

		for (int i = 6; i < argc; i++)
			wanted |= is_row(*row, argv[i]);
		if (wanted)
			good &= row_run(*row);
	}
	return !good;
}
