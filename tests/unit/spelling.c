/* SPDX-License-Identifier: MIT
 *
 * spelling: names that some file system cannot hold, or takes for others.
 */
#include "behind/spelling.h"

#include "check.h"

static void names_that_any_file_system_holds(void)
{
	static const char *const names[] = {
		"a",       "README.md", ".gitignore", "..data",  "auxiliary", "null",   "com",
		"com10",   "lpt",       "con-1",      "file~",   "a~b",       "~",      "nul_.c",
		"snapshot", ".sn",      ".zf",        "x.nul",   "a b",       "a.b c",  "-",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!spelling_common(names[i]))
			note("%s", names[i]);
		CHECK(spelling_common(names[i]));
	}
}

static void names_that_some_do_not(void)
{
	static const char *const names[] = {
		"a.",     "a ",      "...",     " ",      "nul",     "NUL",       "Nul.txt",
		"con",    "prn.a.b", "AUX",     "com1",   "COM9.x",  "lpt0",      "nul .txt",
		"CONIN$", "clock$",  "a~1",     "A~B~2",  ".snap",   ".snapshot", "~snapshot",
		".ZFS",   ".nfs0001", ".fuse_hidden0001",  ".glusterfs", ".ckpt",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (spelling_common(names[i]))
			note("%s", names[i]);
		CHECK(!spelling_common(names[i]));
	}
}

static void letters_are_held_once_they_went_well(void)
{
	struct spelling spelling = {{0, 0}};

	CHECK(spelling_holds(&spelling, "azAZ09._-"));
	for (char letter = 1; letter > 0 && letter < 127; letter++) {
		const char name[] = {'x', letter, 'y', '\0'};
		bool portable = strchr("._-", letter) || (letter >= '0' && letter <= '9') ||
				(letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z');

		CHECK_EQ(spelling_holds(&spelling, name), portable);
		spelling_learn(&spelling, name);
		CHECK(spelling_holds(&spelling, name));
	}
}

static void letters_beyond_ascii_never_are(void)
{
	static const char *const names[] = {"\xc3\xa4", "a\xff", "\x80", "\xe2\x82\xac uro"};
	struct spelling spelling = {{0, 0}};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		spelling_learn(&spelling, names[i]);
		CHECK(!spelling_holds(&spelling, names[i]));
	}
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("names that any file system holds", names_that_any_file_system_holds);
	test("names that some do not, or take for others", names_that_some_do_not);
	test("letters are held once they went well", letters_are_held_once_they_went_well);
	test("letters beyond ASCII never are", letters_beyond_ascii_never_are);
	return tests_end();
}
