/* SPDX-License-Identifier: MIT
 *
 * stats: the record, and the moments at which it is written.
 */
#include "report/stats.h"

#include <ctype.h>
#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/diag.h"
#include "base/filter.h"
#include "process/config.h"
#include "process/process.h"
#include "scratch.h"

static char path[PATH_MAX + 16];
static char text[1024 * 1024];

static void begin(void)
{
	if (filter_in_force())
		skip("requires a process without a seccomp filter"); /* no record is written */
	scratch();
	snprintf(path, sizeof(path), "%s/stats", scratch_path);
	config.stats = path;
	config.mode = MODE_AUTO;
	stats_open();
}

/* What was written up to now; its number of lines. */
static int records(void)
{
	int fd = open(path, O_RDONLY), lines = 0;
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[length > 0 ? length : 0] = '\0';
	for (char *c = text; *c; c++)
		lines += *c == '\n';
	if (fd >= 0)
		close(fd);
	return lines;
}

/* ---- enough of JSON (RFC 8259) ---- */

static const char *json(const char *at);

static const char *json_string(const char *at)
{
	if (!at || *at++ != '"')
		return NULL;
	while (*at != '"')
		if ((unsigned char)*at < ' ' || *at == '\\' || !*at++)
			return NULL;
	return at + 1;
}

static const char *json_object(const char *at)
{
	if (*++at == '}')
		return at + 1;
	for (;; at++) {
		at = json_string(at);
		if (!at || *at != ':' || !(at = json(at + 1)))
			return NULL;
		if (*at == '}')
			return at + 1;
		if (*at != ',')
			return NULL;
	}
}

/* After the value at AT; null if there is none. */
static const char *json(const char *at)
{
	const char *begin = at;

	if (*at == '{')
		return json_object(at);
	if (*at == '"')
		return json_string(at);
	at += *at == '-';
	if (*at == '0')
		return at + 1;
	while (isdigit((unsigned char)*at))
		at++;
	return at > begin && isdigit((unsigned char)at[-1]) ? at : NULL;
}

static void checker_can_fail(void)
{
	static const char *const bad[] = {"{", "{\"a\":}", "{\"a\":1,}", "{\"a\":01}", "{\"a\"1}",
					  "{\"a\":1 }", "{\"a\\\":1}", "{a:1}", "{\"a\":-}", ""};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		const char *end = json(bad[i]);

		CHECK(!end || *end);
	}
	CHECK(json("{\"a\":{\"b\":-12,\"c\":\"x\"},\"d\":0}"));
}

static void lines_are_json(int expected)
{
	const char *at = text;

	CHECK_EQ(records(), expected);
	for (int i = 0; i < expected && at; i++) {
		CHECK(*at == '{');
		at = json(at);
		CHECK(at && *at == '\n');
		at = at ? at + 1 : NULL;
	}
	CHECK(at && !*at);
}

static void a_record(void)
{
	begin();
	stats_call(OP_LINKAT, REASON_NONE);
	stats_call(OP_LINKAT, REASON_NONE);
	stats_call(OP_LINKAT, REASON_MODE);
	stats_call(OP_SYSCALL, REASON_OPERATION);
	stats_ring(RING_STAT_ENTERS);
	stats_ring_error(-ENOMEM);
	CHECK_EQ(records(), 0);
	stats_write("exit");
	lines_are_json(1);
	CHECK(strstr(text, "\"LINKAT\":{\"calls\":3,\"ring\":2,\"plain\":1}"));
	CHECK(strstr(text, "\"enters\":1"));
	CHECK(strstr(text, "\"ring_error\":-12"));
	CHECK(strstr(text, "\"mode\":\"auto\""));
	CHECK(strstr(text, "\"end\":\"exit\""));
}

static void everything_counted(void)
{
	begin();
	for (enum op op = 0; op < OP_COUNT; op++)
		for (int reason = 0; reason < REASON_COUNT; reason++)
			stats_call(op, (enum reason)reason);
	for (int stat = 0; stat < RING_STAT_COUNT; stat++)
		stats_ring((enum ring_stat)stat);
	stats_write("exit");
	lines_are_json(1);
	for (enum op op = 0; op < OP_COUNT; op++)
		CHECK(strstr(text, table_op_name(op)));
}

static void names_are_tamed(void)
{
	begin();
	prctl(PR_SET_NAME, "a\"b\\c\n\x01\x80z");
	stats_call(OP_READ, REASON_MODE);
	stats_write("exit");
	lines_are_json(1);
	CHECK(strstr(text, "\"program\":\"a?b?c???z\""));
}

