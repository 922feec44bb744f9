/* SPDX-License-Identifier: MIT
 *
 * All scouts share one table of descriptors: the first one leaves the program's (close_range(2), which
 * closes nothing in it) and makes the others. A descriptor comes from there to the program by
 * pidfd_getfd(2) of that thread, which is Linux 6.9's; before, there are none.
 *
 * Each directory's state says whose it is. Who changes it from one that both may change does so by
 * compare and swap, and a user of a directory counts himself before he looks at its state, as who
 * would close it takes the state before he looks for users.
 */
#include "backend/crew/scouts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

#include "backend/crew/clone.h"
#include "base/clock.h"
#include "base/directory.h"
#include "base/futex.h"
#include "base/sys.h"
#include "process/config.h"
#include "process/process.h"

/* linux/pidfd.h of older headers has no name for it; Linux 6.9. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

enum {
	THREADS = 8,
	STACK_SIZE = 16384,
	SLICE_NS = 20 * 1000 * 1000,
	ROOM_LEAST = 4096, /* for one getdents64 more: any entry fits into that */
};

/* In wiped memory: a forked child has no thread but its own. */
struct scouts {
	uint32_t calls;  /* whatever was posted, ever: a futex */
	uint32_t ending; /* they are to leave */
	uint32_t failed; /* there is no table for them alone */
	uint64_t serial;
	uint64_t stale_ns;
	uint32_t threads[THREADS]; /* their numbers; the kernel makes each 0 when it runs no more */
	long numbers[THREADS];     /* the same, for good */
	struct scout jobs[SCOUTS_JOBS];
	char stacks[THREADS][STACK_SIZE] __attribute__((aligned(16)));
};

static struct scouts *scouts;
static char *buffers; /* for the entries: a forked child has none of it */
static bool refused;  /* there can be none */

enum scout_state scout_state(const struct scout *scout)
{
	return (enum scout_state)__atomic_load_n(&scout->state, __ATOMIC_SEQ_CST);
}

static void state_set(struct scout *scout, enum scout_state state)
{
	__atomic_store_n(&scout->state, (uint32_t)state, __ATOMIC_SEQ_CST);
}

