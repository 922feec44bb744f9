/* SPDX-License-Identifier: MIT
 *
 * pool: work is handed to threads of our own and done once, whoever comes and goes meanwhile. Under the race
 * detector, which knows libc's threads alone, they are libc's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "backend/crew/clone.h"
#include "backend/crew/lane.h"
#include "backend/crew/pool.h"
#include "base/futex.h"
#include "check.h"
#include "process/config.h"
#include "process/process.h"
#include "scratch.h"

enum {
	ROUNDS = 300,
	PATIENCE_MS = 1000,
};

#ifdef __SANITIZE_THREAD__

struct begun {
	void (*begin)(void *argument);
	void *argument;
	uint32_t *thread;
};

bool clone_allowed(void)
{
	return true;
}

static void *begun_main(void *argument)
{
	struct begun begun = *(struct begun *)argument;

	free(argument);
	begun.begin(begun.argument);
	__atomic_store_n(begun.thread, 0, __ATOMIC_SEQ_CST);
	futex_wake(begun.thread, 1);
	return NULL;
}

long clone_thread(void (*begin)(void *argument), void *argument, char *stack, size_t size,
		  uint32_t *thread)
{
	static uint32_t number;
	struct begun *begun = malloc(sizeof(*begun));
	uint32_t own = __atomic_add_fetch(&number, 1, __ATOMIC_SEQ_CST);
	pthread_t made;

	(void)stack;
	(void)size;
	*begun = (struct begun){begin, argument, thread};
	__atomic_store_n(thread, own, __ATOMIC_SEQ_CST);
	if (pthread_create(&made, NULL, begun_main, begun) != 0)
		return -EAGAIN;
	pthread_detach(made);
	return own;
}

bool clone_leave_table(void)
{
	return syscall(SYS_close_range, 0, ~0U, CLOSE_RANGE_UNSHARE) == 0;
}

bool clone_may_leave_table(void)
{
	return true;
}

void clone_await_end(uint32_t *thread, long number)
{
	uint32_t running;

	(void)number;
	while ((running = __atomic_load_n(thread, __ATOMIC_SEQ_CST)) != 0)
		futex_wait(thread, running, 1000 * 1000);
}

#endif

static uint32_t times[POOL_WORK], all;

CLONE_UNWATCHED static void count(void *context, uint32_t work, bool able)
{
	(void)context;
	if (able)
		__atomic_add_fetch(&times[work], 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&all, 1, __ATOMIC_SEQ_CST);
}

static struct pool *pool_needed(unsigned most, bool own_table)
{
	struct pool *pool;

	CHECK(process_owns_memory());
	pool = pool_make(count, NULL, most, own_table);
	if (!pool)
		skip("requires threads that are not libc's");
	return pool;
}

static void done_once(unsigned most, bool own_table)
{
	struct pool *pool = pool_needed(most, own_table);
	uint32_t posted = 0;

	CHECK_EQ(pool_threads(pool), 0);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint32_t many = round % 7 + 1;

		while (posted + many - __atomic_load_n(&all, __ATOMIC_SEQ_CST) > POOL_WORK)
			sched_yield();
		for (uint32_t i = 0; i < many; i++)
			pool_add(pool, posted++ % POOL_WORK);
		NEED(pool_post(pool) == 0);
		CHECK(pool_threads(pool) <= most);
		if (round % 50 == 49)
			pool_end(pool);
	}
	pool_end(pool);
	CHECK_EQ(pool_threads(pool), 0);
	CHECK_EQ(all, posted);
	for (uint32_t i = 0; i < POOL_WORK; i++)
		CHECK_EQ(times[i], posted / POOL_WORK + (i < posted % POOL_WORK));
}

static void by_one(void)
{
	done_once(1, false);
}

static void by_many(void)
{
	done_once(POOL_THREADS, false);
}

static void apart(void)
{
	done_once(4, true);
}

/* Who waits for nothing leaves in the moment that something is posted. */
static void leaving(void)
{
	struct pool *pool;

	pool_idle_for(20 * 1000);
	pool = pool_needed(2, false);
	for (uint32_t posted = 0; posted < ROUNDS * 30;) {
		pool_add(pool, posted++ % POOL_WORK);
		NEED(pool_post(pool) == 0);
		for (int waited = 0; __atomic_load_n(&all, __ATOMIC_SEQ_CST) < posted; waited++) {
			NEED(waited < PATIENCE_MS * 20);
			usleep(50);
		}
		usleep(posted % 7 * 5);
	}
	pool_end(pool);
}

static void child_has_none(void)
{
	struct pool *pool = pool_needed(4, false);
	int status = 0;
	pid_t child;

	pool_add(pool, 0);
	NEED(pool_post(pool) == 0);
	CHECK(pool_threads(pool) > 0);
	child = fork();
	if (!child)
		_exit(pool_threads(pool) ? 1 : 0);
	NEED(waitpid(child, &status, 0) == child);
	CHECK_EQ(status, 0);
	pool_end(pool);
	CHECK_EQ(times[0], 1);
}

/* ---- lane ---- */

static int results[16];
static unsigned told;

static void note_result(uint64_t token, int result)
{
	results[token] = result;
	told++;
}

static void lane_needed(void)
{
	scratch();
	if (crew_lane_begin(8) != 0)
		skip("requires threads that are not libc's");
}

