/* SPDX-License-Identifier: MIT
 *
 * together: when starting fsyncs together goes in and out, driven by costs as storages have
 * them; and which files are left alone.
 */
#include "together/private.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "process/config.h"

enum {
	US = 1000,
	MS = 1000 * US,
	DEPTH = 64,
	MANY = 1000,
};

static struct pay fresh(void)
{
	struct pay pay = {.slow_ns = PAY_SLOW_NS};

	pay_begin(&pay, 1);
	return pay;
}

/* Of COUNT fsyncs of NS each, how many were even timed. */
static unsigned timed(struct pay *pay, unsigned count, uint64_t ns)
{
	unsigned looked = 0;

	for (unsigned i = 0; i < count; i++) {
		if (pay_sits_out(pay))
			continue;
		looked++;
		pay_plain(pay, ns);
	}
	return looked;
}

static void fast_ones_are_left_alone(void)
{
	struct pay pay = fresh();

	CHECK(timed(&pay, 10000, 300) < 10000 / 100);
	CHECK(!pay_in(&pay));
}

static void two_slow_ones_take_in(void)
{
	struct pay pay = fresh();

	pay_plain(&pay, 150 * US);
	CHECK(!pay_in(&pay));
	pay_plain(&pay, 150 * US);
	CHECK(pay_in(&pay));
}

static void one_fast_one_between_does_not(void)
{
	struct pay pay = fresh();

	for (unsigned i = 0; i < 100; i++) {
		pay_plain(&pay, 150 * US);
		CHECK(!pay_in(&pay));
		pay_plain(&pay, 300);
	}
}

/* Groups as large as the window, of which the program comes for all. */
static uint64_t group_of(struct pay *pay, uint64_t each)
{
	uint64_t ns = (pay->window + 1) * each;

	pay_group(pay, pay->window + 1, ns, 0, DEPTH);
	return ns;
}

static void groups_that_pay_grow_to_the_depth(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	for (unsigned i = 0; i < 3; i++)
		group_of(&pay, 35 * US);
	CHECK(pay_in(&pay));
	CHECK_EQ(pay.window, DEPTH);
}

static void groups_that_do_not_pay_end_it(void)
{
	struct pay pay = fresh();
	unsigned before;

	timed(&pay, 2, 150 * US);
	group_of(&pay, 149 * US);
	CHECK(pay_in(&pay));
	group_of(&pay, 149 * US);
	CHECK(!pay_in(&pay));
	CHECK(pay_sits_out(&pay));
	before = pay.sentence;
	timed(&pay, before + 2, 150 * US);
	CHECK(pay_in(&pay));
	group_of(&pay, 149 * US);
	group_of(&pay, 149 * US);
	CHECK_EQ(pay.sentence, 2 * before);
}

/* As in strict mode: of a group of 9, 8 are synced once more. */
static void synced_again(struct pay *pay, uint64_t each)
{
	pay_group(pay, 9, 200 * US, 8 * each, DEPTH);
}

static void one_whose_files_take_as_long_again_ends_it(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	synced_again(&pay, 148 * US);
	CHECK(!pay_in(&pay));
	CHECK_EQ(timed(&pay, 256, 150 * US), 0);
	pay = fresh();
	timed(&pay, 2, 150 * US);
	synced_again(&pay, 130 * US); /* larger ones may gain */
	CHECK(pay_in(&pay));
	pay = fresh();
	timed(&pay, 2, 150 * US);
	pay_group(&pay, 9, 9 * 160 * US, 0, DEPTH); /* something else happened meanwhile */
	CHECK(pay_in(&pay));
}

