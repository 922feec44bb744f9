/* SPDX-License-Identifier: MIT */
#include "behind_private.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>

#include "ahead.h"
#include "clock.h"
#include "config.h"
#include "engine.h"
#include "fence.h"
#include "flight.h"
#include "leave.h"
#include "listing.h"
#include "names.h"
#include "over/over.h"
#include "process.h"
#include "real.h"
#include "sys.h"
#include "thread.h"

#define BEHIND_MAGIC UINT64_C(0x75736862656869ff)

enum {
	SLOW_NS = 200 * 1000, /* a plain command that waited, on storage that waits by nature; */
	SLOW_LOCAL_NS = 500 * 1000, /* elsewhere; a mkdir of ext4 works so long, seeking room */
	SAMPLES_FIRST = 4,    /* commands timed when the program starts */
	COMMANDS_MOST = 64,   /* kinds of them, more than there are */
	WORK_NS = 50 * 1000,  /* of the processor: rm(1) takes a few µs from one name to the next */
	IDLED_ENOUGH = 16,
};

/* Ordinary memory, so that children inherit what was learned. */
static struct {
	struct governor command;
	unsigned samples; /* timed commands still to come */
	bool suspected;   /* the last one took long: did it wait? */
	bool given_up;
	bool in;
} outside;

static struct behind *root;

struct behind *behind_root(void)
{
	return outside.in && root && root->magic == BEHIND_MAGIC ? root : NULL;
}

static bool wanted(void)
{
	return config.mode == MODE_AUTO;
}

void behind_begin(void)
{
	if (!wanted())
		return;
	outside.samples = SAMPLES_FIRST;
	outside.command.slow_ns = SLOW_NS;
	outside.command.forced = outside.command.in = config.force;
}

bool behind_needs(enum op op)
{
	if (!wanted())
		return false;
	if (lost_needs(op))
		return true;
	if (outside.given_up)
		return false;
	if (outside.in)
		return fence_of(op) != FENCE_NONE || table_op_class(op) == CLASS_HANDLE;
	if (op == OP_MMAP || op == OP_SHMAT)
		return true;
	return outside.samples > 0 && table_op_class(op) == CLASS_COMMAND &&
	       fence_of(op) == FENCE_COMMAND; /* the class is asked first: it costs less */
}

/*
 * Done for every directory opened, so the commands are looked for among all operations once, and
 * nobody else is asked. After the sample each is disarmed when it comes by.
 */
static void commands_arm(void)
{
	static enum op commands[COMMANDS_MOST];
	static unsigned count;

	if (!count)
		for (enum op op = 0; op < OP_COUNT && count < COMMANDS_MOST; op++)
			if (fence_of(op) == FENCE_COMMAND)
				commands[count++] = op;
	for (unsigned i = 0; i < count && !outside.in; i++)
		engine_sample(commands[i]);
}

bool behind_is_in(void)
{
	return outside.in;
}

void behind_directory_opened(void)
{
	if (!wanted() || outside.samples || outside.in || outside.given_up)
		return;
	outside.samples = 1;
	commands_arm();
}

/* ---- in and out ---- */

/* CAP_FOWNER, as effective now (capabilities(7)). */
static bool may_link_all(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	return sys(SYS_capget, &header, data) == 0 && data[0].effective >> CAP_FOWNER & 1;
}

void behind_identify(struct behind *behind)
{
	if (behind->identified)
		return;
	behind->uid = (uint32_t)sys(SYS_setfsuid, -1); /* refused, it says what it is */
	behind->may_link_all = may_link_all();
	behind->identified = true;
}

static bool root_make(void)
{
	struct identity proc;

	if (!root)
		root = process_map_wiped(sizeof(*root));
	if (!root)
		return false;
	root->magic = BEHIND_MAGIC;
	if (path_identify(AT_FDCWD, "/proc", 0, &proc))
		root->proc_device = proc.device;
	flight_receive(FLIGHT_COMMAND, command_done);
	return flight_begin() && ring_knows(OPCODE_LINKAT) && ring_knows(OPCODE_UNLINKAT);
}

