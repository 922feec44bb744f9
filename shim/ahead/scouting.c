/* SPDX-License-Identifier: MIT
 *
 * The directories that a walk is about to come to are opened and listed by scouts (scouts.h), siblings in
 * order and what is below each: a program that opened one directory of a listing after another, and
 * passed over none, will open the next. It is handed the very open file; the entries go to its stream.
 *
 * That is an answer, and so served in auto alone, once, while it is young, if nothing happened since that
 * begins a new epoch; and only if the name still leads to the directory, which is asked of the kernel.
 * What this process itself changed in it meanwhile makes it void (scouting_changed).
 */
#include "ahead/private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/sys.h"
#include "process/config.h"
#include "process/signals.h"
#include "process/watching.h"
#include "report/stats.h"
#include "walk/listing.h"

enum {
	RUN_PROOF = 2,     /* directories opened in order before any is opened ahead */
	TWICE_PROOF = 2,   /* in a row that were opened twice: as rm does, so will be the next */
	WINDOW_FIRST = 4,  /* directories ahead of the program, */
	WINDOW_MOST = 16,  /* as they help */
	STEP_WEIGHT = 8,   /* a new step counts one eighth */
	LOOK_MOST = 1024,  /* entries looked at for the next directories */
};

static struct scout *job_of(const struct ahead *ahead, int i)
{
	return &ahead->scouting.jobs[i];
}

static bool scouts_here(const struct ahead *ahead)
{
	return ahead->scouting.jobs && scouts_alive();
}

/* What this process has changed is known of each directory (scouting_changed), however much it is. */
static uint64_t epoch_of(const struct ahead *ahead)
{
	return ahead->epoch - ahead->epochs_full;
}

/* A directory that was asked for and that the program may still come for. */
static bool is_ahead(const struct ahead *ahead, int i)
{
	switch (scout_state(job_of(ahead, i))) {
	case SCOUT_LISTING:
	case SCOUT_RUNNING:
	case SCOUT_READY:
		return ahead->scouting.keys[i].ahead;
	case SCOUT_FREE:
	case SCOUT_FINDING:
	case SCOUT_TAKEN:
	case SCOUT_PUTTING:
	case SCOUT_KNOWN:
	case SCOUT_DROPPED:
		break;
	}
	return false;
}

/* ---- what came of it ---- */

static void job_used(struct ahead *ahead, int i)
{
	ahead->scouting.keys[i].ahead = false;
	governor_used(&ahead->scouting.pays, 1);
	stats_ring(RING_STAT_ASKED);
	stats_ring(RING_STAT_USED);
	if (ahead->scouting.window < WINDOW_MOST)
		ahead->scouting.window *= 2;
}

static void job_wasted(struct ahead *ahead, int i)
{
	ahead->scouting.keys[i].ahead = false;
	if (scout_cancel(job_of(ahead, i)))
		return; /* nobody has begun with it */
	governor_wasted(&ahead->scouting.pays, 1);
	stats_ring(RING_STAT_ASKED);
	stats_ring(RING_STAT_WASTED);
	if (ahead->scouting.window > 1)
		ahead->scouting.window /= 2;
	scout_drop(job_of(ahead, i));
}

static bool job_young(const struct scout *scout)
{
	return clock_ns() - scout->posted_ns <= config_stale_ns();
}

/* Nobody will come for what is too old. */
static void jobs_age(struct ahead *ahead)
{
	for (int i = 0; i < SCOUTS_JOBS; i++)
		if (is_ahead(ahead, i) && (ahead->scouting.keys[i].epoch != epoch_of(ahead) ||
					   !job_young(job_of(ahead, i))))
			job_wasted(ahead, i);
		else if (!ahead->scouting.keys[i].ahead && scout_state(job_of(ahead, i)) == SCOUT_READY)
			scout_drop(job_of(ahead, i));
}