/* The first fsync of many files commits all of them. */
static void a_first_one_that_was_dear_hides_no_loss(void)
{
	struct pay pay = fresh();
	unsigned groups = 0;

	timed(&pay, 2, 900 * US);
	for (; pay_in(&pay) && groups < MANY; groups++) {
		group_of(&pay, 110 * US);
		if (pay_asks(&pay))
			timed(&pay, 2, 100 * US);
		CHECK(!pay_asks(&pay));
	}
	CHECK(groups < 10);
	pay = fresh();
	pay.twice = true;
	pay_begin(&pay, 2);
	timed(&pay, 2, 900 * US);
	for (groups = 0; pay_in(&pay) && groups < MANY; groups++) {
		group_of(&pay, 110 * US);
		timed(&pay, pay_asks(&pay) ? 2 : 0, 100 * US);
	}
	CHECK(groups < 6);
}

static void groups_nobody_comes_for_end_it(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	pay_group(&pay, 1, 2 * 150 * US, 0, DEPTH);
	pay_group(&pay, 1, 2 * 150 * US, 0, DEPTH);
	CHECK(!pay_in(&pay));
}

/* Shared memory, say, rules them out each time. */
static void groups_that_are_never_made_end_it(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	pay_group(&pay, 0, 20 * US, 0, DEPTH);
	CHECK(pay_in(&pay));
	pay_group(&pay, 0, 20 * US, 0, DEPTH);
	CHECK(!pay_in(&pay));
}

/* An fsync that waited for another's big file says little about the next. */
static void one_very_slow_one_hides_no_loss(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	pay_plain(&pay, 2000 * MS);
	timed(&pay, 20, 150 * US);
	group_of(&pay, 149 * US);
	group_of(&pay, 149 * US);
	CHECK(!pay_in(&pay));
}

static void a_pause_is_kept_and_over(void)
{
	struct pay pay = fresh();

	timed(&pay, 2, 150 * US);
	pay_pause(&pay, 32);
	CHECK_EQ(timed(&pay, 40, 150 * US), 8);
	CHECK(pay_in(&pay));
}

static void barred_storage_is_hardly_looked_at(void)
{
	struct pay pay = fresh();

	pay.barred = true;
	CHECK(timed(&pay, 10000, 150 * US) < 10000 / 100);
	CHECK(!pay_in(&pay));
}

/* What has to be looked at first takes 5 ms. */
static void few_cheap_ones_are_no_reason_to_look(void)
{
	struct pay pay = fresh();

	CHECK(!pay_covers(&pay, 48, 5 * MS));
	timed(&pay, 2, 150 * US);
	CHECK(!pay_covers(&pay, 30, 5 * MS));
	CHECK(pay_covers(&pay, 48, 5 * MS));
	timed(&pay, 20, 2 * MS);
	CHECK(pay_covers(&pay, 4, 5 * MS));
	pay.forced = true;
	CHECK(pay_covers(&pay, 1, 5 * MS));
}

/* ---- files in others' hands ---- */

static struct together root;

static int file_new(struct candidate *candidate)
{
	char name[] = "/tmp/ushim-together.XXXXXX";
	int fd = mkstemp(name);

	NEED(fd >= 0 && unlink(name) == 0 && ftruncate(fd, 4096) == 0);
	*candidate = (struct candidate){.fd = fd};
	NEED(shape_read(fd, &candidate->shape));
	return fd;
}

/* As it is at first. */
static struct together *root_new(void)
{
	file_new(&root.candidates[0]);
	if (maps_leave(&root, 1) != 1)
		skip("requires /proc/self/maps without shared memory");
	return &root;
}

static void a_file_that_is_mapped_shared_is_left_out(void)
{
	struct together *together = root_new();
	struct identity last;
	int fd;

	fd = file_new(&together->candidates[1]);
	file_new(&together->candidates[2]);
	last = together->candidates[2].shape.identity;
	NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	CHECK_EQ(maps_leave(together, 3), 2);
	CHECK(identity_same(&together->candidates[1].shape.identity, &last));
	NEED(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, together->candidates[0].fd, 0) != MAP_FAILED);
	CHECK_EQ(maps_leave(together, 2), 2);
}

