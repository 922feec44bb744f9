/* SPDX-License-Identifier: MIT
 *
 * listing: streams read by the shim give what libc's would; and answers handed over into the
 * program's memory (yield) are what its own call would have put there.
 */
#include "ahead/ahead.h"
#include "walk/listing.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>

#include "call/yield.h"
#include "scratch.h"

enum { MANY = 20000 };

struct seen {
	uint64_t inode;
	int64_t next;
	unsigned char type;
	char name[256];
};

static struct seen libc[MANY + 2], ours[MANY + 2];

/* COUNT files in the current directory; some names are long, so that sizes differ. */
static void files_make(int count)
{
	char name[256];

	for (int i = 0; i < count; i++) {
		int fd;

		snprintf(name, sizeof(name), "%0*d", i % 97 == 5 ? 200 : 1 + i % 9, i);
		fd = open(name, O_WRONLY | O_CREAT, 0600);
		NEED(fd >= 0);
		close(fd);
	}
}

static int libc_rest(DIR *stream, struct seen *to)
{
	struct dirent *entry;
	int count = 0;

	while (errno = 0, (entry = readdir(stream))) {
		to[count].inode = entry->d_ino;
		to[count].next = telldir(stream);
		to[count].type = entry->d_type;
		strcpy(to[count++].name, entry->d_name);
	}
	CHECK_EQ(errno, 0);
	return count;
}

static bool ours_one(DIR *stream, struct seen *to)
{
	bool fresh;
	int error;
	const struct directory_entry *entry = listing_next(stream, &fresh, &error);

	CHECK_EQ(error, 0);
	if (!entry)
		return false;
	to->inode = entry->inode;
	to->next = listing_position(stream);
	to->type = entry->type;
	strcpy(to->name, entry->name);
	CHECK(entry->next == to->next);
	return true;
}

static int ours_rest(DIR *stream, struct seen *to)
{
	int count = 0;

	while (ours_one(stream, &to[count]))
		count++;
	return count;
}

static DIR *begin(void)
{
	DIR *stream = opendir(".");

	NEED(stream && listing_begin(stream, dirfd(stream)));
	CHECK(listing_has(stream));
	CHECK_EQ(listing_descriptor(stream), dirfd(stream));
	return stream;
}

static void end(DIR *stream)
{
	listing_end(stream);
	CHECK(!listing_has(stream));
	closedir(stream);
}

static void same(const struct seen *a, const struct seen *b, int count)
{
	for (int i = 0; i < count; i++) {
		bool equal = a[i].inode == b[i].inode && a[i].next == b[i].next &&
			     a[i].type == b[i].type && !strcmp(a[i].name, b[i].name);

		CHECK(equal);
		if (!equal) {
			note("entry %d: %s, %s", i, a[i].name, b[i].name);
			return;
		}
	}
}

/* A scratch directory of COUNT files, and what libc makes of it. */
static int prepare(int count)
{
	DIR *stream;
	int listed;

	scratch();
	files_make(count);
	stream = opendir(".");
	NEED(stream);
	listed = libc_rest(stream, libc);
	closedir(stream);
	NEED(listed == count + 2);
	return listed;
}

static void whole(int count)
{
	int listed = prepare(count);
	DIR *stream = begin();

	CHECK_EQ(listing_position(stream), 0);
	CHECK_EQ(ours_rest(stream, ours), listed);
	same(ours, libc, listed);
	CHECK(!ours_one(stream, ours)); /* the end stays the end */
	end(stream);
}

static void whole_0(void) { whole(0); }
static void whole_1(void) { whole(1); }
static void whole_500(void) { whole(500); }
static void whole_20000(void) { whole(MANY); }

static void count_one(void *context, const struct directory_entry *entry)
{
	(void)entry;
	++*(int *)context;
}

/* Read on at an entry, and read as far as BACK entries on; then taken back, or not if negative. */
static void read_on_at(int listed, int at, int back)
{
	DIR *stream = begin();
	int brought = 0;

	for (int i = 0; i < at; i++)
		CHECK(ours_one(stream, &ours[i]));
	listing_read_on(stream, count_one, &brought);
	listing_read_on(stream, count_one, &brought); /* once is enough */
	CHECK(listing_is_read_on(stream));
	CHECK(brought <= listed - at);
	CHECK_EQ(listing_position(stream), at ? libc[at - 1].next : 0);
	for (int i = 0; i < back && at < listed; i++)
		CHECK(ours_one(stream, &ours[at++]));
	if (back >= 0)
		listing_take_back(stream);
	CHECK_EQ(ours_rest(stream, ours + at), listed - at);
	same(ours, libc, listed);
	CHECK(!listing_is_read_on(stream));
	end(stream);
}