void scouting_end(struct ahead *ahead)
{
	if (!ahead->scouting.jobs)
		return;
	for (int i = 0; i < SCOUTS_JOBS; i++)
		if (ahead->scouting.keys[i].ahead)
			job_wasted(ahead, i);
	scouts_end();
	ahead->scouting.jobs = NULL;
	ahead->scouting.served.fd = -1;
}

bool scouting_is_proc(const struct ahead *ahead, const struct identity *identity)
{
	return identity->device == ahead->scouting.proc_device;
}

/* Before the program has read a name or a byte there; a question counts them in what it answers. */
bool scouting_shown(struct ahead *ahead, const struct identity *identity)
{
	if (!(ahead->scouting.jobs || flight_has_threads()) || !scouting_is_proc(ahead, identity))
		return false;
	scouting_end(ahead);
	flight_rest();
	return true;
}

/* ---- what this process changed ---- */

/* Of what is being listed it is not known yet what it is. */
static void change_note(struct ahead *ahead, const struct identity *identity)
{
	ahead->scouting.changed[ahead->scouting.changes++ % AHEAD_CHANGES] = *identity;
}

void scouting_changed(struct ahead *ahead, const struct identity *identity)
{
	bool unsure = false;

	if (!scouts_here(ahead))
		return;
	for (int i = 0; i < SCOUTS_JOBS; i++) {
		if (!is_ahead(ahead, i))
			continue;
		if (scout_state(job_of(ahead, i)) != SCOUT_READY)
			unsure = true;
		else if (identity_same(&job_of(ahead, i)->identity, identity))
			job_wasted(ahead, i);
	}
	if (unsure)
		change_note(ahead, identity);
}

/* Was it changed while it was being listed? */
static bool job_changed(const struct ahead *ahead, int i)
{
	uint64_t since = ahead->scouting.keys[i].changes, now = ahead->scouting.changes;

	if (now - since > AHEAD_CHANGES)
		return true;
	for (; since < now; since++)
		if (identity_same(&ahead->scouting.changed[since % AHEAD_CHANGES],
				  &job_of(ahead, i)->identity))
			return true;
	return false;
}

/* ---- the program comes for one ---- */

/* Is it NAME in the directory of that identity and handle? */
static bool job_is_for(const struct ahead *ahead, int i, const struct identity *parent,
		       uint64_t handle, const char *name)
{
	return is_ahead(ahead, i) && identity_same(&ahead->scouting.keys[i].parent, parent) &&
	       ahead->scouting.keys[i].handle == handle && !strcmp(job_of(ahead, i)->name, name);
}

static int job_find(const struct ahead *ahead, const struct identity *parent, uint64_t handle,
		    const char *name)
{
	for (int i = 0; i < SCOUTS_JOBS; i++)
		if (job_is_for(ahead, i, parent, handle, name))
			return i;
	return -1;
}

/* False if it is not begun with, which the program does as fast, or a signal handler is due. */
static bool job_await(struct scout *scout)
{
	struct signals_held held;
	bool due = false;

	if (scout_state(scout) == SCOUT_LISTING)
		return false;
	signals_hold(&held);
	while (scout_state(scout) == SCOUT_RUNNING && !due) {
		scout_await(scout);
		due = signals_waiting(&held) != 0;
	}
	signals_release(&held);
	return scout_state(scout) == SCOUT_READY;
}

/* Does PLACE still lead to what SCOUT has open? */
static bool leads_to(const struct place *place, const struct scout *scout)
{
	struct statx statx;
	struct identity identity;

	if (path_statx(place->fd, place->path, AT_SYMLINK_NOFOLLOW,
		       STATX_TYPE | STATX_INO | STATX_MNT_ID, &statx) != 0)
		return false;
	identity = identity_of(&statx);
	return S_ISDIR(statx.stx_mode) && statx.stx_mnt_id == scout->mount &&
	       identity_same(&identity, &scout->identity) &&
	       path_handle(place->fd, place->path, AT_SYMLINK_NOFOLLOW) == scout->handle;
}