static void memory_shared_with_others_rules_out_all(void)
{
	struct together *together = root_new();
	void *memory;

	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	NEED(memory != MAP_FAILED);
	CHECK_EQ(maps_leave(together, 1), 0);
	NEED(munmap(memory, 4096) == 0);
	CHECK_EQ(maps_leave(together, 1), 1);
}

static void too_many_shared_files_rule_out_all(void)
{
	struct together *together = root_new();
	struct candidate mapped;

	for (unsigned i = 0; i < 100; i++)
		NEED(mmap(NULL, 4096, PROT_READ, MAP_SHARED, file_new(&mapped), 0) != MAP_FAILED);
	CHECK_EQ(maps_leave(together, 1), 0);
}

/* It can be told to write by a store, and what it wrote be found by a load. */
static void a_ring_of_the_programs_own_rules_out_all(void)
{
	struct io_uring_params params = {0};
	struct together *together = root_new();
	long ring = syscall(SYS_io_uring_setup, 4, &params);
	void *memory;

	if (ring < 0)
		skip("requires io_uring");
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)ring, IORING_OFF_SQ_RING);
	NEED(memory != MAP_FAILED);
	CHECK_EQ(maps_leave(together, 1), 0);
	NEED(munmap(memory, 4096) == 0);
	CHECK_EQ(maps_leave(together, 1), 1);
}

static void asynchronous_io_of_the_kernels_rules_out_all(void)
{
	struct together *together = root_new();
	aio_context_t context = 0;

	if (syscall(SYS_io_setup, 4, &context) != 0)
		skip("requires io_setup");
	CHECK_EQ(maps_leave(together, 1), 0);
	NEED(syscall(SYS_io_destroy, context) == 0);
	CHECK_EQ(maps_leave(together, 1), 1);
}

/* ---- a wait beside the program ---- */

static int lowest_number(void)
{
	int fd = dup(0);

	NEED(fd >= 0 && close(fd) == 0);
	return fd;
}

static struct together *storage_of(uint64_t ns)
{
	static struct pay pay;

	pay = fresh();
	timed(&pay, 2, ns);
	root.pay = &pay;
	config.ring_entries = config.depth = 8;
	if (!flight_begin(1000 * MS))
		skip("requires io_uring");
	return &root;
}

static void cheap_fsyncs_go_on_until_a_look_does_not_wait(void)
{
	const struct timespec pause = {.tv_nsec = MS};
	struct together *together = storage_of(100 * US);
	int before = lowest_number();

	CHECK(!grace_is_here(together, MANY));
	CHECK(together->grace_awaited);
	CHECK_EQ(lowest_number(), before);
	for (unsigned i = 0; i < 5000 && !grace_is_here(together, MANY); i++)
		nanosleep(&pause, NULL);
	CHECK(!together->grace_awaited);
	CHECK(together->grace_ns != 0);
	CHECK_EQ(lowest_number(), before);
}

/* Tried again where the machine was busy for the 3 ms that it counts. */
static void a_look_lets_the_next_ones_off(void)
{
	struct together *together = storage_of(100 * US);
	bool here = false;

	grace_keep(together);
	CHECK(!together->grace_awaited); /* nobody looked */
	for (unsigned i = 0; i < 1000 && !here; i++) {
		grace_note(together);
		here = grace_is_here(together, MANY);
	}
	CHECK(here);
	for (unsigned i = 0; i < 1000 && !together->grace_awaited; i++) {
		grace_note(together);
		grace_keep(together);
	}
	CHECK(together->grace_awaited);
}

static void dear_fsyncs_do_not_wait_for_it(void)
{
	struct together *together = storage_of(MS);

	CHECK(grace_is_here(together, MANY));
	CHECK(!grace_is_here(together, 4));
	CHECK(grace_is_here(together, 5));
	CHECK(!together->grace_awaited);
}

/* Whoever ends before a look does has to wait for it. */
static void few_cheap_ones_do_not_begin_to_wait(void)
{
	struct together *together = storage_of(100 * US);

	CHECK(!grace_is_here(together, 150));
	CHECK(!together->grace_awaited);
	CHECK(!grace_is_here(together, 200));
	CHECK(together->grace_awaited);
}

