/* SPDX-License-Identifier: MIT
 *
 * Times, owner, mode and extended attributes. io_uring has no operation for most of them, so
 * nothing is to be gained by acknowledging them early; they are made at once, which gives the
 * program the exact result. Only two things need care where commands are pending in the
 * directory they are about: they must not take away what those commands' proof rests on, and a
 * directory's times, which every entry made later would spoil, are set a second time behind the
 * last one.
 */
#include "behind_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "late.h"
#include "over/over.h"
#include "sys.h"
#include "text.h"

enum {
	OWNER_MASK = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO,
	OWNER_WRITES = 0300, /* and searches */
};

/* What an attribute call is about. */
struct subject {
	int fd;
	const char *path; /* null: of the descriptor itself */
	bool follow;
};

static struct subject subject_of(enum op op, const long *arg)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the operations of FENCE_ATTRIBUTE */
	switch ((int)op) {
	case OP_FCHMOD:
	case OP_FCHOWN:
	case OP_FUTIMES:
	case OP_FUTIMENS:
	case OP_FSETXATTR:
	case OP_FREMOVEXATTR:
		return (struct subject){(int)arg[0], NULL, false};
	case OP_FCHMODAT:
		return (struct subject){(int)arg[0], PATH(arg[1]), !(arg[3] & AT_SYMLINK_NOFOLLOW)};
	case OP_FCHOWNAT:
		return (struct subject){(int)arg[0], PATH(arg[1]), !(arg[4] & AT_SYMLINK_NOFOLLOW)};
	case OP_UTIMENSAT:
		return (struct subject){(int)arg[0], PATH(arg[1]), !(arg[3] & AT_SYMLINK_NOFOLLOW)};
	case OP_FUTIMESAT:
		return (struct subject){(int)arg[0], PATH(arg[1]), true};
	case OP_LCHMOD:
	case OP_LCHOWN:
	case OP_LUTIMES:
	case OP_LSETXATTR:
	case OP_LREMOVEXATTR:
		return (struct subject){AT_FDCWD, PATH(arg[0]), false};
	default:
		return (struct subject){AT_FDCWD, PATH(arg[0]), true};
	}
}

static int subject_statx(const struct subject *subject, const struct spot *spot,
			 struct statx *statx)
{
	if (!subject->path)
		return descriptor_statx(subject->fd, OWNER_MASK, statx);
	return path_statx(spot->fd, spot->path, subject->follow ? 0 : AT_SYMLINK_NOFOLLOW,
			  OWNER_MASK, statx);
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

/* Do pending commands go as well after it as before? */
static bool harmless(enum op op, const long *arg, const struct dir *dir,
		     const struct statx *statx)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): times are seen to elsewhere */
	switch ((int)op) {
	case OP_CHMOD:
	case OP_LCHMOD:
	case OP_FCHMOD:
		return mode_harmless(dir, statx, arg[1]);
	case OP_FCHMODAT:
		return mode_harmless(dir, statx, arg[2]);
	case OP_CHOWN:
	case OP_LCHOWN:
	case OP_FCHOWN:
		return owner_same(statx, (uint32_t)arg[1], (uint32_t)arg[2]);
	case OP_FCHOWNAT:
		return owner_same(statx, (uint32_t)arg[2], (uint32_t)arg[3]);
	case OP_SETXATTR:
	case OP_LSETXATTR:
	case OP_FSETXATTR:
		return value_harmless(arg);
	case OP_REMOVEXATTR:
	case OP_LREMOVEXATTR:
	case OP_FREMOVEXATTR:
		return removal_harmless(arg, dir);
	default:
		return false;
	}
}

/* ---- times ---- */

static bool op_sets_times(enum op op)
{
	return op == OP_UTIMENSAT || op == OP_FUTIMENS;
}

/* What is to be set. False: the clock's time, or nothing that can be read. */
static bool times_read(enum op op, const long *arg, struct timespec times[2])
{
	const void *from = (const void *)(op == OP_UTIMENSAT ? arg[2] : arg[1]);

	return program_read(from, times, 2 * sizeof(*times)) && times[0].tv_nsec != UTIME_NOW &&
	       times[1].tv_nsec != UTIME_NOW;
}

void times_settle(struct dir *dir)
{
	char link[32] = "";
	struct text text = {.at = link, .room = sizeof(link) - 1};
	int err = (int)sys(SYS_utimensat, dir->fd, "", dir->times, AT_EMPTY_PATH);

	dir->times_wanted = false;
	if (err == -EINVAL || err == -EBADF) { /* before Linux 5.8 not by a path descriptor */
		text_add(&text, "/proc/self/fd/");
		text_number(&text, dir->fd);
		err = (int)sys(SYS_utimensat, AT_FDCWD, link, dir->times, 0);
	}
	if (err == 0 || err == -ENOENT)
		return;
	late_report("utimensat", dir->shown, -err);
	behind_root()->failed = true;
}

static void times_want(struct dir *dir, const struct timespec times[2], const char *shown)
{
	for (int i = 0; i < 2; i++)
		if (times[i].tv_nsec != UTIME_OMIT || !dir->times_wanted)
			dir->times[i] = times[i];
	dir->times_wanted = true;
	path_show(dir->shown, shown);
}

/* TIMES are set on DIR, in which commands are pending. */
static void times_command(struct behind *behind, const struct passage *passage, struct dir *dir,
			  const struct timespec times[2], const char *shown)
{
	const struct identity identity = dir->identity;

	command_plain(passage, REASON_TIMED);
	dir = behind_root() ? dir_find(behind, &identity) : NULL;
	if (dir && (int)*passage->value == 0 && dir->pending)
		times_want(dir, times, shown);
}

/* True if PASSAGE was made. */
static bool directory_command(struct behind *behind, const struct passage *passage,
			      struct dir *dir, const struct statx *statx, const char *shown)
{
	const long *arg = passage->regs->arg;
	struct timespec times[2];

	if (harmless(passage->op, arg, dir, statx))
		return false;
	if (op_sets_times(passage->op) && times_read(passage->op, arg, times) && dir->pending) {
		times_command(behind, passage, dir, times, shown);
		return true;
	}
	queue_wait_dir(behind, dir);
	if (!op_sets_times(passage->op))
		dir->ground = GROUND_OTHER; /* what was proven there may not hold any more */
	return false;
}

bool attributes_command(struct behind *behind, const struct passage *passage)
{
	struct subject subject = subject_of(passage->op, passage->regs->arg);
	struct spot *spot = &behind->spot;
	struct identity identity;
	struct statx statx;
	struct dir *dir;

	if (subject.path) {
		spot_read(behind, spot, subject.fd, subject.path);
		touch_name(behind, spot);
	}
	if ((subject.path && !spot->known) || subject_statx(&subject, spot, &statx) != 0) {
		queue_wait_all(behind);
		return false;
	}
	identity = identity_of(&statx);
	dir = dir_find(behind, &identity);
	if (dir && dir->ground != GROUND_OTHER)
		return directory_command(behind, passage, dir, &statx,
					 subject.path ? spot->path : "");
	if (subject.path && spot->dir && spot->dir->ground == GROUND_PRIVATE)
		touch_inode(behind, &identity);
	else
		queue_wait_all(behind); /* others may watch it (C5) */
	return false;
}