static bool state_swap(struct scout *scout, enum scout_state from, enum scout_state to)
{
	uint32_t expected = from;

	return __atomic_compare_exchange_n(&scout->state, &expected, (uint32_t)to, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static void users_add(struct scout *scout, int by)
{
	if (scout)
		__atomic_add_fetch(&scout->users, (uint32_t)by, __ATOMIC_SEQ_CST);
}

static uint32_t users_of(const struct scout *scout)
{
	return __atomic_load_n(&scout->users, __ATOMIC_SEQ_CST);
}

/* ---- what a scout does: system calls alone ---- */

/* Not libc's, which another library may stand before. */
static uint64_t own_clock_ns(void)
{
	struct timespec now;

	return sys(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0 ? clock_ns_of(&now) : 0;
}

static int close_kept(int *fd)
{
	if (*fd >= 0)
		sys(SYS_close, *fd);
	return *fd = -1;
}

/* What SCOUT's path descriptor is. Neither a mount point nor what would be mounted by looking. */
static int job_identify(struct scout *scout, uint64_t mount)
{
	struct statx statx;
	int err = descriptor_statx(scout->path, STATX_TYPE | STATX_INO | STATX_MNT_ID, &statx);

	if (err)
		return err;
	if (!S_ISDIR(statx.stx_mode) || !(statx.stx_mask & STATX_MNT_ID) ||
	    statx.stx_attributes & STATX_ATTR_AUTOMOUNT || (mount && statx.stx_mnt_id != mount))
		return -EXDEV;
	scout->identity = identity_of(&statx);
	scout->handle = descriptor_handle(scout->path);
	scout->mount = statx.stx_mnt_id;
	return 0;
}

static void job_find(struct scout *scout)
{
	char link[LINK_SIZE];

	descriptor_link(scout->number, link); /* of the program's table, as /proc has it */
	scout->path = (int)sys(SYS_openat, AT_FDCWD, link, O_PATH | O_DIRECTORY | O_CLOEXEC);
	scout->error = scout->path < 0 ? scout->path : job_identify(scout, 0);
}

/* All entries, or as many as there is room for. */
static int job_read(struct scout *scout)
{
	long length = 1;

	scout->length = 0;
	while (length > 0 && SCOUTS_BYTES - scout->length >= ROOM_LEAST) {
		length = sys(SYS_getdents64, scout->fd, scout->entries + scout->length,
			     SCOUTS_BYTES - scout->length);
		if (length > 0)
			scout->length += (size_t)length;
	}
	scout->ended = length == 0;
	scout->position = sys(SYS_lseek, scout->fd, 0, SEEK_CUR);
	return length < 0 ? (int)length : 0;
}

/* Reading it may have made the kernel doubt its attributes, for which the program is about to ask. */
static void job_renew(const struct scout *scout)
{
	struct statx statx;

	sys(SYS_statx, scout->path, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &statx);
}

static void job_look(const struct scout *scout)
{
	const struct directory_entry *entry;
	struct statx statx;

	for (size_t at = 0; scout->looks && at < scout->length; at += entry->size) {
		entry = (const struct directory_entry *)(scout->entries + at);
		if (!entry->inode || entry->type == DT_DIR || entry->type == DT_UNKNOWN)
			continue;
		path_statx(scout->path, entry->name, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &statx);
		return;
	}
}

static int job_open(struct scout *scout)
{
	int err;

	scout->path = (int)sys(SYS_openat, scout->from->path, scout->name,
			       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (scout->path < 0)
		return scout->path;
	err = job_identify(scout, scout->from->mount);
	if (err)
		return err;
	scout->fd = (int)sys(SYS_openat, scout->path, ".", scout->flags | O_CLOEXEC);
	return scout->fd < 0 ? scout->fd : job_read(scout);
}

static void job_list(struct scout *scout)
{
	scout->error = job_open(scout);
	if (scout->error)
		close_kept(&scout->fd);
	else
		job_look(scout), job_renew(scout);
	users_add(scout->from, -1);
	scout->from = NULL;
}

static void job_close(struct scout *scout)
{
	close_kept(&scout->fd);
	close_kept(&scout->path);
}

/* Done: it is the program's again, who may be waiting for it. */
static void job_done(struct scout *scout, enum scout_state state)
{
	scout->kept_ns = own_clock_ns();
	state_set(scout, state);
	futex_wake(&scout->state, 1);
}

/* What is in FROM is done by this thread, unless another one has begun. */
static bool job_run(struct scout *scout, enum scout_state from)
{
	if (!state_swap(scout, from, from == SCOUT_TAKEN ? SCOUT_PUTTING : SCOUT_RUNNING))
		return false;
	if (from == SCOUT_FINDING) {
		job_find(scout);
		job_done(scout, SCOUT_KNOWN);
	} else if (from == SCOUT_LISTING) {
		job_list(scout);
		job_done(scout, SCOUT_READY);
	} else if (from == SCOUT_TAKEN) {
		close_kept(&scout->fd);
		job_done(scout, SCOUT_KNOWN);
	} else {
		job_close(scout);
		state_set(scout, SCOUT_FREE);
	}
	return true;
}

/* Somebody may be about to open something from there: then it stays. */
static void job_expire(struct scout *scout, enum scout_state state, uint64_t before_ns)
{
	if (scout_state(scout) != state || !state_swap(scout, state, SCOUT_RUNNING))
		return;
	if (users_of(scout) || scout->kept_ns > before_ns) {
		state_set(scout, state);
		return;
	}
	job_close(scout);
	state_set(scout, SCOUT_FREE);
}

/* The listing that was asked for first. */
static struct scout *job_first(struct scouts *own)
{
	struct scout *first = NULL;

	for (int i = 0; i < SCOUTS_JOBS; i++)
		if (scout_state(&own->jobs[i]) == SCOUT_LISTING &&
		    (!first || own->jobs[i].serial < first->serial))
			first = &own->jobs[i];
	return first;
}

/* True if there was anything to do: first what takes no time. */
static bool jobs_turn(struct scouts *own)
{
	struct scout *first;
	bool did = false;

	for (int i = 0; i < SCOUTS_JOBS; i++) {
		enum scout_state state = scout_state(&own->jobs[i]);

		if (state == SCOUT_FINDING || state == SCOUT_TAKEN || state == SCOUT_DROPPED)
			did |= job_run(&own->jobs[i], state);
	}
	first = job_first(own);
	return (first && (job_run(first, SCOUT_LISTING), true)) || did;
}

static bool jobs_keep(const struct scouts *own)
{
	for (int i = 0; i < SCOUTS_JOBS; i++)
		if (scout_state(&own->jobs[i]) != SCOUT_FREE)
			return true;
	return false;
}

/* Nothing to do. The FIRST of them closes what nobody came for in time. */
static void scout_rest(struct scouts *own, uint32_t calls, bool first)
{
	uint64_t most_ns = first && jobs_keep(own) ? own->stale_ns : 0, before_ns;

	if (futex_wait(&own->calls, calls, most_ns) != -ETIMEDOUT)
		return;
	before_ns = own_clock_ns() - own->stale_ns;
	for (int i = 0; i < SCOUTS_JOBS; i++) {
		job_expire(&own->jobs[i], SCOUT_READY, before_ns);
		job_expire(&own->jobs[i], SCOUT_KNOWN, before_ns);
	}
}

static void scout_work(struct scouts *own, bool first)
{
	while (!__atomic_load_n(&own->ending, __ATOMIC_SEQ_CST)) {
		uint32_t calls = __atomic_load_n(&own->calls, __ATOMIC_SEQ_CST);

		if (!jobs_turn(own) && !__atomic_load_n(&own->ending, __ATOMIC_SEQ_CST))
			scout_rest(own, calls, first);
	}
}

CLONE_UNWATCHED static void other_main(void *argument)
{
	scout_work(argument, false);
}

CLONE_UNWATCHED static void first_main(void *argument)
{
	struct scouts *own = argument;

	if (!clone_leave_table()) {
		__atomic_store_n(&own->failed, 1, __ATOMIC_SEQ_CST);
		return;
	}
	for (int i = 1; i < THREADS; i++) {
		own->numbers[i] = clone_thread(other_main, own, own->stacks[i], STACK_SIZE,
					       &own->threads[i]);
		if (own->numbers[i] < 0)
			break; /* fewer do as well */
	}
	scout_work(own, true);
}

/* ---- the program's side ---- */

static bool scouts_map(void)
{
	if (!scouts)
		scouts = process_map_wiped(sizeof(*scouts));
	if (!buffers)
		buffers = process_map_private((size_t)SCOUTS_JOBS * SCOUTS_BYTES);
	return scouts && buffers;
}

static void jobs_prepare(void)
{
	for (int i = 0; i < SCOUTS_JOBS; i++) {
		struct scout *scout = &scouts->jobs[i];

		scout->entries = buffers + (size_t)i * SCOUTS_BYTES;
		scout->path = scout->fd = -1;
		scout->users = 0;
		scout->state = SCOUT_FREE;
	}
	for (int i = 0; i < THREADS; i++)
		scouts->numbers[i] = 0;
	scouts->ending = scouts->failed = 0;
	scouts->stale_ns = config_stale_ns();
}

bool scouts_alive(void)
{
	return scouts && __atomic_load_n(&scouts->threads[0], __ATOMIC_ACQUIRE);
}

struct scout *scouts_begin(void)
{
	if (!refused && scouts_alive())
		return scouts->jobs;
	refused = refused || !clone_allowed() || !scouts_map() || scouts->failed;
	if (refused)
		return NULL;
	jobs_prepare();
	scouts->numbers[0] = clone_thread(first_main, scouts, scouts->stacks[0], STACK_SIZE,
					  &scouts->threads[0]);
	refused = scouts->numbers[0] < 0;
	return refused ? NULL : scouts->jobs;
}

struct scout *scouts_free(void)
{
	for (int i = 0; scouts && i < SCOUTS_JOBS; i++)
		if (scout_state(&scouts->jobs[i]) == SCOUT_FREE)
			return &scouts->jobs[i];
	return NULL;
}

static void post(struct scout *scout, enum scout_state state)
{
	scout->serial = ++scouts->serial;
	state_set(scout, state);
	__atomic_add_fetch(&scouts->calls, 1, __ATOMIC_SEQ_CST);
	futex_wake(&scouts->calls, 1);
}

bool scout_find(struct scout *scout, int number)
{
	enum scout_state state = SCOUT_FINDING;

	scout->number = number;
	scout->from = NULL;
	scout->name[0] = '\0';
	scout->length = 0;
	scout->ended = false;
	scout->posted_ns = clock_ns();
	post(scout, SCOUT_FINDING);
	while (state != SCOUT_KNOWN && clock_ns() - scout->posted_ns < SLICE_NS) {
		futex_wait(&scout->state, state, SLICE_NS);
		state = scout_state(scout);
	}
	return state == SCOUT_KNOWN && !scout->error;
}

bool scout_is_base(const struct scout *scout)
{
	switch (scout_state(scout)) {
	case SCOUT_READY:
	case SCOUT_TAKEN:
	case SCOUT_PUTTING:
	case SCOUT_KNOWN:
		return !scout->error;
	case SCOUT_FREE:
	case SCOUT_FINDING:
	case SCOUT_LISTING:
	case SCOUT_RUNNING:
	case SCOUT_DROPPED:
		break;
	}
	return false;
}

bool scout_list(struct scout *scout, struct scout *from, const char *name, int flags, bool looks)
{
	size_t i;

	users_add(from, 1);
	if (!scout_is_base(from)) {
		users_add(from, -1);
		return false;
	}
	for (i = 0; i < NAME_MAX && name[i]; i++)
		scout->name[i] = name[i];
	scout->name[i] = '\0';
	scout->from = from;
	scout->flags = flags & ~O_CLOEXEC;
	scout->looks = looks;
	scout->error = 0;
	scout->posted_ns = clock_ns();
	post(scout, SCOUT_LISTING);
	return true;
}

bool scout_cancel(struct scout *scout)
{
	if (!state_swap(scout, SCOUT_LISTING, SCOUT_RUNNING))
		return false;
	users_add(scout->from, -1);
	scout->from = NULL;
	state_set(scout, SCOUT_FREE);
	return true;
}

void scout_await(struct scout *scout)
{
	futex_wait(&scout->state, SCOUT_RUNNING, SLICE_NS);
}

/* Its number is what the program's open would have got. */
static int taken_number(const struct scout *scout, bool cloexec)
{
	int pidfd = (int)sys(SYS_pidfd_open, scouts->threads[0], PIDFD_THREAD), got, number;

	if (pidfd < 0)
		return pidfd;
	got = (int)sys(SYS_pidfd_getfd, pidfd, scout->fd, 0);
	number = got < 0 ? got : (int)sys(SYS_dup3, got, pidfd, cloexec ? O_CLOEXEC : 0);
	if (number < 0)
		sys(SYS_close, pidfd);
	if (got >= 0)
		sys(SYS_close, got);
	return number;
}

int scout_take(struct scout *scout, bool cloexec)
{
	int number;

	if (!state_swap(scout, SCOUT_READY, SCOUT_RUNNING))
		return -EAGAIN;
	number = scout->error ? scout->error : taken_number(scout, cloexec);
	if (number >= 0 && sys(SYS_lseek, number, 0, SEEK_SET) != 0) {
		sys(SYS_close, number);
		number = -ESPIPE;
	}
	refused |= number == -EINVAL; /* before Linux 6.9 no thread has a pidfd */
	post(scout, number >= 0 ? SCOUT_TAKEN : SCOUT_DROPPED);
	return number;
}

void scout_drop(struct scout *scout)
{
	if (users_of(scout))
		return; /* it is closed when it has got old */
	if (state_swap(scout, SCOUT_READY, SCOUT_RUNNING) ||
	    state_swap(scout, SCOUT_KNOWN, SCOUT_RUNNING))
		post(scout, SCOUT_DROPPED);
}

void scouts_end(void)
{
	if (!scouts_alive())
		return;
	__atomic_store_n(&scouts->ending, 1, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&scouts->calls, 1, __ATOMIC_SEQ_CST);
	futex_wake(&scouts->calls, INT_MAX);
	clone_await_end(&scouts->threads[0], scouts->numbers[0]); /* it makes the others */
	for (int i = 1; i < THREADS; i++)
		clone_await_end(&scouts->threads[i], scouts->numbers[i]);
}
