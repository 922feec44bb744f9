/* SPDX-License-Identifier: MIT
 *
 * matrix-process: descriptors the program does not know of, and every way to make, become and
 * end a process (matrix.h).
 */
#include <pty.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "matrix.h"

extern char **environ;
// LDLIBS: -lutil

/* ---- descriptors -------------------------------------------------------------------- */

static void lowest_number(void)
{
	int pair[2];

	TRY(open("/", O_RDONLY));
	ring_warm();
	TRY(open("/", O_RDONLY));
	TRY(dup(0));
	TRY(pipe(pair));
	note("pipe %d %d", pair[0], pair[1]);
	TRY(close(4));
	TRY(socket(AF_UNIX, SOCK_STREAM, 0));
	TRY(close(3));
	TRY(openat(AT_FDCWD, "file", O_RDWR | O_CREAT, 0644));
	TRY(fcntl(3, F_DUPFD, 0));
	TRY(fcntl(3, F_DUPFD, 500));
	TRY(fcntl(3, F_DUPFD_CLOEXEC, 1000));
	TRY(creat("file2", 0644));
	TRY(dup2(3, 1023));
	fds_note("at the end");
}

static void all_closed(void)
{
	ring_warm();
	fds_note("before");
	TRY(close_range(3, ~0U, 0));
	works_note("after close_range");
	fds_note("after close_range");
	closefrom(3);
	works_note("after closefrom");
	for (int fd = 3; fd < 1024; fd++)
		if (close(fd) == 0)
			note("there was a descriptor %d", fd);
	works_note("after closing 3 to 1023");
	TRY(close_range(3, ~0U, CLOSE_RANGE_CLOEXEC));
	TRY(close_range(3, ~0U, CLOSE_RANGE_UNSHARE));
	works_note("after unsharing");
	TRY(open("/", O_RDONLY));
	fds_note("at the end");
}

/* Programs look for strangers' descriptors in other ways too. */
static void none_seen(void)
{
	ring_warm();
	for (int fd = 3; fd < 70000; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			note("descriptor %d", fd);
	for (int fd = 3; fd < 1100; fd++)
		if (dup2(0, fd) != fd)
			note("dup2 to %d: %s", fd, error_name(errno));
	works_note("with all numbers taken");
	TRY(close_range(3, ~0U, 0));
	works_note("with all numbers free");
	names_note("/proc/self/fdinfo");
}

static void standard_closed(void)
{
	char buffer[8] = "";

	fds_note("at start");
	TRY(open("a", O_RDWR | O_CREAT, 0644));
	TRY(open("b", O_RDWR | O_CREAT, 0644));
	TRY(open("c", O_RDWR | O_CREAT, 0644));
	TRY(open("d", O_RDWR | O_CREAT, 0644));
	works_note("on low numbers");
	TRY(write(0, "zero", 4));
	TRY(write(1, "one", 3));
	TRY(write(2, "two", 3));
	TRY(puts("printed"));
	TRY(fflush(stdout));
	TRY(fprintf(stderr, "complained") > 0);
	TRY(pread(0, buffer, 4, 0));
	TRY(close(0));
	TRY(close(1));
	TRY(close(2));
	TRY(dup(3));
	TRY(open("e", O_RDWR | O_CREAT, 0644));
	fds_note("at the end");
	TRY(close(0));
	file_note("a");
	file_note("b");
	file_note("c");
}

static void standard_closed_later(void)
{
	ring_warm();
	TRY(close(2));
	TRY(close(1));
	TRY(close(0));
	works_note("without standard streams");
	TRY(open("a", O_RDWR | O_CREAT, 0644));
	TRY(open("b", O_RDWR | O_CREAT, 0644));
	TRY(open("c", O_RDWR | O_CREAT, 0644));
	fds_note("at the end");
}

/* ---- children ----------------------------------------------------------------------- */

static void forks(void)
{
	int bad;

	ring_warm();
	for (int i = 0; i < 3; i++) {
		pid_t pid = i == 1 ? _Fork() : fork();

		if (pid == 0) {
			fds_note("in the child");
			_exit(works("child-work"));
		}
		bad = works("parent-work");
		child_note("child", pid);
		note("parent meanwhile: %d wrong", bad);
	}
	works_note("parent afterwards");
}

static void forks_of_forks(void)
{
	ring_warm();
	for (int depth = 0; depth < 4; depth++) {
		pid_t pid = fork();

		if (pid) {
			child_note("descendant", pid);
			works_note("ancestor");
			_exit(depth);
		}
		note("depth %d: %d wrong", depth, works("work"));
	}
	_exit(7);
}

/* Parent and child at the same time, each with file calls of its own. */
static void forks_together(void)
{
	pid_t pids[6];

	ring_warm();
	for (int i = 0; i < 6; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char name[16];
			int bad = 0;

			sprintf(name, "w%d", i);
			for (int round = 0; round < 20; round++)
				bad += works(name);
			_exit(bad);
		}
	}
	for (int round = 0; round < 20; round++)
		if (works("parent"))
			note("parent: a call was wrong");
	for (int i = 0; i < 6; i++)
		child_note("child", pids[i]);
	names_note(".");
}