static void go_in(void)
{
	struct signals_held held;

	if (outside.in || outside.given_up || process_threaded() || ring_ceded() ||
	    leave_begun() || !process_owns_memory())
		return;
	thread_enter(&held);
	outside.given_up = !root_make();
	if (!outside.given_up) {
		outside.in = true;
		engine_arm();
	}
	thread_leave(&held);
}

static void go_out(void)
{
	outside.in = false;
	outside.samples = 0;
	engine_arm();
}

/* With everything done. */
static void go_out_now(struct behind *behind)
{
	struct signals_held held;

	thread_enter(&held);
	behind_forget(behind);
	thread_leave(&held);
	go_out();
}

void behind_forget(struct behind *behind)
{
	queue_wait_all(behind);
	empties_end(behind);
	behind->identified = false; /* the call may be about to change it */
	for (int i = 0; i < BEHIND_DIRS && behind->descriptors; i++)
		if (behind->dirs[i].used)
			dir_drop(behind, &behind->dirs[i]);
}

void behind_settle(void)
{
	struct behind *behind = behind_root();

	if (!behind || !process_owns_memory())
		return;
	outside.given_up = true; /* handlers of the way out make plain calls */
	go_out_now(behind);
}

long command_plain(const struct passage *passage, enum reason why, bool unseen)
{
	uint64_t ns;

	if (lost_refuses(passage))
		return *passage->value;
	ahead_command(passage->op, unseen);
	*passage->value = passage_time(passage, &ns);
	*passage->reason = why;
	governor_plain(&outside.command, ns);
	return *passage->value;
}

uint64_t command_cost_ns(void)
{
	return outside.command.cost_ns;
}

/* ---- while out: a command is timed ---- */

/* Is what CALL changes on a file system that waits by nature? */
static bool call_network(const struct call *call)
{
	bool second = call->path2 != NULL;
	char path[PATH_MAX];
	size_t directory;
	bool network;
	long fd;

	if (!path_read(second ? call->path2 : call->path, path))
		return false;
	path_split(path, &directory);
	if (!directory)
		path[directory++] = '.';
	path[directory] = '\0';
	fd = sys(SYS_openat, second ? call->fd2 : call->fd, path, O_PATH | O_CLOEXEC);
	network = fd >= 0 && names_network((int)fd);
	if (fd >= 0)
		sys(SYS_close, fd);
	return network;
}

/* The directory that showed it is the first that is known. */
static void go_in_with(const struct call *call, bool made, bool network)
{
	struct signals_held held;

	go_in();
	if (network)
		ahead_engage();
	if (!behind_root() || !made || call->opcode != OPCODE_MKDIRAT)
		return;
	thread_enter(&held);
	dir_made(behind_root(), call->fd, call->path);
	thread_leave(&held);
}

/*
 * Makes the command; how long it waited, in ns, as far as that is known. Over a network it was all
 * waiting. Elsewhere it may have been work (ext4 seeks room for a directory for 300 us), and the
 * processor's time is asked for only where the command before took long too: that is a system
 * call, the monotonic clock is none.
 */
static uint64_t command_wait(const struct passage *passage, const struct call *call, bool *network)
{
	bool measured = outside.suspected;
	uint64_t ns, worked = measured ? clock_thread_ns() : 0;

	*passage->value = passage_time(passage, &ns);
	*passage->reason = REASON_TIMED;
	outside.suspected = ns >= SLOW_NS;
	*network = outside.suspected && call_network(call);
	if (*network || !measured || !outside.suspected)
		return *network ? ns : 0;
	worked = clock_thread_ns() - worked;
	return ns > worked + SLOW_LOCAL_NS ? ns - worked : 0;
}

