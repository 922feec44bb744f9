/* SPDX-License-Identifier: MIT
 *
 * sweep: names, their orders, and whether a program follows one.
 */
#include "walk/sweep.h"

#include <dirent.h>

#include "check.h"

static struct sweep sweep;
static size_t total;

static bool add(const char *name, uint64_t inode)
{
	return sweep_add(&sweep, name, strlen(name), inode, DT_REG);
}

/* What it holds, counted apart from the total it keeps. */
static size_t bytes(const struct sweep *of)
{
	size_t orders = of->walk ? 2 * of->room * sizeof(uint32_t) : 0;

	return of->room * sizeof(struct sweep_entry) + of->names_room + orders +
	       of->table_room * sizeof(uint32_t);
}

static uint32_t find(const char *name)
{
	return sweep_find(&sweep, name, strlen(name));
}

/* As shim/ahead asks: true if the question about NAME follows. */
static bool follow(const char *name)
{
	bool follows;

	sweep.last = sweep_follow(&sweep, find(name), sweep.last, &follows);
	return follows;
}

/* COUNT names n0, n1, ...: listed so, inodes in the opposite order. */
static void fill(unsigned count)
{
	char name[16];

	sweep_begin(&sweep, &total);
	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		NEED(add(name, 1000000 - i));
	}
}

static void empty_finds_nothing(void)
{
	sweep_begin(&sweep, &total);
	CHECK_EQ(find("a"), SWEEP_NONE);
	CHECK_EQ(find(""), SWEEP_NONE);
	CHECK_EQ(sweep.last, SWEEP_NONE);
	CHECK_EQ(bytes(&sweep), 0);
}

static void one_entry(void)
{
	bool follows;

	fill(1);
	CHECK_EQ(find("n0"), 0);
	CHECK_EQ(find("n1"), SWEEP_NONE);
	CHECK_EQ(find("n"), SWEEP_NONE);
	CHECK_EQ(find("n00"), SWEEP_NONE);
	CHECK(!strcmp(sweep_name(&sweep, 0), "n0"));
	CHECK_EQ(sweep_at(&sweep, 0), 0);
	CHECK_EQ(sweep_follow(&sweep, 0, SWEEP_NONE, &follows), 0);
	CHECK(follows);
}

/* Every byte a name may have, and every length. */
static void any_name(void)
{
	char name[256];

	sweep_begin(&sweep, &total);
	for (int byte = 1; byte < 256; byte++) {
		memset(name, byte, (size_t)byte);
		NEED(sweep_add(&sweep, name, (size_t)byte, (uint64_t)byte, DT_REG));
	}
	for (int byte = 1; byte < 256; byte++) {
		memset(name, byte, (size_t)byte);
		CHECK_EQ(sweep_find(&sweep, name, (size_t)byte), byte - 1);
		CHECK_EQ(sweep_find(&sweep, name, (size_t)byte - 1), SWEEP_NONE);
		CHECK_EQ(strlen(sweep_name(&sweep, (uint32_t)byte - 1)), byte);
	}
}