static void read_on(void)
{
	int listed = prepare(3000);

	for (int at = 0; at <= listed; at += at % 100 < 3 ? 1 : 97)
		for (int back = -1; back < 200; back += 100)
			read_on_at(listed, at, back);
}

/* What was removed after it was read on, and before its turn, is not listed. */
static void taken_back(void)
{
	int listed = prepare(3000), brought = 0;
	DIR *stream = begin();

	CHECK(ours_one(stream, &ours[0]));
	listing_read_on(stream, count_one, &brought);
	CHECK(brought > 0);
	for (int i = listed - 1; i > 2500; i--)
		NEED(unlink(libc[i].name) == 0 || errno == EISDIR);
	listing_take_back(stream);
	CHECK(ours_rest(stream, ours + 1) < listed - 400);
	end(stream);
}

/* Who shares the open file and moves it has not had what was read on: it is not lost. */
static void moved_by_others(void)
{
	int listed = prepare(3000), brought = 0, first;
	DIR *stream = begin();

	CHECK(ours_one(stream, &ours[0]));
	listing_read_on(stream, count_one, &brought);
	NEED(lseek(dirfd(stream), 0, SEEK_SET) == 0);
	listing_take_back(stream);
	first = ours_rest(stream, ours + 1) + 1 - listed; /* the first two buffers twice */
	CHECK(first > brought && first < listed);
	same(ours, libc, first);
	same(ours + first, libc, listed);
	end(stream);
}

/* That there was nothing more is no entry: it is asked for again, and what came since is seen. */
static void end_taken_back(void)
{
	int listed = prepare(10), brought = 0;
	DIR *stream = begin();

	CHECK(ours_one(stream, &ours[0]));
	listing_read_on(stream, count_one, &brought);
	CHECK_EQ(brought, 0);
	CHECK(listing_is_read_on(stream));
	listing_take_back(stream);
	CHECK(!listing_is_read_on(stream));
	CHECK_EQ(ours_rest(stream, ours + 1), listed - 1);
	end(stream);
}

/* Two at once: each entry is had by one of them, as under libc's lock. */
static void *reads_under_lock(void *stream)
{
	long count = 0;

	for (const struct directory_entry *entry = NULL;; count++) {
		bool fresh;
		int error;

		listing_lock(stream);
		entry = listing_next(stream, &fresh, &error);
		listing_unlock(stream);
		if (!entry)
			return (void *)count;
	}
}

static void locked(void)
{
	int listed = prepare(3000);
	DIR *stream = begin();
	pthread_t thread;
	void *others;
	long mine;

	NEED(pthread_create(&thread, NULL, reads_under_lock, stream) == 0);
	mine = (long)reads_under_lock(stream);
	NEED(pthread_join(thread, &others) == 0);
	CHECK_EQ(mine + (long)others, listed);
	end(stream);
}

/* seekdir to what telldir said, and rewinddir, with and without entries read on. */
static void repositioned(void)
{
	int listed = prepare(3000), brought = 0;
	DIR *stream = begin();
	long position;

	for (int i = 0; i < 1234; i++)
		ours_one(stream, &ours[i]);
	position = listing_position(stream);
	for (int i = 0; i < 500; i++)
		ours_one(stream, &ours[i]);
	CHECK_EQ(listing_move(stream, position), 0);
	CHECK_EQ(listing_position(stream), position);
	CHECK_EQ(ours_rest(stream, ours), listed - 1234);
	same(ours, libc + 1234, listed - 1234);
	CHECK_EQ(listing_move(stream, 0), 0);
	ours_one(stream, &ours[0]);
	listing_read_on(stream, count_one, &brought);
	CHECK(brought > 0);
	CHECK_EQ(listing_move(stream, 0), 0);
	CHECK_EQ(ours_rest(stream, ours), listed);
	same(ours, libc, listed);
	end(stream);
}

/* Where the kernel refuses the position, libc drops its buffer and goes on behind that. */
static void move_refused(void)
{
	int listed = prepare(3000), rest, expected;
	DIR *stream = begin(), *plain = opendir(".");
	int brought = 0;

	NEED(plain);
	ours_one(stream, &ours[0]);
	listing_read_on(stream, count_one, &brought);
	CHECK_EQ(listing_move(stream, LONG_MIN), -EINVAL);
	CHECK_EQ(listing_position(stream), LONG_MIN);
	rest = ours_rest(stream, ours);
	readdir(plain);
	errno = 0;
	seekdir(plain, LONG_MIN);
	CHECK_EQ(errno, EINVAL);
	expected = libc_rest(plain, ours);
	CHECK_EQ(rest, expected);
	CHECK(rest < listed && rest >= brought);
	closedir(plain);
	end(stream);
}