static bool job_servable(struct ahead *ahead, int i, const struct place *place, int flags)
{
	struct scout *scout = job_of(ahead, i);

	return job_await(scout) && !scout->error && scout->flags == (flags & ~O_CLOEXEC) &&
	       config.mode == MODE_AUTO && ahead->scouting.keys[i].epoch == epoch_of(ahead) &&
	       job_young(scout) && !signals_handled() && !job_changed(ahead, i) &&
	       leads_to(place, scout);
}

int scouting_serve(struct ahead *ahead, const struct place *place, int flags)
{
	const struct sweep *sweep = place->sweep;
	struct scout *scout;
	int i, fd;

	if (!sweep || place->entry == SWEEP_NONE || !scouts_here(ahead))
		return -1;
	i = job_find(ahead, &sweep->identity, sweep->handle, place->name);
	if (i < 0)
		return -1;
	scout = job_of(ahead, i);
	fd = job_servable(ahead, i, place, flags) ? scout_take(scout, flags & O_CLOEXEC) : -1;
	if (fd < 0) {
		job_wasted(ahead, i);
		return -1;
	}
	job_used(ahead, i);
	ahead->scouting.served.fd = fd;
	ahead->scouting.served.serial = scout->serial;
	ahead->scouting.served.epoch = epoch_of(ahead);
	ahead->scouting.served.job = i;
	return fd;
}

bool scouting_give(struct ahead *ahead, DIR *stream, int fd)
{
	const struct scout *scout;
	struct identity identity;

	if (ahead->scouting.served.fd != fd || !scouts_here(ahead))
		return false;
	ahead->scouting.served.fd = -1;
	scout = job_of(ahead, ahead->scouting.served.job);
	/* (the number may be another's by now, and its place too) */
	return scout->serial == ahead->scouting.served.serial &&
	       ahead->scouting.served.epoch == epoch_of(ahead) && job_young(scout) &&
	       descriptor_identify(fd, &identity) && identity_same(&identity, &scout->identity) &&
	       descriptor_handle(fd) == scout->handle &&
	       sys(SYS_lseek, fd, scout->position, SEEK_SET) == scout->position &&
	       listing_give(stream, scout->entries, scout->length, scout->ended);
}

/* ---- which ones it will come for ---- */

/* Was a directory passed over between the last one opened and PLACE? */
static bool passed_over(const struct sweep *sweep, uint32_t place)
{
	uint32_t at = sweep->dirs_last == SWEEP_NONE ? 0 : sweep->dirs_last + 1;

	for (; at < place; at++)
		if (sweep->entries[sweep_at(sweep, at)].type == DT_DIR)
			return true;
	return false;
}

/* How long does the program take from one to the next? */
static void step_learn(struct ahead *ahead)
{
	uint64_t now = clock_ns(), ns = now - ahead->scouting.stepped_ns;

	if (ahead->scouting.stepped_ns)
		ahead->scouting.step_ns += ns / STEP_WEIGHT - ahead->scouting.step_ns / STEP_WEIGHT;
	ahead->scouting.stepped_ns = now;
}

/* No more than it comes to while they are young. */
static unsigned window_young(const struct ahead *ahead)
{
	uint64_t young_ns = config_stale_ns() / 2;
	uint64_t most = ahead->scouting.step_ns ? young_ns / ahead->scouting.step_ns : WINDOW_MOST;

	return most < ahead->scouting.window ? (unsigned)most : ahead->scouting.window;
}

/* The next one of the walk; the one before was opened once, or twice. */
static void run_step(struct ahead *ahead, struct sweep *sweep, uint32_t at)
{
	bool goes_on = (sweep->dirs_last == SWEEP_NONE || at > sweep->dirs_last) &&
		       !passed_over(sweep, at) && ahead->scouting.run_epoch == epoch_of(ahead);

	ahead->scouting.run_epoch = epoch_of(ahead);
	ahead->scouting.run = goes_on ? ahead->scouting.run + 1 : 0;
	ahead->scouting.twice = ahead->scouting.again ? ahead->scouting.twice + 1 : 0;
	ahead->scouting.again = false;
	sweep->dirs_last = at;
	step_learn(ahead);
}

