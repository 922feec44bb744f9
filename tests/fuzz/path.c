/* SPDX-License-Identifier: MIT
 *
 * Paths: read from the very end of a mapping, and split into what leads to the last component and
 * that component.
 */
#include "fuzz.h"

#include <string.h>
#include <sys/mman.h>

#include "base/path.h"

enum {
	PAGE = 4096,
	ROOM = 2 * PAGE,
};

/* Two pages that nothing readable follows. */
static char *mapping_before_nothing(void)
{
	static char *pages;

	if (!pages) {
		pages = mmap(NULL, ROOM + PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		PROMISE(pages != MAP_FAILED);
		PROMISE(mprotect(pages + ROOM, PAGE, PROT_NONE) == 0);
	}
	return pages;
}

/* The kernel's copy is the string, and there is none of what has no end. */
static void read_promises(const uint8_t *data, size_t size)
{
	char *end = mapping_before_nothing() + ROOM, *from = end - size;
	size_t length = strnlen((const char *)data, size);
	char path[PATH_MAX];

	memcpy(from, data, size);
	if (!path_read(from, path))
		PROMISE(length == size || length >= PATH_MAX);
	else
		PROMISE(strlen(path) == length && !memcmp(path, from, length));
}

static void split_promises(const char *path)
{
	size_t length = strlen(path), directory;
	const char *name = path_split(path, &directory);

	PROMISE(name >= path && name <= path + length);
	PROMISE(!strchr(name, '/'));
	PROMISE(directory <= (size_t)(name - path));
	for (const char *at = path + directory; at < name; at++)
		PROMISE(*at == '/'); /* what is between the two */
	PROMISE(directory || name == path);
	PROMISE(directory <= 1 || path[directory - 1] != '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char path[PATH_MAX];

	if (size >= ROOM)
		return 0;
	read_promises(data, size);
	if (size < sizeof(path)) {
		memcpy(path, data, size);
		path[size] = '\0';
		split_promises(path);
	}
	return 0;
}
