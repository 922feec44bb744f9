/* SPDX-License-Identifier: MIT
 *
 * matrix-signal: handlers that come at any moment, do file calls, or never return (matrix.h).
 */
#include <pthread.h>
#include <setjmp.h>
#include <sys/signalfd.h>
#include <sys/time.h>
#include <ucontext.h>

#include "matrix.h"

static void on(int number, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	MUST(sigaction(number, &action, NULL));
}

static volatile long storm_period_us;

/* One more alarm. The handlers ask for the next: on a slow machine the program moves on too. */
static void storm_again(void)
{
	struct itimerval timer = {{0, 0}, {0, storm_period_us}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void storm(long period_us)
{
	storm_period_us = period_us;
	storm_again();
}

static void signals_note(const char *when)
{
	note("signals %s", when);
	status_line_note("SigPnd");
	status_line_note("SigBlk");
	status_line_note("SigIgn");
	status_line_note("SigCgt");
}

/* ---- what is left behind ------------------------------------------------------------ */

static void dispositions_stay(void)
{
	ring_warm();
	signals_note("untouched");
	on(SIGUSR1, SIG_IGN, 0);
	signal(SIGUSR2, SIG_IGN);
	works_note("with some ignored");
	signals_note("ignored");
	for (int number = 1; number < 65; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
			note("signal %d: handler %d, flags %x", number,
			     action.sa_handler == SIG_IGN ? 1 : 2, action.sa_flags);
	}
}

static volatile sig_atomic_t handled;

static void count(int number)
{
	handled++;
	if (number == SIGALRM)
		storm_again();
}

static void masks_stay(void)
{
	sigset_t set;

	on(SIGUSR1, count, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ring_warm();
	raise(SIGUSR1);
	works_note("with one pending");
	signals_note("blocked");
	note("handled %d", handled);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	note("handled %d", handled);
	works_note("afterwards");
	signals_note("at the end");
}

/* ---- handlers that call file functions ---------------------------------------------- */

static volatile sig_atomic_t handler_wrong;

static void handler_works(int number)
{
	static volatile sig_atomic_t depth;
	char directory[] = "for-handler-n";
	int saved = errno, fd;
	char buffer[4];
	struct stat st;

	handled++;
	if (number == SIGALRM && ++depth < 4)
		storm_again(); /* may come in the middle of this one, with SA_NODEFER */
	directory[sizeof(directory) - 2] = (char)('0' + depth);
	fd = open("for-handler", O_RDWR | O_CREAT, 0644);
	handler_wrong += fd < 0;
	handler_wrong += pwrite(fd, "abc", 3, 0) != 3;
	handler_wrong += pread(fd, buffer, 3, 0) != 3;
	handler_wrong += fstat(fd, &st) != 0;
	handler_wrong += close(fd) != 0;
	handler_wrong += mkdir(directory, 0755) != 0;
	handler_wrong += rmdir(directory) != 0;
	if (number == SIGALRM && depth-- == 4)
		storm_again();
	errno = saved;
}

static void work_under_storm(int rounds)
{
	int bad = 0;

	for (int round = 0; round < rounds || handled < 20; round++)
		bad += works("work");
	note("%d wrong, in handlers %d", bad, handler_wrong);
}

static void storm_of_works(int flags)
{
	on(SIGALRM, handler_works, flags);
	storm(300);
	work_under_storm(100);
	storm(0);
	note("%s", handled > 0 ? "handlers ran" : "no handler ran");
	alarm(PATIENCE_S);
	fds_note("at the end");
	names_note(".");
	signals_note("at the end");
}

static void storm_restarting(void)
{
	storm_of_works(SA_RESTART);
}

static void storm_interrupting(void)
{
	storm_of_works(0);
}

static void storm_nested(void)
{
	storm_of_works(SA_NODEFER | SA_RESTART);
}

static void storm_on_another_stack(void)
{
	stack_t stack = {.ss_sp = malloc(1 << 16), .ss_size = 1 << 16};

	MUST(sigaltstack(&stack, NULL));
	storm_of_works(SA_ONSTACK);
}

/* The very first file call of the process is made by a handler. */
static void first_call_in_a_handler(void)
{
	on(SIGUSR1, handler_works, 0);
	raise(SIGUSR1);
	note("in the handler %d wrong", handler_wrong);
	works_note("after it");
	fds_note("at the end");
}

static void *thread_in_storm(void *name)
{
	long bad = 0;

	for (int round = 0; round < 60; round++)
		bad += works(name);
	return (void *)bad;
}

static void storm_over_threads(void)
{
	pthread_t threads[3];
	char names[3][8] = {"a", "b", "c"};
	void *bad;

	on(SIGALRM, count, SA_RESTART);
	storm(300);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, thread_in_storm, names[i]);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &bad);
		note("thread %d: %ld wrong", i, (long)bad);
	}
	storm(0);
	alarm(PATIENCE_S);
}

