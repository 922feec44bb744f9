/* SPDX-License-Identifier: MIT */
#include "process/config.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/filter.h"
#include "base/sys.h"
#include "table/opcodes.h"
#include "table/table.h"

enum {
	DEPTH_DEFAULT = 64,
	DEPTH_MAX = 4096,
	STALE_MS_DEFAULT = 250,
	STALE_MS_MAX = 60000,
	RING_DEFAULT = 8, /* ring mode has one call in flight; 8 KiB against RLIMIT_MEMLOCK */
	RING_AHEAD = 64,
	RING_MAX = 4096,
	SQPOLL_MS_MAX = 60000,
};

struct config config __attribute__((visibility("hidden")));

/* musl before 1.1.24 has none. */
extern char *secure_getenv(const char *name) __attribute__((weak));

static char stats_path[PATH_MAX], trace_path[PATH_MAX];

static const char *const mode_names[] = {
	[MODE_OFF] = "off",
	[MODE_AUTO] = "auto",
	[MODE_STRICT] = "strict",
	[MODE_RING] = "ring",
};

const char *config_mode_name(enum mode mode)
{
	return mode_names[mode];
}

static const char *variable(const char *name)
{
	const char *value = &secure_getenv ? secure_getenv(name) : NULL;

	return value && *value ? value : NULL;
}

static void warn_malformed(const char *name, const char *value, const char *wanted)
{
	const char *const line[] = {name, "='", value, "' ignored: ", wanted, NULL};

	diag_line(line);
}

/* Digits only; -1 for anything else, or what does not fit. */
static long number_parse(const char *text)
{
	long number = 0;

	for (const char *c = text; *c; c++) {
		if (*c < '0' || *c > '9' || number > INT_MAX / 10 - 1)
			return -1;
		number = number * 10 + (*c - '0');
	}
	return *text ? number : -1;
}

static unsigned number_variable(const char *name, long least, long most, unsigned otherwise,
				const char *wanted)
{
	const char *value = variable(name);
	long number;

	if (!value)
		return otherwise;
	number = number_parse(value);
	if (number >= least && number <= most)
		return (unsigned)number;
	warn_malformed(name, value, wanted);
	return otherwise;
}

/* Switched off by USHIM=0 or off; on by 1, on, or nothing. */
static bool switch_variable(const char *name, bool otherwise)
{
	const char *value = variable(name);

	if (!value)
		return otherwise;
	if (!strcmp(value, "0") || !strcmp(value, "off"))
		return false;
	if (!strcmp(value, "1") || !strcmp(value, "on"))
		return true;
	warn_malformed(name, value, "not 0, off, 1 or on");
	return otherwise;
}

/* One of COUNT words, by its place; the first is the default. */
static unsigned choice_variable(const char *name, const char *const words[], unsigned count,
				const char *wanted)
{
	const char *value = variable(name);

	for (unsigned place = 0; value && place < count; place++)
		if (!strcmp(value, words[place]))
			return place;
	if (value)
		warn_malformed(name, value, wanted);
	return 0;
}

static enum mode mode_variable(void)
{
	return MODE_AUTO + choice_variable("USHIM_MODE", mode_names + MODE_AUTO,
					   MODE_RING - MODE_AUTO + 1, "not auto, strict or ring");
}

static enum backend_choice backend_variable(void)
{
	static const char *const words[] = {
		[BACKEND_AUTO] = "auto", [BACKEND_RING] = "ring", [BACKEND_CREW] = "crew"};

	return choice_variable("USHIM_BACKEND", words, BACKEND_CREW + 1, "not auto, ring or crew");
}

static enum filter_treatment filter_variable(void)
{
	static const char *const words[] = {
		[FILTER_AUTO] = "auto", [FILTER_ASK] = "ask", [FILTER_AVOID] = "avoid"};

	return choice_variable("USHIM_SECCOMP", words, FILTER_AVOID + 1, "not auto, ask or avoid");
}

/*
 * A file is named relative to where the program was started, and written when the program may
 * have gone elsewhere. PATH has room for PATH_MAX bytes.
 */
static const char *file_variable(const char *name, char *path)
{
	const char *value = variable(name);
	size_t length, at = 0;

	if (!value)
		return NULL;
	length = strlen(value);
	if (value[0] != '/') {
		long cwd = sys(SYS_getcwd, path, PATH_MAX);

		if (cwd <= 0 || path[0] != '/') /* "(unreachable)/..." */
			return NULL;
		at = (size_t)cwd; /* counts the terminating zero: that is where '/' goes */
		path[at - 1] = '/';
	}
	if (at + length + 1 > PATH_MAX) {
		warn_malformed(name, value, "path too long");
		return NULL;
	}
	memcpy(path + at, value, length + 1);
	return path;
}

/* Lower-case names of opcodes, as in IORING_OP_*; -1 for a name that is none. */
static int opcode_named(const char *name, size_t length)
{
	if (length == strlen("nop") && !strncmp(name, "nop", length))
		return OPCODE_NOP; /* no operation's */
	for (enum op op = 0; op < OP_COUNT; op++) {
		const char *known = table_opcode_name(op);
		size_t i = 0;

		if (table_op_opcode(op) < 0 || strlen(known) != length)
			continue;
		while (i < length && (name[i] | 0x20) == (known[i] | 0x20))
			i++;
		if (i == length)
			return table_op_opcode(op);
	}
	return -1;
}

static uint64_t without_variable(void)
{
	const char *value = variable("USHIM_WITHOUT");
	uint64_t without = 0;

	for (const char *name = value; name && *name;) {
		size_t length = strcspn(name, ",");
		int opcode = opcode_named(name, length);

		if (opcode < 0) {
			warn_malformed("USHIM_WITHOUT", value, "not a list of io_uring operations");
			return 0;
		}
		without |= UINT64_C(1) << opcode;
		name += length + (name[length] == ',');
	}
	return without;
}

/* Ring mode has one call in flight, the others as many as they may ask ahead; a ring of 64
 * entries still fits into two pages. */
static unsigned ring_default(void)
{
	unsigned entries = config.depth < RING_AHEAD ? config.depth : RING_AHEAD;

	return config.mode == MODE_RING ? RING_DEFAULT : entries;
}

void config_read(void)
{
	if (!switch_variable("USHIM", true))
		return;
	config.filter = filter_variable();
	filter_treat(config.filter); /* before the first system call */
	config.mode = mode_variable();
	config.backend = backend_variable();
	config.depth = number_variable("USHIM_DEPTH", 1, DEPTH_MAX, DEPTH_DEFAULT,
				       "not a number from 1 to 4096");
	config.stale_ms = number_variable("USHIM_STALE_MS", 0, STALE_MS_MAX, STALE_MS_DEFAULT,
					  "not a number from 0 to 60000 (milliseconds)");
	config.ring_entries = number_variable("USHIM_RING", 1, RING_MAX, ring_default(),
					      "not a number from 1 to 4096");
	config.sqpoll_ms = number_variable("USHIM_SQPOLL", 0, SQPOLL_MS_MAX, 0,
					   "not a number from 0 to 60000 (milliseconds)");
	config.force = switch_variable("USHIM_FORCE", false);
	config.stats = file_variable("USHIM_STATS", stats_path);
	config.trace = file_variable("USHIM_TRACE", trace_path);
	config.without = without_variable();
}