/* exec never returns here, so that one vfork's frame is another's no more. */
__attribute__((noinline)) static pid_t vfork_and(int what)
{
	char *argv[] = {(char *)"true", NULL};
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	switch (what) {
	case 0:
		_exit(3);
	case 1:
		execv("/bin/true", argv);
		_exit(9);
	case 2:
		execv("/nonexistent", argv);
		_exit(errno == ENOENT ? 4 : 5);
	case 3:
		close(3);
		dup2(1, 8);
		close(8);
		execv("/bin/true", argv);
		_exit(9);
	case 4:
		_exit(works("vfork-work"));
	default:
		mkdir("made-by-vfork", 0755);
		close(open("/", O_RDONLY));
		chdir("made-by-vfork");
		mkdir("below", 0755);
		_exit(errno == ERRNO_BEFORE ? 0 : 6);
	}
}

static void vforks(void)
{
	int fd;

	for (int warm = 0; warm < 2; warm++) {
		TRY(fd = open("file", O_RDWR | O_CREAT, 0644));
		for (int what = 0; what < 6; what++) {
			errno = ERRNO_BEFORE;
			child_note("vfork", vfork_and(what));
			TRY(fstat(fd, &(struct stat){0}));
			works_note("parent after vfork");
		}
		names_note("made-by-vfork");
		fds_note("after vfork");
		TRY(rmdir("made-by-vfork/below"));
		TRY(rmdir("made-by-vfork"));
		TRY(close(fd));
		ring_warm();
	}
}

static void spawns(void)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char *const shell[] = {(char *)"sh", (char *)"-c",
			       (char *)"echo spawned; ls /proc/self/fd | wc -l", NULL};
	pid_t pid;

	ring_warm();
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "out", O_RDWR | O_CREAT | O_APPEND, 0644);
	posix_spawn_file_actions_addclose(&actions, 5);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawnattr_init(&attributes);
	TRY(posix_spawn(&pid, "/bin/sh", &actions, &attributes, shell, environ));
	child_note("spawned", pid);
	TRY(posix_spawnp(&pid, "sh", &actions, NULL, shell, environ));
	child_note("spawned", pid);
	TRY(posix_spawn(&pid, "/nonexistent", &actions, NULL, shell, environ));
	works_note("after spawning");
	file_note("out");
	fds_note("at the end");
}

static void shells(void)
{
	char line[64] = "";
	FILE *pipe_;

	ring_warm();
	TRY(system("echo from system; exit 5"));
	TRY(system(NULL));
	pipe_ = popen("echo from popen", "r");
	note("popen on %d", fileno(pipe_));
	TRY(fgets(line, sizeof(line), pipe_) != NULL);
	note("%s", line);
	TRY(pclose(pipe_));
	pipe_ = popen("cat >&2", "w");
	TRY(fputs("to popen\n", pipe_) >= 0);
	TRY(pclose(pipe_));
	works_note("afterwards");
	fds_note("at the end");
}

static int clone_works(void *name)
{
	int bad = works(name);

	close(open("/", O_RDONLY));
	_exit(bad);
}

static int clone_opens(void *name)
{
	_exit(open(name, O_RDWR | O_CREAT, 0644));
}

