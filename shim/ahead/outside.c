/* SPDX-License-Identifier: MIT
 *
 * Outside: nothing is asked ahead. What this costs is what every program on warm storage
 * pays, so it is little: after a directory was opened one question is timed, and one opening
 * of a file with its first read. The clock is read without a system call (vDSO).
 */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "base/fsinfo.h"
#include "base/threads.h"
#include "call/armed.h"
#include "call/image.h"
#include "call/plain.h"
#include "over/over.h"
#include "process/config.h"
#include "process/kin.h"
#include "process/process.h"
#include "process/real.h"
#include "process/signals.h"
#include "process/thread.h"
#include "report/stats.h"
#include "walk/operands.h"
#include "walk/pace.h"

enum {
	WINDOW_FIRST = 8,
	SAMPLES_FIRST = 4, /* questions timed when the program starts */
	OPENS_FIRST = 8,   /* opens timed when the program starts; then one a directory */
};

bool outside_needs(enum op op)
{
	if (ahead_learned.stat.forced && !ahead_learned.given_up)
		return true; /* whatever comes first takes in */
	switch ((int)kind_of(op)) {
	case KIND_OPENDIR:
	case KIND_FDOPENDIR:
	case KIND_MMAP:
		return true;
	case KIND_OPEN:
	case KIND_FOPEN:
		return ahead_learned.open_samples > 0;
	case KIND_STAT:
		return ahead_learned.stat_samples > 0;
	case KIND_READ:
		return read_awaits(false);
	case KIND_STREAM_READ:
		return read_awaits(true);
	default:
		return streams_concern(op); /* they outlive the way out */
	}
}

/*
 * At the end of the process image: what is in flight is let land, within reason, because a
 * file still open there would keep a file system from being unmounted; and the account of
 * what was asked and never used is settled.
 */
static void settle(void)
{
	struct ahead *ahead = ahead_root();

	if (!ahead || !process_owns_memory())
		return;
	contents_close(ahead, CONTENTS_SETTLE_MS);
	if (!ahead_learned.in)
		return;
	answers_release(ahead, -1);
	answers_drop(ahead, NULL);
	scouting_end(ahead);
}

void ahead_begin(int argc, char **argv)
{
	operands_note(argc, argv);
	image_at_end(settle);
	ahead_learned.stat_samples = SAMPLES_FIRST;
	ahead_learned.open_samples = OPENS_FIRST;
	ahead_learned.stat.forced = ahead_learned.stat.in = config.force;
	ahead_learned.contents.forced = ahead_learned.contents.in = config.force;
}

static void operands_take(struct ahead *ahead)
{
	struct sweep *sweep = sweep_oldest(ahead->sweeps);
	const char *operand;

	if (!operands_at(0) || ahead->operands)
		return;
	answers_drop(ahead, sweep);
	sweep_begin(sweep, &ahead->sweeps_total);
	for (int i = 0; (operand = operands_at(i)); i++)
		if (operand[0])
			sweep_add(sweep, operand, strlen(operand), 0, DT_UNKNOWN);
	ahead->operands = sweep;
}

/* What was still in flight when the shim went out keeps its slot until it lands. */
static bool root_make(void)
{
	struct ahead *root = ahead_root_memory();
	struct identity proc;

	if (!root)
		return false;
	if (path_identify(AT_FDCWD, "/proc", 0, &proc))
		root->scouting.proc_device = proc.device;
	for (int i = 0; i < AHEAD_HABITS; i++)
		root->habits[i] = (struct habit){.window = WINDOW_FIRST, .types = UINT32_MAX};
	root->habit = root->habits;
	root->listed_habit = NULL;
	root->listed.sweep = NULL;
	root->stat = ahead_learned.stat;
	root->contents = ahead_learned.contents;
	root->stat.slow_ns = root->contents.slow_ns = pace_of(GOVERNOR_SLOW_NS);
	root->opened_stale = true;
	root->epoch++;
	if (ahead_learned.waits && !root->devices_known)
		device_note(root, ahead_learned.waits, false);
	root->scouting.jobs = NULL;
	root->scouting.served.fd = -1;
	root->cached.doubted = true; /* until a question has waited */
	root->magic = AHEAD_MAGIC;
	return true;
}

/* What other modules may have begun. */
static bool flight_make(void)
{
	uint64_t stat_ns = ahead_learned.stat.cost_ns, contents_ns = ahead_learned.contents.cost_ns;

	flight_receive(FLIGHT_ANSWER, answer_arrived);
	flight_receive(FLIGHT_CONTENTS, contents_done);
	return flight_begin(stat_ns > contents_ns ? stat_ns : contents_ns) &&
	       flight_knows(OPCODE_STATX);
}

/* What is asked and listed here would be asked and listed past another library. */
static bool interposed(void)
{
	return kin_interposed(KIN_STAT) || kin_interposed(KIN_OPEN) || kin_interposed(KIN_LISTING);
}

static void go_in(void)
{
	struct signals_held held;

	if (ahead_learned.in || ahead_learned.given_up || threads_seen() || !process_owns_memory())
		return;
	thread_enter(&held);
	signals_note_change(); /* handlers set while nobody looked */
	ahead_learned.given_up = interposed() || !flight_make() || !root_make();
	if (!ahead_learned.given_up) {
		operands_take(ahead_root());
		ahead_learned.in = true;
		armed_refresh();
	}
	thread_leave(&held);
}

void ahead_engage(void)
{
	if (ahead_learned.in || ahead_learned.stat.sitting)
		return;
	ahead_learned.stat.in = true;
	go_in();
}

