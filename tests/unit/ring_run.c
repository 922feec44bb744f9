/* SPDX-License-Identifier: MIT
 *
 * ring_run: one call at a time, whatever signals, strangers and full queues do meanwhile.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "backend/ring/of_thread.h"
#include "backend/ring/private.h"
#include "process/config.h"
#include "process/signals.h"
#include "process/thread.h"
#include "report/stats.h"
#include "rings.h"
#include "scratch.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BORROWS 0 /* their vfork is a fork, and a clone on our memory their ruin */
#else
#define BORROWS 1
#endif

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#define ONE_SECOND_NS UINT64_C(1000000000)

static void mask_get(signal_bits *mask)
{
	NEED(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, mask, sizeof(*mask)) == 0);
}

static volatile sig_atomic_t handled;

static void handler(int number)
{
	(void)number;
	handled++;
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	NEED(sigaction(number, &action, NULL) == 0);
	signals_note_change();
}

/* Every MS milliseconds, or once with AGAIN 0. */
static void alarm_in(long ms, int again)
{
	struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000}};

	if (again)
		timer.it_interval = timer.it_value;
	NEED(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void results(void)
{
	struct ring *ring = ring_needed(8);
	struct call make = call_mkdir("a"), unmake = call_unlink("a"), bad = call_unlink("none");
	struct call nowhere = call_mkdir((const char *)16);
	int result = 7;

	scratch();
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	CHECK(exists("a"));
	CHECK_EQ(ring_run(ring, &unmake, &result), REASON_NONE);
	CHECK_EQ(result, -EISDIR);
	CHECK_EQ(ring_run(ring, &bad, &result), REASON_NONE);
	CHECK_EQ(result, -ENOENT);
	CHECK_EQ(ring_run(ring, &nowhere, &result), REASON_NONE);
	CHECK_EQ(result, -EFAULT);
	ring_close(ring);
}

/*
 * CALL comes to EXPECTED. One that takes longer than the wait's slice on a busy machine is ended for a
 * handler that is due, before it has done anything; its caller makes it again.
 */
static bool comes_to(struct ring *ring, const struct call *call, int expected)
{
	enum reason reason;
	int result;

	do
		reason = ring_run(ring, call, &result);
	while (reason == REASON_INTERRUPTED && result == -EINTR);
	return reason == REASON_NONE && result == expected;
}

static void interrupted_storm(void)
{
	struct ring *ring = ring_needed(2);
	struct call make = call_mkdir("a");
	struct stat stat;
	struct call ask = call_stat("a", &stat);
	struct call unmake = {.opcode = OPCODE_UNLINKAT, .fd = AT_FDCWD, .path = "a",
			      .flags = AT_REMOVEDIR};
	signal_bits before, after;

	scratch();
	handle(SIGALRM, 0);
	alarm_in(1, 1);
	mask_get(&before);
	for (int i = 0; i < 1500; i++) {
		CHECK(comes_to(ring, &make, 0));
		CHECK(comes_to(ring, &make, -EEXIST));
		CHECK(comes_to(ring, &ask, 0));
		CHECK(comes_to(ring, &unmake, 0));
		CHECK(comes_to(ring, &unmake, -ENOENT));
	}
	mask_get(&after);
	CHECK(before == after);
	alarm_in(0, 0);
	CHECK(handled > 10);
	ring_close(ring);
}

/* As above, without telling the shim of the handler: the wait itself is interrupted. */
static void interrupted_unknown(void)
{
	struct ring *ring = ring_needed(2);
	struct call make = call_mkdir("a");
	struct call unmake = {.opcode = OPCODE_UNLINKAT, .fd = AT_FDCWD, .path = "a",
			      .flags = AT_REMOVEDIR};
	struct signals_held held;
	struct sigaction action = {.sa_handler = handler};
	int result;

	scratch();
	signals_hold(&held); /* looks now, not later */
	signals_release(&held);
	NEED(sigaction(SIGALRM, &action, NULL) == 0);
	alarm_in(1, 1);
	for (int i = 0; i < 1500; i++) {
		CHECK(ring_run(ring, &make, &result) == REASON_NONE && result == 0);
		CHECK(ring_run(ring, &unmake, &result) == REASON_NONE && result == 0);
	}
	alarm_in(0, 0);
	CHECK(handled > 10);
	ring_close(ring);
}

static void queue_full(void)
{
	struct ring *ring = ring_needed(4);
	struct call make = call_mkdir("a"), other = call_mkdir("b");
	unsigned tail = ring->uring.sq.sqe_tail;
	int result;

	scratch();
	while (io_uring_get_sqe(&ring->uring))
		;
	CHECK_EQ(ring_run(ring, &make, &result), REASON_RING_BUSY);
	CHECK(!exists("a"));
	ring->uring.sq.sqe_tail = tail;
	CHECK_EQ(ring_run(ring, &other, &result), REASON_NONE);
	CHECK(exists("b") && !exists("a"));
	ring_close(ring);
}

static void nops_publish(struct ring *ring, unsigned count, uint64_t user_data)
{
	for (unsigned i = 0; i < count; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

		NEED(sqe);
		io_uring_prep_nop(sqe);
		sqe->user_data = user_data;
	}
	io_uring_smp_store_release(ring->uring.sq.ktail, ring->uring.sq.sqe_tail);
}

static void nops_submit(struct ring *ring, unsigned count)
{
	NEED(syscall(SYS_io_uring_enter, ring->uring.enter_ring_fd, count, 0,
		     ring->enter_with, NULL, 0) == (long)count);
}

/* Completions of others, more than the queue holds, before and around the one waited for. */
static void stale_completions(void)
{
	struct ring *ring = ring_needed(4);
	struct call make = call_mkdir("a");
	struct call unmake = {.opcode = OPCODE_UNLINKAT, .fd = AT_FDCWD, .path = "a",
			      .flags = AT_REMOVEDIR};
	int result;

	scratch();
	for (unsigned stale = 0; stale < 40; stale++) {
		for (unsigned i = 0; i < stale; i++) {
			nops_publish(ring, 1, i % 2 ? 0 : UINT64_MAX - i);
			nops_submit(ring, 1);
		}
		CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
		CHECK_EQ(result, 0);
		CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
		CHECK_EQ(result, -EEXIST);
		CHECK_EQ(ring_run(ring, &unmake, &result), REASON_NONE);
		CHECK_EQ(result, 0);
	}
	ring_close(ring);
}

/* The numbers of entries run over, on both queues. */
static void counters_wrap(void)
{
	struct ring *ring = ring_needed(2);
	struct call none = call_unlink("none");
	int result;

	scratch();
	ring->sequence = UINT64_MAX - 50;
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(ring_run(ring, &none, &result), REASON_NONE);
		CHECK_EQ(result, -ENOENT);
	}
	ring_close(ring);
}

