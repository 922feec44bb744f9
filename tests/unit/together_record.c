/* SPDX-License-Identifier: MIT
 *
 * together: names recorded in the order in which their files may be synced, and a program that
 * follows it.
 */
#include "together/private.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "ahead/ahead.h"
#include "process/config.h"
#include "scratch.h"

enum {
	MOST = 8,
};

static struct candidate found[MOST];

static void recorded(enum op op, long a, long b, long c)
{
	const struct regs regs = {.arg = {a, b, c}};
	const struct passage passage = {.op = op, .regs = &regs};

	CHECK(record_wants(op));
	if (record_makes(&passage))
		record_made(&passage);
}

static void made(const char *name)
{
	file_make(name, "x");
	recorded(OP_OPEN, (long)name, O_WRONLY | O_CREAT | O_EXCL, 0666);
}

static void begin(void)
{
	scratch();
	config.mode = MODE_STRICT; /* no file is too old */
	NEED(record_begin() && !record_begin());
}

/* The program syncs NAME, as it did the one before. */
static void synced(const char *name)
{
	int fd = open(name, O_RDONLY);
	struct shape shape;

	NEED(fd >= 0 && shape_read(fd, &shape));
	if (next_note(fd, &shape) && next_reopens())
		record_note(fd, &shape.identity);
	close(fd);
}

/* NAMES, one behind the other, and no more, are likely to come. */
static void come(const char *names)
{
	unsigned count = record_find(found, MOST);
	char all[64] = "", path[PATH_MAX];
	size_t directory;

	for (unsigned i = 0; i < count; i++) {
		NEED(descriptor_name(found[i].by, path, sizeof(path)) > 0);
		strcat(all, path_split(path, &directory));
		close(found[i].by);
	}
	CHECK_EQ(strcmp(all, names), 0);
	if (strcmp(all, names))
		note("%s instead of %s", all, names);
}

static void made_in_three_directories(void)
{
	NEED(!mkdir("p", 0755) && !mkdir("q", 0755) && !mkdir("r", 0755));
	made("q/d");
	made("p/c");
	made("r/a");
	made("p/e");
	made("q/b");
}

static void files_come_as_they_were_made(void)
{
	begin();
	made_in_three_directories();
	synced("q/d");
	synced("p/c");
	CHECK(!record_shows());
	synced("r/a");
	CHECK(record_shows());
	CHECK_EQ(record_left(), 2);
	come("eb");
}

/* As dpkg has it: each gets its name behind its fsync. */
static void renamed_behind_their_fsync_they_still_do(void)
{
	const char *const names[] = {"q/d", "p/c", "r/a"};

	begin();
	made_in_three_directories();
	for (unsigned i = 0; i < 3; i++) {
		synced(names[i]);
		NEED(rename(names[i], "q/final") == 0);
	}
	CHECK(record_shows());
	come("eb");
}

static void a_few_may_be_left_out(void)
{
	begin();
	made_in_three_directories();
	synced("q/d");
	synced("p/c");
	synced("p/e");
	CHECK(record_shows());
	NEED(unlink("q/b") == 0);
	made("q/f");
	come("f");
}

static void made_of_letters(const char *letters)
{
	for (char name[2] = {*letters}; *name; *name = *++letters)
		made(name);
}

static void but_not_many(void)
{
	begin();
	made_of_letters("abcdefghij");
	synced("a");
	synced("b");
	synced("h");
	CHECK(!record_shows());
	synced("i");
	CHECK(record_shows());
	come("j");
}

static void another_file_between_ends_the_order(void)
{
	begin();
	made_of_letters("abcd");
	file_make("other", "x");
	synced("a");
	synced("b");
	synced("c");
	CHECK(record_shows());
	synced("other");
	CHECK(!record_shows());
	synced("d");
	CHECK(!record_shows());
}

/* Else each of its fsyncs would search all names. */
static void who_syncs_other_files_is_looked_for_seldom(void)
{
	enum { EVERY = 32 };
	unsigned found_at = 0;

	begin();
	made_of_letters("abcdefgh");
	file_make("other", "x");
	file_make("another", "x");
	for (unsigned i = 0; i < 3; i++) {
		synced("other");
		synced("another");
	}
	for (unsigned i = 1; i <= 3 * EVERY && !found_at; i++) {
		synced((const char *const[]){"f", "other", "another"}[i % 3]);
		found_at = record_left() < 8 ? i : 0;
	}
	CHECK(found_at > 4);
}

