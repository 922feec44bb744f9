/* SPDX-License-Identifier: MIT
 *
 * late: the line on stderr, where it is not written, and who remembers.
 */
#include "report/late.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/sys.h"
#include "process/config.h"
#include "report/stats.h"
#include "scratch.h"

static int told; /* the end to read of what descriptor 2 was when late_begin was called */
static int kept; /* the test's own stderr, for notes */

static void begin(void)
{
	int ends[2];

	kept = fcntl(STDERR_FILENO, F_DUPFD, 100);
	NEED(kept >= 0 && pipe(ends) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
	told = ends[0];
	NEED(dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	close(ends[1]);
	late_begin();
}

/* What was written to that stderr; from here on the test has its own again. */
static const char *lines(void)
{
	static char text[8192];
	ssize_t length = read(told, text, sizeof(text) - 1);

	dup2(kept, STDERR_FILENO);
	text[length > 0 ? length : 0] = '\0';
	return text;
}

static void says(const char *expected)
{
	const char *text = lines();

	CHECK(!strcmp(text, expected));
	if (strcmp(text, expected))
		note("'%s'", text);
}

static void the_line(void)
{
	begin();
	CHECK(!late_happened());
	errno = 12345;
	late_report("linkat", "d/x", ENOSPC);
	CHECK_EQ(errno, 12345);
	CHECK(late_happened());
	late_report("unlinkat", "a b", EIO);
	says("ushim: linkat 'd/x': No space left on device (reported late)\n"
	     "ushim: unlinkat 'a b': Input/output error (reported late)\n");
}

static void odd_lines(void)
{
	begin();
	late_report("fsync", NULL, EDQUOT);
	late_report("mkdirat", "a\nushim: \x1b[2J\x7f", EACCES);
	late_report("mkdirat", "", 4242);
	says("ushim: fsync: Disk quota exceeded (reported late)\n"
	     "ushim: mkdirat 'a?ushim: ?[2J?': Permission denied (reported late)\n"
	     "ushim: mkdirat '': error 4242 (reported late)\n");
}

/* The longest path there is still leaves room for the error, and keeps its name. */
static void a_long_path(void)
{
	static char path[PATH_MAX];
	const char *text;

	memset(path, 'p', sizeof(path) - 1);
	memcpy(path + sizeof(path) - 6, "/name", 5);
	begin();
	late_report("linkat", path, EIO);
	text = lines();
	CHECK(!strncmp(text, "ushim: linkat '...ppp", 21));
	CHECK(strstr(text, "pp/name': Input/output error (reported late)\n"));
}

static void closed_at_start(void)
{
	scratch();
	begin();
	close(STDERR_FILENO);
	late_begin();
	NEED(open("file", O_RDWR | O_CREAT, 0666) == STDERR_FILENO);
	late_report("linkat", "x", EIO);
	CHECK_EQ(lseek(STDERR_FILENO, 0, SEEK_END), 0);
	CHECK(late_happened());
	says("");
}

static void closed_meanwhile(void)
{
	scratch();
	begin();
	close(STDERR_FILENO);
	late_report("linkat", "x", EIO);
	NEED(open("file", O_RDWR | O_CREAT, 0666) == STDERR_FILENO);
	late_report("linkat", "x", EIO);
	CHECK_EQ(lseek(STDERR_FILENO, 0, SEEK_END), 0);
	CHECK(late_happened());
	says("");
}

static void another_file(void)
{
	int ends[2];

	begin();
	NEED(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) == STDERR_FILENO);
	close(ends[1]);
	late_report("linkat", "x", EIO);
	dup2(kept, STDERR_FILENO); /* the last writer is gone: no waiting */
	CHECK_EQ(read(ends[0], ends, sizeof(ends)), 0);
	says("");
}

static void back_again(void)
{
	int elsewhere, back;

	begin();
	back = dup(STDERR_FILENO);
	elsewhere = open("/dev/null", O_WRONLY);
	NEED(back >= 0 && dup2(elsewhere, STDERR_FILENO) == STDERR_FILENO);
	late_report("linkat", "unheard", EIO);
	NEED(dup2(back, STDERR_FILENO) == STDERR_FILENO);
	late_report("linkat", "heard", EIO);
	says("ushim: linkat 'heard': Input/output error (reported late)\n");
}

static int child_reports(void *argument)
{
	(void)argument;
	if (late_happened())
		return 1;
	late_report("linkat", "child", EIO);
	return late_happened() ? 0 : 2;
}

static void children(void)
{
	begin();
	CHECK_EQ(in_child(child_reports, NULL), 0);
	CHECK(!late_happened()); /* that was the child's */
	late_report("linkat", "parent", EIO);
	CHECK_EQ(in_child(child_reports, NULL), 0);
	CHECK(late_happened());
	says("ushim: linkat 'child': Input/output error (reported late)\n"
	     "ushim: linkat 'parent': Input/output error (reported late)\n"
	     "ushim: linkat 'child': Input/output error (reported late)\n");
}

static void without_memory(void)
{
	struct rlimit before, none = {0, RLIM_INFINITY};

	begin();
	NEED(sys(SYS_getpid) > 0); /* the first system call of ours looks for a filter */
	NEED(getrlimit(RLIMIT_AS, &before) == 0);
	none.rlim_max = before.rlim_max;
	NEED(setrlimit(RLIMIT_AS, &none) == 0);
	late_report("linkat", "x", EIO);
	NEED(setrlimit(RLIMIT_AS, &before) == 0);
	CHECK(late_happened());
	says("ushim: linkat 'x': Input/output error (reported late)\n");
}

static void gone(void)
{
	begin();
	late_gone();
	CHECK(!late_happened());
	says("");
}

static void counted(void)
{
	char path[PATH_MAX + 16], record[65536] = "";
	int fd;

	scratch();
	snprintf(path, sizeof(path), "%s/stats", scratch_path);
	config.stats = path;
	stats_open();
	begin();
	stats_call(OP_LINKAT, REASON_NONE);
	late_report("linkat", "x", EIO);
	close(STDERR_FILENO);
	late_report("linkat", "y", EIO);
	late_gone();
	lines();
	stats_write("exit");
	fd = open(path, O_RDONLY);
	NEED(fd >= 0 && read(fd, record, sizeof(record) - 1) > 0);
	CHECK(strstr(record, "\"late\":2,\"late_gone\":1,"));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C6: a late failure is one line that says what failed and how", the_line);
	test("C6: no name makes more than a line of it", odd_lines);
	test("C6: a long path keeps its name and leaves room for the error", a_long_path);
	test("C6: nothing is written where stderr was closed at start", closed_at_start);
	test("C6: nothing is written where stderr was closed, or its number taken since",
	     closed_meanwhile);
	test("C6: nothing is written where stderr is another file now", another_file);
	test("C6: a stderr put back is written to", back_again);
	test("C6: a late failure is the process's own, not its child's nor its parent's", children);
	test("C6: a late failure is remembered without memory for it", without_memory);
	test("C6: what was to be removed and had gone is no failure", gone);
	test("C6: late failures are counted, seen or not", counted);
	return tests_end();
}
