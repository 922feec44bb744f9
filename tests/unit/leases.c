/* SPDX-License-Identifier: MIT
 *
 * leases: lines of /proc/locks, and which of them are leases that opening a file to read it breaks.
 */
#include "ahead/private.h"

#include "check.h"

static void readers_break_leases_to_write(void)
{
	static const char *const lines[] = {
		"1: LEASE  ACTIVE    WRITE 1 fe:00:5 0 EOF\n",
		"12: DELEG  ACTIVE    WRITE 7 00:2b:9223372036854775807 0 EOF\n",
		"1: LEASE  BREAKING  READ 1 fe:00:5 0 EOF\n",
		"1: LEASE  BREAKING  UNLCK 1 fe:00:5 0 EOF\n",
		"1: -> LEASE  BREAKER   READ 0 <none>:0 0 EOF\n",
		"1:   -> LEASE  BREAKER   READ 0 <none>:0 0 EOF\n",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (!leases_line_breaks(lines[i]))
			note("%s", lines[i]);
		CHECK(leases_line_breaks(lines[i]));
	}
}

static void and_nothing_else(void)
{
	static const char *const lines[] = {
		"1: LEASE  ACTIVE    READ 1 fe:00:5 0 EOF\n",
		"1: DELEG  ACTIVE    READ 1 fe:00:5 0 EOF\n",
		"1: POSIX  ADVISORY  WRITE 1 fe:00:5 0 EOF\n",
		"1: -> FLOCK  ADVISORY  WRITE 1 fe:00:5 0 EOF\n",
		"1: OFDLCK ADVISORY  WRITE -1 fe:00:5 0 EOF\n",
		"1: POSIX  *NOINODE* WRITE 1 <none>:0 0 EOF\n",
		"",
		"\n",
		"1:",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		if (leases_line_breaks(lines[i]))
			note("%s", lines[i]);
		CHECK(!leases_line_breaks(lines[i]));
	}
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("who opens a file to read it breaks leases to write", readers_break_leases_to_write);
	test("and nothing else", and_nothing_else);
	return tests_end();
}
