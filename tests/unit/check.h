/* SPDX-License-Identifier: MIT
 *
 * check: unit tests, each in a process of its own, reported as TAP.
 *
 *   static void ring_is_ended(void) { CHECK(ring_open(...) == 0); }
 *   int main(void) { test("C8: ...", ring_is_ended); return tests_end(); }
 *
 * A test's process starts from the shim's state as it is before the first call; what a test
 * changes (signals, limits, filters, the ring given up) ends with it. A crash, a sanitizer's
 * report and a wait of more than PATIENCE_S seconds are failures of that test alone.
 *
 * Where everything runs under a seccomp filter (containers) the library makes no call of its own, and
 * there is nothing to test: that one may be asked, as by USHIM_SECCOMP=ask.
 */
#ifndef CHECK_H
#define CHECK_H

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filter.h"

enum {
	CHECK_SKIPPED = 77,
	CHECK_PATIENCE_S = 120,
};

static int tests_run, tests_failed, checks_failed;
static const char *test_only; /* argv[1]: run only tests whose name contains it */

__attribute__((format(printf, 1, 2))) static inline void note(const char *format, ...)
{
	char line[512];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line) - 1, format, list);
	va_end(list);
	strcat(line, "\n");
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		abort();
}

#define CHECK(condition) \
	((condition) ? (void)0 \
		     : (checks_failed++, note("%s:%d: %s", __FILE__, __LINE__, #condition)))

/* CHECK that two integers are equal, showing both. */
#define CHECK_EQ(a, b) \
	do { \
		long check_a = (long)(a), check_b = (long)(b); \
		if (check_a != check_b) { \
			checks_failed++; \
			note("%s:%d: %s == %s (%ld, %ld)", __FILE__, __LINE__, #a, #b, check_a, \
			     check_b); \
		} \
	} while (0)

/* What the tests cannot do without. */
#define NEED(condition) \
	do { \
		if (!(condition)) { \
			note("%s:%d: needed: %s", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

/* Ends the test's process: this machine lacks what it needs. */
static inline void skip(const char *why)
{
	char line[128];

	snprintf(line, sizeof(line), "\n%s", why);
	if (write(STDERR_FILENO, line, strlen(line)) < 0)
		abort();
	_exit(CHECK_SKIPPED);
}

/* A process that runs RUN and exits as it says; its status is waited for. */
static inline int in_child(int (*run)(void *), void *argument)
{
	int status = -1;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (pid == 0)
		_exit(run(argument));
	NEED(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* What the test wrote to stderr: notes, reports of sanitizers, and last why it is skipped. */
static inline void stderr_collect(int fd, char *text, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while ((got = read(fd, text + length, size - 1 - length)) > 0) {
		length += (size_t)got;
		if (length == size - 1) { /* keep the end */
			memmove(text, text + size / 2, length - size / 2);
			length -= size / 2;
		}
	}
	text[length] = '\0';
	close(fd);
}

static inline void stderr_show(char *text)
{
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n"));)
		if (*line)
			printf("# %s\n", line);
}

static inline void test(const char *name, void (*run)(void))
{
	static char text[65536];
	int status = -1, said[2];
	pid_t pid;

	if (test_only && !strstr(name, test_only))
		return;
	fflush(stdout);
	NEED(pipe(said) == 0);
	pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		dup2(said[1], STDERR_FILENO);
		close(said[0]);
		close(said[1]);
		alarm(CHECK_PATIENCE_S);
		filter_treat(FILTER_ASK);
		run();
		exit(checks_failed ? 1 : 0);
	}
	close(said[1]);
	stderr_collect(said[0], text, sizeof(text));
	NEED(waitpid(pid, &status, 0) == pid);
	tests_run++;
	if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SKIPPED) {
		printf("ok %d - %s # skip %s\n", tests_run, name, strrchr(text, '\n') + 1);
		return;
	}
	tests_failed += status != 0;
	printf("%s %d - %s\n", status ? "not ok" : "ok", tests_run, name);
	if (WIFSIGNALED(status))
		printf("# ended by signal %d\n", WTERMSIG(status));
	if (status)
		stderr_show(text);
}

static inline void tests_begin(int argc, char **argv)
{
	test_only = argc > 1 ? argv[1] : NULL;
}

/* To be returned from main. */
static inline int tests_end(void)
{
	printf("1..%d\n", tests_run);
	return tests_failed != 0;
}

#endif
