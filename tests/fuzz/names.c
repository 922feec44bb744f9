/* SPDX-License-Identifier: MIT
 *
 * Names used in private ground: a name that was added is there, in any spelling that a file system
 * without regard to case takes for the same.
 */
#include "fuzz.h"

#include <ctype.h>
#include <string.h>

#include "behind/private.h"
#include "process/process.h"

enum {
	NAMES_MOST = 300,
	NAME_MOST = 30,
};

static char names[NAMES_MOST][NAME_MOST + 1];

static void other_case(const char *name, char *other)
{
	for (; *name; name++)
		*other++ = (char)(islower((unsigned char)*name) ? toupper((unsigned char)*name)
								 : tolower((unsigned char)*name));
	*other = '\0';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct dir dir = {.ground = GROUND_PRIVATE};
	char other[NAME_MOST + 1];
	unsigned count = 0;

	while (input.size && count < NAMES_MOST) {
		if (!input_text(&input, names[count], NAME_MOST))
			continue;
		names_add(&dir, names[count]);
		PROMISE(dir.ground == GROUND_PRIVATE);
		PROMISE(dir.strange || name_is_ascii(names[count]));
		count++;
	}
	for (unsigned i = 0; i < count; i++) {
		other_case(names[i], other);
		PROMISE(names_has(&dir, names[i]) && names_has(&dir, other));
		PROMISE(name_same(names[i], other));
	}
	PROMISE(dir.names_used <= count && dir.names_used * 2 <= dir.names_room + 2);
	if (dir.names)
		process_unmap(dir.names, dir.names_room * sizeof(*dir.names));
	return 0;
}