struct pipe {
	int from, to;
	char got[8];
	struct call get;
};

/* A read the ring cannot finish by itself: nothing like it passes guard_check. */
static void pipe_make(struct pipe *pipe)
{
	int ends[2];

	memset(pipe, 0, sizeof(*pipe));
	NEED(pipe2(ends, O_CLOEXEC) == 0);
	pipe->from = ends[0];
	pipe->to = ends[1];
	pipe->get = call_read(ends[0], pipe->got, sizeof(pipe->got), UINT64_MAX);
}

/* The operation is really over: what is written later is the next reader's. */
static void pipe_is_free(struct pipe *pipe, struct ring *ring)
{
	char byte = 0;
	struct call again = call_read(pipe->from, &byte, 1, UINT64_MAX);
	int result = 0;

	NEED(write(pipe->to, "xy", 2) == 2);
	usleep(20000);
	CHECK(read(pipe->from, &byte, 1) == 1 && byte == 'x');
	CHECK_EQ(ring_run(ring, &again, &result), REASON_NONE);
	CHECK(result == 1 && byte == 'y');
	CHECK(!pipe->got[0]);
}

static void ended_by(int flags, int expected)
{
	struct ring *ring = ring_needed(1); /* room for one: the cancellation takes its place */
	signal_bits before, after;
	struct pipe pipe;
	int result = 77;

	pipe_make(&pipe);
	handle(SIGALRM, flags);
	mask_get(&before);
	alarm_in(30, 0);
	CHECK_EQ(ring_run(ring, &pipe.get, &result), REASON_INTERRUPTED);
	mask_get(&after);
	CHECK_EQ(result, expected);
	CHECK_EQ(handled, 1);
	CHECK(before == after);
	pipe_is_free(&pipe, ring);
	ring_close(ring);
}

