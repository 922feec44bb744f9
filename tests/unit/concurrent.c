/* SPDX-License-Identifier: MIT
 *
 * concurrent: many threads through the engine at once, each with its own ring. What the
 * threads share (opcodes known, handlers known, descriptors, counters) is for the race
 * detector to judge.
 */
#include <errno.h>
#include <pthread.h>

#include "base/threads.h"
#include "call/fd_owner.h"
#include "enter.h"
#include "process/signals.h"
#include "scratch.h"

enum {
	THREADS = 8,
	ROUNDS = 150,
};

static int handled;
static int stop;

static void handler(int number)
{
	(void)number;
	__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
}

static void round_of(const char *name, int round)
{
	char text[16] = "", other[64];
	struct stat stat;
	int fd;

	snprintf(other, sizeof(other), "%s.link", name);
	CHECK_EQ(enter(mkdir, name, 0777), 0);
	CHECK_EQ(enter(mkdir, name, 0777), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(enter(rmdir, name), 0);
	fd = enter(open, name, O_RDWR | O_CREAT | O_EXCL, 0666);
	CHECK(fd >= 0);
	CHECK_EQ(enter(pwrite, fd, name, 8, round), 8);
	CHECK_EQ(enter(pread, fd, text, 8, round), 8);
	CHECK(!memcmp(text, name, 8));
	CHECK_EQ(enter(fstat, fd, &stat), 0);
	CHECK_EQ(stat.st_size, round + 8);
	CHECK_EQ(enter(close, fd), 0);
	CHECK_EQ(enter(link, name, other), 0);
	CHECK_EQ(enter(stat, other, &stat), 0);
	CHECK_EQ(stat.st_nlink, 2);
	CHECK_EQ(enter(unlink, other), 0);
	CHECK_EQ(enter(unlink, name), 0);
	CHECK_EQ(enter(unlink, name), -1);
	CHECK_EQ(errno, ENOENT);
}

static void *rounds(void *argument)
{
	for (int round = 0; round < ROUNDS; round++)
		round_of(argument, round);
	return NULL;
}

/* Another thread changes what the others look at. */
static void *disturb(void *argument)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CHECK_EQ(enter(sigaction, SIGUSR1, &action, NULL), 0);
		CHECK_EQ(enter(dup2, 0, 0), 0);
		fd_owner_forget();
		stats_ring_error(-1);
		kill(getpid(), SIGUSR1);
		usleep(100);
	}
	return argument;
}

static void run_threads(void *(*beside)(void *))
{
	static char names[THREADS][32];
	pthread_t thread[THREADS], other;

	threads_note();
	if (beside)
		NEED(pthread_create(&other, NULL, beside, NULL) == 0);
	for (int i = 0; i < THREADS; i++) {
		snprintf(names[i], sizeof(names[i]), "thread-%d", i);
		NEED(pthread_create(&thread[i], NULL, rounds, names[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	if (beside)
		pthread_join(other, NULL);
}

static void each_its_own(void)
{
	scratch();
	shim_begin(NULL);
	run_threads(NULL);
}

static void counted(void)
{
	char path[PATH_MAX + 16];

	scratch();
	snprintf(path, sizeof(path), "%s/stats", scratch_path);
	shim_begin(path);
	run_threads(NULL);
	stats_write("exit");
	CHECK(exists("stats"));
}

static void disturbed(void)
{
	scratch();
	shim_begin(NULL);
	CHECK_EQ(enter(signal, SIGUSR1, handler) == -1, 0);
	run_threads(disturb);
	CHECK(handled > 0);
}

static void *cede_amid(void *argument)
{
	usleep(5000);
	thread_self.depth++;
	ring_cede(NULL);
	thread_self.depth--;
	return argument;
}

static void ceded(void)
{
	scratch();
	shim_begin(NULL);
	run_threads(cede_amid);
	CHECK(ring_ceded());
}

/* One writes the record while others count. */
static void *write_records(void *argument)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		stats_write("exec");
		usleep(1000);
	}
	return argument;
}

static long number_after(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? atol(at + strlen(key)) : 0;
}

/* A failed exec writes a record and goes on: the records' sum is still every call. */
static void nothing_is_lost(void)
{
	char path[PATH_MAX + 16];
	static char line[65536];
	long links = 0, through = 0;
	FILE *file;

	scratch();
	snprintf(path, sizeof(path), "%s/stats", scratch_path);
	shim_begin(path);
	run_threads(write_records);
	stats_write("exit");
	file = fopen("stats", "re");
	NEED(file);
	while (fgets(line, sizeof(line), file)) {
		links += number_after(line, "\"LINK\":{\"calls\":");
		CHECK(line[strlen(line) - 2] == '}');
	}
	through = THREADS * ROUNDS;
	fclose(file);
	CHECK_EQ(links, through);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C2: eight threads, each with a ring", each_its_own);
	test("the same, counted", counted);
	test("the same, while handlers and descriptors change", disturbed);
	test("the same, while the rings are given up", ceded);
	test("the same, while records are written: no call is lost", nothing_is_lost);
	return tests_end();
}