/* ---- locks ---- */

/* Of a file that was changed just now. */
static struct shape shape_new(int *fd)
{
	struct candidate candidate;

	*fd = file_new(&candidate);
	return candidate.shape;
}

/* Among files with SHAPE, each of which takes NS to sync. */
static struct together *synced(const struct shape *shape, uint64_t ns)
{
	struct together *together = storage_of(ns);

	config.mode = MODE_AUTO;
	config.stale_ms = 60 * 1000;
	next_note(0, shape);
	return together;
}

static struct shape aged(struct shape shape)
{
	shape.changed.tv_sec -= 60;
	return shape;
}

static void where_fsyncs_are_dear_nobodys_locked_file_is_opened(void)
{
	int fd, child_ready[2];
	struct shape shape = shape_new(&fd);
	struct together *together = synced(&shape, 2 * MS);
	pid_t child;
	char word;

	CHECK(locks_look(together, 5));
	CHECK(locks_spare(&shape));
	NEED(pipe(child_ready) == 0);
	child = fork();
	if (child == 0) { /* the lock is the open file description's: the child keeps it */
		NEED(flock(fd, LOCK_EX) == 0 && write(child_ready[1], "l", 1) == 1);
		pause();
	}
	NEED(read(child_ready[0], &word, 1) == 1 && close(fd) == 0);
	NEED(locks_look(together, 5) && kill(child, SIGKILL) == 0);
	if (!locks_have(&shape.identity))
		skip("requires locks in /proc/locks");
	CHECK(!locks_spare(&shape));
}

static void where_they_are_cheap_only_files_changed_just_now_are(void)
{
	int fd;
	struct shape shape = shape_new(&fd), old = aged(shape), future = shape;
	struct together *together = synced(&shape, 100 * US);

	future.changed.tv_sec += 10;
	CHECK(locks_look(together, 1));
	CHECK(!together->grace_awaited);
	CHECK(locks_spare(&shape));
	CHECK(!locks_spare(&old));
	CHECK(!locks_spare(&future));
}

static void nor_one_with_a_lock_of_this_process(void)
{
	struct flock lock = {.l_type = F_WRLCK};
	int fd, other;
	struct shape shape = shape_new(&fd), leased = shape_new(&other);
	struct together *together = synced(&shape, 100 * US);

	NEED(fcntl(fd, F_SETLK, &lock) == 0);
	if (fcntl(other, F_SETLEASE, F_WRLCK) != 0)
		skip("requires leases");
	CHECK(locks_look(together, 1));
	CHECK(!locks_spare(&shape));
	CHECK(!locks_spare(&leased));
	NEED(close(fd) == 0 && close(other) == 0);
	CHECK(locks_look(together, 1));
	CHECK(locks_spare(&shape));
	CHECK(locks_spare(&leased));
}

/* Is the wait for a look at all locks begun, before files like SHAPE are opened in MODE? */
static bool all_are_looked_at(struct shape shape, enum mode mode)
{
	struct together *together = synced(&shape, 100 * US);

	config.mode = mode;
	return !locks_look(together, 1000) && together->grace_awaited;
}

static void old_files_wait_for_a_look_at_all_locks(void)
{
	int fd;

	CHECK(all_are_looked_at(aged(shape_new(&fd)), MODE_AUTO));
}

static void and_where_there_are_many_descriptors(void)
{
	int fd;
	struct shape shape = shape_new(&fd);

	for (unsigned i = 0; i < 64; i++)
		NEED(dup(fd) >= 0);
	CHECK(all_are_looked_at(shape, MODE_AUTO));
}

static void in_strict_mode_all_do(void)
{
	int fd;

	CHECK(all_are_looked_at(shape_new(&fd), MODE_STRICT));
}

/* ---- order ---- */

