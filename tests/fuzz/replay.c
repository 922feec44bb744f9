/* SPDX-License-Identifier: MIT
 *
 * replay DIRECTORY: gives every file of DIRECTORY to the fuzz target it is linked with, in no order,
 * and says "ok" where none of them stopped it. What a fuzzer found once is a test from then on.
 */
#include "fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/filter.h"

enum {
	INPUT_MOST = 1 << 20,
};

static uint8_t bytes[INPUT_MOST];

static void replay(int directory, const char *name)
{
	int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, bytes, sizeof(bytes));

	close(fd);
	if (size < 0)
		return; /* "." and ".." */
	/* A copy of the exact size, so that an address sanitizer sees a read behind it. */
	uint8_t *data = malloc((size_t)size);

	PROMISE(data || !size);
	for (ssize_t i = 0; i < size; i++)
		data[i] = bytes[i];
	LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : CORPUS;
	DIR *stream = opendir(path);
	struct dirent *entry;
	unsigned count = 0;

	filter_treat(FILTER_ASK); /* as in tests/unit/check.h */
	if (!stream) {
		perror(path);
		return 1;
	}
	/* Names first: a target may close what it did not open. */
	char names[512][256];
	int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	while ((entry = readdir(stream)) && count < 512)
		snprintf(names[count++], sizeof(*names), "%s", entry->d_name);
	closedir(stream);
	for (unsigned i = 0; i < count; i++) {
		close(directory);
		directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		replay(directory, names[i]);
	}
	return count > 2 ? 0 : 1;
}