static void forks_in_a_storm(void)
{
	on(SIGALRM, handler_works, SA_RESTART);
	storm(500);
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			char name[16];

			storm(0); /* timers are not inherited; handlers are */
			sprintf(name, "child-%d", i);
			_exit(works(name));
		}
		child_note("child", pid);
	}
	storm(0);
	alarm(PATIENCE_S);
	note("in handlers %d wrong", handler_wrong);
}

static void *context_wrong;

static void swap_back(int number)
{
	(void)number;
	handled++;
}

/* A handler sees its signal alone blocked, and the program's own mask in the context. */
static void look_at_mask(int number, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	sigset_t now;

	(void)info;
	sigprocmask(SIG_BLOCK, NULL, &now);
	for (int other = 1; other < 32; other++) {
		if (sigismember(&now, other) != (other == number))
			context_wrong = "mask";
		if (sigismember(&uc->uc_sigmask, other))
			context_wrong = "context";
	}
	handled++;
	storm_again();
}

static void masks_in_handlers(void)
{
	struct sigaction action = {.sa_sigaction = look_at_mask, .sa_flags = SA_SIGINFO};

	on(SIGUSR1, swap_back, 0);
	MUST(sigaction(SIGALRM, &action, NULL));
	storm(300);
	work_under_storm(50);
	storm(0);
	alarm(PATIENCE_S);
	note("wrong in handlers: %s", context_wrong ? (char *)context_wrong : "nothing");
}

/* ---- handlers that never return ----------------------------------------------------- */

static sigjmp_buf away;
static volatile bool may_jump;

static void jump(int number)
{
	(void)number;
	handled++;
	storm_again();
	if (may_jump)
		siglongjmp(away, 1);
}

static void jumping_work(volatile int *rounds)
{
	char buffer[512];
	struct stat st;
	int fd = open("data", O_RDWR);

	if (fd < 0)
		note("open: %s", error_name(errno));
	if (sigsetjmp(away, 1)) {
		may_jump = false;
		close(fd);
		return;
	}
	may_jump = true;
	for (; *rounds > 0; --*rounds) {
		memset(buffer, 0, sizeof(buffer));
		if (pread(fd, buffer, 512, 512) != 512 || buffer[0] != 'd' || buffer[511] != 'd')
			note("pread got something else");
		if (stat("data", &st) || st.st_size != 4096 || fstat(fd, &st))
			note("stat: %s", error_name(errno));
		if (pwrite(fd, buffer, 512, 1024) != 512)
			note("pwrite: %s", error_name(errno));
		if (stat("absent", &st) != -1 || errno != ENOENT)
			note("stat of an absent file: %s", error_name(errno));
	}
	may_jump = false;
	close(fd);
}

static void storm_of_jumps(void)
{
	static char data[4096];
	volatile int rounds = 4000;
	int fd = file_make("data", "");

	memset(data, 'd', sizeof(data));
	MUST(write(fd, data, sizeof(data)));
	MUST(close(fd));
	on(SIGALRM, jump, 0);
	storm(400);
	while (rounds > 0)
		jumping_work(&rounds);
	storm(0);
	alarm(PATIENCE_S);
	note("%s", handled > 0 ? "jumped" : "never jumped");
	works_note("afterwards");
	file_note("data");
	fds_note("at the end");
	signals_note("at the end");
}

/* Out of a call that blocks on a pipe and on a FIFO. */
static void jumps_out_of_blocked_calls(void)
{
	char byte;
	int fds[2];

	MUST(pipe(fds));
	MUST(mkfifo("fifo", 0644));
	on(SIGALRM, jump, SA_RESTART);
	for (volatile int what = 0; what < 2; what++) {
		if (sigsetjmp(away, 1) == 0) {
			may_jump = true;
			storm(20000);
			if (what)
				open("fifo", O_RDONLY);
			else
				read(fds[0], &byte, 1);
			note("it returned");
		}
		storm(0);
		works_note("after the jump");
	}
	alarm(PATIENCE_S);
	fds_note("at the end");
}

static void jump_in_child(int number)
{
	(void)number;
	_exit(works("in-handler") + 40);
}

static void exit_in_a_handler(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		on(SIGALRM, jump_in_child, 0);
		storm(5000);
		for (;;)
			works("work");
	}
	child_note("left by _exit in a handler", pid);
}

/* ---- calls that signals interrupt --------------------------------------------------- */

static void interrupted(void)
{
	char byte;
	int fds[2];

	MUST(pipe(fds));
	MUST(mkfifo("fifo", 0644));
	ring_warm();
	on(SIGALRM, count, 0);
	storm(20000);
	TRY(read(fds[0], &byte, 1));
	TRY(open("fifo", O_RDONLY));
	TRY(open("fifo", O_WRONLY));
	TRY(openat(AT_FDCWD, "fifo", O_RDONLY));
	TRY(pause());
	TRY(usleep(1000000));
	storm(0);
	alarm(PATIENCE_S);
	works_note("afterwards");
}

