/* SPDX-License-Identifier: MIT
 *
 * Proofs of commands that make a name: what rules out each errno they could return. The table
 * is in docs/design.md ("Behind"); every row of it is a function here.
 */
#include "behind/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>

#include "ahead/ahead.h"
#include "backend/flight.h"
#include "base/clock.h"
#include "base/sys.h"
#include "call/plain.h"

enum {
	LINKS_MOST = 100,         /* far below every file system's limit (EMLINK) */
	SUBDIRECTORIES_MOST = 1000,
	AWAITED_MOST = 2,         /* directories asked for at once: then they are made at once */
	SPACE_BLOCKS = 1024,      /* "not near full", in blocks and in inodes */
	SPACE_COMMANDS = 512,     /* commands until it is asked again (each takes 2 at most), or */
	SPACE_NS = 1000000000,    /* so much time */
	UID_OVERFLOW = 65534,     /* an owner this user namespace has no number for */
	SOURCE_MASK = STATX_TYPE | STATX_NLINK | STATX_UID | STATX_INO | STATX_MNT_ID,
};

/* User quotas do not show there. */
bool space_left(struct behind *behind, const struct dir *dir, struct mount *mount)
{
	struct statfs statfs;
	uint64_t now = clock_ns();

	if (mount->name_most && behind->space_left &&
	    behind->space_device == dir->identity.device && now - behind->space_ns < SPACE_NS) {
		behind->space_left--;
		return true;
	}
	if (sys(SYS_fstatfs, dir->fd, &statfs) != 0)
		return false;
	mount->name_most = statfs.f_namelen > 0 ? (size_t)statfs.f_namelen : NAME_MAX;
	/* What is pending is still to come. */
	if ((statfs.f_blocks && statfs.f_bavail < SPACE_BLOCKS + 2 * behind->making) ||
	    (statfs.f_files && statfs.f_ffree < SPACE_BLOCKS + behind->making))
		return false;
	behind->space_device = dir->identity.device;
	behind->space_ns = now;
	behind->space_left = SPACE_COMMANDS;
	return true;
}

/*
 * EEXIST, ENAMETOOLONG, EINVAL, EILSEQ: a name not used before, nor one a file system may take for
 * it, and of letters that this one holds.
 */
static enum reason name_proof(const struct dir *dir, const struct mount *mount, const char *name)
{
	if (!name[0] || name_is_self(name) || strlen(name) > NAME_MAX || dir->strange ||
	    !name_is_ascii(name) || !mount_holds_name(mount, name))
		return REASON_NAME;
	return names_has(dir, name) ? REASON_NAME_USED : REASON_NONE;
}

/* The target of every command here: a new name in private ground. */
static enum reason target_proof(struct behind *behind, const struct spot *spot)
{
	enum reason reason;
	struct mount *mount;

	if (!spot->dir || spot->dir->ground != GROUND_PRIVATE)
		return REASON_SHARED;
	if (behind->failed)
		return REASON_FAILED;
	if (!flight_open())
		return REASON_NO_RING;
	mount = mount_of(behind, spot->dir);
	if (mount->by_file)
		return REASON_BY_FILE;
	reason = name_proof(spot->dir, mount, spot->name);
	if (reason == REASON_NONE && !space_left(behind, spot->dir, mount))
		reason = REASON_SPACE;
	if (reason == REASON_NONE && strlen(spot->name) > mount->name_most)
		reason = REASON_NAME;
	return reason;
}

/* ENOENT, EPERM, EMLINK, EXDEV: what the source is now. */
static enum reason source_proof(struct behind *behind, const struct spot *target,
				const struct statx *source)
{
	uint64_t special = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND | STATX_ATTR_ENCRYPTED;

	if (!source->stx_ino) /* what is pending on it would be found by no other of its names */
		return REASON_SOURCE;
	if (!S_ISREG(source->stx_mode) || source->stx_nlink >= LINKS_MOST ||
	    source->stx_attributes & special || source->stx_mnt_id != target->dir->mount)
		return REASON_SOURCE;
	behind_identify(behind);
	if (source->stx_uid != behind->uid &&
	    !(behind->may_link_all && source->stx_uid != UID_OVERFLOW))
		return REASON_SOURCE; /* the hard-link policy (proc(5), protected_hardlinks) */
	return REASON_NONE;
}

