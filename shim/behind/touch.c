/* SPDX-License-Identifier: MIT
 *
 * What a call has to wait for, so that the program sees its own commands done (C2): the name,
 * the directory, the inode or the descriptor it touches, in whatever way it names them. Paths
 * are resolved by the kernel, to what they are now; where something pending could lead a path
 * elsewhere, everything is waited for.
 */
#include "behind/private.h"

#include <fcntl.h>
#include <string.h>

#include "over/over.h"

static struct command *pending_name(const struct dir *dir, const char *name)
{
	struct command *last = NULL;

	for (struct command *command = dir->head; command; command = command->next)
		if (name_same(command->name, name))
			last = command;
	return last;
}

/* The last command whose source is NAME in DIR. */
static const struct command *pending_source(const struct behind *behind, const struct dir *dir,
					    const char *name)
{
	const struct command *last = NULL;

	for (int i = 0; dir->held && i < BEHIND_DIRS; i++)
		for (const struct command *command = behind->dirs[i].head; command;
		     command = command->next)
			if (command->source == dir && name_same(command->name2, name))
				last = command;
	return last;
}

/* What may not be equal byte for byte is waited for as a whole. */
static void touch_entry(struct behind *behind, struct dir *dir, const char *name)
{
	const struct command *command;

	if (!dir->pending && !dir->wanted.count && !dir->doomed && !dir->held)
		return;
	if (!name[0] || name_is_self(name) || !name_is_ascii(name)) {
		queue_wait_all(behind);
		return;
	}
	if (dir->pending) {
		command = pending_name(dir, name);
		if (command)
			queue_wait_command(behind, command);
	}
	command = pending_source(behind, dir, name);
	if (command && command->opcode == OPCODE_RENAMEAT)
		queue_wait_command(behind, command);
}

static void touch_doomed(struct behind *behind, struct dir *dir)
{
	if (dir->doomed)
		queue_wait_all(behind);
}

void touch_name(struct behind *behind, const struct spot *spot)
{
	if (!behind->pending)
		return;
	if (!spot->known) {
		queue_wait_all(behind);
		return;
	}
	if (spot->dir)
		touch_doomed(behind, spot->dir);
	if (spot->dir) /* else it is gone by now, and its record with it */
		touch_entry(behind, spot->dir, spot->name);
}

bool touch_inode(struct behind *behind, const struct identity *identity)
{
	struct dir *dir = dir_find(behind, identity);
	const struct command *found = NULL;

	if (dir && (dir->pending || dir->wanted.count || dir->doomed)) {
		touch_doomed(behind, dir);
		queue_wait_dir(behind, dir);
		return true;
	}
	for (int i = 0; i < BEHIND_DIRS && queue_may_have(behind, identity); i++)
		for (const struct command *command = behind->dirs[i].head; command;
		     command = command->next)
			if (command->inode.inode &&
			    identity_same(&command->inode, identity))
				found = command;
	if (found)
		queue_wait_command(behind, found);
	return found != NULL;
}

void touch_file(struct behind *behind, const struct spot *spot)
{
	struct identity identity;

	touch_name(behind, spot);
	if (behind->pending && spot->known &&
	    path_identify(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW, &identity))
		touch_inode(behind, &identity);
}

/* What /proc says under this name is of no process: neither of this one's descriptors nor of others. */
static bool proc_of_none(const char *name)
{
	return !strcmp(name, "mounts") || !strcmp(name, "mountinfo") || !strcmp(name, "filesystems");
}

/* Names in /proc tell of everything, our own descriptors among it. */
static bool spot_in_proc(const struct behind *behind, const struct spot *spot)
{
	return spot->known && identity_of(&spot->parent).device == behind->proc_device &&
	       !proc_of_none(spot->name);
}

bool descriptor_in_proc(const struct behind *behind, int fd)
{
	char path[PATH_MAX];
	struct identity identity;
	size_t directory;

	if (!descriptor_identify(fd, &identity) || identity.device != behind->proc_device)
		return false;
	return descriptor_name(fd, path, sizeof(path)) <= 0 ||
	       !proc_of_none(path_split(path, &directory));
}

static bool nothing_held(const struct behind *behind)
{
	return !behind->pending && !behind->descriptors;
}

/* A symbolic link that leads nowhere now may lead to what is about to be made. */
static void touch_missing(struct behind *behind, int fd, const char *path, bool follow)
{
	struct statx statx;

	if (behind->making && follow &&
	    path_statx(fd, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &statx) == 0)
		queue_wait_all(behind);
}

void touch_path(struct behind *behind, struct spot *spot, int fd, const char *path, bool follow)
{
	struct identity identity;

	if (nothing_held(behind))
		return;
	if (!spot_read(behind, spot, fd, path) && !behind->pending)
		return;
	if (spot_in_proc(behind, spot)) {
		behind_forget(behind);
		return;
	}
	if (!behind->pending)
		return;
	touch_name(behind, spot);
	if (!behind->pending)
		return;
	if (path_identify(spot->fd, spot->path, follow ? 0 : AT_SYMLINK_NOFOLLOW, &identity))
		touch_inode(behind, &identity);
	else
		touch_missing(behind, spot->fd, spot->path, follow);
}

void touch_descriptor(struct behind *behind, int fd)
{
	struct identity identity;

	if (behind->pending && descriptor_identify(fd, &identity))
		touch_inode(behind, &identity);
}

/* ---- the stat family ---- */

static bool question_call(const struct passage *passage, struct call *call)
{
	*call = (struct call){.op = passage->op};
	return over_marshal(passage->op, call, passage->regs->arg) == REASON_NONE;
}

void touch_question(struct behind *behind, const struct passage *passage)
{
	struct call call;

	if (nothing_held(behind))
		return;
	if (!question_call(passage, &call)) {
		queue_wait_all(behind);
		return;
	}
	if (call.flags & AT_EMPTY_PATH) /* of a descriptor: the answer tells which inode's */
		return;
	if (!spot_read(behind, &behind->spot, call.fd, call.path) && !behind->pending)
		return;
	if (spot_in_proc(behind, &behind->spot))
		behind_forget(behind);
	else
		touch_name(behind, &behind->spot);
}

bool touch_answer(struct behind *behind, const struct passage *passage)
{
	struct call call;
	struct identity identity;

	if (!behind->pending || !question_call(passage, &call))
		return false;
	if ((int)*passage->value < 0) {
		bool before = behind->pending > 0;

		if (call.path && !(call.flags & AT_SYMLINK_NOFOLLOW))
			touch_missing(behind, call.fd, call.path, true);
		return before && !behind->pending;
	}
	identity = call.yield == YIELD_STAT
			   ? (struct identity){call.stat->st_dev, call.stat->st_ino}
			   : identity_of(call.data);
	return touch_inode(behind, &identity);
}
