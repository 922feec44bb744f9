/* SPDX-License-Identifier: MIT
 *
 * The environment: whatever the variables say, the configuration is within its documented bounds.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "process/config.h"

static const char *const variables[] = {
	"USHIM",      "USHIM_MODE",  "USHIM_DEPTH", "USHIM_STALE_MS", "USHIM_RING",
	"USHIM_SQPOLL", "USHIM_FORCE", "USHIM_STATS", "USHIM_TRACE",    "USHIM_WITHOUT",
	"USHIM_SECCOMP", "USHIM_BACKEND",
};

enum {
	VARIABLES = sizeof(variables) / sizeof(*variables),
	VALUE_SIZE = 256,
};

/* Not by setenv, which keeps every value there ever was (glibc 2.36). */
static void variable_set(size_t which, const char *value)
{
	static char settings[VARIABLES][VALUE_SIZE + 32];

	snprintf(settings[which], sizeof(settings[which]), "%s=%s", variables[which], value);
	PROMISE(putenv(settings[which]) == 0);
}

static bool path_ok(const char *path)
{
	return !path || (path[0] == '/' && strlen(path) < 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	char value[VALUE_SIZE];
	int error;

	for (size_t i = 0; i < VARIABLES; i++)
		if (input_byte(&input) & 1 && (input_text(&input, value, sizeof(value) - 1), true))
			variable_set(i, value);
		else
			unsetenv(variables[i]);
	memset(&config, 0, sizeof(config));
	error = dup(STDERR_FILENO); /* a line for each malformed value */
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	config_read();
	dup2(error, STDERR_FILENO);
	close(error);
	closefrom(STDERR_FILENO + 1);
	if (config.mode == MODE_OFF)
		return 0;
	PROMISE(config.mode == MODE_AUTO || config.mode == MODE_STRICT || config.mode == MODE_RING);
	PROMISE(config.backend <= BACKEND_CREW && config.filter <= FILTER_AVOID);
	PROMISE(config.depth >= 1 && config.depth <= 4096);
	PROMISE(config.ring_entries >= 1 && config.ring_entries <= 4096);
	PROMISE(config.stale_ms <= 60000 && config.sqpoll_ms <= 60000);
	PROMISE(path_ok(config.stats) && path_ok(config.trace));
	return 0;
}