static void clones(void)
{
	static const int flags[] = {0, CLONE_VM | CLONE_VFORK, CLONE_FILES, CLONE_FS,
				    CLONE_FILES | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_VFORK,
				    CLONE_VM};
	static char stack[1 << 16] __attribute__((aligned(64)));
	char name[32];

	ring_warm();
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		sprintf(name, "clone %x", flags[i]);
		child_note(name, clone(clone_works, stack + sizeof(stack), flags[i] | SIGCHLD,
				       "clone-work"));
		works_note("parent after clone");
		child_note(name, clone(clone_opens, stack + sizeof(stack), flags[i] | SIGCHLD,
				       "clone-open"));
		TRY(pread(3, name, 1, 0));
		fds_note("after clone");
	}
	works_note("at the end");
}

/* What Go and others do: clone(CLONE_VM | CLONE_VFORK) with no libc function to see it. */
__attribute__((noinline)) static long clone_unseen(unsigned long flags, char *stack,
						   int (*run)(void *), void *arg)
{
	long pid;

	__asm__ volatile("movq %3, %%r12\n\t"
			 "movq %4, %%r13\n\t"
			 "xorl %%edx, %%edx\n\t"
			 "xorl %%r10d, %%r10d\n\t"
			 "xorl %%r8d, %%r8d\n\t"
			 "syscall\n\t"
			 "testq %%rax, %%rax\n\t"
			 "jne 1f\n\t"
			 "xorl %%ebp, %%ebp\n\t"
			 "movq %%r13, %%rdi\n\t"
			 "call *%%r12\n\t"
			 "hlt\n"
			 "1:"
			 : "=a"(pid)
			 : "D"(flags), "S"(stack), "r"(run), "r"(arg), "0"(SYS_clone)
			 : "rcx", "r11", "rdx", "r10", "r8", "r12", "r13", "memory");
	return pid;
}

static void clones_unseen(void)
{
	static char stack[1 << 16] __attribute__((aligned(64)));

	for (int warm = 0; warm < 2; warm++) {
		child_note("unseen", (pid_t)clone_unseen(CLONE_VM | CLONE_VFORK | SIGCHLD,
							 stack + sizeof(stack), clone_works,
							 (void *)"unseen-work"));
		works_note("parent after the unseen clone");
		child_note("unseen", (pid_t)clone_unseen(SIGCHLD, NULL, clone_works,
							 (void *)"unseen-work"));
		works_note("parent after the unseen fork");
		child_note("unseen", (pid_t)clone_unseen(CLONE_VM | SIGCHLD, stack + sizeof(stack),
							 clone_works, (void *)"unseen-work"));
		works_note("parent after the unseen clone without waiting");
		ring_warm();
	}
}

static void fork_by_syscall(void)
{
	pid_t pid;

	ring_warm();
	pid = (pid_t)syscall(SYS_fork);
	if (pid == 0)
		_exit(works("work"));
	child_note("syscall(SYS_fork)", pid);
	works_note("parent");
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L);
	if (pid == 0)
		_exit(works("work"));
	child_note("syscall(SYS_clone)", pid);
	works_note("parent");
}

/* A line from a terminal; it may come in pieces. Returns its length. */
static long line_read(int terminal, char *line, size_t size)
{
	size_t length = 0;
	ssize_t got = 1;

	while (got > 0 && length < size - 1 && !memchr(line, '\n', length)) {
		got = read(terminal, line + length, size - 1 - length);
		length += got > 0 ? (size_t)got : 0;
	}
	line[length] = '\0';
	return got > 0 ? (long)length : -1;
}

static void terminals(void)
{
	char line[64] = "";
	int terminal;
	pid_t pid;

	ring_warm();
	pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid == 0) {
		printf("%d %d\n", works("work"), isatty(0));
		exit(0);
	}
	note("terminal on %d", terminal);
	TRY(line_read(terminal, line, sizeof(line)));
	note("%s", line);
	child_note("child on the terminal", pid);
	TRY(read(terminal, line, sizeof(line))); /* EIO: nobody has its other side */
	works_note("parent");
}