static void outside_go_out(void)
{
	struct ahead *ahead = ahead_root();

	ahead_learned.in = false;
	if (ahead) {
		streams_take_back(ahead);
		ahead_learned.stat = ahead->stat;
		ahead_learned.contents = ahead->contents;
		answers_drop(ahead, NULL);
		scouting_end(ahead);
	}
	flight_rest(); /* nobody looks for /proc any more */
	sample_stats(0);
	sample_opens(0);
	read_await(-1, false, false, 0);
	armed_refresh();
}

void outside_look_back(const struct ahead *ahead)
{
	if (ahead_learned.in && !ahead->stat.in && !ahead->contents.in)
		outside_go_out();
}

void outside_give_up(void)
{
	ahead_learned.given_up = true;
	if (ahead_learned.in)
		outside_go_out();
}

void outside_look(struct ahead *ahead)
{
	struct signals_held held;

	if (!flight_refused() || !process_owns_memory())
		return;
	thread_enter(&held);
	interruptions_settle(ahead);
	thread_leave(&held);
	outside_give_up();
}

static bool outside_stat(const struct passage *passage)
{
	uint64_t ns;

	if (!ahead_learned.stat_samples)
		return false;
	*passage->value = plain_time(passage, &ns);
	ahead_learned.stat.slow_ns = pace_limit(GOVERNOR_SLOW_NS, ns);
	governor_plain(&ahead_learned.stat, ns);
	sample_stats(ahead_learned.stat.slow ? ahead_learned.stat_samples : ahead_learned.stat_samples - 1);
	return true;
}

/* After one slow question, the kind of file system may say enough (walk/governor.h). */
static void outside_directory(int fd)
{
	directory_opened();
	if (!ahead_learned.stat_samples)
		sample_stats(1);
	if (!ahead_learned.open_samples)
		sample_opens(1);
	if (ahead_learned.stat.slow && fsinfo_storage(fd).network) {
		struct identity identity;

		if (descriptor_identify(fd, &identity))
			ahead_learned.waits = identity.device;
		governor_prior(&ahead_learned.stat);
	}
}

static bool outside_fdopendir(const struct passage *passage)
{
	outside_directory((int)passage->regs->arg[0]);
	return false;
}

static bool outside_opendir(const struct passage *passage)
{
	DIR *stream;

	if (!ahead_learned.stat.slow) {
		outside_directory(-1);
		return false;
	}
	stream = (DIR *)plain_run(passage);
	if (stream)
		outside_directory(REAL(dirfd)(stream));
	*passage->value = (long)stream;
	return true;
}

static bool outside_open(const struct passage *passage)
{
	struct call call = {.op = passage->op};
	bool stream = kind_of(passage->op) == KIND_FOPEN;
	uint64_t ns;
	long fd;

	if (!ahead_learned.open_samples)
		return false;
	if (!stream && (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE ||
			!passage_flags_read(call.flags)))
		return false;
	sample_opens(ahead_learned.open_samples - 1);
	*passage->value = fd = plain_time(passage, &ns);
	if (stream)
		fd = *passage->value ? fileno((struct _IO_FILE *)*passage->value) : -1;
	if (fd >= 0)
		read_await((int)fd, stream, false, ns);
	return true;
}

static bool outside_read(const struct passage *passage)
{
	uint64_t ns;

	if (!read_awaited(passage))
		return false;
	*passage->value = plain_time(passage, &ns);
	ns += read_open_ns();
	ahead_learned.contents.slow_ns = pace_limit(GOVERNOR_SLOW_NS, ns);
	governor_plain(&ahead_learned.contents, ns);
	if (ahead_learned.contents.slow && !ahead_learned.open_samples)
		sample_opens(1);
	return true;
}

static bool outside_call(const struct passage *passage)
{
	switch ((int)kind_of(passage->op)) {
	case KIND_STAT:
		return outside_stat(passage);
	case KIND_OPENDIR:
		return outside_opendir(passage);
	case KIND_FDOPENDIR:
		return outside_fdopendir(passage);
	case KIND_OPEN:
	case KIND_FOPEN:
		return outside_open(passage);
	case KIND_READ:
	case KIND_STREAM_READ:
		return outside_read(passage);
	default:
		return false;
	}
}

/* Of the operations this module samples; commands are another one's. */
static void sample_end(enum op op)
{
	enum kind kind = kind_of(op);

	if ((kind == KIND_STAT || kind == KIND_OPEN || kind == KIND_FOPEN || kind == KIND_READ ||
	     kind == KIND_STREAM_READ) && !outside_needs(op))
		armed_sample_end(op, WANTER_AHEAD);
}

/*
 * A forked child: the root was wiped, the ring is the parent's. What it inherits says that its storage is
 * slow, not that it will ask anything: it may be about to run another program, as find's and make's are.
 */
static void child_begin(void)
{
	outside_go_out();
	sample_stats(1);
	sample_opens(1);
}

/* Is there anything by now that would be asked ahead? */
static bool goes_in(const struct passage *passage, bool done)
{
	enum kind kind = kind_of(passage->op);

	return (ahead_learned.stat.in || ahead_learned.contents.in) &&
	       (done || ahead_learned.stat.forced || kind == KIND_OPENDIR || kind == KIND_FDOPENDIR);
}

bool outside_before(const struct passage *passage)
{
	bool done;

	if (ahead_learned.in)
		child_begin();
	if (ahead_learned.given_up)
		return false;
	done = outside_call(passage);
	if (done)
		*passage->reason = REASON_TIMED;
	sample_end(passage->op);
	if (goes_in(passage, done))
		go_in();
	return done;
}