static void ended_for_handler(void)
{
	ended_by(0, -EINTR);
}

static void ended_to_restart(void)
{
	ended_by(SA_RESTART, 0);
}

/* Two are due, one of which ends the call. */
static void ended_by_either(void)
{
	struct ring *ring = ring_needed(4);
	struct pipe pipe;
	int result = 77;

	pipe_make(&pipe);
	handle(SIGALRM, SA_RESTART);
	handle(SIGUSR1, 0);
	if (fork() == 0) {
		usleep(30000);
		kill(getppid(), SIGALRM);
		kill(getppid(), SIGUSR1);
		_exit(0);
	}
	CHECK_EQ(ring_run(ring, &pipe.get, &result), REASON_INTERRUPTED);
	/* Both came within one slice of the wait, or the first had its own. */
	CHECK(result == -EINTR || result == 0);
	wait(NULL);
	CHECK_EQ(handled, 2);
	pipe_is_free(&pipe, ring);
	ring_close(ring);
}

static void not_ended_by_blocked(void)
{
	struct ring *ring = ring_needed(4);
	sigset_t alarms;
	struct pipe pipe;
	int result = 77;

	pipe_make(&pipe);
	handle(SIGALRM, 0);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	NEED(sigprocmask(SIG_BLOCK, &alarms, NULL) == 0);
	alarm_in(20, 0);
	if (fork() == 0) {
		usleep(200000);
		_exit(write(pipe.to, "late", 4) != 4);
	}
	CHECK_EQ(ring_run(ring, &pipe.get, &result), REASON_NONE);
	CHECK_EQ(result, 4);
	CHECK_EQ(handled, 0);
	wait(NULL);
	NEED(sigprocmask(SIG_UNBLOCK, &alarms, NULL) == 0);
	CHECK_EQ(handled, 1);
	ring_close(ring);
}

static void not_ended_by_ignored(void)
{
	struct ring *ring = ring_needed(4);
	struct pipe pipe;
	int result = 77;

	pipe_make(&pipe);
	handle(SIGUSR2, 0); /* some other handler, so that the wait is sliced */
	signal(SIGALRM, SIG_IGN);
	signals_note_change();
	alarm_in(10, 1);
	if (fork() == 0) {
		usleep(150000);
		_exit(write(pipe.to, "late", 4) != 4);
	}
	CHECK_EQ(ring_run(ring, &pipe.get, &result), REASON_NONE);
	CHECK_EQ(result, 4);
	alarm_in(0, 0);
	wait(NULL);
	ring_close(ring);
}

static int blocks_for_ever(void *argument)
{
	struct ring *ring;
	int result;

	(void)argument;
	if (ring_open(&ring, 4, 0))
		return 99;
	handle(SIGUSR1, 0);
	alarm(0);
	alarm_in(30, 0); /* SIGALRM is the default: fatal */
	struct pipe pipe;
	pipe_make(&pipe);
	ring_run(ring, &pipe.get, &result);
	return 98;
}

static void fatal_signal_ends(void)
{
	long begin = now_ms();

	ring_close(ring_needed(1));
	CHECK_EQ(in_child(blocks_for_ever, NULL), 128 + SIGALRM);
	CHECK(now_ms() - begin < 5000);
}

/* The mask is as it was: whatever it was, whatever came out. */
static void mask_exact(void)
{
	static const signal_bits masks[] = {0, 1 << 0, UINT64_C(1) << 63, 0x5500, ~UINT64_C(0)};
	struct ring *ring = ring_needed(2);
	struct call none = call_unlink("none"), make = call_mkdir("a");
	int result;

	scratch();
	handle(SIGUSR1, 0);
	handle(SIGTERM, SA_RESTART);
	handle(64, 0);
	for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++) {
		signal_bits before, after;

		NEED(syscall(SYS_rt_sigprocmask, SIG_SETMASK, &masks[i], NULL, 8) == 0);
		mask_get(&before);
		ring_run(ring, &none, &result);
		mask_get(&after);
		CHECK(before == after);
		ring_run(ring, &make, &result);
		mask_get(&after);
		CHECK(before == after);
	}
	ring_close(ring);
}