static bool spot_is_private(const struct spot *spot)
{
	return spot->dir && spot->dir->ground == GROUND_PRIVATE;
}

/* A command in DIR is to be made plainly: in order, and behind what it touches. */
static void plain_prepare(struct behind *behind, const struct spot *target)
{
	touch_name(behind, target);
	if (spot_is_private(target))
		queue_wait_dir(behind, target->dir);
	else
		queue_wait_all(behind); /* others may watch that name (C5) */
}

/* Where it was, after the program's own call: signal handlers may have done anything. */
static struct dir *private_again(const struct identity *identity)
{
	struct behind *behind = behind_root();
	struct dir *dir = behind ? dir_find(behind, identity) : NULL;

	return dir && dir->ground == GROUND_PRIVATE ? dir : NULL;
}

static struct identity spot_identity(const struct spot *spot)
{
	return spot->known ? identity_of(&spot->parent) : (struct identity){0, 0};
}

/*
 * Makes PASSAGE; the name at SPOT counts as used, whatever came of it. Where no name was read
 * (mkdir("d/", ...) has it before the slash), no directory's names are known any more. True on
 * success.
 */
static bool plain_make(const struct passage *passage, struct spot *spot,
		       enum reason why, bool unseen, struct dir **dir)
{
	const struct identity identity = spot_identity(spot);
	char name[NAME_MAX + 1] = "";
	struct mount *mount;
	bool made;

	if (spot->known && strlen(spot->name) <= NAME_MAX)
		name_keep(name, spot->name);
	if (unseen)
		ahead_changed(&identity);
	made = (int)command_plain(passage, why, unseen) == 0;
	if (made && !name[0] && behind_root())
		behind_forget(behind_root());
	*dir = private_again(&identity);
	if (!*dir || !name[0])
		return made;
	names_add(*dir, name);
	mount = mount_find(behind_root(), (*dir)->mount);
	if (made && mount)
		mount_learn_name(mount, name);
	return made;
}

static void command_fill(struct command *command, const struct passage *passage,
			 const struct call *call, const struct spot *spot)
{
	command->op = passage->op;
	command->opcode = call->opcode;
	command->flags = call->flags;
	command->mode = call->mode;
	name_keep(command->name, spot->name);
	path_show(command->shown, spot);
}

/* COMMAND is acknowledged: the program has its 0. */
static void acknowledge(struct behind *behind, const struct passage *passage,
			struct command *command, struct dir *dir)
{
	names_add(dir, command->name);
	ahead_command(passage->op, true);
	ahead_changed(&dir->identity);
	if (command->inode.inode)
		ahead_changed(&command->inode);
	command_defer(behind, command, dir);
	*passage->value = 0;
	*passage->reason = REASON_DEFERRED;
}

/* ---- link ---- */

static enum reason link_proof(struct behind *behind, const struct call *call, struct spot *target,
			      struct spot *source, struct statx *statx)
{
	enum reason reason = target_proof(behind, target);

	if (reason != REASON_NONE)
		return reason;
	/* Whether a last symbolic link is followed is all one: the source is to be none. */
	if (call->flags & ~(uint32_t)AT_SYMLINK_FOLLOW || !source->known ||
	    !name_is_ascii(source->name))
		return REASON_SOURCE;
	if (path_statx(source->fd, source->path, AT_SYMLINK_NOFOLLOW, SOURCE_MASK, statx) != 0)
		return REASON_SOURCE;
	reason = source_proof(behind, target, statx);
	if (reason != REASON_NONE)
		return reason;
	/* EACCES, EROFS, EXDEV by project or key: it went well from there before. */
	if (!source->dir || !identity_same(&target->dir->linked_from, &source->dir->identity) ||
	    !mount_links_enough(mount_of(behind, target->dir)))
		return REASON_UNPROVEN;
	return REASON_NONE;
}

