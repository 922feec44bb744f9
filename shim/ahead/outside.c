/* SPDX-License-Identifier: MIT
 *
 * Outside: nothing is asked ahead. What this costs is what every program on warm storage
 * pays, so it is little: after a directory was opened one question is timed, and one opening
 * of a file with its first read. The clock is read without a system call (vDSO).
 */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "backend/ring/ring.h"
#include "base/fsinfo.h"
#include "base/threads.h"
#include "call/armed.h"
#include "call/filestream.h"
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
#include "walk/pace.h"

#define AHEAD_MAGIC UINT64_C(0x7573686164686561)

enum {
	WINDOW_FIRST = 8,
	SAMPLES_FIRST = 4, /* questions timed when the program starts */
	READS_OTHER = 16,  /* reads of something else after which one is awaited no more */
	OPENS_FIRST = 8,   /* opens timed when the program starts; then one a directory */
};

/* Ordinary memory, so that children inherit what was learned. */
static struct {
	struct governor stat, contents;
	unsigned stat_samples; /* timed questions still to come */
	unsigned open_samples; /* timed opens still to come */
	bool given_up;
	uint64_t waits; /* a device that waits by nature */
	bool in; /* ushim_armed is as for going ahead */
} outside;

/* The read that is to be timed. */
static struct {
	int fd; /* -1: none */
	bool stream, fetched;
	unsigned others; /* reads of something else meanwhile */
	uint64_t open_ns;
} awaited = {.fd = -1};

/*
 * The command line. Programs reorder its pointers, set them to null and point them elsewhere;
 * the strings the kernel put on the stack, from the first to the last, stay mapped.
 */
static struct {
	int count;
	char **list;
	const char *first, *last;
} operands;

static struct ahead *root;

static const enum op stat_ops[] = {OP_STAT,  OP_LSTAT,  OP_FSTATAT, OP_STATX,
				   OP_XSTAT, OP_LXSTAT, OP_FXSTATAT};
static const enum op open_ops[] = {OP_OPEN, OP_OPENAT, OP_OPEN_2, OP_OPENAT_2, OP_FOPEN};
static const enum op read_ops[] = {OP_READ,    OP_READ_CHK, OP_PREAD, OP_PREAD_CHK,
				   OP_COPY_FILE_RANGE};
static const enum op stream_ops[] = {OP_FREAD,   OP_FREAD_CHK, OP_FGETS,  OP_FGETS_CHK, OP_GETLINE,
				     OP_GETDELIM, OP_FGETC,    OP_FSCANF, OP_XSGETN, OP_FGETENT,
				     OP_UNDERFLOW, OP_SCANF,   OP_GETS,   OP_GETCHAR};

struct ahead *ahead_root(void)
{
	return root && root->magic == AHEAD_MAGIC ? root : NULL;
}

bool outside_needs(enum op op)
{
	if (outside.stat.forced && !outside.given_up)
		return true; /* whatever comes first takes in */
	switch ((int)kind_of(op)) {
	case KIND_OPENDIR:
	case KIND_FDOPENDIR:
	case KIND_MMAP:
		return true;
	case KIND_OPEN:
	case KIND_FOPEN:
		return outside.open_samples > 0;
	case KIND_STAT:
		return outside.stat_samples > 0;
	case KIND_READ:
		return awaited.fd >= 0 && !awaited.stream;
	case KIND_STREAM_READ:
		return awaited.fd >= 0 && awaited.stream;
	default:
		return streams_concern(op); /* they outlive the way out */
	}
}

bool outside_is_in(void)
{
	return outside.in;
}

static void ops_sample(const enum op *ops, size_t count)
{
	for (size_t i = 0; i < count && !outside.in; i++)
		armed_sample(ops[i], WANTER_AHEAD);
}

static void stat_sampling(unsigned samples)
{
	outside.stat_samples = samples;
	if (samples)
		ops_sample(stat_ops, sizeof(stat_ops) / sizeof(*stat_ops));
}

static void open_sampling(unsigned samples)
{
	outside.open_samples = samples;
	if (samples)
		ops_sample(open_ops, sizeof(open_ops) / sizeof(*open_ops));
}

void read_await(int fd, bool stream, bool fetched, uint64_t open_ns)
{
	awaited.fd = fd;
	awaited.stream = stream;
	awaited.fetched = fetched;
	awaited.open_ns = open_ns;
	awaited.others = 0;
	if (fd < 0)
		return;
	if (stream)
		ops_sample(stream_ops, sizeof(stream_ops) / sizeof(*stream_ops));
	else
		ops_sample(read_ops, sizeof(read_ops) / sizeof(*read_ops));
}

/* The descriptor PASSAGE reads from, itself or through a STREAM. */
static int read_from(const struct passage *passage, bool stream)
{
	return stream ? fileno(filestream_of(passage)) : (int)passage->regs->arg[0];
}

bool read_awaited(const struct passage *passage)
{
	bool stream = kind_of(passage->op) == KIND_STREAM_READ;
	bool is_it = awaited.fd >= 0 && stream == awaited.stream &&
		     read_from(passage, stream) == awaited.fd;

	if (is_it || ++awaited.others > READS_OTHER)
		read_await(-1, false, awaited.fetched, awaited.open_ns);
	return is_it;
}

bool read_fetched(void)
{
	return awaited.fetched;
}

uint64_t read_open_ns(void)
{
	return awaited.open_ns;
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
	if (!outside.in)
		return;
	answers_release(ahead, -1);
	answers_drop(ahead, NULL);
}

