/* SPDX-License-Identifier: MIT
 *
 * together: what each call does to the fsyncs kept for the program, and which fsync one of them
 * may stand for, whatever sizes and times say.
 */
#include "together/private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/clock.h"
#include "process/config.h"
#include "report/late.h"
#include "scratch.h"

enum kept {
	FIRST = 1, /* of the file "first", by the program's descriptor */
	SECOND = 2,
	PLACE = 4, /* of the directory */
	NONE = 0,
	EVERY = FIRST | SECOND | PLACE,
	KEPT = 3,
};

static struct together root;
static int fds[KEPT];
static int pipes[2];

static void keep(unsigned place, enum stored_state state, int fd)
{
	struct stored *stored = &root.stored[place];

	*stored = (struct stored){.state = (uint8_t)state, .fd = fd, .by = fds[place]};
	NEED(shape_read(fds[place], &stored->shape));
	if (state == STORED_OWED)
		stored->result = -EIO;
	root.ready += state == STORED_READY;
	root.owed += state == STORED_OWED;
}

static unsigned kept(void)
{
	unsigned count = 0, which = 0;

	for (unsigned i = 0; i < GROUP_MOST; i++)
		count += root.stored[i].state == STORED_READY;
	for (unsigned i = 0; i < KEPT; i++)
		which |= root.stored[i].state == STORED_READY ? 1u << i : 0;
	CHECK_EQ(root.ready, count);
	return which;
}

/* Three are kept of what is in the current directory. */
static void begin(void)
{
	if (!scratch_owner) {
		scratch();
		NEED(pipe(pipes) == 0 && mkdir("below", 0755) == 0);
	}
	for (unsigned i = 0; i < KEPT; i++)
		if (fds[i] > 0)
			close(fds[i]);
	unlink("other");
	file_make("first", "1");
	file_make("second", "2");
	fds[0] = open("first", O_RDWR);
	fds[1] = open("second", O_RDWR);
	fds[2] = open(".", O_RDONLY);
	root = (struct together){0};
	root.begun_ns = clock_ns();
	for (unsigned i = 0; i < KEPT; i++)
		keep(i, STORED_READY, fds[i]);
	NEED(kept() == EVERY);
}

static void pass(enum op op, long a, long b, long c, long d)
{
	const struct regs regs = {.arg = {a, b, c, d, -1, 0}};
	enum reason reason = REASON_NONE;
	long value = 0;
	const struct passage passage = {.op = op, .regs = &regs, .value = &value, .reason = &reason};

	void_before(&root, &passage);
}

/* What OP with these arguments, about to be made, leaves of the three. */
#define LEAVES(left, op, a, b, c, d) \
	do { \
		begin(); \
		pass(op, (long)(a), (long)(b), (long)(c), (long)(d)); \
		CHECK_EQ(kept(), left); \
	} while (0)

static void news_may_come_by_a_pipe(void)
{
	LEAVES(EVERY, OP_READ, fds[0], 0, 1, 0);
	LEAVES(EVERY, OP_PREAD, fds[1], 0, 1, 0);
	LEAVES(NONE, OP_READ, pipes[0], 0, 1, 0);
	LEAVES(NONE, OP_READV, pipes[0], 0, 1, 0);
	LEAVES(NONE, OP_READ, -1, 0, 1, 0);
	LEAVES(NONE, OP_POLL, 0, 0, 0, 0);
	LEAVES(NONE, OP_WAITPID, -1, 0, 0, 0);
	LEAVES(EVERY, OP_STAT, "first", 0, 0, 0);
}

