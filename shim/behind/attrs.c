/* SPDX-License-Identifier: MIT
 *
 * Times, owner, mode and extended attributes. They are made at once, but for a private directory
 * in which commands are pending: there what is proven to go well is set behind the last of them
 * (wanted.c), and what would take away what the pending commands' proof rests on, or
 * what they are to inherit, waits for them.
 */
#include "behind/private.h"

#include <fcntl.h>
#include <string.h>

#include "ahead/ahead.h"
#include "over/over.h"

enum {
	OWNER_MASK = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO,
	OWNER_WRITES = 0300, /* and searches */
	NSEC_PER_SEC = 1000000000,
};

static int subject_statx(const struct subject *subject, const struct spot *spot,
			 struct statx *statx)
{
	if (!subject->path)
		return descriptor_statx(subject->fd, OWNER_MASK, statx);
	return path_statx(spot->fd, spot->path, subject->follow ? 0 : AT_SYMLINK_NOFOLLOW,
			  OWNER_MASK, statx);
}

static uint64_t subject_handle(const struct subject *subject, const struct spot *spot)
{
	if (!subject->path)
		return descriptor_handle(subject->fd);
	return path_handle(spot->fd, spot->path, subject->follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

/* An access control list (acl(5), version 2) in which the owner may write and search. */
static bool list_keeps_owner(const void *value, size_t size)
{
	struct {
		uint32_t version;
		struct {
			uint16_t tag, permissions;
			uint32_t id;
		} owner;
	} list;
	return size >= sizeof(list) && program_read(value, &list, sizeof(list)) &&
	       list.version == 2 && list.owner.tag == 1 && (list.owner.permissions & 3) == 3;
}

static bool value_harmless(const long *arg)
{
	char name[PATH_MAX];

	if (!path_read((const char *)arg[1], name))
		return false;
	if (!strncmp(name, "user.", 5))
		return true;
	return !strcmp(name, "system.posix_acl_access") &&
	       list_keeps_owner((const void *)arg[2], (size_t)arg[3]);
}

/* Is something pending in DIR that will get its group, mode or list from it? */
static bool heirs_pending(const struct dir *dir)
{
	for (const struct command *command = dir->head; command; command = command->next)
		if (command->opcode == OPCODE_MKDIRAT || command->opcode == OPCODE_SYMLINKAT)
			return true;
	return false;
}

static bool removal_harmless(const long *arg, const struct dir *dir)
{
	char name[PATH_MAX];

	if (!path_read((const char *)arg[1], name))
		return false;
	if (!strcmp(name, "system.posix_acl_default"))
		return !heirs_pending(dir);
	return !strncmp(name, "user.", 5);
}

static bool mode_harmless(const struct dir *dir, const struct statx *statx, long mode)
{
	return (mode & OWNER_WRITES) == OWNER_WRITES &&
	       ((mode & S_ISGID) == (statx->stx_mode & S_ISGID) || !heirs_pending(dir));
}

static bool owner_same(const struct statx *statx, uint32_t uid, uint32_t gid)
{
	return (uid == statx->stx_uid || uid == UINT32_MAX) &&
	       (gid == statx->stx_gid || gid == UINT32_MAX);
}

/* Do pending commands go as well after it as before? Times are seen to elsewhere. */
static bool harmless(enum op op, const long *arg, const struct dir *dir,
		     const struct statx *statx)
{
	const struct attribute_call *call = attribute_call_of(op);

	switch (call->sets) {
	case SETS_MODE:
		return mode_harmless(dir, statx, arg[call->value]);
	case SETS_OWNER:
		return owner_same(statx, (uint32_t)arg[call->value], (uint32_t)arg[call->value + 1]);
	case SETS_XATTR:
		return value_harmless(arg);
	case SETS_NO_XATTR:
		return removal_harmless(arg, dir);
	case SETS_TIMES:
		return false;
	}
	return false;
}

/* ---- what is set ---- */

/* Not the older calls, which are made at once. */
static bool sets_times_later(enum op op)
{
	const struct attribute_call *call = attribute_call_of(op);

	return call->sets == SETS_TIMES && call->deferred;
}

static bool time_plain(const struct timespec *time)
{
	return time->tv_nsec == UTIME_OMIT || (time->tv_nsec >= 0 && time->tv_nsec < NSEC_PER_SEC);
}

/* False: the clock's time, or nothing that is one. */
static bool times_read(const void *from, struct timespec times[2])
{
	return program_read(from, times, 2 * sizeof(*times)) && time_plain(&times[0]) &&
	       time_plain(&times[1]);
}

static void owner_read(struct attribute *attribute, long uid, long gid)
{
	attribute->kind = ATTRIBUTE_OWNER;
	attribute->uid = (uint32_t)uid;
	attribute->gid = (uint32_t)gid;
}

static void mode_read(struct attribute *attribute, long mode)
{
	attribute->kind = ATTRIBUTE_MODE;
	attribute->mode = (mode_t)mode & 07777; /* chmod(2) ignores the rest */
}

/* Extended attributes are xattr_read's. */
static struct attribute attribute_of(enum op op, const long *arg)
{
	const struct attribute_call *call = attribute_call_of(op);
	struct attribute attribute = {.kind = ATTRIBUTE_KINDS};

	if (!call->deferred || !attribute_flags_plain(call, arg))
		return attribute;
	switch (call->sets) {
	case SETS_MODE:
		mode_read(&attribute, arg[call->value]);
		break;
	case SETS_OWNER:
		owner_read(&attribute, arg[call->value], arg[call->value + 1]);
		break;
	case SETS_TIMES:
		if (times_read((const void *)arg[call->value], attribute.times))
			attribute.kind = ATTRIBUTE_TIMES;
		break;
	case SETS_XATTR:
	case SETS_NO_XATTR:
		break;
	}
	return attribute;
}

/* ---- a private directory ---- */

/* What a call is to set of a directory, which STATX is. */
struct setting {
	struct attribute attribute;
	struct xattr xattr; /* of ATTRIBUTE_XATTR: a copy, for the program's handlers may make such calls */
	const struct statx *statx;
	char shown[BEHIND_SHOWN];
};

static void setting_learn(struct behind *behind, const struct setting *setting, struct dir *dir,
			  uint64_t mount, bool success)
{
	if (setting->attribute.kind == ATTRIBUTE_XATTR)
		xattr_learn(behind, dir, mount, &setting->xattr, success);
	else
		wanted_learn(behind, mount, &setting->attribute, success);
}

/* At once. Nobody else sees it, and what was asked about others stays good. */
static void attribute_make(struct behind *behind, const struct passage *passage, struct dir *dir,
			   const struct setting *setting)
{
	const struct attribute *attribute = &setting->attribute;
	const struct identity identity = dir->identity;
	uint64_t mount = dir->mount;
	bool success;

	ahead_changed(&identity);
	success = (int)command_plain(passage, REASON_UNPROVEN, true) == 0;
	behind = behind_root();
	if (!behind || attribute->kind == ATTRIBUTE_KINDS)
		return;
	dir = dir_find(behind, &identity);
	setting_learn(behind, setting, dir, mount, success);
	if (dir && success && dir->pending && attribute->kind == ATTRIBUTE_TIMES)
		wanted_add(behind, dir, attribute, setting->shown); /* again: the pending ones will spoil them */
}

static void attribute_acknowledge(struct behind *behind, const struct passage *passage,
				  struct dir *dir, const struct setting *setting)
{
	wanted_add(behind, dir, &setting->attribute, setting->shown);
	queue_gather(behind, dir);
	ahead_command(passage->op, true);
	ahead_changed(&dir->identity);
	*passage->value = 0;
	*passage->reason = REASON_DEFERRED;
}

/* What is wanted already would come after it, though it came first. */
static bool overtakes(const struct dir *dir, enum attribute_kind kind)
{
	return wanted_has(dir, ATTRIBUTE_MODE) || wanted_has(dir, ATTRIBUTE_XATTR) ||
	       (kind != ATTRIBUTE_KINDS && wanted_has(dir, kind));
}

static void setting_read(struct setting *setting, const struct passage *passage)
{
	setting->attribute = attribute_of(passage->op, passage->regs->arg);
	if (xattr_read(&setting->xattr, passage->op, passage->regs->arg))
		setting->attribute.kind = ATTRIBUTE_XATTR;
}

/* May it be set behind what is pending in DIR? */
static bool setting_proven(struct behind *behind, const struct dir *dir, struct setting *setting)
{
	struct attribute *attribute = &setting->attribute;

	behind_identify(behind);
	if (attribute->kind == ATTRIBUTE_KINDS || mount_of(behind, dir)->by_file)
		return false;
	if (attribute->kind != ATTRIBUTE_XATTR)
		return wanted_proven(behind, dir, attribute, setting->statx);
	attribute->proof = xattr_proven(behind, dir, &setting->xattr, setting->statx);
	return attribute->proof;
}

/* Do pending commands, and what is proven of DIR, go on as before? */
static bool setting_harmless(const struct setting *setting, const struct passage *passage,
			     const struct dir *dir, bool proven)
{
	if (setting->attribute.kind == ATTRIBUTE_TIMES)
		return true;
	if (proven && setting->attribute.kind == ATTRIBUTE_XATTR && setting->xattr.removes)
		return true; /* behind them it takes no list from what inherits it */
	return harmless(passage->op, passage->regs->arg, dir, setting->statx);
}

static void setting_count(const struct setting *setting, enum op op, struct dir *dir)
{
	if (attribute_call_of(op)->sets == SETS_XATTR)
		xattr_count(dir, setting->attribute.kind == ATTRIBUTE_XATTR ? &setting->xattr : NULL);
}

/* True if PASSAGE was acknowledged or made. */
static bool private_command(struct behind *behind, const struct passage *passage, struct dir *dir,
			    struct setting *setting)
{
	bool proven;

	if (dir->wanted.posted || wanted_full(dir))
		queue_wait_dir(behind, dir);
	setting_read(setting, passage);
	proven = setting_proven(behind, dir, setting);
	setting_count(setting, passage->op, dir);
	if (!setting_harmless(setting, passage, dir, proven)) {
		if (dir->held)
			queue_wait_all(behind); /* links from here, which have to get at it */
		else
			queue_wait_dir(behind, dir);
		if (!sets_times_later(passage->op))
			dir->ground = GROUND_OTHER; /* what was proven may not hold any more */
		return false;
	}
	if (proven) {
		attribute_acknowledge(behind, passage, dir, setting);
		return true;
	}
	if (!dir->pending || overtakes(dir, setting->attribute.kind))
		queue_wait_dir(behind, dir);
	attribute_make(behind, passage, dir, setting);
	return true;
}

bool attributes_command(struct behind *behind, const struct passage *passage)
{
	struct subject subject = subject_of(passage->op, passage->regs->arg);
	struct spot *spot = &behind->spot;
	struct identity identity;
	struct statx statx;
	struct setting setting = {.statx = &statx};
	struct dir *dir;

	if (subject.path) {
		spot_read(behind, spot, subject.fd, subject.path);
		touch_name(behind, spot);
		path_show(setting.shown, spot);
	}
	if ((subject.path && !spot->known) || subject_statx(&subject, spot, &statx) != 0) {
		queue_wait_all(behind);
		return false;
	}
	identity = identity_of(&statx);
	dir = dir_find(behind, &identity);
	if (dir)
		dir = dir_confirm(behind, dir, subject_handle(&subject, spot));
	if (dir && dir->ground == GROUND_PRIVATE)
		return private_command(behind, passage, dir, &setting);
	if (subject.path && spot->dir && spot->dir->ground == GROUND_PRIVATE)
		touch_inode(behind, &identity);
	else
		queue_wait_all(behind); /* others may watch it (C5) */
	return false;
}