static int child_reads(void *stream)
{
	struct seen *to = ours;
	int count = ours_rest(stream, to);

	same(to, libc + 100, count);
	return checks_failed || count != 402 ? 1 : 0;
}

/* As with libc: the child goes on in its own copy of the buffer, the parent in its own. */
static void forked(void)
{
	int listed = prepare(500);
	DIR *stream = begin();

	for (int i = 0; i < 100; i++)
		ours_one(stream, &ours[i]);
	CHECK_EQ(in_child(child_reads, stream), 0);
	CHECK_EQ(ours_rest(stream, ours + 100), listed - 100);
	same(ours, libc, listed);
	end(stream);
}

static int ahead_count;

static void ahead_one(void *context, const struct directory_entry *entry)
{
	const struct seen *expected = context;

	CHECK(!strcmp(entry->name, expected[ahead_count].name));
	CHECK_EQ(entry->type, expected[ahead_count].type);
	ahead_count++;
}

/* What lies ahead in the buffer is what the program gets next. */
static void looked_ahead(void)
{
	DIR *stream;
	int at = 0, listed = prepare(3000);

	stream = begin();
	for (bool fresh;;) {
		int error;

		if (!listing_next(stream, &fresh, &error))
			break;
		CHECK(!fresh || at + ahead_count <= listed);
		at++;
		ahead_count = 0;
		if (fresh || at % 50 == 0)
			listing_ahead(stream, ahead_one, libc + at);
		CHECK(!fresh || ahead_count > 0 || at == listed);
	}
	CHECK_EQ(at, listed);
	end(stream);
}

/* fdopendir of a descriptor that has been read from: libc's from the start. */
static void in_the_middle(void)
{
	int listed = prepare(500);
	DIR *stream = opendir(".");

	NEED(stream);
	NEED(lseek(dirfd(stream), libc[20].next, SEEK_SET) >= 0);
	CHECK(!listing_begin(stream, dirfd(stream)));
	CHECK(!listing_has(stream));
	CHECK_EQ(listing_count(), 0);
	CHECK_EQ(libc_rest(stream, ours), listed - 21);
	same(ours, libc + 21, listed - 21);
	closedir(stream);
}

static void directory_gone(void)
{
	bool fresh;
	int error;
	DIR *stream;

	scratch();
	NEED(mkdir("gone", 0700) == 0);
	stream = opendir("gone");
	NEED(stream && rmdir("gone") == 0 && listing_begin(stream, dirfd(stream)));
	CHECK(!listing_next(stream, &fresh, &error));
	CHECK_EQ(error, -ENOENT);
	listing_end(stream);
	errno = 0;
	CHECK(!readdir(stream));
	CHECK_EQ(errno, 0);
	closedir(stream);
}

/* More streams than there is room for stay libc's. */
static void many_streams(void)
{
	enum { STREAMS = 80, ROOM = 64 };
	int listed = prepare(10);
	DIR *streams[STREAMS];

	for (int i = 0; i < STREAMS; i++) {
		streams[i] = opendir(".");
		NEED(streams[i]);
		CHECK_EQ(listing_begin(streams[i], dirfd(streams[i])), i < ROOM);
	}
	CHECK_EQ(listing_count(), ROOM);
	for (int i = 0; i < ROOM; i++)
		for (int k = 0; k < i % 12; k++)
			CHECK(ours_one(streams[i], &ours[k]));
	for (int i = 0; i < STREAMS; i++) {
		int had = i < ROOM ? i % 12 : 0;

		CHECK_EQ(i < ROOM ? ours_rest(streams[i], ours) : libc_rest(streams[i], ours),
			 listed - had);
		same(ours, libc + had, listed - had);
		listing_end(streams[i]);
		closedir(streams[i]);
	}
}

static void ask(const char *path, struct statx *statx_to, struct stat *stat_to)
{
	NEED(statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, statx_to) == 0);
	NEED(fstatat(AT_FDCWD, path, stat_to, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Byte for byte, the reserved ones too. */
static void stat_is_the_same(void)
{
	static const char *const paths[] = {"file", "empty", "link", "fifo", ".", "hard", "old",
					    "/dev/null", "/dev/tty", "/proc", "/proc/self/status"};
	const struct timespec before_1970[2] = {{-12345, 678}, {-54321, 999999999}};

	scratch();
	file_make("file", "some text");
	file_make("empty", "");
	file_make("old", "x");
	NEED(symlink("nowhere", "link") == 0 && mkfifo("fifo", 0640) == 0);
	NEED(link("file", "hard") == 0 && chmod("file", 06751) == 0);
	NEED(utimensat(AT_FDCWD, "old", before_1970, 0) == 0);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct stat expected, yielded;
		struct statx statx;

		if (access(paths[i], F_OK) && strcmp(paths[i], "link"))
			continue;
		ask(paths[i], &statx, &expected);
		memset(&yielded, 0xa5, sizeof(yielded));
		CHECK(yield_stat(&yielded, &statx));
		CHECK(!memcmp(&yielded, &expected, sizeof(yielded)));
		if (memcmp(&yielded, &expected, sizeof(yielded)))
			note("%s", paths[i]);
	}
}

/* Two pages, the second as PROTECTION says. */
static char *pages(int protection)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	NEED(page != MAP_FAILED && mprotect(page + 4096, 4096, protection) == 0);
	memset(page, 0x5a, 4096);
	return page;
}