static bool outside_before(const struct passage *passage)
{
	struct call call = {.op = passage->op};
	struct signals_held held;
	bool network;

	/* Stores to such memory are output that nobody sees, however early it was mapped. */
	if (passage_shares_memory(passage->op, passage->regs))
		outside.given_up = true;
	if (fence_of(passage->op) != FENCE_COMMAND)
		return false;
	if (!outside.samples)
		engine_sample_end(passage->op);
	if (outside.given_up || !outside.samples ||
	    over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE)
		return false;
	if (ahead_is_in()) {
		thread_enter(&held);
		ahead_command(passage->op, false);
		thread_leave(&held);
	}
	governor_plain(&outside.command, command_wait(passage, &call, &network));
	if (network)
		governor_prior(&outside.command);
	if (outside.command.in)
		go_in_with(&call, (int)*passage->value == 0, network);
	else if (!outside.suspected && !outside.command.slow)
		outside.samples--;
	return true;
}

/* ---- while in ---- */

static bool descriptor_is(int fd, mode_t kind)
{
	struct statx statx;

	return descriptor_statx(fd, STATX_TYPE, &statx) == 0 && (statx.stx_mode & S_IFMT) == kind;
}

/* Does FD's open file hold a lock, which its close gives to others? If in doubt, yes. */
static bool descriptor_locked(int fd)
{
	char text[512], path[LINK_SIZE];
	long info, length;

	descriptor_info(fd, path);
	info = sys(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (info < 0)
		return true;
	length = sys(SYS_read, info, text, sizeof(text) - 1);
	sys(SYS_close, info);
	text[length > 0 ? length : 0] = '\0';
	return length <= 0 || length == sizeof(text) - 1 || strstr(text, "lock:");
}

/* FD is about to be closed: only of a directory does nobody learn by that. */
static void close_prepare(struct behind *behind, int fd)
{
	if (behind->pending && (!descriptor_is(fd, S_IFDIR) || descriptor_locked(fd)))
		queue_wait_all(behind);
}

static int stream_descriptor(DIR *stream)
{
	return listing_has(stream) ? listing_descriptor(stream) : REAL(dirfd)(stream);
}

static void stream_prepare(struct behind *behind, const struct passage *passage)
{
	DIR *stream = (DIR *)passage->regs->arg[0];

	switch ((int)passage->op) {
	case OP_GETDENTS:
	case OP_GETDIRENTRIES:
		touch_descriptor(behind, (int)passage->regs->arg[0]);
		break;
	case OP_FDOPENDIR:
		break;
	case OP_CLOSEDIR:
		stream_gone(behind, stream);
		close_prepare(behind, stream_descriptor(stream));
		break;
	case OP_REWINDDIR:
	case OP_SEEKDIR:
	case OP_READDIR_R:
		stream_gone(behind, stream); /* not read from its beginning to its end */
		touch_descriptor(behind, stream_descriptor(stream));
		break;
	default:
		if (behind->pending)
			touch_descriptor(behind, stream_descriptor(stream));
	}
}

static bool names_our_descriptor(const struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;

	switch ((int)passage->op) {
	case OP_DUP2:
	case OP_DUP3:
	case OP_SYMLINKAT:
		return descriptor_is_ours(behind, (int)arg[0]) ||
		       descriptor_is_ours(behind, (int)arg[1]);
	case OP_LINKAT:
	case OP_RENAMEAT:
	case OP_RENAMEAT2:
		return descriptor_is_ours(behind, (int)arg[0]) ||
		       descriptor_is_ours(behind, (int)arg[2]);
	default:
		return arg[0] >= 0 && arg[0] < INT_MAX && descriptor_is_ours(behind, (int)arg[0]);
	}
}

/* At the other end of a FIFO or a device it is seen that somebody opens it. */
static void open_tells(struct behind *behind, int fd, const char *path)
{
	struct statx statx;

	if (behind->descriptors && path_statx(fd, path, 0, STATX_TYPE, &statx) == 0 &&
	    !S_ISREG(statx.stx_mode) && !S_ISDIR(statx.stx_mode))
		behind_forget(behind);
}

static void open_prepare(struct behind *behind, const struct passage *passage)
{
	const uint32_t changes = O_CREAT | O_TRUNC;
	struct call call = {.op = passage->op};
	struct spot *spot = &behind->spot;

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE) {
		behind_forget(behind);
		return;
	}
	if (!(call.flags & O_DIRECTORY))
		empties_end(behind);
	if ((call.flags & O_ACCMODE) == O_RDONLY && !(call.flags & changes)) {
		touch_path(behind, spot, call.fd, call.path, !(call.flags & O_NOFOLLOW));
	} else {
		queue_wait_all(behind);
		if ((call.flags & O_TMPFILE) == O_TMPFILE ||
		    !spot_read(behind, spot, call.fd, call.path))
			behind_forget(behind);
		else if (spot->dir && strlen(spot->name) <= NAME_MAX)
			names_add(spot->dir, spot->name);
	}
	if (!(call.flags & (O_PATH | O_DIRECTORY)))
		open_tells(behind, call.fd, call.path);
}