static void noted(unsigned file, int fd)
{
	const struct shape shape = {.identity = {1, file}, .mode = S_IFREG};

	next_note(fd, &shape);
}

static void three_at_equal_distances_are_an_order(void)
{
	noted(1, 5);
	noted(2, 7);
	CHECK(!next_ordered());
	noted(3, 9);
	CHECK(next_ordered());
	noted(4, 10);
	CHECK(!next_ordered());
}

static void a_directory_in_the_line_breaks_it(void)
{
	const struct shape directory = {.identity = {1, 9}, .mode = S_IFDIR};

	next_note(6, &directory);
	noted(1, 5);
	noted(2, 4);
	CHECK(!next_ordered());
	noted(3, 3);
	CHECK(next_ordered());
}

static void one_file_again_and_again_is_none(void)
{
	for (unsigned i = 0; i < 10; i++)
		noted(1, 5);
	CHECK(!next_ordered());
	CHECK_EQ(next_noted(), 1);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C9: fsyncs that cost nothing are left alone", fast_ones_are_left_alone);
	test("two slow ones in a row take in", two_slow_ones_take_in);
	test("a fast one between them does not", one_fast_one_between_does_not);
	test("groups that pay grow to the depth", groups_that_pay_grow_to_the_depth);
	test("C9: groups that do not pay end it, longer each time", groups_that_do_not_pay_end_it);
	test("C9: one whose files take as long again ends it",
	     one_whose_files_take_as_long_again_ends_it);
	test("C9: a first fsync that was dear hides no loss", a_first_one_that_was_dear_hides_no_loss);
	test("C9: groups nobody comes for end it", groups_nobody_comes_for_end_it);
	test("C9: groups that are never made end it", groups_that_are_never_made_end_it);
	test("C9: one very slow fsync hides no loss", one_very_slow_one_hides_no_loss);
	test("C9: what is in no order is left alone for a while", a_pause_is_kept_and_over);
	test("C9: a storage with nothing to gain is hardly looked at",
	     barred_storage_is_hardly_looked_at);
	test("cheap fsyncs go on plainly until a look at the locks does not wait",
	     cheap_fsyncs_go_on_until_a_look_does_not_wait);
	test("a look lets the next ones off", a_look_lets_the_next_ones_off);
	test("C9: few cheap ones do not begin to wait", few_cheap_ones_do_not_begin_to_wait);
	test("where fsyncs are dear the look is made at once", dear_fsyncs_do_not_wait_for_it);
	test("C9: few cheap fsyncs are no reason to look at the locks",
	     few_cheap_ones_are_no_reason_to_look);
	test("C7: a file that is mapped shared is left out", a_file_that_is_mapped_shared_is_left_out);
	test("C7: memory shared with others rules out all", memory_shared_with_others_rules_out_all);
	test("C7: too many shared files to know rule out all", too_many_shared_files_rule_out_all);
	test("C7: a ring of the program's own rules out all", a_ring_of_the_programs_own_rules_out_all);
	test("C7: the kernel's asynchronous I/O rules out all",
	     asynchronous_io_of_the_kernels_rules_out_all);
	test("C8: where fsyncs are dear nobody's locked file is opened",
	     where_fsyncs_are_dear_nobodys_locked_file_is_opened);
	test("C8: where they are cheap only files that were changed just now are",
	     where_they_are_cheap_only_files_changed_just_now_are);
	test("C8: nor one with a lock of this process", nor_one_with_a_lock_of_this_process);
	test("C8: old files wait for a look at all locks", old_files_wait_for_a_look_at_all_locks);
	test("C8: and where there are many descriptors to look at",
	     and_where_there_are_many_descriptors);
	test("C8: in strict mode all do", in_strict_mode_all_do);
	test("three descriptors at equal distances are an order", three_at_equal_distances_are_an_order);
	test("one file again and again is none", one_file_again_and_again_is_none);
	test("C9: nor does a line with a directory in it show one", a_directory_in_the_line_breaks_it);
	return tests_end();
}