/*
 * A structure of SIZE, the first INSIDE bytes of which can be written: refused as the kernel
 * refuses it, and then the program's own call leaves what it leaves without the shim.
 */
static void fault_is_the_same(int protection, size_t inside, bool of_statx,
			      const struct statx *from)
{
	size_t size = of_statx ? sizeof(struct statx) : sizeof(struct stat);
	char *alone = pages(protection), *after = pages(protection);
	char *to = after + 4096 - inside;
	bool yielded = of_statx ? yield_statx((struct statx *)to, from)
				: yield_stat((struct stat *)to, from);

	CHECK_EQ(yielded, inside >= size);
	for (int i = 0; i < 2; i++) {
		char *page = i ? after : alone;
		int result = of_statx ? statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS,
					      (struct statx *)(page + 4096 - inside))
				      : fstatat(AT_FDCWD, "/",
						(struct stat *)(page + 4096 - inside), 0);

		CHECK_EQ(result, inside >= size ? 0 : -1);
	}
	CHECK(!memcmp(alone, after, 4096));
	munmap(alone, 8192);
	munmap(after, 8192);
}

/* A stream closed unseen leaves its place to the next one at the same address. */
static void watched_to_the_end(void)
{
	static const enum op ops[] = {OP_READDIR, OP_READDIR_R, OP_TELLDIR,
				      OP_SEEKDIR, OP_REWINDDIR, OP_CLOSEDIR};
	DIR *stream = opendir("/");

	NEED(stream && listing_begin(stream, dirfd(stream)));
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		CHECK(ahead_needs(ops[i]));
	NEED(listing_begin(stream, dirfd(stream)));
	CHECK_EQ(listing_count(), 1);
	listing_end(stream);
	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		CHECK(!ahead_needs(ops[i]));
	closedir(stream);
}

static void faults_are_the_same(void)
{
	static const int protections[] = {PROT_NONE, PROT_READ};
	struct statx statx_from;
	struct stat from;

	ask("/", &statx_from, &from);
	for (int i = 0; i < 2; i++)
		for (size_t inside = 0; inside <= sizeof(struct statx); inside += 8) {
			fault_is_the_same(protections[i], inside, false, &statx_from);
			fault_is_the_same(protections[i], inside, true, &statx_from);
		}
	CHECK(!yield_stat(NULL, &statx_from));
	CHECK(!yield_statx(NULL, &statx_from));
	CHECK(!yield_stat((struct stat *)-4096L, &statx_from));
	CHECK(yield_stat(&from, &statx_from));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C1: an empty directory is listed as libc lists it", whole_0);
	test("C1: a directory of one entry is listed as libc lists it", whole_1);
	test("C1: a directory of 500 entries is listed as libc lists it", whole_500);
	test("C1: a directory of 20,000 entries is listed as libc lists it", whole_20000);
	test("C1: a stream read on before its time is listed the same, taken back or not", read_on);
	test("C2: what was read on and taken back is read in its time", taken_back);
	test("C1: a stream moved by whoever shares it loses nothing", moved_by_others);
	test("C2: the end of a listing is asked for again once it may have moved", end_taken_back);
	test("C1: two threads read one stream, each entry once", locked);
	test("C1: seekdir and rewinddir in the middle lead where they should", repositioned);
	test("C1: a position the kernel refuses is as with libc", move_refused);
	test("C1: after a fork parent and child read on, each for itself", forked);
	test("Listing: what lies ahead is what comes next", looked_ahead);
	test("C1: a descriptor already read from is left to libc", in_the_middle);
	test("C1: a directory removed meanwhile ends as libc ends it", directory_gone);
	test("C1: streams beyond the room stay libc's", many_streams);
	test("C1: a stream of ours is watched to its end, outside too", watched_to_the_end);
	test("C1: a stat made from statx is newfstatat's in every byte", stat_is_the_same);
	test("C1: memory that cannot be written is left to the program's own call",
	     faults_are_the_same);
	return tests_end();
}
