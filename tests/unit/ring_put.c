/* SPDX-License-Identifier: MIT
 *
 * ring_put: a file that was read through a direct descriptor and closed is known not to be open any more.
 */
#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>

#include "backend/flight.h"
#include "backend/ring/private.h"
#include "rings.h"
#include "scratch.h"

enum {
	SLOTS = 4,
	ROUNDS = 20,
	READ = 2, /* bytes of each */
};

static bool plays_old;

/* Rings without a descriptor are of Linux 6.5; before, the long way is gone. */
int ring_sys_setup(unsigned entries, struct io_uring_params *params)
{
	long fd;

	if (plays_old && params->flags & IORING_SETUP_NO_MMAP)
		return -EINVAL;
	fd = syscall(SYS_io_uring_setup, entries, params);
	return fd < 0 ? -errno : (int)fd;
}

static unsigned ended;

static void note_ended(uint64_t token, int result)
{
	(void)result;
	ended += (token & (FLIGHT_PARTS - 1)) == FLIGHT_ENDED;
}

/*
 * The end by which a pipe with a name is written to; nobody has it open for reading, but it is full
 * enough that no read has to wait.
 */
static int pipe_made(void)
{
	static const char bytes[ROUNDS * READ];
	int reader, writer;

	scratch();
	NEED(mkfifo("fifo", 0600) == 0);
	reader = open("fifo", O_RDONLY | O_NONBLOCK);
	writer = open("fifo", O_WRONLY);
	NEED(reader >= 0 && writer >= 0);
	NEED(write(writer, bytes, sizeof(bytes)) == sizeof(bytes));
	close(reader);
	return writer;
}

static bool is_read_by_somebody(int writer)
{
	struct pollfd end = {.fd = writer, .events = POLLOUT};

	return poll(&end, 1, 0) == 1 && !(end.revents & POLLERR);
}

/* Seen in memory, as the shim sees it: no call has been made since. */
static void read_and_close(struct ring *ring, unsigned slot)
{
	static char bytes[READ];
	const struct call file = {.fd = AT_FDCWD,
				  .path = "fifo",
				  .flags = O_RDONLY | O_NONBLOCK,
				  .data = bytes,
				  .length = sizeof(bytes),
				  .slot = slot + 1,
				  .by_worker = true};
	struct call parts[FLIGHT_PARTS];

	ended = 0;
	flight_file_parts(&file, parts);
	for (unsigned part = 0; part < FLIGHT_PARTS; part++)
		ring_queue(ring, &parts[part], part);
	NEED(ring_flush(ring) == FLIGHT_PARTS);
	while (!ended)
		ring_reap(ring, note_ended);
}

static void is_put(void)
{
	struct ring *ring = ring_needed_wide(16, SLOTS);
	int writer = pipe_made();
	int before = descriptors();

	for (unsigned round = 0; round < ROUNDS; round++) {
		read_and_close(ring, round % SLOTS);
		NEED(ring_files_put(ring));
		CHECK(!is_read_by_somebody(writer));
	}
	CHECK_EQ(descriptors(), before);
	ring_close(ring);
}

static void is_put_the_long_way(void)
{
	plays_old = true;
	is_put();
}

static void guards_come_back(void)
{
	struct ring *ring;

	plays_old = true;
	ring = ring_needed_wide(16, SLOTS);
	if (!ring_guard(ring, SLOTS - 1))
		skip("requires /dev/zero");
	CHECK(ring_files_put(ring));
	CHECK(!ring_queue_guard(ring, 0)); /* its place is empty */
	CHECK(ring_guard(ring, SLOTS - 1));
	CHECK(ring_queue_guard(ring, 0));
	ring_close(ring);
}

static void without_slots(void)
{
	struct ring *ring = NULL;
	int err = ring_open(&ring, 16, 0);

	if (err == -EPERM || err == -ENOSYS)
		skip("requires io_uring");
	NEED(!err && ring);
	CHECK(ring_files_put(ring));
	ring_close(ring);
}

int main(void)
{
	test("An end is known: a file that was closed is open no more", is_put);
	test("An end is known: also before Linux 6.5", is_put_the_long_way);
	test("An end is known: where that took the table of files away, guards are made again",
	     guards_come_back);
	test("An end is known: without direct descriptors there is nothing to wait for", without_slots);
	return tests_end();
}
