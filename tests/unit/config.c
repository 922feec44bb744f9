/* SPDX-License-Identifier: MIT
 *
 * config: each variable, good, malformed and at its limits, and what is said about it.
 */
#include "process/config.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "check.h"
#include "table/opcodes.h"

static char said[4096];

/* Reads the configuration with NAME set to VALUE alone; what it says is then in SAID. */
static void read_with(const char *name, const char *value)
{
	int before = dup(STDERR_FILENO);
	int file = memfd_create("stderr", 0);
	ssize_t got;

	NEED(before >= 0 && file >= 0 && dup2(file, STDERR_FILENO) == STDERR_FILENO);
	memset(&config, 0, sizeof(config));
	sys(SYS_getppid); /* under a filter it is settled here that calls may be made */
	if (name)
		setenv(name, value, 1);
	config_read();
	if (name)
		unsetenv(name);
	got = pread(file, said, sizeof(said) - 1, 0);
	said[got > 0 ? got : 0] = '\0';
	dup2(before, STDERR_FILENO);
	close(before);
	close(file);
}

static void is_silent(const char *name, const char *value)
{
	read_with(name, value);
	if (said[0])
		note("%s=%s: %s", name, value, said);
	CHECK(!said[0]);
}

/* One line that names the variable. */
static void warns(const char *name, const char *value)
{
	char begin[128];

	read_with(name, value);
	snprintf(begin, sizeof(begin), "ushim: %s='", name);
	if (strncmp(said, begin, strlen(begin)) != 0)
		note("%s=%s: said '%s'", name, value, said);
	CHECK(!strncmp(said, begin, strlen(begin)));
	CHECK(strchr(said, '\n') == said + strlen(said) - 1);
}

static void defaults(void)
{
	is_silent(NULL, NULL);
	CHECK_EQ(config.mode, MODE_AUTO);
	CHECK_EQ(config.depth, 64);
	CHECK_EQ(config.stale_ms, 250);
	CHECK_EQ(config.ring_entries, 64);
	CHECK_EQ(config.sqpoll_ms, 0);
	CHECK_EQ(config.force, false);
	CHECK_EQ(config.without, 0);
	CHECK(!config.stats);
}

static void off(void)
{
	is_silent("USHIM", "0");
	CHECK_EQ(config.mode, MODE_OFF);
	is_silent("USHIM", "off");
	CHECK_EQ(config.mode, MODE_OFF);
	is_silent("USHIM", "1");
	CHECK_EQ(config.mode, MODE_AUTO);
	is_silent("USHIM", "on");
	CHECK_EQ(config.mode, MODE_AUTO);
	is_silent("USHIM", "");
	CHECK_EQ(config.mode, MODE_AUTO);
	warns("USHIM", "maybe");
	CHECK_EQ(config.mode, MODE_AUTO);
}

/* Switched off, nothing else is looked at. */
static void off_is_silent(void)
{
	setenv("USHIM_DEPTH", "x", 1);
	is_silent("USHIM", "0");
	unsetenv("USHIM_DEPTH");
}

static void modes(void)
{
	static const char *const names[] = {"auto", "strict", "ring"};
	static const char *const wrong[] = {"off", "Ring", "ring ", " ring", "r", "auto,ring"};

	for (int i = 0; i < 3; i++) {
		is_silent("USHIM_MODE", names[i]);
		CHECK(!strcmp(config_mode_name(config.mode), names[i]));
	}
	for (int i = 0; i < 6; i++) {
		warns("USHIM_MODE", wrong[i]);
		CHECK_EQ(config.mode, MODE_AUTO);
	}
	is_silent("USHIM_MODE", "");
	CHECK_EQ(config.mode, MODE_AUTO);
	CHECK(!strcmp(config_mode_name(MODE_OFF), "off"));
}

static void number(const char *name, const unsigned *value, long least, long most,
		   unsigned otherwise)
{
	static const char *const wrong[] = {"-1", "+1", "1 ", " 1", "0x10", "1.5", "ten", "1k",
					    "2147483647", "2147483648", "4294967297",
					    "18446744073709551617", "99999999999999999999999"};
	char text[32];

	snprintf(text, sizeof(text), "%ld", least);
	is_silent(name, text);
	CHECK_EQ(*value, least);
	snprintf(text, sizeof(text), "%ld", most);
	is_silent(name, text);
	CHECK_EQ(*value, most);
	snprintf(text, sizeof(text), "000%ld", most);
	is_silent(name, text);
	CHECK_EQ(*value, most);
	snprintf(text, sizeof(text), "%ld", most + 1);
	warns(name, text);
	CHECK_EQ(*value, otherwise);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		warns(name, wrong[i]);
		CHECK_EQ(*value, otherwise);
	}
	if (least > 0)
		warns(name, "0");
	is_silent(name, "");
	CHECK_EQ(*value, otherwise);
}

