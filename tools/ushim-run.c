/* SPDX-License-Identifier: MIT
 *
 * ushim-run RECORD KEEP STAT PRELOAD COMMAND [ARG...]: the second half of "ushim --summary".
 *
 * Runs COMMAND as a child with LD_PRELOAD=PRELOAD, passes signals on to it, and when it has
 * ended runs STAT RECORD with the output on stderr, appends RECORD to the file KEEP unless
 * that is empty, removes RECORD, and ends as COMMAND did: with its exit status, or by its
 * signal. A shell cannot do this: it gives background commands another stdin and ignores
 * their SIGINT, and passes nothing on to foreground ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_FAILED = 125, /* as env, timeout and stdbuf have it */
	STATUS_NOT_RUN = 126,
	STATUS_NOT_FOUND = 127,
};

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM,
				SIGCONT, SIGWINCH};

static volatile sig_atomic_t child;

/* What the terminal sends, it sends to the child as well: only processes' signals go on. */
static void pass_on(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (child > 0 && info->si_code <= 0)
		kill(child, number);
}

static void handlers_set(struct sigaction *before)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_RESTART};

	action.sa_sigaction = pass_on;
	sigfillset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(*passed_on); i++) {
		sigaction(passed_on[i], NULL, &before[i]);
		if (before[i].sa_handler != SIG_IGN)
			sigaction(passed_on[i], &action, NULL);
	}
}

static void signals_block(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, before);
}

static void child_become(const char *preload, char **command)
{
	setenv("LD_PRELOAD", preload, 1);
	execvp(command[0], command);
	fprintf(stderr, "ushim: %s: %s\n", command[0], strerror(errno));
	_exit(errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

static void summary_print(const char *stat, const char *record)
{
	pid_t pid = fork();

	if (pid == 0) {
		dup2(2, 1);
		execl(stat, stat, record, (char *)NULL);
		_exit(STATUS_NOT_RUN);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void record_keep(const char *record, const char *keep)
{
	int from = open(record, O_RDONLY | O_CLOEXEC);
	int to = open(keep, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	char buffer[65536];
	ssize_t length = 0;

	while (from >= 0 && to >= 0 && (length = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)length) != length)
			length = -1;
	if (from < 0 || to < 0 || length < 0)
		fprintf(stderr, "ushim: %s: %s\n", keep, strerror(errno));
}

/* Ends as the child did, so that our parent sees what it would have seen. */
static int end_like(int status)
{
	const struct rlimit no_core = {0, 0};
	sigset_t none;

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	setrlimit(RLIMIT_CORE, &no_core); /* the child has left one */
	signal(WTERMSIG(status), SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	raise(WTERMSIG(status));
	return 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	struct sigaction before[sizeof(passed_on) / sizeof(*passed_on)];
	const char *record, *keep, *stat, *preload;
	sigset_t mask;
	pid_t pid;
	int status = 0;

	if (argc < 6) {
		fprintf(stderr, "usage: ushim-run RECORD KEEP STAT PRELOAD COMMAND [ARG...]\n");
		return STATUS_FAILED;
	}
	record = argv[1], keep = argv[2], stat = argv[3], preload = argv[4];
	signals_block(&mask);
	pid = fork();
	if (pid < 0) {
		perror("ushim: fork");
		return STATUS_FAILED;
	}
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &mask, NULL);
		child_become(preload, argv + 5);
	}
	child = pid;
	handlers_set(before);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	child = 0;
	summary_print(stat, record);
	if (*keep)
		record_keep(record, keep);
	unlink(record);
	return end_like(status);
}