static void too_long_a_name(void)
{
	static char name[UINT16_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	sweep_begin(&sweep, &total);
	CHECK(!sweep_add(&sweep, name, UINT16_MAX + 1, 1, DT_REG));
	CHECK(sweep_add(&sweep, name, UINT16_MAX, 1, DT_REG));
	CHECK_EQ(sweep_find(&sweep, name, UINT16_MAX), 0);
}

static void grows_to_the_cap(void)
{
	char name[16];

	fill(SWEEP_ENTRIES_MOST);
	CHECK_EQ(sweep.count, SWEEP_ENTRIES_MOST);
	CHECK(!add("one more", 1));
	CHECK_EQ(sweep.count, SWEEP_ENTRIES_MOST);
	CHECK_EQ(find("one more"), SWEEP_NONE);
	for (unsigned i = 0; i < SWEEP_ENTRIES_MOST; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		if (find(name) != i || strcmp(sweep_name(&sweep, i), name) ||
		    sweep.entries[i].inode != 1000000 - i) {
			CHECK(!"every entry is found as it was added");
			return;
		}
	}
}

/* What the documentation states of all sweeps' memory, with names of 255 bytes. */
static void memory_is_bounded(void)
{
	static struct sweep sweeps[SWEEPS];
	char name[256];
	size_t sum = 0;
	bool refused = false;

	memset(name, 'x', 255);
	name[255] = '\0';
	for (unsigned i = 0; i < SWEEPS; i++)
		sweep_begin(&sweeps[i], &total);
	for (unsigned i = 0; i < SWEEPS * SWEEP_ENTRIES_MOST / 4; i++) {
		struct sweep *one = &sweeps[i % SWEEPS];

		name[snprintf(name, sizeof(name), "%u", i)] = 'x';
		if (!sweep_add(one, name, 255, SWEEP_ENTRIES_MOST - i, DT_REG)) {
			refused = true;
			continue;
		}
		NEED(sweep_find(one, name, 255) == one->count - 1);
	}
	CHECK(refused);
	CHECK(total <= 16 * 1024 * 1024);
	for (unsigned i = 0; i < SWEEPS; i++) {
		uint32_t last = sweep_follow(&sweeps[i], 5, SWEEP_NONE, &(bool){false});

		sweep_follow(&sweeps[i], 4, last, &(bool){false}); /* sorted where there is room */
		CHECK_EQ(sweep_find(&sweeps[i], "not there", 9), SWEEP_NONE);
		sum += bytes(&sweeps[i]);
	}
	CHECK_EQ(sum, total);
	CHECK(total <= 16 * 1024 * 1024);
	for (unsigned i = 0; i < SWEEPS; i++)
		sweep_end(&sweeps[i]);
	CHECK_EQ(total, 0);
}

static void again_is_anew(void)
{
	struct sweep_ref ref;

	fill(300);
	ref = sweep_refer(&sweep);
	CHECK(sweep_referred(&ref) == &sweep);
	fill(2);
	CHECK(!sweep_referred(&ref));
	CHECK_EQ(sweep.count, 2);
	CHECK_EQ(find("n2"), SWEEP_NONE);
	CHECK_EQ(find("n1"), 1);
	CHECK(!sweep.entries[1].asked);
	ref = sweep_refer(&sweep);
	sweep_end(&sweep);
	CHECK(!sweep_referred(&ref));
}

static void listing_order(void)
{
	fill(200);
	CHECK(follow("n0"));
	CHECK(follow("n1"));
	CHECK(follow("n2"));
	CHECK_EQ(sweep.order, SWEEP_LISTED);
	CHECK_EQ(sweep.reorders, 0);
	CHECK_EQ(sweep_at(&sweep, 100), 100);
}

static void inode_order(void)
{
	fill(200);
	sweep.next = 77;
	CHECK(!follow("n198"));
	CHECK_EQ(sweep.order, SWEEP_LISTED);
	CHECK(follow("n197"));
	CHECK_EQ(sweep.order, SWEEP_BY_INODE);
	CHECK_EQ(sweep.next, 0); /* places are others now */
	CHECK(follow("n196"));
	CHECK_EQ(sweep.reorders, 2);
	for (uint32_t place = 0; place < 200; place++)
		CHECK_EQ(sweep_at(&sweep, place), 199 - place);
}

static void inode_first(void)
{
	fill(200);
	CHECK(follow("n199"));
	CHECK_EQ(sweep.order, SWEEP_BY_INODE);
	CHECK(follow("n198"));
	CHECK_EQ(sweep.reorders, 1);
}

/* Equal inodes (hard links) stay in listing order; none is lost. */
static void equal_inodes(void)
{
	bool seen[50] = {false};
	char name[16];

	sweep_begin(&sweep, &total);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		NEED(add(name, 10 - i / 5));
	}
	CHECK(follow("n45"));
	CHECK(follow("n46"));
	sweep.last = SWEEP_NONE;
	follow("n45");
	follow("n40");
	for (uint32_t place = 0; place < 50; place++) {
		CHECK(!seen[sweep_at(&sweep, place)]);
		seen[sweep_at(&sweep, place)] = true;
	}
}

/* n10 < n100 < n101 < n11: bytes, not numbers. */
static void name_order(void)
{
	fill(200);
	CHECK(!follow("n109"));
	CHECK(follow("n11"));
	CHECK_EQ(sweep.order, SWEEP_BY_NAME);
	for (uint32_t place = 1; place < 200; place++)
		CHECK(strcmp(sweep_name(&sweep, sweep_at(&sweep, place - 1)),
			     sweep_name(&sweep, sweep_at(&sweep, place))) < 0);
}

static void skipping(void)
{
	fill(200);
	CHECK(follow("n0"));
	CHECK(follow("n4"));  /* three passed over */
	CHECK(!follow("n9")); /* four are too many */
	CHECK(follow("n10"));
	CHECK(!follow("n10")); /* the same again goes nowhere, and */
	CHECK_EQ(sweep.order, SWEEP_LISTED);
}