void scouting_opened(struct ahead *ahead, const struct place *place, int fd, int flags)
{
	struct sweep *sweep = place->sweep;
	uint32_t at;

	ahead->scouting.opened.sweep = NULL;
	if (!sweep || place->entry == SWEEP_NONE || sweep == ahead->operands ||
	    !descriptor_identify(fd, &ahead->scouting.opened_is))
		return;
	at = sweep_place(sweep, place->entry);
	sweep->entries[place->entry].type = DT_DIR;
	sweep->dirs_fd = place->fd;
	ahead->scouting.opened = sweep_refer(sweep);
	ahead->scouting.flags = flags & ~O_CLOEXEC;
	if (at == sweep->dirs_last)
		ahead->scouting.again = true;
	else
		run_step(ahead, sweep, at);
}

void scouting_streams(struct ahead *ahead, struct sweep *sweep)
{
	struct sweep *parent = sweep_referred(&ahead->scouting.opened);

	if (parent && parent != sweep && identity_same(&ahead->scouting.opened_is, &sweep->identity)) {
		sweep->parent = parent;
		sweep->parent_serial = parent->serial;
	}
}

static struct sweep *parent_of(const struct sweep *sweep)
{
	const struct sweep_ref ref = {sweep->parent, sweep->parent_serial};

	return sweep_referred(&ref);
}

void ahead_removes(void)
{
	struct ahead *ahead = ahead_root();

	if (ahead)
		ahead->scouting.looks = true;
}

/* ---- sending scouts ---- */

/* A place for one more directory, if need be that of one that is but known. */
static struct scout *job_room(struct ahead *ahead)
{
	struct scout *scout = scouts_free(), *oldest = NULL;

	for (int i = 0; i < SCOUTS_JOBS && !scout; i++)
		if (scout_state(job_of(ahead, i)) == SCOUT_KNOWN &&
		    (!oldest || job_of(ahead, i)->serial < oldest->serial))
			oldest = job_of(ahead, i);
	if (oldest)
		scout_drop(oldest); /* there is room the next time */
	return scout;
}

/* The directory of that IDENTITY and HANDLE, from which others can be opened, or null. */
static struct scout *base_known(struct ahead *ahead, const struct identity *identity,
				uint64_t handle)
{
	for (int i = 0; i < SCOUTS_JOBS; i++) {
		struct scout *scout = job_of(ahead, i);

		if (scout_is_base(scout) && identity_same(&scout->identity, identity) &&
		    scout->handle == handle)
			return scout;
	}
	return NULL;
}

static bool base_find(struct ahead *ahead, int fd)
{
	struct scout *scout = job_room(ahead);

	if (!scout)
		return false;
	ahead->scouting.keys[scout - ahead->scouting.jobs].ahead = false;
	return scout_find(scout, fd);
}

/* By the number it has now, or by how it is spelled: by a number of ours for that moment. */
static struct scout *base_of(struct ahead *ahead, struct sweep *sweep)
{
	struct scout *base = base_known(ahead, &sweep->identity, sweep->handle);
	int fd = sweep->dirs_fd;

	if (base)
		return base;
	if (sweep->prefix_length)
		fd = (int)sys(SYS_openat, sweep->prefix_fd, sweep->prefix,
			      O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (base_find(ahead, fd))
		base = base_known(ahead, &sweep->identity, sweep->handle);
	if (sweep->prefix_length)
		sys(SYS_close, fd);
	return base;
}

static bool job_send(struct ahead *ahead, struct scout *from, const char *name)
{
	struct scout *scout = job_room(ahead);
	struct scouting_key *key;

	if (!scout || !scout_list(scout, from, name, ahead->scouting.flags,
				   ahead->scouting.looks))
		return false;
	key = &ahead->scouting.keys[scout - ahead->scouting.jobs];
	*key = (struct scouting_key){
		.parent = from->identity,
		.handle = from->handle,
		.epoch = epoch_of(ahead),
		.changes = ahead->scouting.changes,
		.ahead = true,
	};
	return true;
}

static unsigned jobs_ahead(const struct ahead *ahead)
{
	unsigned count = 0;

	for (int i = 0; i < SCOUTS_JOBS; i++)
		count += is_ahead(ahead, i);
	return count;
}

static unsigned jobs_for(const struct ahead *ahead, const struct scout *from, const char *name,
			 struct scout **ready)
{
	unsigned count = 0;