static void opens_that_change_nothing_leave_all(void)
{
	LEAVES(EVERY, OP_OPEN, "first", O_RDWR, 0, 0);
	LEAVES(NONE, OP_OPEN, "first", O_WRONLY | O_TRUNC, 0, 0);
	LEAVES(NONE, OP_OPEN, "new", O_WRONLY | O_CREAT, 0644, 0);
	LEAVES(NONE, OP_OPEN, ".", O_RDWR | O_TMPFILE, 0644, 0);
	LEAVES(EVERY, OP_OPEN, ".", O_RDONLY | O_DIRECTORY, 0, 0);
	LEAVES(EVERY, OP_OPENAT, AT_FDCWD, "first", O_RDWR, 0);
	LEAVES(NONE, OP_OPENAT, AT_FDCWD, "first", O_WRONLY | O_TRUNC, 0);
	LEAVES(NONE, OP_OPENAT, AT_FDCWD, "new", O_WRONLY | O_CREAT, 0644);
	LEAVES(NONE, OP_FOPEN, "first", "w", 0, 0);
}

static void memory_that_is_shared_voids_all(void)
{
	LEAVES(NONE, OP_MMAP, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED);
	LEAVES(NONE, OP_MMAP, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED_VALIDATE);
	LEAVES(EVERY, OP_MMAP, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	LEAVES(NONE, OP_SHMAT, 0, 0, 0, 0);
}

static void copies_of_descriptors_and_locks_void_all(void)
{
	LEAVES(NONE, OP_FCNTL, fds[0], F_DUPFD, 10, 0);
	LEAVES(NONE, OP_FCNTL, fds[0], F_DUPFD_CLOEXEC, 10, 0);
	LEAVES(NONE, OP_FCNTL, fds[0], F_SETLKW, 0, 0);
	LEAVES(NONE, OP_FCNTL, fds[0], F_SETLEASE, 0, 0);
	LEAVES(EVERY, OP_FCNTL, fds[0], F_GETFL, 0, 0);
	LEAVES(EVERY, OP_FCNTL, fds[0], F_SETFD, FD_CLOEXEC, 0);
	LEAVES(NONE, OP_DUP, fds[0], 0, 0, 0);
	LEAVES(NONE, OP_DUP2, fds[0], fds[1], 0, 0);
	LEAVES(NONE, OP_FLOCK, fds[0], 0, 0, 0);
}

static void a_write_voids_its_file(void)
{
	LEAVES(SECOND | PLACE, OP_WRITE, fds[0], "x", 1, 0);
	LEAVES(FIRST | PLACE, OP_PWRITE, fds[1], "x", 1, 0);
	LEAVES(FIRST | PLACE, OP_FTRUNCATE, fds[1], 0, 0, 0);
	LEAVES(SECOND | PLACE, OP_FCHMOD, fds[0], 0600, 0, 0);
	LEAVES(FIRST | PLACE, OP_COPY_FILE_RANGE, fds[0], 0, fds[1], 0);
	LEAVES(NONE, OP_COPY_FILE_RANGE, pipes[0], 0, fds[1], 0);
	LEAVES(NONE, OP_SENDFILE, fds[0], fds[1], 0, 1);
	LEAVES(NONE, OP_TRUNCATE, "first", 0, 0, 0);
	LEAVES(NONE, OP_SYSCALL, SYS_pwrite64, fds[0], 0, 1);
	LEAVES(EVERY, OP_SYSCALL, SYS_gettid, 0, 0, 0);
}

static void names_void_their_files_and_directories(void)
{
	LEAVES(SECOND, OP_RENAME, "first", "other", 0, 0);
	LEAVES(NONE, OP_RENAME, "first", "second", 0, 0);
	LEAVES(FIRST, OP_UNLINK, "second", 0, 0, 0);
	LEAVES(FIRST, OP_UNLINKAT, AT_FDCWD, "second", 0, 0);
	LEAVES(SECOND, OP_LINK, "first", "other", 0, 0);
	LEAVES(NONE, OP_RENAME, "below", "other", 0, 0);
	LEAVES(NONE, OP_UNLINK, "none", 0, 0, 0);
	LEAVES(NONE, OP_MKDIR, "other", 0755, 0, 0);
}

static void a_close_voids_what_was_synced_by_it(void)
{
	LEAVES(SECOND | PLACE, OP_CLOSE, fds[0], 0, 0, 0);
	begin();
	keep(1, STORED_READY, OURS);
	root.ready--;
	root.old_numbers = UINT64_MAX;
	pass(OP_CLOSE, fds[1], 0, 0, 0);
	CHECK_EQ(kept(), EVERY);
	CHECK_EQ(root.old_numbers, ~(UINT64_C(1) << fds[1]));
}

static void streams_void_their_files(void)
{
	static char memory[8];
	FILE *of_first, *of_none;

	begin();
	of_first = fdopen(dup(fds[0]), "r+");
	of_none = fmemopen(memory, sizeof(memory), "w");
	NEED(of_first && of_none);
	LEAVES(SECOND | PLACE, OP_FFLUSH, of_first, 0, 0, 0);
	LEAVES(NONE, OP_FFLUSH, 0, 0, 0, 0);
	LEAVES(NONE, OP_FFLUSH, of_none, 0, 0, 0);
	LEAVES(NONE, OP_FPUTS, "x", of_first, 0, 0);
	begin();
	root.old_numbers = UINT64_MAX;
	pass(OP_FCLOSE, (long)of_first, 0, 0, 0);
	CHECK_EQ(kept(), SECOND | PLACE);
	CHECK_EQ(root.old_numbers, ~(UINT64_C(1) << fileno(of_first)));
}

/* ---- what is owed ---- */

static void owe(void)
{
	begin();
	root.ready--;
	keep(0, STORED_OWED, fds[0]);
}

static void what_is_owed_is_told_when_its_descriptor_is_closed(void)
{
	owe();
	CHECK(!late_happened());
	pass(OP_WRITE, fds[0], 0, 1, 0);
	pass(OP_DUP, fds[1], 0, 0, 0);
	pass(OP_CLOSE, fds[1], 0, 0, 0);
	CHECK_EQ(root.owed, 1);
	pass(OP_CLOSE, fds[0], 0, 0, 0);
	CHECK_EQ(root.owed, 0);
	CHECK(late_happened());
}

static void what_is_owed_is_told_when_its_stream_is_closed(void)
{
	FILE *stream;

	owe();
	stream = fdopen(fds[0], "r+");
	NEED(stream);
	pass(OP_FFLUSH, (long)stream, 0, 0, 0);
	CHECK(!late_happened());
	pass(OP_FCLOSE, (long)stream, 0, 0, 0);
	CHECK(late_happened());
}

/* By the kernel, where the other is as old; by us, where it is new. */
static void what_is_owed_is_told_once_through_other_descriptors(void)
{
	struct stored *stored = &root.stored[0];
	int other;

	for (int made = 0; made <= 1; made++) {
		owe();
		other = open("first", O_RDWR);
		NEED(other > 0);
		CHECK_EQ(stored_tell_call(&root, stored, other, made), made ? EIO : 0);
		CHECK_EQ(stored_tell_call(&root, stored, other, true), 0);
		CHECK_EQ(stored_tell_call(&root, stored, fds[0], true), EIO);
		CHECK_EQ(root.owed, 0);
	}
}

static void what_is_owed_is_not_for_what_cannot_sync(void)
{
	int place;

	owe();
	place = open("first", O_PATH);
	NEED(place > 0);
	CHECK(!stored_find(&root, place, &root.stored[0].shape));
	CHECK(stored_find(&root, fds[0], &root.stored[0].shape) == &root.stored[0]);
}

/* ---- what stands for which fsync ---- */

static void a_change_of_size_or_times_is_seen(void)
{
	const struct stored *stored = &root.stored[0];
	struct shape shape;

	begin();
	config.stale_ms = 60000;
	shape = stored->shape;
	CHECK(stored_good(&root, stored, &shape, false));
	shape.size++;
	CHECK(!stored_good(&root, stored, &shape, false));
	shape = stored->shape;
	shape.modified.tv_nsec++;
	CHECK(!stored_good(&root, stored, &shape, false));
	shape = stored->shape;
	shape.changed.tv_sec++;
	CHECK(!stored_good(&root, stored, &shape, false));
	shape = stored->shape;
	shape.identity.inode++;
	CHECK(!stored_good(&root, stored, &shape, false));
}

static void an_fdatasync_is_no_fsync(void)
{
	const struct stored *stored = &root.stored[0];

	begin();
	config.stale_ms = 60000;
	CHECK(stored_good(&root, stored, &stored->shape, true));
	root.data_only = true;
	CHECK(stored_good(&root, stored, &stored->shape, true));
	CHECK(!stored_good(&root, stored, &stored->shape, false));
}

static void what_is_too_old_is_not_good(void)
{
	begin();
	config.stale_ms = 1000;
	root.begun_ns = clock_ns() - UINT64_C(1001) * 1000 * 1000;
	CHECK(!stored_good(&root, &root.stored[0], &root.stored[0].shape, false));
}

static void by_another_descriptor_than_the_one_it_was_made_by(void)
{
	int again;

	begin();
	again = open("first", O_RDWR);
	NEED(again > 0);
	CHECK(stored_find(&root, fds[0], &root.stored[0].shape) == &root.stored[0]);
	CHECK(!stored_find(&root, again, &root.stored[0].shape));
}

/* One that is older may know of a failure that a new one does not. */
static void what_was_made_by_ours_is_for_new_descriptors_alone(void)
{
	int old, new, place;

	begin();
	root.stored[0].fd = OURS;
	old = open("first", O_RDWR);
	stored_number_look(&root);
	new = open("first", O_RDWR);
	place = open("first", O_PATH);
	NEED(old > 0 && new > 0 && place > 0 && place < NUMBERS);
	CHECK(!stored_find(&root, fds[0], &root.stored[0].shape));
	CHECK(!stored_find(&root, old, &root.stored[0].shape));
	CHECK(!stored_find(&root, place, &root.stored[0].shape));
	CHECK(stored_find(&root, new, &root.stored[0].shape) == &root.stored[0]);
	NEED(dup2(new, NUMBERS) == NUMBERS);
	CHECK(!stored_find(&root, NUMBERS, &root.stored[0].shape));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C7: what may bring news voids all", news_may_come_by_a_pipe);
	test("C7: an open that makes or empties a file voids all", opens_that_change_nothing_leave_all);
	test("C7: memory shared from now on voids all", memory_that_is_shared_voids_all);
	test("C7: copies of descriptors and locks void all", copies_of_descriptors_and_locks_void_all);
	test("C7: a change by a descriptor voids its file", a_write_voids_its_file);
	test("C7: a change of names voids the files and all directories",
	     names_void_their_files_and_directories);
	test("C7: a close voids what was synced by it, and makes its number new",
	     a_close_voids_what_was_synced_by_it);
	test("C7: a stream that is flushed or closed voids its file", streams_void_their_files);
	test("C6: a failure is told when its descriptor is closed",
	     what_is_owed_is_told_when_its_descriptor_is_closed);
	test("C6: or its stream", what_is_owed_is_told_when_its_stream_is_closed);
	test("C7: a failure is told once through other descriptors",
	     what_is_owed_is_told_once_through_other_descriptors);
	test("C7: a failure is not lost to a descriptor that cannot sync",
	     what_is_owed_is_not_for_what_cannot_sync);
	test("C7: no fsync stands for one behind a change of size or times",
	     a_change_of_size_or_times_is_seen);
	test("C7: an fdatasync does not stand for an fsync", an_fdatasync_is_no_fsync);
	test("C7: nor one that is older than USHIM_STALE_MS", what_is_too_old_is_not_good);
	test("C7: nor one by another descriptor",
	     by_another_descriptor_than_the_one_it_was_made_by);
	test("C7: nor one by the shim's own for a descriptor that is older, or no such",
	     what_was_made_by_ours_is_for_new_descriptors_alone);
	return tests_end();
}