static void paired(void)
{
	static struct sweep other;
	const char *theirs[] = {"n3", "x", "n1", "n2"};
	size_t other_total = 0;

	fill(5);
	sweep_begin(&other, &other_total);
	for (unsigned i = 0; i < 4; i++)
		NEED(sweep_add(&other, theirs[i], strlen(theirs[i]), 1, 8));
	sweep_pair(&sweep, &other);
	CHECK(follow("n3"));
	CHECK(follow("n1"));
	CHECK(follow("n2"));
	CHECK_EQ(sweep_at(&sweep, 3), find("n0")); /* what the other has not comes last */
	CHECK_EQ(sweep_at(&sweep, 4), find("n4"));
	CHECK_EQ(sweep.order, SWEEP_PAIRED);
	sweep_end(&other);
}

static void beginning_in_the_middle(void)
{
	fill(200);
	CHECK(!follow("n100"));
	CHECK(follow("n101"));
	CHECK_EQ(sweep.order, SWEEP_LISTED);
}

/* No order fits: after a few tries it stops sorting, and keeps the order it had. */
static void no_order(void)
{
	char name[16];
	unsigned follows = 0, most = 0;

	fill(2000);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "n%u", (i * 7919 + 13) % 2000);
		follows += follow(name);
		most = sweep.reorders > most ? sweep.reorders : most;
	}
	CHECK_EQ(most, 4);
	CHECK_EQ(sweep.order, SWEEP_LISTED);
	CHECK(follows <= 5);
}

/* A directory listed further while it is walked in inode order. */
static void late_names(void)
{
	fill(200);
	follow("n199");
	follow("n198");
	NEED(sweep.order == SWEEP_BY_INODE);
	CHECK(add("late", 5));
	CHECK_EQ(sweep.order, SWEEP_LISTED);
	CHECK_EQ(find("late"), 200);
	CHECK_EQ(sweep_at(&sweep, 200), 200);
}

static void oldest_makes_room(void)
{
	static struct sweep sweeps[SWEEPS];
	bool follows;

	for (int i = 0; i < SWEEPS; i++) {
		CHECK(sweep_oldest(sweeps) == &sweeps[i]);
		sweep_begin(&sweeps[i], &total);
		NEED(sweep_add(&sweeps[i], "a", 1, 1, DT_REG));
	}
	sweep_follow(&sweeps[0], 0, SWEEP_NONE, &follows);
	CHECK(sweep_oldest(sweeps) == &sweeps[1]);
	sweep_end(&sweeps[7]);
	CHECK(sweep_oldest(sweeps) == &sweeps[7]);
}

/* Each pair as listed is asked about backwards; nothing else goes back. */
static void catching_up(void)
{
	fill(10);
	CHECK(!sweep_catches_up(&sweep, find("n0"), SWEEP_NONE));
	CHECK(!follow("n1"));
	sweep.entries[find("n1")].asked = true;
	CHECK(sweep_catches_up(&sweep, find("n0"), sweep.last));
	sweep.entries[find("n0")].asked = true;
	CHECK(!sweep_catches_up(&sweep, find("n0"), sweep.last)); /* again */
	CHECK(!sweep_catches_up(&sweep, find("n1"), sweep.last));
	CHECK(!sweep_catches_up(&sweep, find("n2"), sweep.last));
	CHECK(follow("n3"));
	CHECK(sweep_catches_up(&sweep, find("n2"), sweep.last));
	CHECK(follow("n7"));
	CHECK(sweep_catches_up(&sweep, find("n5"), sweep.last));
	CHECK(!sweep_catches_up(&sweep, find("n2"), sweep.last)); /* too far */
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("Sweep: an empty one knows no name", empty_finds_nothing);
	test("Sweep: one entry is found, and nothing like it", one_entry);
	test("Sweep: names of every byte and length", any_name);
	test("Sweep: a name too long is refused", too_long_a_name);
	test("Sweep: 65,536 entries are found, one more is refused", grows_to_the_cap);
	test("Sweep: the memory of all together is bounded", memory_is_bounded);
	test("Sweep: begun again it knows nothing of before", again_is_anew);
	test("Sweep: the order of the listing is followed", listing_order);
	test("Sweep: the order of inodes is recognised at the second question", inode_order);
	test("Sweep: the order of another directory is taken over", paired);
	test("Sweep: or at the first, where that is about its first entry", inode_first);
	test("Sweep: equal inodes are each asked about once", equal_inodes);
	test("Sweep: the order of names is recognised", name_order);
	test("Sweep: up to three entries may be passed over", skipping);
	test("Sweep: who asks about two listed names backwards goes on", catching_up);
	test("Sweep: a program may begin in the middle", beginning_in_the_middle);
	test("Sweep: where no order fits it stops trying", no_order);
	test("Sweep: names that come late are taken", late_names);
	test("Sweep: the one unused longest makes room", oldest_makes_room);
	return tests_end();
}