static void held_is_what_has_a_handler(void)
{
	struct signals_held held;
	signal_bits now;

	handle(SIGUSR1, 0);
	handle(40, 0);
	signal(SIGUSR2, SIG_IGN);
	signals_note_change();
	signals_hold(&held);
	mask_get(&now);
	CHECK(held.held & UINT64_C(1) << (SIGUSR1 - 1));
	CHECK(held.held & UINT64_C(1) << (40 - 1));
	CHECK(!(held.held & UINT64_C(1) << (SIGUSR2 - 1)));
	CHECK(!(held.held & UINT64_C(1) << (SIGTERM - 1)));
	CHECK(!(held.held & UINT64_C(3) << 31)); /* libc's own two */
	CHECK(now == (held.before | held.held));
	CHECK_EQ(signals_waiting(&held), 0);
	raise(SIGUSR1);
	CHECK_EQ(signals_waiting(&held), UINT64_C(1) << (SIGUSR1 - 1));
	CHECK(signals_interrupt(signals_waiting(&held)));
	CHECK_EQ(handled, 0);
	signals_release(&held);
	usleep(1); /* a sanitizer delivers it at the next call */
	CHECK_EQ(handled, 1);
	mask_get(&now);
	CHECK(now == held.before);
}

static void nothing_to_hold(void)
{
	struct signals_held held;
	signal_bits before, now;

	for (int number = 1; number <= 64; number++)
		signal(number, SIG_DFL);
	signals_note_change();
	mask_get(&before);
	signals_hold(&held);
	mask_get(&now);
	CHECK(before == now);
	CHECK_EQ(held.held, 0);
	CHECK_EQ(signals_waiting(&held), 0);
	signals_release(&held);
}

/* ---- strangers ---- */

static struct ring *lent;
static enum reason stranger_reason;
static int stranger_opened, stranger_result;

static int stranger(void *argument)
{
	struct call make = call_mkdir("strangers");
	struct ring *own = NULL;

	(void)argument;
	stranger_reason = ring_run(lent, &make, &stranger_result);
	stranger_opened = ring_open(&own, 4, 0);
	return 0;
}

