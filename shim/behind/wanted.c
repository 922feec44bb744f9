/* SPDX-License-Identifier: MIT
 *
 * Attributes a private directory gets behind its last pending command. io_uring has no operation
 * for them, and made at once they would contend with the directory's own chain for its lock
 * and, times, be spoiled by it. So they are kept here, one of each kind, and when the queue is
 * empty the crew makes the plain calls, in the order owner, mode, times: the first two do not
 * change times, and an owner that stays the same does not change a directory's mode.
 */
#include "behind/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "base/sys.h"
#include "report/late.h"

/* A mode is set through /proc: fchmodat2 came with Linux 6.6. */
static bool link_leads(const struct dir *dir)
{
	char path[2];

	return descriptor_name(dir->fd, path, sizeof(path)) > 0;
}

/* EPERM: one plain success on this mount, with these ids, and it is ours. */
bool wanted_proven(const struct behind *behind, const struct dir *dir,
		   const struct attribute *attribute, const struct statx *statx)
{
	const struct attribute_proof *proof = &behind->attributes[attribute->kind];

	if (behind->failed || proof->refused || !proof->proven || proof->mount != dir->mount ||
	    (statx->stx_uid != behind->uid && !behind->may_link_all))
		return false;
	if (attribute->kind == ATTRIBUTE_OWNER)
		return proof->uid == attribute->uid && proof->gid == attribute->gid;
	return attribute->kind != ATTRIBUTE_MODE || link_leads(dir);
}

void wanted_learn(struct behind *behind, uint64_t mount, const struct attribute *attribute,
		  bool success)
{
	struct attribute_proof *proof = &behind->attributes[attribute->kind];

	if (!success) {
		proof->refused = true;
		return;
	}
	proof->proven = true;
	proof->mount = mount;
	proof->uid = attribute->uid;
	proof->gid = attribute->gid;
}

/* What one call leaves alone, an earlier one may have set. */
static void times_add(struct wanted *wanted, const struct timespec times[2])
{
	bool first = !(wanted->kinds & 1U << ATTRIBUTE_TIMES);

	for (int i = 0; i < 2; i++)
		if (first || times[i].tv_nsec != UTIME_OMIT)
			wanted->times[i] = times[i];
}

/* What is wanted of DIR counts as one command that is pending there. */
static void wanted_count(struct behind *behind, struct dir *dir, int by)
{
	behind->pending += (unsigned)by;
	behind->wanting += (unsigned)by;
	dir->pending += (unsigned)by;
}

void wanted_add(struct behind *behind, struct dir *dir, const struct attribute *attribute,
		const char shown[BEHIND_SHOWN])
{
	struct wanted *wanted = &dir->wanted;

	switch (attribute->kind) {
	case ATTRIBUTE_OWNER:
		wanted->uid = attribute->uid;
		wanted->gid = attribute->gid;
		break;
	case ATTRIBUTE_MODE:
		wanted->mode = attribute->mode;
		break;
	case ATTRIBUTE_TIMES:
		times_add(wanted, attribute->times);
		break;
	case ATTRIBUTE_KINDS:
		return;
	}
	if (!wanted->kinds)
		wanted_count(behind, dir, 1);
	wanted->kinds |= (uint8_t)(1U << attribute->kind);
	memcpy(wanted->shown, shown, BEHIND_SHOWN);
}

bool wanted_has(const struct dir *dir, enum attribute_kind kind)
{
	return dir->wanted.kinds >> kind & 1;
}

/* ---- what the crew runs: system calls alone ---- */

static int times_set(const struct wanted *wanted, const char *link)
{
	int err = (int)sys(SYS_utimensat, wanted->fd, "", wanted->times, AT_EMPTY_PATH);

	if (err == -EINVAL || err == -EBADF) /* before Linux 5.8 not by a path descriptor */
		err = (int)sys(SYS_utimensat, AT_FDCWD, link, wanted->times, 0);
	return err;
}

static int attribute_set(const struct wanted *wanted, enum attribute_kind kind, const char *link)
{
	switch (kind) {
	case ATTRIBUTE_OWNER:
		return (int)sys(SYS_fchownat, wanted->fd, "", wanted->uid, wanted->gid,
				AT_EMPTY_PATH);
	case ATTRIBUTE_MODE:
		return (int)sys(SYS_chmod, link, wanted->mode);
	case ATTRIBUTE_TIMES:
		return times_set(wanted, link);
	case ATTRIBUTE_KINDS:
		break;
	}
	return 0;
}

static void wanted_set(struct crew_job *job)
{
	struct wanted *wanted = (struct wanted *)((char *)job - offsetof(struct wanted, job));
	char link[LINK_SIZE];

	descriptor_link(wanted->fd, link);
	for (enum attribute_kind kind = 0; kind < ATTRIBUTE_KINDS; kind++)
		wanted->results[kind] = wanted->kinds >> kind & 1
						? attribute_set(wanted, kind, link)
						: 0;
}

/* ---- and who has it run ---- */

void wanted_begin(struct behind *behind, struct dir *dir)
{
	struct wanted *wanted = &dir->wanted;

	wanted->fd = dir->fd;
	wanted->job.work = wanted_set;
	wanted->posted = true;
	behind->setting++;
	if (!crew_post(&wanted->job)) {
		wanted_set(&wanted->job);
		wanted->job.done = 1;
	}
}

static void wanted_end(struct behind *behind, struct dir *dir)
{
	static const char *const names[] = {"fchownat", "fchmodat", "utimensat"};
	struct wanted *wanted = &dir->wanted;
	char path[SHOWN_ROOM];

	for (enum attribute_kind kind = 0; kind < ATTRIBUTE_KINDS; kind++) {
		int err = wanted->results[kind];

		if (err == 0 || err == -ENOENT) /* removed meanwhile */
			continue;
		late_report(names[kind], path_shown(dir, wanted->shown, "", path), -err);
		behind->failed = true;
	}
	behind->setting--;
	wanted_count(behind, dir, -1);
	wanted->kinds = 0;
	wanted->posted = false;
	behind->ready = true; /* a removal of the directory may have waited */
}

void wanted_reap(struct behind *behind)
{
	for (int i = 0; i < BEHIND_DIRS && behind->setting; i++) {
		struct dir *dir = &behind->dirs[i];

		if (dir->used && dir->wanted.posted && crew_did(&dir->wanted.job))
			wanted_end(behind, dir);
	}
}
