/* SPDX-License-Identifier: MIT
 *
 * leaves WAY [STATUS [FROM TO]]: a process that ends in that way. Its handlers say what they are
 * told. Before, it links every file f1, f2, ... of FROM into a new directory TO; where that fails
 * at once and would not show in STATUS, it ends with 3.
 * Exit status 77: there is no such way here.
 */
#include <argp.h>
#include <assert.h>
#include <err.h>
#include <error.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <threads.h>
#include <ucontext.h>
#include <unistd.h>

static pthread_t first;

static void told_status(int status, void *argument)
{
	(void)argument;
	printf("handler: status %d\n", status);
}

static void told(void)
{
	printf("handler\n");
}

static void leaves_at_once(void)
{
	_exit(0);
}

static void *outlives(void *argument)
{
	pthread_join(first, NULL);
	return argument;
}

static void valist(void (*with)(int, const char *, va_list), int status, ...)
{
	va_list list;

	va_start(list, status);
	with(status, "text %d", list);
	va_end(list);
}

static void last_thread(void)
{
	pthread_t second;

	first = pthread_self();
	if (pthread_create(&second, NULL, outlives, NULL))
		exit(77);
	pthread_exit(NULL);
}

static int child_shown(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	printf("child: %#x\n", (unsigned)status);
	return 0;
}

static void exec(void)
{
	char *const arguments[] = {"true", NULL}, *const nothing[] = {NULL};

	execve("/bin/true", arguments, nothing);
}

static void argp_help_exit(void)
{
	char *arguments[] = {"leaves", "--help", NULL};
	const struct argp argp = {.doc = "Words."};

	argp_parse(&argp, 2, arguments, 0, NULL, NULL);
}

static void daemon_goes_on(void)
{
	fflush(stdout);
	if (daemon(1, 1) == 0)
		printf("the daemon's line\n");
}

static void strict(int status)
{
	fflush(stdout);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(77);
	syscall(SYS_exit, status);
}

/* With nothing to go on with, libc exits. */
static void context_ends(void)
{
	static char stack[256 * 1024];
	static ucontext_t context;

	getcontext(&context);
	context.uc_stack.ss_sp = stack;
	context.uc_stack.ss_size = sizeof(stack);
	context.uc_link = NULL;
	makecontext(&context, told, 0);
	setcontext(&context);
}

static void dies(void (*how)(void))
{
	const struct rlimit none = {0, 0};

	setrlimit(RLIMIT_CORE, &none);
	how();
}

static void asserts(void)
{
	assert(!"true");
}

/* Returns main's status, for those that come back. */
static int leave(const char *way, int status)
{
	pid_t pid;

	if (!strcmp(way, "exit"))
		exit(status);
	if (!strcmp(way, "_exit"))
		_exit(status);
	if (!strcmp(way, "_Exit"))
		_Exit(status);
	if (!strcmp(way, "quick_exit"))
		quick_exit(status);
	if (!strcmp(way, "exit_group"))
		syscall(SYS_exit_group, status);
	if (!strcmp(way, "exit_call"))
		syscall(SYS_exit, status);
	if (!strcmp(way, "pthread_exit"))
		pthread_exit(NULL);
	if (!strcmp(way, "thrd_exit"))
		thrd_exit(0);
	if (!strcmp(way, "last_thread"))
		last_thread();
	if (!strcmp(way, "err"))
		err(status, "text");
	if (!strcmp(way, "errx"))
		errx(status, "text");
	if (!strcmp(way, "verr"))
		valist(verr, status, 5);
	if (!strcmp(way, "verrx"))
		valist(verrx, status, 5);
	if (!strcmp(way, "error"))
		error(status, 0, "text");
	if (!strcmp(way, "error_at_line"))
		error_at_line(status, 0, "file", 5, "text");
	if (!strcmp(way, "argp"))
		argp_help_exit();
	if (!strcmp(way, "context"))
		context_ends();
	if (!strcmp(way, "daemon"))
		daemon_goes_on();
	if (!strcmp(way, "strict"))
		strict(status);
	if (!strcmp(way, "abort"))
		dies(abort);
	if (!strcmp(way, "assert"))
		dies(asserts);
	if (!strcmp(way, "exec"))
		exec();
	if (!strcmp(way, "handler"))
		atexit(leaves_at_once);
	if (!strcmp(way, "vfork")) {
		pid = vfork();
		if (pid == 0)
			_exit(status);
		return child_shown(pid);
	}
	if (!strcmp(way, "fork")) {
		pid = fork();
		if (pid == 0)
			_exit(status);
		return child_shown(pid);
	}
	return status;
}

static int links_make(const char *from, const char *to)
{
	char source[512], target[512];

	if (mkdir(to, 0700) != 0)
		return -1;
	for (int i = 1;; i++) {
		snprintf(source, sizeof(source), "%s/f%d", from, i);
		snprintf(target, sizeof(target), "%s/f%d", to, i);
		if (access(source, F_OK) != 0)
			return 0;
		if (link(source, target) != 0)
			return -1;
	}
}

int main(int argc, char **argv)
{
	int status = argc > 2 ? atoi(argv[2]) : 0;

	if (argc < 2)
		return 77;
	on_exit(told_status, NULL);
	atexit(told);
	at_quick_exit(told);
	printf("%s is left, ", argv[1]); /* to be flushed on the way, or not at all */
	/* A plain call that reports the failure is as good: then there is nothing to be late. */
	if (argc > 4 && links_make(argv[3], argv[4]) != 0 && !status)
		return 3;
	return leave(argv[1], status);
}
