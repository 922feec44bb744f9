/* SPDX-License-Identifier: MIT */
#include "behind/spelling.h"

#include <stddef.h>
#include <string.h>

#include "base/path.h"

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

/* Of every file system's: POSIX calls it the portable filename character set. */
static bool is_portable(char letter)
{
	char folded = letter_fold(letter);

	return (folded >= 'a' && folded <= 'z') || is_digit(letter) || letter == '.' ||
	       letter == '_' || letter == '-';
}

/* ---- what a name as a whole may be ---- */

/* Windows drops these from the end, or refuses them. */
static bool end_is_dropped(const char *name)
{
	size_t length = strlen(name);

	return length && (name[length - 1] == '.' || name[length - 1] == ' ');
}

/* The first LENGTH bytes of NAME are WORD, which is in small letters. */
static bool word_is(const char *name, size_t length, const char *word)
{
	size_t i = 0;

	while (i < length && letter_fold(name[i]) == word[i])
		i++;
	return i == length && !word[i];
}

/* "nul", "nul.txt", "com1 .x": devices to Windows, whatever comes behind a dot. */
static bool is_device(const char *name)
{
	static const char *const devices[] = {"con", "prn",    "aux",     "nul",
					      "conin$", "conout$", "clock$"};
	size_t length = strcspn(name, ".");

	while (length && name[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < sizeof(devices) / sizeof(*devices); i++)
		if (word_is(name, length, devices[i]))
			return true;
	return length == 4 && is_digit(name[3]) &&
	       (word_is(name, 3, "com") || word_is(name, 3, "lpt"));
}

/* "PROGRA~1": the short name that some other file may have got. */
static bool is_short_name(const char *name)
{
	const char *tilde = strchr(name, '~');

	while (tilde && !is_digit(tilde[1]))
		tilde = strchr(tilde + 1, '~');
	return tilde != NULL;
}

/* What is there in every directory though no listing shows it, or comes by itself. */
static bool is_hidden(const char *name)
{
	static const char *const begins[] = {".snap", "~snap", ".zfs", ".ckpt",
					     ".nfs", ".fuse_hidden", ".glusterfs"};

	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (word_is(name, strnlen(name, strlen(begins[i])), begins[i]))
			return true;
	return false;
}

bool spelling_common(const char *name)
{
	return !end_is_dropped(name) && !is_device(name) && !is_short_name(name) &&
	       !is_hidden(name);
}

/* ---- bytes ---- */

bool spelling_holds(const struct spelling *spelling, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (is_portable(*text))
			continue;
		if (byte >= 0x80 || !(spelling->held[byte / 64] >> byte % 64 & 1))
			return false;
	}
	return true;
}

void spelling_learn(struct spelling *spelling, const char *text)
{
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;

		if (byte < 0x80)
			spelling->held[byte / 64] |= UINT64_C(1) << byte % 64;
	}
}