/* Names that are made by others than this module's commands count as used. */
static void make_prepare(struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	bool at = passage->op == OP_MKNODAT || passage->op == OP_MKFIFOAT;
	struct spot *spot = &behind->spot;

	queue_wait_all(behind);
	empties_end(behind);
	if (passage->op == OP_XMKNOD || passage->op == OP_XMKNODAT ||
	    !spot_read(behind, spot, at ? (int)arg[0] : AT_FDCWD, PATH(arg[at])))
		behind_forget(behind);
	else if (spot->dir && strlen(spot->name) <= NAME_MAX)
		names_add(spot->dir, spot->name);
	if (passage->op == OP_FOPEN)
		open_tells(behind, AT_FDCWD, PATH(arg[0]));
}

static bool command_prepare(struct behind *behind, const struct passage *passage)
{
	struct call call = {.op = passage->op};

	if (over_marshal(passage->op, &call, passage->regs->arg) != REASON_NONE) {
		behind_forget(behind);
		return false;
	}
	switch ((int)call.opcode) {
	case OPCODE_LINKAT:
		empties_end(behind);
		return links_command(behind, passage, &call);
	case OPCODE_MKDIRAT:
	case OPCODE_SYMLINKAT:
	case OPCODE_RENAMEAT:
		empties_end(behind);
		return makes_command(behind, passage, &call);
	case OPCODE_UNLINKAT:
		return empties_command(behind, passage, &call);
	default:
		behind_forget(behind);
		return false;
	}
}

static void ask_prepare(struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;
	bool at = passage->op == OP_FACCESSAT || passage->op == OP_READLINKAT ||
		  passage->op == OP_READLINKAT_CHK;

	empties_end(behind);
	touch_path(behind, &behind->spot, at ? (int)arg[0] : AT_FDCWD, PATH(arg[at]), true);
}

