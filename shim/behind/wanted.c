/* SPDX-License-Identifier: MIT
 *
 * Attributes a private directory gets behind its last pending command. io_uring has no operation
 * for them, and made at once they would contend with the directory's own chain for its lock
 * and, times, be spoiled by it. So they are kept here, in the program's order, and when the queue is
 * empty the crew makes the plain calls. Of times one is kept, wherever it is: the others do not
 * change them.
 */
#include "behind/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "backend/crew/clone.h"
#include "base/sys.h"
#include "report/late.h"

/*
 * Modes and extended attributes are set through /proc: fchmodat2 came with Linux 6.6, setxattrat
 * with 6.13.
 */
bool wanted_reaches(const struct dir *dir)
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
	return attribute->kind != ATTRIBUTE_MODE || wanted_reaches(dir);
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

/* What is wanted of DIR counts as one command that is pending there. */
static void wanted_count(struct behind *behind, struct dir *dir, int by)
{
	behind->pending += (unsigned)by;
	behind->wanting += (unsigned)by;
	dir->pending += (unsigned)by;
}

/* ---- what is put off ---- */

static struct attribute *wanted_find(struct wanted *wanted, enum attribute_kind kind)
{
	for (unsigned i = 0; i < wanted->count; i++)
		if (wanted->list[i].kind == kind)
			return &wanted->list[i];
	return NULL;
}

bool wanted_has(const struct dir *dir, enum attribute_kind kind)
{
	for (unsigned i = 0; i < dir->wanted.count; i++)
		if (dir->wanted.list[i].kind == kind)
			return true;
	return false;
}

bool wanted_full(const struct dir *dir)
{
	return dir->wanted.count == WANTED_MOST;
}

/* What one call leaves alone, an earlier one may have set. */
static void times_merge(struct attribute *earlier, const struct timespec times[2])
{
	for (int i = 0; i < 2; i++)
		if (times[i].tv_nsec != UTIME_OMIT)
			earlier->times[i] = times[i];
}

/* True if ATTRIBUTE has become part of what is wanted already. */
static bool wanted_merge(struct wanted *wanted, const struct attribute *attribute)
{
	struct attribute *last = wanted->count ? &wanted->list[wanted->count - 1] : NULL;
	struct attribute *times = wanted_find(wanted, ATTRIBUTE_TIMES);

	if (attribute->kind == ATTRIBUTE_TIMES && times) {
		times_merge(times, attribute->times);
		return true;
	}
	if (!last || last->kind != attribute->kind || last->kind == ATTRIBUTE_XATTR)
		return false;
	*last = *attribute;
	return true;
}

void wanted_add(struct behind *behind, struct dir *dir, const struct attribute *attribute,
		const char shown[BEHIND_SHOWN])
{
	struct wanted *wanted = &dir->wanted;

	if (!wanted->count)
		wanted_count(behind, dir, 1);
	if (!wanted_merge(wanted, attribute)) {
		wanted->list[wanted->count++] = *attribute;
		if (attribute->kind == ATTRIBUTE_XATTR)
			attribute->proof->held++;
	}
	memcpy(wanted->shown, shown, BEHIND_SHOWN);
}

/* ---- what the crew runs: system calls alone ---- */

CLONE_UNWATCHED static int times_set(int fd, const struct timespec times[2], const char *link)
{
	int err = (int)sys(SYS_utimensat, fd, "", times, AT_EMPTY_PATH);

	if (err == -EINVAL || err == -EBADF) /* before Linux 5.8 not by a path descriptor */
		err = (int)sys(SYS_utimensat, AT_FDCWD, link, times, 0);
	return err;
}

CLONE_UNWATCHED static int xattr_set(const struct xattr *xattr, const char *link)
{
	if (xattr->removes)
		return (int)sys(SYS_removexattr, link, xattr->name);
	return (int)sys(SYS_setxattr, link, xattr->name, xattr->value, (size_t)xattr->size, 0);
}

CLONE_UNWATCHED static int attribute_set(int fd, const struct attribute *attribute, const char *link)
{
	switch (attribute->kind) {
	case ATTRIBUTE_OWNER:
		return (int)sys(SYS_fchownat, fd, "", attribute->uid, attribute->gid, AT_EMPTY_PATH);
	case ATTRIBUTE_MODE:
		return (int)sys(SYS_chmod, link, attribute->mode);
	case ATTRIBUTE_TIMES:
		return times_set(fd, attribute->times, link);
	case ATTRIBUTE_XATTR:
		return xattr_set(&attribute->proof->xattr, link);
	case ATTRIBUTE_KINDS:
		break;
	}
	return 0;
}

CLONE_UNWATCHED static void wanted_set(struct crew_job *job)
{
	struct wanted *wanted = (struct wanted *)((char *)job - offsetof(struct wanted, job));

	for (unsigned i = 0; i < wanted->count; i++)
		wanted->results[i] = attribute_set(wanted->fd, &wanted->list[i], wanted->link);
}

/* ---- and who has it run ---- */

void wanted_begin(struct behind *behind, struct dir *dir)
{
	struct wanted *wanted = &dir->wanted;

	wanted->fd = dir->fd;
	descriptor_link(dir->fd, wanted->link);
	wanted->job.work = wanted_set;
	wanted->posted = true;
	behind->setting++;
	if (!crew_post(&wanted->job)) {
		wanted_set(&wanted->job);
		wanted->job.done = 1;
	}
}

/* The system call's name. */
static const char *attribute_name(const struct attribute *attribute)
{
	switch (attribute->kind) {
	case ATTRIBUTE_OWNER:
		return "fchownat";
	case ATTRIBUTE_MODE:
		return "fchmodat";
	case ATTRIBUTE_TIMES:
		return "utimensat";
	case ATTRIBUTE_XATTR:
		return attribute->proof->xattr.removes ? "removexattr" : "setxattr";
	case ATTRIBUTE_KINDS:
		break;
	}
	return "";
}

/* It is made, with ERR, 0 or negative. */
static void attribute_end(struct behind *behind, struct dir *dir, struct attribute *attribute, int err)
{
	char path[SHOWN_ROOM];

	if (attribute->kind == ATTRIBUTE_XATTR && attribute->proof->xattr.removes && err == -ENODATA) {
		late_gone();
	} else if (err != 0 && err != -ENOENT) { /* removed meanwhile */
		late_report(attribute_name(attribute), path_shown(dir, dir->wanted.shown, "", path),
			    -err);
		behind->failed = true;
	}
	if (attribute->kind == ATTRIBUTE_XATTR)
		attribute->proof->held--;
}

static void wanted_end(struct behind *behind, struct dir *dir)
{
	struct wanted *wanted = &dir->wanted;

	for (unsigned i = 0; i < wanted->count; i++)
		attribute_end(behind, dir, &wanted->list[i], wanted->results[i]);
	behind->setting--;
	wanted_count(behind, dir, -1);
	wanted->count = 0;
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