static void what_was_followed_to_its_end_is_forgotten(void)
{
	begin();
	made_of_letters("abc");
	file_make("other", "x");
	synced("a");
	synced("b");
	synced("c");
	CHECK_EQ(record_left(), 0);
	made("d");
	synced("other");
	CHECK_EQ(record_left(), 1);
}

static void another_order_is_none(void)
{
	begin();
	made_in_three_directories();
	synced("q/b");
	synced("p/e");
	synced("r/a");
	synced("p/c");
	CHECK(!record_shows());
}

static void files_made_elsewhere_are_none(void)
{
	begin();
	made_in_three_directories();
	NEED(!mkdir("s", 0755));
	file_make("s/d", "x");
	file_make("s/c", "x");
	file_make("s/a", "x");
	synced("s/d");
	synced("s/c");
	synced("s/a");
	CHECK(!record_shows());
}

static void a_name_that_leads_elsewhere_by_now_shows_nothing(void)
{
	begin();
	made_in_three_directories();
	NEED(!mkdir("s", 0755) && chdir("s") == 0);
	synced("../q/d");
	synced("../p/c");
	synced("../r/a");
	CHECK(!record_shows());
}

static void every_way_of_making_is_recorded_and_no_other(void)
{
	int dir;

	begin();
	NEED(!mkdir("p", 0755));
	dir = open("p", O_RDONLY);
	for (const char *name = "p/a\0p/b\0p/c\0p/d\0p/e\0p/f\0p/g\0"; *name; name += 4)
		file_make(name, "x");
	recorded(OP_OPEN, (long)"p/a", O_WRONLY | O_CREAT, 0666);
	recorded(OP_OPENAT, dir, (long)"b", O_RDWR | O_CREAT);
	recorded(OP_CREAT, (long)"p/c", 0666, 0);
	recorded(OP_FOPEN, (long)"p/d", (long)"we", 0);
	recorded(OP_OPEN, (long)"p/e", O_WRONLY | O_TRUNC, 0);
	recorded(OP_OPEN, (long)"p/f", O_RDWR, 0);
	recorded(OP_FOPEN, (long)"p/f", (long)"r", 0);
	recorded(OP_OPEN, (long)"p", O_RDWR | O_TMPFILE, 0666);
	recorded(OP_OPENAT, AT_FDCWD, (long)"p/g", O_RDWR | O_CREAT);
	CHECK(!record_wants(OP_UNLINK) && !record_wants(OP_OPENDIR));
	synced("p/a");
	synced("p/b");
	synced("p/c");
	CHECK_EQ(record_left(), 3);
	come("deg");
}

static void files_synced_as_they_are_made_are_not_recorded(void)
{
	begin();
	for (unsigned i = 0; i < 10; i++) {
		made("a");
		record_synced();
		made("b");
		made("c");
		made("d");
		record_synced();
	}
	CHECK_EQ(record_left(), 2 * (1 + 3));
	made_of_letters("abcdefghi");
	CHECK_EQ(record_left(), 2 * (1 + 3) + 6);
	synced("d");
	synced("e");
	synced("f");
	synced("g");
	CHECK(record_shows());
	come("hi");
}

static void a_few_fsyncs_between_many_files_end_nothing(void)
{
	begin();
	for (unsigned i = 0; i < 3; i++) {
		made("a");
		record_synced();
	}
	made_of_letters("bcdef");
	record_synced();
	record_synced();
	made("g");
	record_synced();
	made("h");
	CHECK_EQ(record_left(), 3 + 5 + 2);
}

static void nothing_is_recorded_before_an_fsync_was_slow(void)
{
	CHECK(!record_wants(OP_OPEN) && !together_needs(OP_OPEN));
	begin();
	CHECK(record_wants(OP_OPEN) && together_needs(OP_OPEN));
}

static void what_cannot_be_read_is_not_recorded(void)
{
	begin();
	recorded(OP_OPEN, 8, O_WRONLY | O_CREAT, 0666);
	recorded(OP_OPEN, 0, O_WRONLY | O_CREAT, 0666);
	recorded(OP_FOPEN, (long)"a", 8, 0);
	recorded(OP_OPENAT, -1, (long)"a", O_WRONLY | O_CREAT);
	CHECK_EQ(record_left(), 0);
}

static void too_many_begin_anew(void)
{
	enum { MANY = 30 * 1000, MEMORY_MOST = 16 * 1024 };
	char name[32];

	begin();
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "a/name/of/some/length%u", i);
		recorded(OP_CREAT, (long)name, 0666, 0);
	}
	CHECK(record_left() > 0 && record_left() <= MEMORY_MOST);
	made("a");
	made("b");
	made("c");
	made("d");
	synced("a");
	synced("b");
	synced("c");
	CHECK(record_shows());
	come("d");
}

