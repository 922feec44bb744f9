/* SPDX-License-Identifier: MIT */
#include "report/stats.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include "base/filter.h"
#include "base/sys.h"
#include "base/text.h"
#include "process/config.h"
#include "process/process.h"
#include "report/file.h"

/* Of 64-bit counters alone: counters_take. */
struct counters {
	uint64_t calls; /* of any operation: 0 in a forked child that called nothing yet */
	uint64_t met[OP_COUNT][REASON_COUNT];
	uint64_t ring[RING_STAT_COUNT];
	int64_t ring_error;
	uint64_t peak; /* most in flight at once */
};

enum {
	TEXT_SIZE = 256 * 1024,
};

static struct counters *counters;

static const char *const reason_texts[REASON_COUNT] = {
#define REASON(id, text) [REASON_##id] = text,
#include "table/reasons.def"
};

static const char *const ring_texts[RING_STAT_COUNT] = {
	[RING_STAT_RINGS] = "rings",         [RING_STAT_ENTERS] = "enters",
	[RING_STAT_SUBMITTED] = "submitted", [RING_STAT_STALE] = "stale",
	[RING_STAT_CANCELLED] = "cancelled", [RING_STAT_ASKED] = "asked",
	[RING_STAT_USED] = "used",           [RING_STAT_WASTED] = "wasted",
	[RING_STAT_FETCHED] = "fetched",     [RING_STAT_BATCHES] = "batches",
	[RING_STAT_LATE] = "late",           [RING_STAT_LATE_GONE] = "late_gone",
	[RING_STAT_GROUPED] = "grouped",     [RING_STAT_SPARED] = "grouped_used",
	[RING_STAT_GROUPS] = "groups",       [RING_STAT_BY_CREW] = "by_crew",
};

void stats_open(void)
{
	if (!config.stats)
		return;
	counters = process_map_wiped(sizeof(*counters));
}

bool stats_wanted(void)
{
	return counters != NULL;
}

static void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

void stats_call(enum op op, enum reason reason)
{
	if (!counters)
		return;
	count(&counters->calls);
	count(&counters->met[op][reason]);
}

void stats_ring(enum ring_stat stat)
{
	if (counters)
		count(&counters->ring[stat]);
}

void stats_flight(unsigned now)
{
	if (counters && __atomic_load_n(&counters->peak, __ATOMIC_RELAXED) < now)
		__atomic_store_n(&counters->peak, now, __ATOMIC_RELAXED);
}

void stats_ring_error(int err)
{
	if (counters)
		__atomic_store_n(&counters->ring_error, err, __ATOMIC_RELAXED);
}

static void text_operation(struct text *text, const struct counters *taken, enum op op, bool first)
{
	const uint64_t *met = taken->met[op];
	uint64_t calls = 0;

	for (int reason = 0; reason < REASON_COUNT; reason++)
		calls += met[reason];
	text_add(text, first ? "\"" : ",\"");
	text_add(text, table_op_name(op));
	text_add(text, "\":{\"calls\":");
	text_number(text, (int64_t)calls);
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (met[reason])
			text_pair(text, reason_texts[reason], (int64_t)met[reason]);
	text_add(text, "}");
}

static bool operation_called(const struct counters *taken, enum op op)
{
	for (int reason = 0; reason < REASON_COUNT; reason++)
		if (taken->met[op][reason])
			return true;
	return false;
}

/* The program's name as the kernel has it; other bytes than plain ASCII become '?'. */
static void text_program(struct text *text)
{
	char name[32] = "";

	sys(SYS_prctl, PR_GET_NAME, name);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\')
			*c = '?';
	text_add(text, name);
}

static void text_record(struct text *text, const struct counters *taken, const char *end)
{
	bool first = true;

	text_add(text, "{\"program\":\"");
	text_program(text);
	text_add(text, "\"");
	text_pair(text, "pid", sys(SYS_getpid));
	text_add(text, ",\"mode\":\"");
	text_add(text, config_mode_name(config.mode));
	text_add(text, "\",\"end\":\"");
	text_add(text, end);
	text_add(text, "\"");
	for (int stat = 0; stat < RING_STAT_COUNT; stat++)
		text_pair(text, ring_texts[stat], (int64_t)taken->ring[stat]);
	text_pair(text, "peak", (int64_t)taken->peak);
	text_pair(text, "ring_error", taken->ring_error);
	text_add(text, ",\"ops\":{");
	for (enum op op = 0; op < OP_COUNT; op++)
		if (operation_called(taken, op)) {
			text_operation(text, taken, op, first);
			first = false;
		}
	text_add(text, "}}\n");
}

/* What was counted up to now, once: other threads go on counting meanwhile. */
static void counters_take(struct counters *taken)
{
	uint64_t *from = (uint64_t *)counters, *to = (uint64_t *)taken;

	for (size_t i = 0; i < sizeof(*taken) / sizeof(*to); i++)
		if (__atomic_load_n(&from[i], __ATOMIC_RELAXED))
			to[i] = __atomic_exchange_n(&from[i], 0, __ATOMIC_RELAXED);
}

void stats_write(const char *end)
{
	struct {
		struct counters taken;
		char line[TEXT_SIZE];
	} *record;
	struct text text;

	if (!counters || !__atomic_load_n(&counters->calls, __ATOMIC_RELAXED) ||
	    filter_in_force() || !process_owns_memory())
		return;
	record = process_map_wiped(sizeof(*record));
	if (!record)
		return;
	counters_take(&record->taken);
	text = (struct text){.at = record->line, .room = TEXT_SIZE};
	text_record(&text, &record->taken, end);
	file_append(&text, config.stats, "");
	process_unmap(record, sizeof(*record));
}
