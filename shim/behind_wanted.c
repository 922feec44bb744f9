/* SPDX-License-Identifier: MIT
 *
 * Attributes a private directory gets behind its last pending command. io_uring has no operation
 * for them, and made at once they would contend with the directory's own chain for its lock
 * and, times, be spoiled by it. So they are kept here, one of each kind, and whoever finds
 * the queue empty makes the plain calls, in the order owner, mode, times: the first two do not
 * change times, and an owner that stays the same does not change a directory's mode.
 */
#include "behind_private.h"

#include <errno.h>
#include <fcntl.h>

#include "late.h"
#include "sys.h"

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

void wanted_add(struct dir *dir, const struct attribute *attribute, const char *shown)
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
	wanted->kinds |= (uint8_t)(1U << attribute->kind);
	path_show(wanted->shown, shown);
}

bool wanted_has(const struct dir *dir, enum attribute_kind kind)
{
	return dir->wanted.kinds >> kind & 1;
}

static int times_set(const struct dir *dir, const char *link)
{
	int err = (int)sys(SYS_utimensat, dir->fd, "", dir->wanted.times, AT_EMPTY_PATH);

	if (err == -EINVAL || err == -EBADF) /* before Linux 5.8 not by a path descriptor */
		err = (int)sys(SYS_utimensat, AT_FDCWD, link, dir->wanted.times, 0);
	return err;
}

static int attribute_set(const struct dir *dir, enum attribute_kind kind, const char *link)
{
	switch (kind) {
	case ATTRIBUTE_OWNER:
		return (int)sys(SYS_fchownat, dir->fd, "", dir->wanted.uid, dir->wanted.gid,
				AT_EMPTY_PATH);
	case ATTRIBUTE_MODE:
		return (int)sys(SYS_chmod, link, dir->wanted.mode);
	case ATTRIBUTE_TIMES:
		return times_set(dir, link);
	case ATTRIBUTE_KINDS:
		break;
	}
	return 0;
}

void wanted_settle(struct behind *behind, struct dir *dir)
{
	static const char *const names[] = {"fchownat", "fchmodat", "utimensat"};
	char link[LINK_SIZE];

	descriptor_link(dir->fd, link);
	for (enum attribute_kind kind = 0; kind < ATTRIBUTE_KINDS; kind++) {
		int err = wanted_has(dir, kind) ? attribute_set(dir, kind, link) : 0;

		if (err == 0 || err == -ENOENT) /* removed meanwhile */
			continue;
		late_report(names[kind], dir->wanted.shown, -err);
		behind->failed = true;
	}
	dir->wanted.kinds = 0;
}