/* True if PASSAGE was acknowledged or made. */
static bool act(struct behind *behind, const struct passage *passage)
{
	const long *arg = passage->regs->arg;

	if (names_our_descriptor(behind, passage))
		behind_forget(behind);
	switch (fence_of(passage->op)) {
	case FENCE_NONE:
		return false;
	case FENCE_STAT:
		touch_question(behind, passage);
		return false;
	case FENCE_ASK:
		ask_prepare(behind, passage);
		return false;
	case FENCE_OPEN:
		open_prepare(behind, passage);
		return false;
	case FENCE_OPENDIR:
		touch_path(behind, &behind->spot, AT_FDCWD, PATH(arg[0]), true);
		return false;
	case FENCE_STREAM:
		stream_prepare(behind, passage);
		return false;
	case FENCE_CLOSE:
		close_prepare(behind, (int)arg[0]);
		return false;
	case FENCE_COPY:
		close_prepare(behind, (int)arg[1]);
		return false;
	case FENCE_READ:
		empties_end(behind);
		if (!descriptor_is((int)arg[0], S_IFREG))
			behind_forget(behind);
		return false;
	case FENCE_WRITE:
		empties_end(behind);
		behind->space_left = 0;
		if (descriptor_is((int)arg[0], S_IFREG))
			queue_wait_all(behind);
		else
			behind_forget(behind);
		return false;
	case FENCE_COMMAND:
		return command_prepare(behind, passage);
	case FENCE_ATTRIBUTE:
		empties_end(behind);
		return attributes_command(behind, passage);
	case FENCE_MAKE:
		make_prepare(behind, passage);
		return false;
	case FENCE_COUNT:
		queue_wait_all(behind);
		return false;
	case FENCE_ALL:
		queue_wait_all(behind);
		empties_end(behind);
		return false;
	case FENCE_OUTSIDE:
		if (!(passage->op == OP_FCNTL && passage_fcntl_is_plain(passage->regs)) &&
		    !(passage->op == OP_SYSCALL && passage_syscall_is_plain(passage->regs)))
			behind_forget(behind);
		return false;
	}
	return false;
}

/* From here on memory is shared with others, or commands come from several threads. */
static bool ends_deferral(const struct passage *passage)
{
	return passage_shares_memory(passage->op, passage->regs) ||
	       (table_op_order(passage->op) == ORDER_THREAD &&
		table_op_class(passage->op) == CLASS_PROCESS);
}

/* Without a record of any directory nothing is pending, and nobody can end what is known. */
static bool concerns(const struct behind *behind, const struct passage *passage)
{
	return behind->descriptors || fence_of(passage->op) == FENCE_COMMAND ||
	       ends_deferral(passage) || lost_needs(passage->op);
}

/* What needs no directory to be true may end all the same. */
static void unheeded(struct behind *behind)
{
	behind->identified = false;
	behind->space_left = 0;
}

static bool refuses_outside(const struct passage *passage)
{
	struct signals_held held;
	bool refuses;

	if (!lost_needs(passage->op))
		return false;
	thread_enter(&held);
	refuses = lost_refuses(passage);
	thread_leave(&held);
	return refuses;
}

/* ---- is it removing that is done, or is a removal the start of some work? ---- */

static bool removes_name(enum op op)
{
	return op == OP_UNLINK || op == OP_UNLINKAT || op == OP_RMDIR;
}

/* A call comes. Once may be a page fault or the machine; a program that works does so again. */
static void worked_look(struct behind *behind)
{
	uint64_t since = behind->removed_ns;

	behind->removed_ns = 0;
	if (!since)
		return;
	if (clock_thread_ns() - since < WORK_NS) {
		if (++behind->idled == IDLED_ENOUGH)
			behind->worked = 0;
		return;
	}
	behind->idled = 0;
	if (++behind->worked > 1)
		empties_end(behind);
}

/* A removal was made or acknowledged. */
static void worked_begin(struct behind *behind, const struct passage *passage)
{
	if (behind->removes && removes_name(passage->op))
		behind->removed_ns = clock_thread_ns();
}

bool behind_before(const struct passage *passage)
{
	struct behind *behind = behind_root();
	struct signals_held held;
	bool done;

	if (thread_self.depth || !wanted())
		return false;
	if (!behind && refuses_outside(passage))
		return true;
	if (outside.in && !behind) { /* a forked child: the root was wiped */
		go_out();
		outside.samples = 1;
		commands_arm();
	}
	if (process_threaded() || ring_ceded())
		return false;
	if (!behind)
		return outside_before(passage);
	if (!process_owns_memory())
		return false;
	if (!concerns(behind, passage)) {
		unheeded(behind);
		return false;
	}
	thread_enter(&held);
	queue_make_room(behind);
	worked_look(behind);
	done = act(behind, passage) || lost_refuses(passage);
	worked_begin(behind, passage);
	thread_leave(&held);
	if (ends_deferral(passage))
		outside.given_up = true;
	if (outside.given_up || !outside.command.in)
		go_out_now(behind);
	return done;
}