static void borrowed(int flags)
{
	static char stack[256 * 1024] __attribute__((aligned(16)));
	struct call make = call_mkdir("own");
	unsigned tail;
	int result = 7, status;
	pid_t pid;

	if (!BORROWS)
		skip("requires a build without sanitizers");
	scratch();
	lent = ring_needed(4);
	tail = *lent->uring.sq.ktail;
	pid = clone(stranger, stack + sizeof(stack), CLONE_VM | flags | SIGCHLD, NULL);
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(stranger_reason, REASON_BORROWED);
	CHECK_EQ(stranger_opened, -EXDEV);
	CHECK_EQ(*lent->uring.sq.ktail, tail);
	CHECK(!exists("strangers"));
	CHECK_EQ(ring_run(lent, &make, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	CHECK(exists("own") && !exists("strangers"));
	ring_close(lent);
}

static void borrowed_vfork(void)
{
	borrowed(CLONE_VFORK);
}

static void borrowed_vfork_files(void)
{
	borrowed(CLONE_VFORK | CLONE_FILES);
}

/* Kernels before 6.0 do not check who submits: we do. */
static void borrowed_unchecked(void)
{
	struct call make = call_mkdir("a");
	int result;

	scratch();
	lent = ring_needed(4);
	lent->owner = (int)syscall(SYS_gettid) + 1;
	CHECK_EQ(ring_run(lent, &make, &result), REASON_BORROWED);
	CHECK(!exists("a"));
	lent->owner = (int)syscall(SYS_gettid);
	CHECK_EQ(ring_run(lent, &make, &result), REASON_NONE);
	CHECK(exists("a"));
}

static int child_asks(void *argument)
{
	struct call make = call_mkdir("childs");
	struct ring *ring;
	int result = 7, why = 0;

	(void)argument;
	ring = thread_ring(&why);
	NEED(ring);
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	CHECK(exists("childs"));
	return checks_failed != 0;
}

static void forked(void)
{
	struct call make = call_mkdir("own");
	struct ring *ring;
	int result, why;

	scratch();
	ring_close(ring_needed(1));
	config.ring_entries = 4;
	ring = thread_ring(&why);
	NEED(ring);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(in_child(child_asks, NULL), 0);
		rmdir("childs");
		CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
		CHECK_EQ(result, 0);
		rmdir("own");
	}
}

static void ceded(void)
{
	struct ring *ring = ring_needed(4);
	struct call make = call_mkdir("a");
	int result;

	scratch();
	CHECK(!ring_ceded());
	ring_cede(NULL);
	CHECK(ring_ceded());
	CHECK_EQ(ring_run(ring, &make, &result), REASON_CEDED);
	CHECK(!exists("a"));
	ring_close(ring);
}

static void no_more_processes(void)
{
	struct rlimit none = {0, 0};

	if (getuid() == 0)
		NEED(setgid(65534) == 0 && setuid(65534) == 0);
	NEED(setrlimit(RLIMIT_NPROC, &none) == 0);
}

/* The kernel has no room for a worker: the entry comes back, and nothing was done. */
static int no_worker_as_user(void *argument)
{
	struct call make = call_mkdir("a");
	struct ring *ring;
	int result = 7;

	(void)argument;
	no_more_processes();
	ring = ring_needed(4);
	CHECK_EQ(ring_worker(ring, 0), 0);
	if (ring_worker(ring, ONE_SECOND_NS) != 0) { /* else it tries for ever */
		CHECK_EQ(ring_worker(ring, 0), -ECANCELED);
		CHECK_EQ(ring_run(ring, &make, &result), REASON_NO_RING);
	}
	CHECK(!exists("a"));
	return checks_failed != 0;
}

static int no_worker_for_ring_mode(void *argument)
{
	int why = 0;

	(void)argument;
	no_more_processes();
	config.mode = MODE_RING;
	config.ring_entries = 4;
	CHECK(!thread_ring(&why));
	CHECK(why == -ECANCELED || why == -EAGAIN);
	CHECK(!thread_ring(&why)); /* nor is it asked again */
	CHECK_EQ(why, 0);
	return checks_failed != 0;
}

static void no_worker(void)
{
	ring_close(ring_needed(1));
	scratch();
	CHECK_EQ(in_child(no_worker_as_user, NULL), 0);
	CHECK_EQ(in_child(no_worker_for_ring_mode, NULL), 0);
}

/* Asked for when the ring is made, it comes by itself, and what is done later finds it there. */
static void first_worker(void)
{
	struct ring *ring = ring_needed(4);
	struct call make = call_mkdir("a");
	int result = 7;

	scratch();
	CHECK_EQ(ring_worker(ring, ONE_SECOND_NS), 1);
	CHECK_EQ(ring_worker(ring, 0), 1);
	CHECK(!ring_has_done(ring));
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	ring_close(ring);
}

/* Where it cannot be asked for there is nothing to wait for. */
static void worker_not_asked(void)
{
	struct ring *ring;

	config.without = UINT64_C(1) << OPCODE_NOP;
	ring = ring_needed(4);
	CHECK_EQ(ring_worker(ring, 0), 1);
	CHECK(!ring_has_done(ring));
	ring_close(ring);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C1: the ring's results are the calls'", results);
	test("C1: a storm of handled signals changes no result", interrupted_storm);
	test("C1: waits that are interrupted all the same lose nothing", interrupted_unknown);
	test("C10: a full queue is a plain call, and nothing was done", queue_full);
	test("stale completions, more than the queue holds, are skipped", stale_completions);
	test("sequence numbers may run over", counters_wrap);
	test("a due handler ends a blocked operation: EINTR", ended_for_handler);
	test("a due handler with SA_RESTART ends it to be made again", ended_to_restart);
	test("two due handlers both run", ended_by_either);
	test("a signal the program blocks ends nothing", not_ended_by_blocked);
	test("an ignored signal ends nothing", not_ended_by_ignored);
	test("a fatal signal ends a blocked program at once", fatal_signal_ends);
	test("C8: the signal mask is as it was, whatever happens", mask_exact);
	test("signals held: those with handlers, but libc's two", held_is_what_has_a_handler);
	test("signals held: without handlers, none and no system call", nothing_to_hold);
	test("a vfork's child gets BORROWED and leaves nothing queued", borrowed_vfork);
	test("also one that shares descriptors", borrowed_vfork_files);
	test("also where only we can tell who asks", borrowed_unchecked);
	test("a fork's child and its parent each have a ring", forked);
	test("C8: a ceded ring runs nothing", ceded);
	test("C10: at RLIMIT_NPROC nothing was done, and nothing will be", no_worker);
	test("C10: a ring says when its first worker has come", first_worker);
	test("C10: without NOP nobody is asked for one", worker_not_asked);
	return tests_end();
}