static void link_acknowledge(struct behind *behind, const struct passage *passage,
			     const struct call *call, const struct spot *target,
			     const struct spot *source, const struct statx *statx)
{
	struct dir *dir = target->dir, *from = source->dir;
	struct command *command = command_take(behind);

	command_fill(command, passage, call, target);
	command->source = from;
	command->inode = identity_of(statx);
	name_keep(command->name2, source->name);
	acknowledge(behind, passage, command, dir);
}

/* A plain link went well: the next ones from there need not be tried. */
static void link_learn(struct behind *behind, struct dir *dir, int fd, const char *path)
{
	const struct identity identity = dir->identity;
	struct mount *mount = mount_of(behind, dir);
	struct dir *from;

	if (mount->by_file)
		return;
	mount->links++;
	from = spot_read(behind, &behind->spot, fd, path) ? spot_take(behind, &behind->spot) : NULL;
	dir = private_again(&identity);
	if (dir && from)
		dir->linked_from = from->identity;
}

/* Only the inode shows it to others, and only this directory to us. */
static bool link_unseen(const struct spot *target, const struct statx *source)
{
	struct identity inode = identity_of(source);

	if (!spot_is_private(target) || !(source->stx_mask & STATX_INO))
		return false;
	ahead_changed(&inode);
	return true;
}

bool links_command(struct behind *behind, const struct passage *passage, struct call *call)
{
	struct spot *target = &behind->spot, *source = &behind->spot2;
	struct statx statx = {.stx_mask = 0};
	enum reason reason;
	struct dir *dir;

	spot_read(behind, target, call->fd2, call->path2);
	spot_read(behind, source, call->fd, call->path);
	touch_name(behind, source);
	ahead_named(call->fd, call->path);
	if (target->dir)
		queue_wanted(behind, target->dir);
	reason = link_proof(behind, call, target, source, &statx);
	if (reason == REASON_NONE) {
		link_acknowledge(behind, passage, call, target, source, &statx);
		return true;
	}
	plain_prepare(behind, target);
	if (plain_make(passage, target, reason, link_unseen(target, &statx), &dir)) {
		if (dir)
			link_learn(behind, dir, call->fd, call->path);
	} else if (dir && reason == REASON_UNPROVEN) {
		mount_refused(behind, dir, errno);
	}
	return true;
}

/* ---- symbolic links, directories, renames ---- */

static unsigned made_kind(const struct call *call)
{
	return call->opcode == OPCODE_MKDIRAT	 ? MADE_DIRECTORY
	       : call->opcode == OPCODE_SYMLINKAT ? MADE_SYMLINK
						  : MADE_RENAME;
}

/* ENOENT, EISDIR, ENOTDIR, EXDEV, EINVAL: a file in the same directory, no directory. */
static enum reason rename_proof(const struct spot *target, const struct spot *source,
				const struct call *call, struct statx *statx)
{
	if (call->flags || !source->dir || source->dir != target->dir ||
	    strlen(source->name) > NAME_MAX || !name_is_ascii(source->name))
		return REASON_SOURCE;
	if (path_statx(source->dir->fd, source->name, AT_SYMLINK_NOFOLLOW,
		       STATX_TYPE | STATX_INO | 0x1000, statx) != 0 ||
	    !statx->stx_ino || !S_ISREG(statx->stx_mode) || statx->stx_mnt_id != target->dir->mount)
		return REASON_SOURCE;
	return REASON_NONE;
}

/* What a symbolic link says; kept beside the command while it waits. */
static enum reason symlink_proof(const struct mount *mount, struct spot *said, const char *path)
{
	if (!path_read(path, said->path) || !said->path[0] || strlen(said->path) > NAME_MAX)
		return REASON_SOURCE;
	return mount_holds_target(mount, said->path) ? REASON_NONE : REASON_NAME;
}

