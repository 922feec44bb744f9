/* SPDX-License-Identifier: MIT
 *
 * ring_setup: what a ring is on kernels from 5.1 to today, played to it by a set-up call that
 * refuses what the older kernel would; the ring itself is this kernel's, which may be an older one
 * itself: what it cannot do is asked of it, and expected of none that is played.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "backend/ring/of_thread.h"
#include "backend/ring/private.h"
#include "base/filter.h"
#include "process/config.h"
#include "process/process.h"
#include "process/thread.h"
#include "scratch.h"

enum {
	HIDDEN_ABOVE = 900, /* with the usual limit of 1024 descriptors, a kept one is above */
};

static const struct kernel {
	const char *name;
	unsigned refused;  /* flags it does not know */
	unsigned features; /* features it does not have */
} kernels[] = {
	{"today", 0, 0},
	{"6.4", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY, 0},
	{"6.2", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY, RING_FEAT_REG_REG},
	{"5.19", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |
			 IORING_SETUP_SINGLE_ISSUER, RING_FEAT_REG_REG},
	{"5.18", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN,
	 RING_FEAT_REG_REG},
	{"5.10", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |
			 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
			 IORING_SETUP_SUBMIT_ALL,
	 RING_FEAT_REG_REG | IORING_FEAT_EXT_ARG},
	{"5.5", IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY |
			IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN |
			IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP,
	 RING_FEAT_REG_REG | IORING_FEAT_EXT_ARG},
};

enum {
	KERNELS = sizeof(kernels) / sizeof(*kernels),
};

static const struct kernel *kernel = &kernels[0];

static unsigned lacks;    /* flags that this kernel does not know */
static unsigned features; /* and the features it has */

/* True if this kernel takes FLAGS, which are NO_MMAP's companions where there are any. */
static bool kernel_takes(unsigned flags)
{
	struct io_uring_params params = {.flags = flags};
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	if (fd < 0) /* one that knows NO_MMAP finds no memory at 0 */
		return errno != EINVAL;
	features = params.features;
	close((int)fd);
	return true;
}