static void long_names_begin_anew(void)
{
	enum { MANY = 400 };
	static char name[PATH_MAX];

	begin();
	memset(name, 'n', sizeof(name) - 1);
	for (unsigned i = 0; i < MANY; i++)
		recorded(OP_CREAT, (long)name, 0666, 0);
	CHECK(record_left() > 0 && record_left() < MANY);
}

static void what_begins_anew_shows_no_order(void)
{
	enum { MANY = 30 * 1000 };

	begin();
	made_of_letters("abcd");
	synced("a");
	synced("b");
	synced("c");
	CHECK(record_shows());
	for (unsigned i = 0; i < MANY; i++)
		recorded(OP_CREAT, (long)"d", 0666, 0);
	CHECK(!record_shows());
}

/* It may have been told to do something else. */
static void a_forked_child_starts_without(void)
{
	int status;

	begin();
	made_in_three_directories();
	CHECK_EQ(record_left(), 5);
	if (fork() == 0)
		_exit(record_left() != 0 || record_shows());
	NEED(wait(&status) > 0);
	CHECK_EQ(status, 0);
}

/* The program's arguments lie one behind the other. */
static void begin_with_operands(void)
{
	static char text[] = "program\0-x\0a\0b\0c\0d";
	static char *argv[] = {text, text + 8, text + 11, text + 13, text + 15, text + 17, NULL};

	scratch();
	for (unsigned i = 2; i < 6; i++)
		file_make(argv[i], "x");
	ahead_begin(6, argv);
	config.mode = MODE_STRICT;
	NEED(record_begin());
}

static void operands_come_as_they_stand(void)
{
	begin_with_operands();
	CHECK_EQ(record_left(), 4);
	synced("a");
	synced("b");
	synced("c");
	CHECK(record_shows());
	CHECK_EQ(record_left(), 1);
	come("d");
}

static void an_operand_may_be_a_link(void)
{
	begin_with_operands();
	file_make("f", "x");
	NEED(unlink("c") == 0 && symlink("f", "c") == 0);
	synced("a");
	synced("b");
	synced("c");
	CHECK(record_shows());
	come("d");
}

/* Who syncs its operands need not sync what else it made. */
static void behind_the_operands_nothing_comes(void)
{
	begin_with_operands();
	made("e");
	made("g");
	synced("a");
	synced("b");
	synced("c");
	come("d");
	synced("d");
	CHECK_EQ(record_left(), 0);
	come("");
	synced("e");
	CHECK(!record_shows());
	synced("g");
	CHECK(record_shows());
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("files come as they were made", files_come_as_they_were_made);
	test("renamed behind their fsync they still do", renamed_behind_their_fsync_they_still_do);
	test("a few may be left out", a_few_may_be_left_out);
	test("C9: but not many", but_not_many);
	test("C9: another file between ends the order", another_file_between_ends_the_order);
	test("C9: who syncs other files is looked for seldom", who_syncs_other_files_is_looked_for_seldom);
	test("C8: what was followed to its end is forgotten", what_was_followed_to_its_end_is_forgotten);
	test("C9: another order is none", another_order_is_none);
	test("C9: files made elsewhere are none", files_made_elsewhere_are_none);
	test("C9: a name that leads elsewhere by now shows nothing",
	     a_name_that_leads_elsewhere_by_now_shows_nothing);
	test("every way of making is recorded, and no other",
	     every_way_of_making_is_recorded_and_no_other);
	test("C9: files synced as they are made are not recorded",
	     files_synced_as_they_are_made_are_not_recorded);
	test("a few fsyncs between many files end nothing",
	     a_few_fsyncs_between_many_files_end_nothing);
	test("C8: nothing is recorded before an fsync was slow",
	     nothing_is_recorded_before_an_fsync_was_slow);
	test("C10: what cannot be read is not recorded", what_cannot_be_read_is_not_recorded);
	test("C8: too many names begin anew", too_many_begin_anew);
	test("C9: what begins anew shows no order", what_begins_anew_shows_no_order);
	test("C8: long names begin anew", long_names_begin_anew);
	test("a forked child starts without", a_forked_child_starts_without);
	test("operands come as they stand", operands_come_as_they_stand);
	test("an operand may be a link", an_operand_may_be_a_link);
	test("C9: behind the operands nothing comes", behind_the_operands_nothing_comes);
	return tests_end();
}