static void await_told(unsigned many)
{
	for (int waited = 0; told < many && waited < PATIENCE_MS; waited += 10) {
		crew_lane.await(many - told, 10);
		crew_lane.reap(note_result);
	}
	CHECK_EQ(told, many);
}

static void queue_mkdir(const char *path, uint64_t token, bool links)
{
	const struct call call = {.opcode = OPCODE_MKDIRAT,
				  .fd = AT_FDCWD,
				  .path = path,
				  .mode = 0777,
				  .hard_linked = links};

	CHECK(crew_lane.queue(&call, token));
}

static void chain_in_order(void)
{
	char path[] = "d/e/f/g";

	lane_needed();
	for (uint64_t token = 0; token < 4; token++) {
		path[1 + 2 * token] = '\0'; /* the lane has a copy */
		queue_mkdir(path, token, token < 3);
		path[1 + 2 * token] = '/';
	}
	queue_mkdir("none/d", 4, false);
	CHECK_EQ(crew_lane.hand_over(), 5);
	await_told(5);
	for (unsigned token = 0; token < 4; token++)
		CHECK_EQ(results[token], 0);
	CHECK_EQ(results[4], -ENOENT);
	CHECK(access("d/e/f/g", F_OK) == 0);
	crew_lane_rest();
	CHECK(!crew_lane_runs());
}

static void file_parts(struct call parts[4], const char *path, char *bytes)
{
	parts[0] = (struct call){.opcode = OPCODE_OPENAT,
				 .fd = AT_FDCWD,
				 .path = path,
				 .slot = 1,
				 .linked = true};
	parts[1] = (struct call){.opcode = OPCODE_READ,
				 .data = bytes,
				 .length = 8,
				 .slot = 1,
				 .hard_linked = true};
	parts[2] = (struct call){.opcode = OPCODE_CLOSE, .slot = 1, .hard_linked = true};
	parts[3] = (struct call){.opcode = OPCODE_NOP};
}

static void file_queue(int dir, const char *path, char *bytes, uint64_t token)
{
	struct call parts[4];

	file_parts(parts, path, bytes);
	parts[0].fd = dir;
	for (unsigned part = 0; part < 4; part++)
		CHECK(crew_lane.queue(&parts[part], token + part));
}

/* Below a descriptor of ours, and the numbers here stay as they are. */
static void files_apart(void)
{
	static char bytes[2][8];
	int dir, before, after;

	lane_needed();
	if (!crew_lane_has_slots())
		skip("requires close_range");
	NEED(mkdir("d", 0777) == 0);
	dir = open("d/f", O_WRONLY | O_CREAT, 0666);
	NEED(write(dir, "content", 7) == 7 && close(dir) == 0);
	dir = open("d", O_RDONLY | O_DIRECTORY);
	before = dup(dir);
	file_queue(dir, "f", bytes[0], 0);
	file_queue(dir, "none", bytes[1], 4);
	CHECK_EQ(crew_lane.hand_over(), 8);
	await_told(8);
	after = dup(dir);
	CHECK_EQ(after, before + 1);
	CHECK_EQ(results[0], 0);
	CHECK_EQ(results[1], 7);
	CHECK(!memcmp(bytes[0], "content", 7));
	CHECK_EQ(results[2], 0);
	CHECK_EQ(results[4], -ENOENT);
	CHECK_EQ(results[5], -ECANCELED);
	CHECK_EQ(results[6], -ECANCELED);
	CHECK_EQ(results[7], -ECANCELED);
	crew_lane_rest();
}

static void no_room(void)
{
	char longest[2000];

	lane_needed();
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	CHECK(!crew_lane.queue(&(struct call){.opcode = OPCODE_MKDIRAT, .path = longest}, 0));
	CHECK_EQ(crew_lane.room(), POOL_WORK);
	for (unsigned i = 0; i < POOL_WORK; i++)
		CHECK(crew_lane.queue(&(struct call){.opcode = OPCODE_NOP}, 0));
	CHECK(!crew_lane.queue(&(struct call){.opcode = OPCODE_NOP}, 0));
	CHECK_EQ(crew_lane.hand_over(), POOL_WORK);
	await_told(POOL_WORK);
	CHECK_EQ(crew_lane.room(), POOL_WORK);
	crew_lane_rest();
}

/* One who waits for many is woken by the last of them, whatever comes between. */
static void waits_for_all(void)
{
	lane_needed();
	for (unsigned round = 0; round < ROUNDS; round++) {
		told = 0;
		for (unsigned i = 0; i < 8; i++) {
			CHECK(crew_lane.queue(&(struct call){.opcode = OPCODE_NOP}, i));
			CHECK_EQ(crew_lane.hand_over(), 1);
		}
		await_told(8);
	}
	crew_lane_rest();
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C1: what is posted is done once, by one thread", by_one);
	test("C1: by many", by_many);
	test("C1: by threads with a table of descriptors of their own", apart);
	test("C1: also by one who was about to leave", leaving);
	test("C8: a forked child finds no pool", child_has_none);
	test("C5: a chain is run in order, and tells of each call", chain_in_order);
	test("C8: files are opened and read at no number of the program's", files_apart);
	test("C10: what does not fit is not taken, and nothing is lost by that", no_room);
	test("who waits for several calls is woken by the last", waits_for_all);
	return tests_end();
}