/* Only with REGISTERED_FD_ONLY is a ring without a mapping known from one without a descriptor. */
static void kernel_ask(void)
{
	static const unsigned flags[] = {
		IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SUBMIT_ALL,
		IORING_SETUP_CLAMP,
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (!kernel_takes(flags[i]))
			lacks |= flags[i];
	if (!kernel_takes(IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY))
		lacks |= IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY;
}

/* What the kernel that is played refuses, with what this one does. */
static bool refuses(const struct kernel *this, unsigned flags)
{
	return flags & (this->refused | lacks);
}

/* A ring keeps a descriptor there, high up. */
static bool keeps_descriptor(const struct kernel *this)
{
	return refuses(this, IORING_SETUP_NO_MMAP) &&
	       (this->features & RING_FEAT_REG_REG || !(features & RING_FEAT_REG_REG));
}

static int answer_always; /* a negative errno instead of any ring */
static int setups;

int ring_sys_setup(unsigned entries, struct io_uring_params *params)
{
	long fd;

	setups++;
	if (answer_always)
		return answer_always;
	if (refuses(kernel, params->flags))
		return -EINVAL;
	fd = syscall(SYS_io_uring_setup, entries, params);
	if (fd < 0)
		return -errno;
	params->features &= ~kernel->features;
	return (int)fd;
}

static struct ring *ring_needed(unsigned entries, unsigned sqpoll_ms)
{
	struct ring *ring = NULL;
	int err = ring_open(&ring, entries, sqpoll_ms);

	if (err == -EPERM || err == -ENOSYS)
		skip("requires io_uring");
	CHECK_EQ(err, 0);
	NEED(!err && ring);
	return ring;
}

static void ring_works(struct ring *ring)
{
	struct stat stat = {.st_size = 0};
	struct call ask = call_stat("file", &stat), make = call_mkdir("dir");
	char text[16] = "";
	int result = 1, fd = open("file", O_RDONLY);
	struct call get = call_read(fd, text, sizeof(text), 1);

	CHECK_EQ(ring_run(ring, &ask, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	CHECK_EQ(ring_statx(ring)->stx_size, 4);
	CHECK_EQ(ring_run(ring, &get, &result), REASON_NONE);
	CHECK_EQ(result, 3);
	CHECK(!strcmp(text, "ext"));
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
	CHECK_EQ(result, 0);
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NONE);
	CHECK_EQ(result, -EEXIST);
	CHECK_EQ(rmdir("dir"), 0);
	close(fd);
}

static int mappings_of_rings(void)
{
	char line[512];
	int count = 0;
	FILE *maps = fopen("/proc/self/maps", "re");

	NEED(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, "io_uring") != NULL;
	fclose(maps);
	return count;
}

/* The descriptor a ring keeps, or -1. */
static int descriptor_kept(void)
{
	for (int fd = 3; fd < 1024; fd++) {
		char link[64], target[64] = "";

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		if (readlink(link, target, sizeof(target) - 1) > 0 && strstr(target, "io_uring"))
			return fd;
	}
	return -1;
}

static void works_on(const struct kernel *this)
{
	struct ring *ring;
	int before = descriptors(), lowest = dup(0), kept;
	int failed = checks_failed;

	close(lowest);
	kernel = this;
	ring = ring_needed(8, 0);
	kept = descriptor_kept();
	CHECK_EQ(dup(0), lowest);
	close(lowest);
	if (keeps_descriptor(this)) {
		CHECK(kept > HIDDEN_ABOVE);
		CHECK_EQ(fcntl(kept, F_GETFD), FD_CLOEXEC);
		CHECK_EQ(descriptors(), before + 1);
	} else {
		CHECK_EQ(kept, -1);
		CHECK_EQ(descriptors(), before);
	}
	CHECK_EQ(ring->owner != 0, refuses(this, IORING_SETUP_SINGLE_ISSUER));
	ring_works(ring);
	ring_close(ring);
	CHECK_EQ(descriptors(), before);
	CHECK_EQ(mappings_of_rings(), 0);
	if (failed != checks_failed)
		note("as Linux %s", this->name);
}

static void works_on_all_kernels(void)
{
	scratch();
	file_make("file", "text");
	for (int i = 0; i < KERNELS; i++)
		works_on(&kernels[i]);
}

/* Each flag alone refused: everything before it in the list of steps goes too, no more. */
static void steps_down_one_at_a_time(void)
{
	static const unsigned steps[] = {
		IORING_SETUP_NO_MMAP, IORING_SETUP_SINGLE_ISSUER, IORING_SETUP_COOP_TASKRUN,
		IORING_SETUP_SUBMIT_ALL, IORING_SETUP_CLAMP,
	};

	for (int i = 0; i < 5; i++) {
		struct kernel one = {.refused = steps[i]};
		struct ring *ring;

		for (int later = i + 1; later < 5; later++)
			if (lacks & steps[later])
				skip("requires a kernel that knows all flags but the newest");
		kernel = &one;
		setups = 0;
		ring = ring_needed(8, 0);
		CHECK_EQ(setups, i + 2);
		CHECK(!(ring->uring.flags & steps[i]));
		for (int later = i + 1; later < 5; later++)
			CHECK(ring->uring.flags & steps[later]);
		ring_close(ring);
	}
}

/* Under a filter nobody is even asked. */
static void unfiltered(void)
{
	if (filter_in_force())
		skip("requires a process without a seccomp filter");
}

static void refused(void)
{
	static const int answers[] = {-EPERM, -ENOSYS, -ENOMEM, -EMFILE, -EACCES, -EINVAL, -EBUSY};
	int before = descriptors();

	unfiltered();
	for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++) {
		struct ring *ring = NULL;

		answer_always = answers[i];
		setups = 0;
		CHECK_EQ(ring_open(&ring, 8, 0), answers[i]);
		CHECK(!ring);
		CHECK_EQ(setups, answers[i] == -EINVAL ? 6 : answers[i] == -EBUSY ? 2 : 1);
		CHECK_EQ(descriptors(), before);
	}
}

/* The thread says so once, and never asks again. */
static void refused_for_good(void)
{
	int why = 0;

	unfiltered();
	answer_always = -ENOMEM;
	CHECK(!thread_ring(&why));
	CHECK_EQ(why, -ENOMEM);
	answer_always = 0;
	setups = 0;
	CHECK(!thread_ring(&why));
	CHECK_EQ(setups, 0);
}

static void more_rings_than_places(void)
{
	enum { RINGS = 20 }; /* a task has 16 places for registered rings */
	struct ring *rings[RINGS];

	scratch();
	file_make("file", "text");
	for (int i = 0; i < RINGS; i++)
		rings[i] = ring_needed(4, 0);
	for (int i = 0; i < RINGS; i++)
		ring_works(rings[i]);
	CHECK(descriptor_kept() > HIDDEN_ABOVE);
	for (int i = 0; i < RINGS; i++)
		ring_close(rings[i]);
	CHECK_EQ(descriptor_kept(), -1);
}

static void all_sizes(void)
{
	static const unsigned sizes[] = {1, 2, 3, 5, 8, 63, 64, 65, 100, 1000, 4096};

	scratch();
	file_make("file", "text");
	for (int i = 0; i < KERNELS; i++)
		for (size_t j = 0; j < sizeof(sizes) / sizeof(*sizes); j++) {
			struct ring *ring;

			kernel = &kernels[i];
			ring = ring_needed(sizes[j], 0);
			CHECK(ring->uring.sq.ring_entries >= sizes[j]);
			CHECK(ring->uring.sq.ring_entries < 2 * sizes[j]);
			for (unsigned k = 0; k < 3; k++)
				ring_works(ring);
			ring_close(ring);
		}
	CHECK_EQ(mappings_of_rings(), 0);
}

static void few_descriptors(void)
{
	static const rlim_t limits[] = {1024, 100, 64, 25, 20};

	scratch();
	file_make("file", "text");
	kernel = &kernels[3];
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		struct rlimit limit = {limits[i], 1024};
		struct ring *ring;
		int kept;

		NEED(setrlimit(RLIMIT_NOFILE, &limit) == 0);
		ring = ring_needed(8, 0);
		kept = descriptor_kept();
		CHECK(kept > 8 && (rlim_t)kept < limits[i]);
		CHECK_EQ(fcntl(kept, F_GETFD), FD_CLOEXEC);
		ring_works(ring);
		ring_close(ring);
	}
}