	*ready = NULL;
	for (int i = 0; i < SCOUTS_JOBS; i++) {
		struct scout *scout = job_of(ahead, i);

		if (!job_is_for(ahead, i, &from->identity, from->handle, name))
			continue;
		count++;
		if (scout_state(scout) == SCOUT_READY && !scout->error)
			*ready = scout;
	}
	return count;
}

static void children_send(struct ahead *ahead, struct scout *from, unsigned *most);

/* NAME in FROM, and what is in it. */
static void name_send(struct ahead *ahead, struct scout *from, const char *name, unsigned *most)
{
	unsigned wanted = ahead->scouting.twice >= TWICE_PROOF ? 2 : 1;
	struct scout *ready;
	unsigned count = jobs_for(ahead, from, name, &ready);

	for (; count < wanted && *most; count++)
		*most = job_send(ahead, from, name) ? *most - 1 : 0;
	if (ready)
		children_send(ahead, ready, most);
}

/* As deep as it is known. (It is known of no directory twice, so this ends.) */
static void children_send(struct ahead *ahead, struct scout *from, unsigned *most)
{
	for (size_t at = 0; at < from->length && *most;) {
		const struct directory_entry *entry =
			(const struct directory_entry *)(from->entries + at);

		if (entry->inode && entry->type == DT_DIR && !name_is_self(entry->name))
			name_send(ahead, from, entry->name, most);
		at += entry->size;
	}
}

/* The directories behind the last one opened in SWEEP. */
static void level_send(struct ahead *ahead, struct sweep *sweep, unsigned *most)
{
	uint32_t place = sweep->dirs_last == SWEEP_NONE ? 0 : sweep->dirs_last + 1;
	uint32_t until = place + LOOK_MOST;
	struct scout *base = NULL;

	for (; place < sweep->count && place < until && *most; place++) {
		uint32_t entry = sweep_at(sweep, place);

		if (sweep->entries[entry].type != DT_DIR)
			continue;
		if (!base)
			base = base_of(ahead, sweep);
		if (!base)
			return;
		name_send(ahead, base, sweep_name(sweep, entry), most);
	}
}

static bool walk_seen(const struct ahead *ahead, const struct sweep *sweep)
{
	return ahead->scouting.run >= RUN_PROOF && config.mode == MODE_AUTO && ahead->stat.in &&
	       (sweep->waits || ahead->stat.forced) && !signals_handled() && !watching();
}

static bool scouts_sent(struct ahead *ahead)
{
	ahead->scouting.jobs = scouts_begin();
	return ahead->scouting.jobs != NULL;
}

void scouting_send(struct ahead *ahead, struct sweep *sweep, int fd)
{
	unsigned most, out, window;

	if (!walk_seen(ahead, sweep) || !scouts_sent(ahead))
		return;
	jobs_age(ahead);
	if (!ahead->scouting.window)
		ahead->scouting.window = WINDOW_FIRST;
	out = jobs_ahead(ahead);
	window = window_young(ahead);
	most = window > out ? window - out : 0;
	if (!governor_affords(&ahead->scouting.pays, most))
		return;
	sweep->dirs_fd = fd;
	for (int level = 0; sweep && most && level < SWEEPS; level++) {
		level_send(ahead, sweep, &most);
		sweep = parent_of(sweep);
	}
}