/* A plain symlink in DIR says what is at PATH. */
static void symlink_learn(struct behind *behind, const struct dir *dir, const char *path)
{
	struct mount *mount = mount_find(behind, dir->mount);

	if (mount && path_copy(path, behind->spot2.path))
		mount_learn_target(mount, behind->spot2.path);
}

static enum reason makes_proof(struct behind *behind, const struct call *call,
			       struct spot *target, struct spot *other, struct statx *statx)
{
	enum reason reason = target_proof(behind, target);

	if (reason != REASON_NONE)
		return reason;
	if (!target->dir->proven[made_kind(call)])
		return REASON_UNPROVEN;
	if (call->opcode == OPCODE_RENAMEAT)
		return rename_proof(target, other, call, statx);
	if (call->opcode == OPCODE_SYMLINKAT)
		return symlink_proof(mount_of(behind, target->dir), other, call->path);
	if (behind->awaited >= AWAITED_MOST)
		return REASON_AWAITED;
	return target->dir->names_used < SUBDIRECTORIES_MOST ? REASON_NONE : REASON_SOURCE;
}

static void makes_acknowledge(struct behind *behind, const struct passage *passage,
			      const struct call *call, const struct spot *target,
			      const struct spot *other, const struct statx *statx)
{
	struct dir *dir = target->dir;
	struct command *command = command_take(behind);

	command_fill(command, passage, call, target);
	if (call->opcode == OPCODE_RENAMEAT) {
		command->source = dir;
		command->inode = identity_of(statx);
		name_keep(command->name2, other->name);
	} else if (call->opcode == OPCODE_SYMLINKAT) {
		name_keep(command->name2, other->path);
	}
	acknowledge(behind, passage, command, dir);
}

/*
 * Destruction waits for proof in the result: a rename for all that is pending on the file at
 * SPOT, which gets another name or, being replaced, loses this one.
 */
static void rename_prepare(struct behind *behind, const struct spot *spot)
{
	if (spot->dir)
		queue_wanted(behind, spot->dir); /* its times are about to change */
	touch_file(behind, spot);
}

/* What a plain rename moved may be a directory that is known, or hold one. */
static void rename_learn(struct behind *behind, int fd, const char *path)
{
	struct statx statx;

	if (path_statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &statx) != 0 ||
	    S_ISDIR(statx.stx_mode))
		behind_forget(behind);
}

bool makes_command(struct behind *behind, const struct passage *passage, struct call *call)
{
	bool renames = call->opcode == OPCODE_RENAMEAT;
	bool makes_directory = call->opcode == OPCODE_MKDIRAT;
	const char *path = makes_directory ? call->path : call->path2;
	int fd = makes_directory ? call->fd : call->fd2;
	struct spot *target = &behind->spot, *other = &behind->spot2;
	struct statx statx;
	enum reason reason;
	struct dir *dir;
	bool within;

	spot_read(behind, target, fd, path);
	if (renames) {
		spot_read(behind, other, call->fd, call->path);
		ahead_named(call->fd, call->path);
		rename_prepare(behind, other);
		rename_prepare(behind, target);
	} else if (target->dir) {
		queue_wanted(behind, target->dir);
	}
	reason = makes_proof(behind, call, target, other, &statx);
	if (reason == REASON_NONE) {
		makes_acknowledge(behind, passage, call, target, other, &statx);
		return true;
	}
	within = renames && other->dir && other->dir == target->dir;
	plain_prepare(behind, target);
	if (!plain_make(passage, target, reason, !renames && spot_is_private(target), &dir)) {
		if (within && dir)
			mount_refused(behind, dir, errno);
		return true;
	}
	if (!behind_root())
		return true;
	if (dir)
		dir->proven[made_kind(call)] = true;
	if (dir && call->opcode == OPCODE_SYMLINKAT)
		symlink_learn(behind, dir, call->path);
	if (makes_directory)
		dir_made(behind, fd, path);
	if (renames)
		rename_learn(behind, fd, path);
	return true;
}
