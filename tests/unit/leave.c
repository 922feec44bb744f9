/* SPDX-License-Identifier: MIT
 *
 * leave: what happens just before a way out. The ways out themselves: tests/bats/once/leave.bats.
 */
#include "call/armed.h"
#include "call/leave.h"
#include "dispatch/engine.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/filter.h"
#include "base/threads.h"
#include "process/config.h"
#include "process/process.h"
#include "process/thread.h"
#include "report/late.h"
#include "scratch.h"

static int settled;
static bool settling_fails;

static void settle(void)
{
	settled++;
	errno = EXDEV;
	if (settling_fails)
		late_report("linkat", "x", EIO);
}

static void begin(void)
{
	config.mode = MODE_AUTO;
	NEED(process_owns_memory());
	leave_settle_with(settle);
	armed_refresh_with(engine_arm);
	armed_refresh();
	process_wake();
}

/* The first and second argument of SYM, as they are when it is called. */
static struct regs leave_with(enum sym sym, long first, long second)
{
	struct regs regs = {.arg = {first, second}};

	CHECK(engine_enter(sym, &regs).jump != NULL);
	return regs;
}

static long leave_by(enum sym sym, long status)
{
	return leave_with(sym, status, 0).arg[0];
}

static const enum sym ways[] = {SYM_exit, SYM__exit, SYM__Exit, SYM_quick_exit, SYM_err, SYM_errx,
				SYM_verr, SYM_verrx};

static void nothing_failed(void)
{
	begin();
	errno = ENOENT;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		CHECK_EQ(leave_by(ways[i], 0), 0);
		CHECK_EQ(leave_by(ways[i], 7), 7);
		CHECK_EQ(settled, 2 * (i + 1));
	}
	CHECK_EQ(leave_with(SYM_syscall, SYS_exit_group, 0).arg[1], 0);
	CHECK_EQ(settled, 2 * sizeof(ways) / sizeof(*ways) + 1);
	CHECK_EQ(errno, ENOENT);
}

static void statuses(void)
{
	static const int given[] = {0, 1, 2, 127, 255, 256, 0x1200, -1, -256};
	static const int expected[] = {1, 1, 2, 127, 255, 1, 1, -1, 1};

	begin();
	late_report("linkat", "x", EIO);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		for (size_t j = 0; j < sizeof(given) / sizeof(*given); j++)
			CHECK_EQ((int)leave_by(ways[i], given[j]), expected[j]);
	for (size_t j = 0; j < sizeof(given) / sizeof(*given); j++)
		CHECK_EQ((int)leave_with(SYM_syscall, SYS_exit, given[j]).arg[1], expected[j]);
}

static void fails_on_the_way(void)
{
	begin();
	settling_fails = true;
	CHECK_EQ(leave_by(SYM_exit, 0), 1);
	CHECK_EQ(settled, 1);
}

/* error(0, ...) and other system calls stay; so does a thread that leaves others behind. */
static void no_way_out(void)
{
	begin();
	late_report("linkat", "x", EIO);
	CHECK_EQ(leave_by(SYM_error, 0), 0);
	CHECK_EQ(leave_with(SYM_syscall, SYS_gettid, 0).arg[1], 0);
	threads_note();
	CHECK_EQ(leave_with(SYM_syscall, SYS_exit, 0).arg[1], 0);
	CHECK_EQ(settled, 0);
	CHECK(!leave_begun());
	CHECK_EQ(leave_by(SYM_error, 256), 1);
	CHECK_EQ(leave_with(SYM_syscall, SYS_exit_group, 0).arg[1], 1);
	CHECK_EQ(settled, 2);
}

static void begun_by(enum sym sym, long first, bool expected)
{
	bool was = leave_begun();

	leave_by(sym, first);
	if (was || leave_begun() != expected)
		note("symbol %d: %d, then %d", sym, was, leave_begun());
	CHECK(!was && leave_begun() == expected);
}

static int begun_in_child(void *sym)
{
	begun_by((enum sym)(long)sym, 1, true);
	return checks_failed != 0;
}

static void handlers_make_plain_calls(void)
{
	static const enum sym begins[] = {SYM_exit, SYM_quick_exit, SYM_err, SYM_error,
					  SYM_pthread_exit};

	begin();
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		CHECK_EQ(in_child(begun_in_child, (void *)(long)begins[i]), 0);
	begun_by(SYM__exit, 0, false);
	begun_by(SYM_error, 0, false);
	begun_by(SYM_argp_parse, 0, false);
	begun_by(SYM_daemon, 0, false);
	threads_note();
	begun_by(SYM_pthread_exit, 0, false);
}