static void starts_from_zero(void)
{
	begin();
	stats_write("exit");
	CHECK_EQ(records(), 0); /* nothing was called */
	stats_call(OP_READ, REASON_MODE);
	stats_write("exec");
	stats_write("exit");
	lines_are_json(1);
	stats_call(OP_WRITE, REASON_MODE);
	stats_write("exit");
	lines_are_json(2);
	CHECK(strstr(text, "\"ops\":{\"WRITE\":{\"calls\":1,\"plain\":1}}"));
}

static int child_writes(void *argument)
{
	stats_write("exit");
	CHECK_EQ(records(), 0); /* the parent's calls are not the child's */
	stats_call(OP_WRITE, REASON_MODE);
	stats_write("exit");
	lines_are_json(1);
	CHECK(!strstr(text, "READ"));
	(void)argument;
	return checks_failed != 0;
}

static void forked(void)
{
	begin();
	stats_call(OP_READ, REASON_MODE);
	CHECK(process_owns_memory());
	CHECK_EQ(in_child(child_writes, NULL), 0);
	stats_write("exit");
	lines_are_json(2);
	CHECK(strstr(text, "\"ops\":{\"READ\":{\"calls\":1,\"plain\":1}}"));
}

static void not_wanted(void)
{
	stats_open();
	CHECK(!stats_wanted());
	stats_call(OP_READ, REASON_MODE);
	stats_ring(RING_STAT_RINGS);
	stats_ring_error(-1);
	stats_write("exit");
}

static void nowhere_to_write(void)
{
	begin();
	config.stats = "/nonexistent/directory/stats";
	stats_call(OP_READ, REASON_MODE);
	stats_write("exit");
	config.stats = "/";
	stats_call(OP_READ, REASON_MODE);
	stats_write("exit");
}

static volatile sig_atomic_t raised;

static void count_signal(int number)
{
	(void)number;
	raised++;
}

/* The program wrote nothing: SIGXFSZ and SIGPIPE are not for it. */
static void past_the_limit(void)
{
	struct rlimit none = {0, RLIM_INFINITY};
	sigset_t before, after; /* of which the kernel fills 64 bits */

	begin();
	NEED(setrlimit(RLIMIT_FSIZE, &none) == 0);
	stats_call(OP_READ, REASON_MODE);
	stats_write("exit"); /* SIGXFSZ would be the end */
	CHECK_EQ(signal(SIGXFSZ, count_signal) == SIG_ERR, 0);
	NEED(sigprocmask(SIG_BLOCK, NULL, &before) == 0);
	stats_call(OP_READ, REASON_MODE);
	stats_write("exit");
	NEED(sigprocmask(SIG_BLOCK, NULL, &after) == 0);
	usleep(1);
	CHECK_EQ(raised, 0);
	CHECK(!memcmp(&before, &after, sizeof(uint64_t)));
}

static void past_the_reader(void)
{
	static const char *const line[] = {"words", NULL};
	int ends[2], before = dup(STDERR_FILENO);
	sigset_t pipes, pending;

	NEED(pipe(ends) == 0);
	close(ends[0]);
	dup2(ends[1], STDERR_FILENO);
	diag_line(line); /* SIGPIPE would be the end */
	/* The program's own pending one stays. */
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	sigprocmask(SIG_BLOCK, &pipes, NULL);
	raise(SIGPIPE);
	diag_line(line);
	dup2(before, STDERR_FILENO);
	sigpending(&pending);
	CHECK(sigismember(&pending, SIGPIPE));
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("the checker of records can fail", checker_can_fail);
	test("USHIM_STATS: a record says what was called and how it was met", a_record);
	test("USHIM_STATS: a record has room for everything", everything_counted);
	test("USHIM_STATS: any program's name makes valid JSON", names_are_tamed);
	test("USHIM_STATS: a record written, counting starts from zero", starts_from_zero);
	test("USHIM_STATS: a forked child starts from zero", forked);
	test("USHIM_STATS: without it, nothing is counted", not_wanted);
	test("USHIM_STATS: where nothing can be written, nothing happens", nowhere_to_write);
	test("C8: a record past RLIMIT_FSIZE raises no signal", past_the_limit);
	test("C8: a warning to a broken pipe raises no signal", past_the_reader);
	return tests_end();
}