/* The kept descriptor is the program's to close, and its number to use. */
static void descriptor_closed(void)
{
	struct stat stat;
	struct call ask = call_stat("file", &stat), make = call_mkdir("dir");
	struct ring *ring;
	int result, kept, other;

	scratch();
	file_make("file", "text");
	kernel = &kernels[3];
	ring = ring_needed(8, 0);
	kept = descriptor_kept();
	CHECK_EQ(close(kept), 0);
	CHECK_EQ(ring_run(ring, &ask, &result), REASON_NO_RING);
	other = open("file", O_RDONLY);
	NEED(dup2(other, kept) == kept);
	CHECK_EQ(ring_run(ring, &make, &result), REASON_NO_RING);
	CHECK(!exists("dir"));
	ring_close(ring);
	CHECK(fcntl(kept, F_GETFD) >= 0); /* not ours to close any more */
}

static int child_of_fork(void *argument)
{
	struct ring *parents = argument, *ring;
	int why = 0;

	CHECK(!ring_survived(parents));
	ring = thread_ring(&why);
	CHECK_EQ(why, 0);
	CHECK(ring != NULL);
	if (ring)
		ring_works(ring);
	return checks_failed != 0;
}

static void forks_on_all_kernels(void)
{
	scratch();
	file_make("file", "text");
	for (int i = 0; i < KERNELS; i++) {
		struct ring *ring;
		int why;

		kernel = &kernels[i];
		config.ring_entries = 8;
		thread_self.stage = THREAD_NEW;
		ring = thread_ring(&why);
		if (why == -EPERM || why == -ENOSYS)
			skip("requires io_uring");
		NEED(ring);
		ring_works(ring);
		CHECK_EQ(in_child(child_of_fork, ring), 0);
		ring_works(ring);
		CHECK(ring_survived(ring));
		thread_give_up_ring();
	}
}

static void polled(void)
{
	struct ring *ring;

	scratch();
	file_make("file", "text");
	for (int i = 0; i < KERNELS; i++) {
		kernel = &kernels[i];
		ring = ring_needed(8, 5);
		CHECK(ring->uring.flags & IORING_SETUP_SQPOLL);
		CHECK(ring->owner != 0);
		for (int j = 0; j < 4; j++) {
			ring_works(ring);
			usleep(j % 2 * 30000); /* asleep, and not */
		}
		ring_close(ring);
	}
}

static void opcodes_are_asked(void)
{
	struct ring *ring = ring_needed(1, 0);

	CHECK(ring_knows(OPCODE_STATX));
	CHECK(ring_knows(OPCODE_READ));
	CHECK(!ring_knows(OPCODE_NONE));
	CHECK(!ring_knows((enum opcode)63));
	ring_close(ring);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	kernel_ask();
	test("C8, C10: a ring works on every kernel, without a low descriptor", works_on_all_kernels);
	test("set-up leaves out one flag at a time, the newest first", steps_down_one_at_a_time);
	test("C10: a refusal is passed on at once, and nothing stays open", refused);
	test("C10: a thread refused a ring does not ask again", refused_for_good);
	test("C10: a task without places for registered rings still gets one", more_rings_than_places);
	test("USHIM_RING: rings of 1 to 4096 entries, on every kernel", all_sizes);
	test("C8: under a low RLIMIT_NOFILE the descriptor is as high as may be", few_descriptors);
	test("C10: a ring whose descriptor the program closed leaves its number alone",
	     descriptor_closed);
	test("C8: the child of a fork gets its own ring, the parent keeps its", forks_on_all_kernels);
	test("USHIM_SQPOLL: a polled ring works awake and asleep, on every kernel", polled);
	test("opcodes are asked of the kernel", opcodes_are_asked);
	return tests_end();
}