static int main_arguments;

static int a_main(int argc, char **argv, char **envp)
{
	main_arguments += argc == 5 && argv == (char **)16 && envp == (char **)32;
	CHECK(!leave_begun());
	return settling_fails ? 0 : 3;
}

static void main_returns(void)
{
	int (*wrapped)(int, char **, char **);

	begin();
	wrapped = (int (*)(int, char **, char **))leave_by(SYM___libc_start_main, (long)a_main);
	CHECK(wrapped != a_main);
	CHECK_EQ(settled, 0);
	CHECK_EQ(wrapped(5, (char **)16, (char **)32), 3);
	CHECK_EQ(settled, 1);
	CHECK(leave_begun());
}

static void main_returns_0(void)
{
	int (*wrapped)(int, char **, char **);

	begin();
	settling_fails = true;
	wrapped = (int (*)(int, char **, char **))leave_by(SYM___libc_start_main, (long)a_main);
	CHECK_EQ(wrapped(5, (char **)16, (char **)32), 1);
	CHECK_EQ(main_arguments, 1);
}

static void at_the_end(void)
{
	begin();
	errno = ENOENT;
	leave_end();
	CHECK_EQ(settled, 1);
	CHECK(leave_begun());
	CHECK_EQ(errno, ENOENT);
}

static int child_leaves(void *unused)
{
	(void)unused;
	return leave_by(SYM__exit, 0) != 0 || leave_by(SYM_exit, 0) != 0;
}

static void a_forked_child(void)
{
	begin();
	late_report("linkat", "x", EIO);
	CHECK_EQ(in_child(child_leaves, NULL), 0);
}

static int borrower_leaves(void *unused)
{
	int before = settled;

	leave_end();
	return child_leaves(unused) || settled != before;
}

static void a_borrowing_child(void)
{
	enum { STACK = 256 * 1024 };
	char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int status = -1;
	pid_t pid;

	NEED(stack != MAP_FAILED);
	begin();
	late_report("linkat", "x", EIO);
	pid = clone(borrower_leaves, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK(!leave_begun());
	CHECK_EQ(leave_by(SYM_exit, 0), 1);
	CHECK_EQ(settled, 1);
}

/* A handler that ends the process interrupted the shim: nothing can be settled in there. */
static void within_the_shim(void)
{
	begin();
	late_report("linkat", "x", EIO);
	thread_self.depth++;
	CHECK_EQ(leave_by(SYM__exit, 0), 1);
	CHECK_EQ(settled, 0);
	thread_self.depth--;
}

/* No system call may be made there; that none is, tests/bats/once/leave.bats shows. */
static void under_a_filter(void)
{
	begin();
	late_report("linkat", "x", EIO);
	filter_comes();
	CHECK_EQ(leave_by(SYM__exit, 0), 1);
	CHECK_EQ(settled, 0);
}

static void nothing_to_settle(void)
{
	begin();
	leave_settle_with(NULL);
	armed_refresh_with(engine_arm);
	armed_refresh();
	late_report("linkat", "x", EIO);
	for (enum op op = 0; op < OP_COUNT; op++)
		CHECK(!leave_needs(op));
	CHECK_EQ(leave_by(SYM_exit, 0), 0);
	CHECK_EQ(leave_by(SYM___libc_start_main, (long)a_main), (long)a_main);
	CHECK(!leave_begun());
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C5: everything is settled at a way out; nothing failed, the status stays",
	     nothing_failed);
	test("C6: a status that a parent sees as 0 becomes 1, others stay", statuses);
	test("C6: what fails while it is settled counts", fails_on_the_way);
	test("C6: what is no way out is left alone", no_way_out);
	test("C5: handlers of the way out make plain calls", handlers_make_plain_calls);
	test("C5: all is settled when main returns, and not when it begins", main_returns);
	test("C6: main's 0 becomes 1", main_returns_0);
	test("C5: what no way out has settled is settled at the end", at_the_end);
	test("C6: a forked child's status is its own", a_forked_child);
	test("C6: the child of a vfork neither settles nor tells", a_borrowing_child);
	test("C6: a way out of the shim's own middle settles nothing", within_the_shim);
	test("C6: after a seccomp filter the status is all", under_a_filter);
	test("C9: where nothing is acknowledged no way out is touched", nothing_to_settle);
	return tests_end();
}