static void daemons(void)
{
	struct stat st;
	pid_t pid;
	int fd;

	ring_warm();
	MUST(mkfifo("done", 0644));
	pid = fork();
	if (pid == 0) {
		if (daemon(1, 0))
			_exit(8);
		fd = file_make("report", "");
		dprintf(fd, "%d wrong, first number %d\n", works("work"), fd);
		close(fd);
		fd = open("done", O_WRONLY);
		write(fd, "d", 1);
		_exit(0);
	}
	child_note("the one that makes the daemon", pid);
	fd = open("done", O_RDONLY);
	TRY(read(fd, &st, 1));
	file_note("report");
	works_note("parent");
}

/* ---- becoming and ending ------------------------------------------------------------ */

/* A pointer to nothing, which the compiler does not see through. */
static char **volatile nowhere = (char **)8;

static void execs(void)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"exec ls /proc/self/fd", NULL};
	char *none[] = {NULL};
	int kept;

	ring_warm();
	TRY(execv("/nonexistent", argv));
	TRY(execv("/", argv));
	TRY(execve("/bin/sh", nowhere, nowhere));
	works_note("after an exec that failed");
	kept = open("/dev/null", O_RDONLY);
	open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (fork() == 0) {
		execvp("sh", argv);
		_exit(9);
	}
	child_note("execvp", -1);
	if (fork() == 0) {
		fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), argv, none);
		_exit(9);
	}
	child_note("fexecve", -1);
	close(kept);
	works_note("before the last");
	execl("/bin/sh", "sh", "-c", "echo last; exit 12", NULL);
}

static void at_exit_works(void)
{
	works_note("at exit");
	TRY(open("/", O_RDONLY));
}

__attribute__((destructor)) static void destructor_works(void)
{
	if (notes && getenv("MATRIX_DESTRUCTOR"))
		works_note("destructor");
}

static void ends(void)
{
	pid_t pid;

	ring_warm();
	setenv("MATRIX_DESTRUCTOR", "1", 1);
	for (int way = 0; way < 7; way++) {
		fflush(NULL);
		pid = fork();
		if (pid == 0) {
			struct rlimit none = {0, 0};

			setrlimit(RLIMIT_CORE, &none);
			printf("buffered by way %d\n", way);
			atexit(at_exit_works);
			at_quick_exit(at_exit_works);
			works_note("before the end");
			switch (way) {
			case 0: exit(21);
			case 1: _exit(22);
			case 2: quick_exit(23);
			case 3: abort();
			case 4: raise(SIGTERM); break;
			case 5: kill(getpid(), SIGKILL); break;
			default: syscall(SYS_exit_group, 24);
			}
		}
		child_note("end", pid);
	}
}

static void parent_death(void)
{
	char byte;
	int fds[2], ready[2];
	pid_t pid;

	/* The signal comes when the thread that made the child ends: none of ours may. */
	MUST(pipe(fds));
	MUST(pipe(ready));
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		note("in time: %d", getppid() != 1);
		ring_warm();
		write(ready[1], "r", 1);
		close(fds[1]);
		read(fds[0], &byte, 1);
		_exit(works("child-work"));
	}
	MUST(read(ready[0], &byte, 1));
	ring_warm();
	MUST(unshare(CLONE_FILES)); /* gives up a ring, and so ends its worker */
	usleep(60000);
	close(fds[1]);
	child_note("child", pid);
}

static const struct matrix_case cases[] = {
	{"lowest-number", lowest_number, 0},
	{"all-closed", all_closed, 0},
	{"none-seen", none_seen, 0},
	{"standard-closed", standard_closed, 7},
	{"input-closed", standard_closed, 1},
	{"output-closed", standard_closed, 2},
	{"error-closed", standard_closed, 4},
	{"standard-closed-later", standard_closed_later, 0},
	{"forks", forks, 0},
	{"forks-of-forks", forks_of_forks, 0},
	{"forks-together", forks_together, 0},
	{"vforks", vforks, 0},
	{"spawns", spawns, 0},
	{"shells", shells, 0},
	{"clones", clones, 0},
	{"clones-unseen", clones_unseen, 0},
	{"fork-by-syscall", fork_by_syscall, 0},
	{"terminals", terminals, 0},
	{"daemons", daemons, 0},
	{"execs", execs, 0},
	{"ends", ends, 0},
	{"parent-death", parent_death, 0},
};

MATRIX(cases)
