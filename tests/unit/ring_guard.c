/* SPDX-License-Identifier: MIT
 *
 * ring_guard: a chain ends with its process, and goes on behind everything else.
 */
#include <errno.h>

#include "backend/ring/private.h"
#include "rings.h"
#include "scratch.h"

enum {
	SLOTS = 2,
	SLOT = 1,
	NAMES = 3,
	GUARD = NAMES, /* its token */
};

static void guard_needed(struct ring *ring)
{
	if (access("/dev/zero", R_OK) != 0)
		skip("requires /dev/zero");
	CHECK(ring_guard(ring, SLOT));
}

static int results[NAMES + 1];
static unsigned done;

static void note_result(uint64_t token, int result)
{
	NEED(token <= GUARD);
	results[token] = result;
	done++;
}

static void await(struct ring *ring, unsigned count)
{
	while (done < count) {
		ring_await(ring, 1, 100);
		ring_reap(ring, note_result);
	}
}

static void queue(struct ring *ring, const struct call *call, uint64_t token, bool last)
{
	struct call linked = *call;

	linked.hard_linked = !last;
	CHECK(ring_queue(ring, &linked, token));
	if (!last)
		CHECK(ring_queue_guard(ring, GUARD));
}

static void passes_and_says_nothing(void)
{
	struct ring *ring = ring_needed_wide(8, SLOTS);
	struct call make = call_mkdir("a"), unmake = call_unlink("a"), bad = call_unlink("none");

	scratch();
	guard_needed(ring);
	unmake.flags = AT_REMOVEDIR;
	queue(ring, &bad, 0, false); /* what fails does not stop the others */
	queue(ring, &make, 1, false);
	queue(ring, &unmake, 2, true);
	CHECK_EQ(ring_flush(ring), 2 * NAMES - 1);
	await(ring, NAMES);
	CHECK_EQ(results[0], -ENOENT);
	CHECK_EQ(results[1], 0);
	CHECK_EQ(results[2], 0);
	CHECK_EQ(done, NAMES);
	ring_close(ring);
}

/* Its file is gone, so it ends as when there is no worker. */
static void failing_ends_the_chain(void)
{
	const int none = -1;
	struct ring *ring = ring_needed_wide(8, SLOTS);
	struct io_uring_files_update update = {.offset = SLOT, .fds = (uintptr_t)&none};
	struct call a = call_mkdir("a"), b = call_mkdir("b"), c = call_mkdir("c");
	bool skips = ring->uring.features & IORING_FEAT_CQE_SKIP;

	scratch();
	guard_needed(ring);
	NEED(ring_register(ring, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1);
	queue(ring, &a, 0, false);
	queue(ring, &b, 1, false);
	queue(ring, &c, 2, true);
	CHECK_EQ(ring_flush(ring), 2 * NAMES - 1);
	await(ring, skips ? 2 : NAMES);
	usleep(20000); /* and nothing else comes */
	ring_reap(ring, note_result);
	CHECK_EQ(done, skips ? 2 : NAMES);
	CHECK_EQ(results[0], 0);
	CHECK_EQ(results[GUARD], skips ? -EBADF : 0);
	CHECK_EQ(results[1], skips ? 0 : -ECANCELED);
	CHECK(access("a", F_OK) == 0 && access("b", F_OK) != 0 && access("c", F_OK) != 0);
	ring_close(ring);
}

/* Makes "begun", waits for a writer of the FIFO, makes "hole"; one worker, in this order. */
static void chain_that_waits(void)
{
	struct ring *ring = ring_needed_wide(8, SLOTS);
	struct call begin = call_mkdir("begun"), end = call_mkdir("hole");
	struct call wait = {.opcode = OPCODE_OPENAT, .fd = AT_FDCWD, .path = "fifo"};

	guard_needed(ring);
	wait.by_worker = true;
	queue(ring, &begin, 0, false);
	queue(ring, &wait, 1, false);
	queue(ring, &end, 2, true);
	NEED(ring_flush(ring) == 2 * NAMES - 1);
	for (;;)
		pause();
}

static void ends_with_signal(int number)
{
	pid_t child;
	int status;

	scratch();
	NEED(mkfifo("fifo", 0600) == 0);
	ring_close(ring_needed_wide(8, SLOTS));
	NEED(access("/dev/zero", R_OK) == 0);
	child = fork();
	NEED(child >= 0);
	if (child == 0)
		chain_that_waits();
	while (access("begun", F_OK) != 0)
		usleep(1000);
	kill(child, number);
	NEED(waitpid(child, &status, 0) == child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == number);
	CHECK(access("hole", F_OK) != 0);
}

static void ends_with_kill(void)
{
	ends_with_signal(SIGKILL);
}

static void ends_with_term(void)
{
	ends_with_signal(SIGTERM);
}

static void ends_with_core(void)
{
	ends_with_signal(SIGABRT);
}

static void without_one(void)
{
	struct ring *ring = ring_needed_wide(8, SLOTS);

	CHECK(!ring_queue_guard(ring, GUARD));
	CHECK(!ring_guard(ring, SLOTS)); /* no such slot */
	CHECK(!ring_queue_guard(ring, GUARD));
	CHECK_EQ(ring_flush(ring), 0);
	ring_close(ring);
}

static void leaves_no_descriptor(void)
{
	struct ring *ring = ring_needed_wide(8, SLOTS);
	int before = dup(0);

	NEED(before >= 0);
	close(before);
	guard_needed(ring);
	CHECK(ring_guard(ring, SLOT)); /* once more costs nothing */
	CHECK_EQ(dup(0), before);
	close(before);
	ring_close(ring);
}

int main(void)
{
	test("C1: a guard is passed, also behind a failure, and nobody hears of it",
	     passes_and_says_nothing);
	test("C5: behind one that fails nothing is done, and it alone tells", failing_ends_the_chain);
	test("C5: after SIGKILL nothing is done behind what it took back", ends_with_kill);
	test("C5: after SIGTERM", ends_with_term);
	test("C5: after SIGABRT, which may dump core", ends_with_core);
	test("C10: no slot, no guard", without_one);
	test("C8: a guard leaves no descriptor", leaves_no_descriptor);
	return tests_end();
}