void ahead_begin(int argc, char **argv)
{
	if (argc > 2) {
		operands.count = argc - 1;
		operands.list = argv + 1;
		operands.first = argv[1];
		operands.last = argv[argc - 1];
	}
	image_at_end(settle);
	outside.stat_samples = SAMPLES_FIRST;
	outside.open_samples = OPENS_FIRST;
	outside.stat.forced = outside.stat.in = config.force;
	outside.contents.forced = outside.contents.in = config.force;
}

static bool operand_is_name(const char *operand)
{
	return operand >= operands.first && operand <= operands.last && operand[0] &&
	       operand[0] != '-';
}

const char *ahead_operand(int index)
{
	if (index >= operands.count)
		return NULL;
	return operand_is_name(operands.list[index]) ? operands.list[index] : "";
}

static void operands_take(struct ahead *ahead)
{
	struct sweep *sweep = sweep_oldest(ahead->sweeps);

	if (!operands.count || ahead->operands)
		return;
	answers_drop(ahead, sweep);
	sweep_begin(sweep, &ahead->sweeps_total);
	for (int i = 0; i < operands.count; i++)
		if (operand_is_name(operands.list[i]))
			sweep_add(sweep, operands.list[i], strlen(operands.list[i]), 0, DT_UNKNOWN);
	ahead->operands = sweep;
}

/* What was still in flight when the shim went out keeps its slot until it lands. */
static bool root_make(void)
{
	if (!root)
		root = process_map_wiped(sizeof(*root));
	if (!root)
		return false;
	for (int i = 0; i < AHEAD_HABITS; i++)
		root->habits[i] = (struct habit){.window = WINDOW_FIRST, .types = UINT32_MAX};
	root->habit = root->habits;
	root->listed_habit = NULL;
	root->listed.sweep = NULL;
	root->stat = outside.stat;
	root->contents = outside.contents;
	root->stat.slow_ns = root->contents.slow_ns = pace_of(GOVERNOR_SLOW_NS);
	root->opened_stale = true;
	root->epoch++;
	if (outside.waits && !root->devices_known)
		device_note(root, outside.waits, false);
	root->cached.doubted = true; /* until a question has waited */
	root->magic = AHEAD_MAGIC;
	return true;
}

/* The ring, which other modules may have made. */
static bool ring_make(void)
{
	uint64_t stat_ns = outside.stat.cost_ns, contents_ns = outside.contents.cost_ns;

	flight_receive(FLIGHT_ANSWER, answer_arrived);
	flight_receive(FLIGHT_CONTENTS, contents_done);
	return flight_begin(stat_ns > contents_ns ? stat_ns : contents_ns) &&
	       ring_knows(OPCODE_STATX);
}

/* What is asked and listed here would be asked and listed past another library. */
static bool interposed(void)
{
	return kin_interposed(KIN_STAT) || kin_interposed(KIN_OPEN) || kin_interposed(KIN_LISTING);
}

static void go_in(void)
{
	struct signals_held held;

	if (outside.in || outside.given_up || threads_seen() || !process_owns_memory())
		return;
	thread_enter(&held);
	signals_note_change(); /* handlers set while nobody looked */
	outside.given_up = interposed() || !ring_make() || !root_make();
	if (!outside.given_up) {
		operands_take(root);
		outside.in = true;
		armed_refresh();
	}
	thread_leave(&held);
}

void ahead_engage(void)
{
	if (outside.in || outside.stat.sitting)
		return;
	outside.stat.in = true;
	go_in();
}

void outside_go_out(void)
{
	struct ahead *ahead = ahead_root();

	outside.in = false;
	if (ahead) {
		streams_take_back(ahead);
		outside.stat = ahead->stat;
		outside.contents = ahead->contents;
		answers_drop(ahead, NULL);
	}
	stat_sampling(0);
	open_sampling(0);
	read_await(-1, false, false, 0);
	armed_refresh();
}

void outside_give_up(void)
{
	outside.given_up = true;
	if (outside.in)
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

	if (!outside.stat_samples)
		return false;
	*passage->value = plain_time(passage, &ns);
	outside.stat.slow_ns = pace_limit(GOVERNOR_SLOW_NS, ns);
	governor_plain(&outside.stat, ns);
	stat_sampling(outside.stat.slow ? outside.stat_samples : outside.stat_samples - 1);
	return true;
}

static void (*directories_told)(void);

void ahead_tell_directories(void (*opened)(void))
{
	directories_told = opened;
}

void directory_opened(void)
{
	if (directories_told)
		directories_told();
}

/* After one slow question, the kind of file system may say enough (walk/governor.h). */
static void outside_directory(int fd)
{
	directory_opened();
	if (!outside.stat_samples)
		stat_sampling(1);
	if (!outside.open_samples)
		open_sampling(1);
	if (outside.stat.slow && fsinfo_storage(fd).network) {
		struct identity identity;

		if (descriptor_identify(fd, &identity))
			outside.waits = identity.device;
		governor_prior(&outside.stat);
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

	if (!outside.stat.slow) {
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

	if (!outside.open_samples)
		return false;
	if (!stream && (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE ||
			!files_flags_read(call.flags)))
		return false;
	open_sampling(outside.open_samples - 1);
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
	outside.contents.slow_ns = pace_limit(GOVERNOR_SLOW_NS, ns);
	governor_plain(&outside.contents, ns);
	if (outside.contents.slow && !outside.open_samples)
		open_sampling(1);
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

bool outside_before(const struct passage *passage)
{
	bool done;

	if (outside.in) /* a forked child: the root was wiped, the ring is the parent's */
		outside_go_out();
	if (outside.given_up)
		return false;
	done = outside_call(passage);
	if (done)
		*passage->reason = REASON_TIMED;
	sample_end(passage->op);
	if (outside.stat.in || outside.contents.in)
		go_in();
	return done;
}