static void restarted(void)
{
	char byte;
	int fds[2];
	pid_t pid;

	MUST(pipe(fds));
	ring_warm();
	on(SIGALRM, count, SA_RESTART);
	pid = fork();
	if (pid == 0) {
		usleep(50000);
		write(fds[1], "x", 1);
		_exit(0);
	}
	storm(5000);
	TRY(read(fds[0], &byte, 1));
	storm(0);
	alarm(PATIENCE_S);
	note("%s", handled > 0 ? "handlers ran" : "no handler ran");
	child_note("writer", pid);
}

/* ---- signals that end or stop ------------------------------------------------------- */

static void fatal_ones(void)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL, SIGSEGV, SIGPIPE,
				      SIGUSR1, SIGALRM};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		pid_t pid = fork();
		int fds[2];

		if (pid == 0) {
			struct rlimit none = {0, 0};

			setrlimit(RLIMIT_CORE, &none);
			ring_warm();
			if (numbers[i] == SIGPIPE) {
				MUST(pipe(fds));
				close(fds[0]);
				write(fds[1], "x", 1);
			}
			if (numbers[i] == SIGALRM)
				storm(3000);
			else
				raise(numbers[i]);
			for (;;)
				works("work");
		}
		child_note("ended", pid);
		MUST(system("rm -rf work"));
	}
}

static void stopped_and_continued(void)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		ring_warm();
		for (int i = 0; i < 3; i++) {
			raise(SIGSTOP);
			if (works("work"))
				_exit(1);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		waitpid(pid, &status, WUNTRACED);
		note("stopped: %d", WIFSTOPPED(status));
		kill(pid, SIGCONT);
	}
	child_note("continued", pid);
}

static void reap(int number)
{
	int saved = errno;

	(void)number;
	while (waitpid(-1, NULL, WNOHANG) > 0)
		handled++;
	errno = saved;
}

static void children_reaped(void)
{
	on(SIGCHLD, reap, SA_RESTART);
	for (int i = 0; i < 20; i++) {
		if (fork() == 0)
			_exit(0);
		works_note("while children end");
	}
	while (handled < 20)
		usleep(1000);
	note("reaped %d", handled);
}

static void signals_waited_for(void)
{
	struct signalfd_siginfo info = {0};
	struct timespec limit = {1, 0};
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	ring_warm();
	raise(SIGUSR1);
	works_note("with one pending");
	TRY(sigtimedwait(&set, NULL, &limit));
	TRY(fd = signalfd(-1, &set, 0));
	raise(SIGUSR2);
	works_note("with one pending");
	TRY(read(fd, &info, sizeof(info)) == sizeof(info));
	note("signal %u", info.ssi_signo);
	TRY(pread(fd, &info, sizeof(info), 0));
}

static void *one_thread_blocks_all(void *arg)
{
	sigset_t set;

	(void)arg;
	sigfillset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	ring_warm();
	for (int i = 0; i < 50; i++)
		works("work");
	pthread_sigmask(SIG_BLOCK, NULL, &set);
	for (int number = 1; number < 32; number++)
		if (number != SIGKILL && number != SIGSTOP && !sigismember(&set, number))
			note("signal %d is not blocked any more", number);
	return NULL;
}

static void masks_of_threads(void)
{
	pthread_t thread;

	on(SIGUSR1, count, 0);
	pthread_create(&thread, NULL, one_thread_blocks_all, NULL);
	for (int i = 0; i < 20; i++)
		kill(getpid(), SIGUSR1);
	pthread_join(thread, NULL);
	signals_note("at the end");
}

static const struct matrix_case cases[] = {
	{"dispositions-stay", dispositions_stay, 0},
	{"masks-stay", masks_stay, 0},
	{"storm-restarting", storm_restarting, 0},
	{"storm-interrupting", storm_interrupting, 0},
	{"storm-nested", storm_nested, 0},
	{"storm-on-another-stack", storm_on_another_stack, 0},
	{"first-call-in-a-handler", first_call_in_a_handler, 0},
	{"storm-over-threads", storm_over_threads, 0},
	{"forks-in-a-storm", forks_in_a_storm, 0},
	{"masks-in-handlers", masks_in_handlers, 0},
	{"storm-of-jumps", storm_of_jumps, 0},
	{"jumps-out-of-blocked-calls", jumps_out_of_blocked_calls, 0},
	{"exit-in-a-handler", exit_in_a_handler, 0},
	{"interrupted", interrupted, 0},
	{"restarted", restarted, 0},
	{"fatal-ones", fatal_ones, 0},
	{"stopped-and-continued", stopped_and_continued, 0},
	{"children-reaped", children_reaped, 0},
	{"signals-waited-for", signals_waited_for, 0},
	{"masks-of-threads", masks_of_threads, 0},
};

MATRIX(cases)