static void numbers(void)
{
	number("USHIM_DEPTH", &config.depth, 1, 4096, 64);
	number("USHIM_STALE_MS", &config.stale_ms, 0, 60000, 250);
	number("USHIM_RING", &config.ring_entries, 1, 4096, 64);
	number("USHIM_SQPOLL", &config.sqpoll_ms, 0, 60000, 0);
}

static void force(void)
{
	is_silent("USHIM_FORCE", "1");
	CHECK_EQ(config.force, true);
	is_silent("USHIM_FORCE", "0");
	CHECK_EQ(config.force, false);
	warns("USHIM_FORCE", "2");
	CHECK_EQ(config.force, false);
}

static void seccomp(void)
{
	is_silent("USHIM_SECCOMP", "ask");
	CHECK_EQ(config.filter, FILTER_ASK);
	is_silent("USHIM_SECCOMP", "avoid");
	CHECK_EQ(config.filter, FILTER_AVOID);
	is_silent("USHIM_SECCOMP", "auto");
	CHECK_EQ(config.filter, FILTER_AUTO);
	warns("USHIM_SECCOMP", "1");
	CHECK_EQ(config.filter, FILTER_AUTO);
}

static void without(void)
{
	is_silent("USHIM_WITHOUT", "linkat");
	CHECK(config.without == UINT64_C(1) << OPCODE_LINKAT);
	is_silent("USHIM_WITHOUT", "READ,Write,ftruncate");
	CHECK(config.without == (UINT64_C(1) << OPCODE_READ | UINT64_C(1) << OPCODE_WRITE |
				 UINT64_C(1) << OPCODE_FTRUNCATE));
	warns("USHIM_WITHOUT", "linkat,nothing");
	CHECK_EQ(config.without, 0);
	warns("USHIM_WITHOUT", "rea");
	warns("USHIM_WITHOUT", "readvv");
	warns("USHIM_WITHOUT", "read,,write");
	warns("USHIM_WITHOUT", "none");
}

static void stats_absolute(void)
{
	is_silent("USHIM_STATS", "/somewhere/file");
	CHECK(config.stats && !strcmp(config.stats, "/somewhere/file"));
}

static void stats_relative(void)
{
	NEED(chdir("/usr") == 0);
	is_silent("USHIM_STATS", "a/file");
	CHECK(config.stats && !strcmp(config.stats, "/usr/a/file"));
	NEED(chdir("/") == 0);
	is_silent("USHIM_STATS", "file");
	/* "//file" is "/file" on Linux */
	CHECK(config.stats && (!strcmp(config.stats, "/file") || !strcmp(config.stats, "//file")));
}

static void stats_too_long(void)
{
	char path[PATH_MAX + 2];

	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[PATH_MAX - 1] = '\0';
	is_silent("USHIM_STATS", path);
	CHECK(config.stats && strlen(config.stats) == PATH_MAX - 1);
	path[PATH_MAX - 1] = 'a';
	path[PATH_MAX] = '\0';
	warns("USHIM_STATS", path);
	CHECK(!config.stats);
	NEED(chdir("/usr") == 0);
	path[PATH_MAX - 1] = '\0'; /* relative: "/usr/" comes on top */
	warns("USHIM_STATS", path + 1);
	CHECK(!config.stats);
}

static void stats_nowhere(void)
{
	char directory[] = "/tmp/ushim-unit.XXXXXX";

	NEED(mkdtemp(directory) && chdir(directory) == 0 && rmdir(directory) == 0);
	is_silent("USHIM_STATS", "file");
	CHECK(!config.stats);
}

static void warnings_are_lines(void)
{
	warns("USHIM_MODE", "two\nlines\033[31m");
	CHECK(!strchr(said, '\033'));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("USHIM_*: the defaults", defaults);
	test("USHIM=0 and off turn it off, 1 and on do not", off);
	test("USHIM=0: nothing else is looked at, or warned about", off_is_silent);
	test("USHIM_MODE: auto, strict, ring; one warning for others", modes);
	test("USHIM_DEPTH, _STALE_MS, _RING, _SQPOLL: limits, one warning beyond", numbers);
	test("USHIM_FORCE: 0 or 1", force);
	test("USHIM_SECCOMP: auto, ask or avoid", seccomp);
	test("USHIM_WITHOUT: names of opcodes", without);
	test("USHIM_STATS: an absolute path stays", stats_absolute);
	test("USHIM_STATS: a relative path is taken from where the program starts", stats_relative);
	test("USHIM_STATS: too long a path is malformed", stats_too_long);
	test("USHIM_STATS: relative to a directory that is gone, there is none", stats_nowhere);
	test("a warning is one line, whatever was given", warnings_are_lines);
	return tests_end();
}
