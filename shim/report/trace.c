/* SPDX-License-Identifier: MIT */
#include "report/trace.h"

#include "base/filter.h"
#include "base/sys.h"
#include "base/text.h"
#include "process/config.h"
#include "process/process.h"
#include "report/file.h"

enum {
	EVENTS = 4096,
	TEXT_SIZE = EVENTS * 160, /* an event takes some 120 bytes of text */
	FLIGHT_TRACKS = 1000000,  /* above every thread id a machine is likely to have */
};

struct event {
	uint64_t begin, end;
	const char *what;
	const char *met; /* null for something in flight */
	unsigned track;
};

static struct kept {
	unsigned count; /* taken places; may run past EVENTS */
	unsigned ready; /* places filled in */
	struct event events[EVENTS];
} *kept;

static const char *const reason_texts[REASON_COUNT] = {
#define REASON(id, text) [REASON_##id] = text,
#include "table/reasons.def"
};

void trace_open(void)
{
	if (!config.trace)
		return;
	kept = process_map_wiped(sizeof(*kept));
}

bool trace_wanted(void)
{
	return kept != NULL;
}

static void text_micros(struct text *text, uint64_t ns)
{
	char rest[5] = {'.', (char)('0' + ns / 100 % 10), (char)('0' + ns / 10 % 10),
			(char)('0' + ns % 10), 0};

	text_number(text, (int64_t)(ns / 1000));
	text_add(text, rest);
}

static void text_event(struct text *text, const struct event *event, long pid)
{
	text_add(text, "{\"name\":\"");
	text_add(text, event->what);
	text_add(text, "\",\"cat\":\"");
	text_add(text, event->met ? "call" : "flight");
	text_add(text, "\",\"ph\":\"X\",\"ts\":");
	text_micros(text, event->begin);
	text_add(text, ",\"dur\":");
	text_micros(text, event->end - event->begin);
	text_pair(text, "pid", pid);
	text_pair(text, "tid", event->track);
	if (event->met) {
		text_add(text, ",\"args\":{\"met\":\"");
		text_add(text, event->met);
		text_add(text, "\"}");
	}
	text_add(text, "},\n");
}

static void events_write(const struct event *events, unsigned count)
{
	struct text text = {.at = process_map_wiped(TEXT_SIZE), .room = TEXT_SIZE};
	long pid = sys(SYS_getpid);

	if (!text.at)
		return;
	for (unsigned i = 0; i < count; i++)
		text_event(&text, &events[i], pid);
	/* The format asks for no closing bracket. */
	file_append(&text, config.trace, "[\n");
	process_unmap(text.at, TEXT_SIZE);
}

void trace_write(void)
{
	unsigned count;

	if (!kept || filter_in_force() || !process_owns_memory())
		return;
	count = __atomic_load_n(&kept->ready, __ATOMIC_ACQUIRE);
	if (!count || count < __atomic_load_n(&kept->count, __ATOMIC_ACQUIRE))
		return; /* another thread is at it: its event is lost, not the file */
	events_write(kept->events, count);
	__atomic_store_n(&kept->ready, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&kept->count, 0, __ATOMIC_RELEASE);
}

static void event_keep(const struct event *event)
{
	unsigned place = __atomic_fetch_add(&kept->count, 1, __ATOMIC_ACQ_REL);

	if (place >= EVENTS) {
		__atomic_fetch_sub(&kept->count, 1, __ATOMIC_ACQ_REL);
		return;
	}
	kept->events[place] = *event;
	if (__atomic_add_fetch(&kept->ready, 1, __ATOMIC_ACQ_REL) == EVENTS)
		trace_write();
}

void trace_call(enum op op, enum reason reason, uint64_t begin, uint64_t end)
{
	const struct event event = {
		.begin = begin,
		.end = end,
		.what = table_op_name(op),
		.met = reason_texts[reason],
		.track = (unsigned)sys(SYS_gettid),
	};

	event_keep(&event);
}

void trace_flight(unsigned slot, const char *what, uint64_t begin, uint64_t end)
{
	const struct event event = {
		.begin = begin, .end = end, .what = what, .track = FLIGHT_TRACKS + slot};

	if (kept)
		event_keep(&event);
}
