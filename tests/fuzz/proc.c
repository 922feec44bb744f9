/* SPDX-License-Identifier: MIT
 *
 * Readers of /proc: a file of any bytes, read by way of a buffer of any size, line by line and field
 * by field.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/path.h"
#include "base/proc.h"

enum {
	LINES_MOST = 4096,
};

/* What is left of the file: each line has to be its next one. */
static const uint8_t *expected;
static size_t expected_size;
static unsigned lines_left;

/* Every field begins within the line, and the last one is its end. */
static void field_promises(const char *line)
{
	const char *end = line + strlen(line), *at = line;

	for (unsigned steps = 0; *at; steps++) {
		const char *next = proc_field_next(at);

		PROMISE(next > at && next <= end && steps < LINES_MOST);
		(void)proc_number(at, 10);
		(void)proc_number(at, 16);
		at = next;
	}
}

static bool line_take(const char *line)
{
	size_t length = strlen(line);

	/* A zero within a line hides the rest of it. */
	PROMISE(length < expected_size && !memcmp(line, expected, length));
	PROMISE(expected[length] == '\n' || expected[length] == '\0');
	while (*expected != '\n') {
		expected++;
		expected_size--;
	}
	expected++;
	expected_size--;
	field_promises(line);
	return !lines_left || --lines_left;
}

static bool has_long_line(const uint8_t *data, size_t size, size_t room)
{
	size_t run = 0;

	for (size_t i = 0; i < size; i++) {
		run = data[i] == '\n' ? 0 : run + 1;
		if (run >= room)
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	size_t room = 1 + (size_t)input_byte(&input);
	char *text = malloc(room), name[LINK_SIZE];
	int fd = memfd_create("fuzz", 0);
	bool whole;

	lines_left = input_byte(&input); /* 0: all of them */
	PROMISE(text && fd >= 0);
	PROMISE(write(fd, input.data, input.size) == (ssize_t)input.size);
	descriptor_link(fd, name);
	expected = input.data;
	expected_size = input.size;
	whole = proc_lines(name, text, room, line_take);
	if (whole)
		PROMISE(!memchr(expected, '\n', expected_size) &&
			!has_long_line(input.data, input.size, room + 1));
	close(fd);
	free(text);
	return 0;
}