/* ---- afterwards ---- */

/* The program ran into numbers that are ours: it gets them. */
static bool ran_out(struct behind *behind, const struct passage *passage)
{
	bool pointer = passage->op == OP_OPENDIR || passage->op == OP_FDOPENDIR ||
		       passage->op == OP_FOPEN;

	if (!behind->descriptors || errno != EMFILE)
		return false;
	return pointer ? *passage->value == 0 : (int)*passage->value == -1;
}

/* /proc names descriptors: ours go before the program has read a name. True if FD lies there. */
static bool proc_opened(struct behind *behind, int fd)
{
	struct identity identity;

	if (!descriptor_identify(fd, &identity) || identity.device != behind->proc_device)
		return false;
	behind_forget(behind);
	return true;
}

static void handle_made(struct behind *behind, const struct passage *passage)
{
	long value = *passage->value;

	if (passage->op == OP_OPENDIR || passage->op == OP_FDOPENDIR) {
		int fd = value ? REAL(dirfd)((DIR *)value) : -1;

		if (!value)
			return;
		if (proc_opened(behind, fd))
			outside.given_up = true; /* or there is one more while it is read */
		else
			stream_opened(behind, (DIR *)value, fd);
	} else if (fence_of(passage->op) == FENCE_OPEN && (int)value >= 0 && behind->descriptors) {
		proc_opened(behind, (int)value);
	}
}

static void handle_after(struct behind *behind, const struct passage *passage, bool done)
{
	if (!done)
		*passage->value = passage_make(passage);
	if (ran_out(behind, passage)) {
		behind_forget(behind);
		*passage->value = passage_make(passage);
	}
	handle_made(behind, passage);
}

static void readdir_after(struct behind *behind, const struct passage *passage, bool done)
{
	DIR *stream = (DIR *)passage->regs->arg[0];
	int saved = errno, err = 0;

	if (!done) {
		errno = 0;
		*passage->value = passage_make(passage);
		err = errno;
	}
	if (!err)
		errno = saved;
	stream_gave(behind, stream, (const struct dirent *)*passage->value,
		    !*passage->value && !err);
}

static void stat_after(struct behind *behind, const struct passage *passage, bool done)
{
	if (!done)
		*passage->value = passage_make(passage);
	while (touch_answer(behind, passage))
		*passage->value = passage_make(passage);
}

/* True when PASSAGE was made here. */
static bool after(struct behind *behind, const struct passage *passage, bool done)
{
	if (fence_of(passage->op) == FENCE_STAT)
		stat_after(behind, passage, done);
	else if (passage->op == OP_READDIR)
		readdir_after(behind, passage, done);
	else
		handle_after(behind, passage, done);
	return true;
}

static bool op_watched(enum op op)
{
	return fence_of(op) == FENCE_STAT || op == OP_READDIR ||
	       (table_op_class(op) == CLASS_HANDLE && op != OP_CLOSE && op != OP_CLOSEDIR &&
		fence_of(op) != FENCE_OUTSIDE) ||
	       op == OP_FCNTL;
}

static bool concerns_after(const struct behind *behind, const struct passage *passage)
{
	if (!op_watched(passage->op))
		return false;
	if (fence_of(passage->op) == FENCE_STAT)
		return behind->pending;
	if (passage->op == OP_READDIR)
		return stream_noted(behind, (DIR *)passage->regs->arg[0]);
	return behind->descriptors || behind->removes;
}

bool behind_after(const struct passage *passage, bool done)
{
	struct behind *behind = behind_root();
	struct signals_held held;

	if (!behind || thread_self.depth || !concerns_after(behind, passage) ||
	    process_threaded() || !process_owns_memory())
		return done;
	thread_enter(&held);
	done = after(behind, passage, done);
	thread_leave(&held);
	return done;
}
