/* SPDX-License-Identifier: MIT
 *
 * Directories being emptied: what proves unlink and rmdir. The listing says what is there; the
 * first removals, made plainly, say that removing is allowed; and a program that does nothing
 * else between two removals (no input, no output, no other file) hands no work to others by
 * them.
 */
#include "behind/private.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "ahead/ahead.h"
#include "backend/flight.h"
#include "base/directory.h"
#include "base/sys.h"
#include "process/process.h"
#include "process/watching.h"
#include "walk/listing.h"

enum {
	SUCCESSES_FIRST = 3,   /* plain removals in the first directory of a kind, */
	SUCCESSES_SIBLING = 1, /* and in one like it */
	RELIST_AFTER = 2,      /* plain removals after which the shim lists by itself */
	RELIST_SIBLING = 1,    /* and where it is likely that everything goes */
	LISTED_BYTES = 32768,
	MOUNTS_BYTES = 256 * 1024,
};

/* ---- the end of an emptying ---- */

static bool ended_has(const struct behind *behind, const struct identity *identity)
{
	for (int i = 0; i < BEHIND_ENDED; i++)
		if (identity_same(&behind->ended[i], identity))
			return true;
	return false;
}

/* ---- listings ---- */

/* False if there are too many. */
static bool listing_note(struct dir *dir, const char *name, uint64_t inode, uint8_t type)
{
	return name_is_self(name) || sweep_add(&dir->listing, name, strlen(name), inode, type);
}

static void listing_begin_in(struct behind *behind, struct dir *dir)
{
	sweep_begin(&dir->listing, &behind->listed_bytes);
	dir->place = SWEEP_NONE;
	dir->removed = 0;
	dir->listed = dir->numbered = false;
}

static bool entry_note(void *context, const struct directory_entry *entry)
{
	return listing_note(context, entry->name, entry->inode, entry->type);
}

/* By the shim's own means: the program listed it before anybody knew that it would remove. */
static void relist(struct behind *behind, struct dir *dir)
{
	int fd = watching() ? -1 : directory_open(dir->fd, ".");
	char *buffer = process_map_private(LISTED_BYTES);

	listing_begin_in(behind, dir);
	dir->listed = fd >= 0 && buffer &&
		      directory_list(fd, buffer, LISTED_BYTES, entry_note, dir);
	if (fd >= 0)
		sys(SYS_close, fd);
	if (buffer)
		process_unmap(buffer, LISTED_BYTES);
}

/* ---- mounts ---- */

/* Where DIR is, with a slash behind. False where it cannot be told, or would be escaped. */
static bool dir_path(const struct dir *dir, char path[PATH_MAX])
{
	long length = descriptor_name(dir->fd, path, PATH_MAX - 1);

	if (length <= 0 || length >= PATH_MAX - 2)
		return false;
	path[length] = '/';
	path[length + 1] = '\0';
	return !strpbrk(path, " \t\n\\"); /* proc(5): these are \040 and so on there */
}

static bool mounts_read(char *mounts, size_t room)
{
	long fd = sys(SYS_openat, AT_FDCWD, "/proc/self/mounts", O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	long got = -1;

	while (fd >= 0 && used < room - 1) {
		got = sys(SYS_read, fd, mounts + used, room - 1 - used);
		if (got <= 0)
			break;
		used += (size_t)got;
	}
	mounts[used] = '\0';
	if (fd >= 0)
		sys(SYS_close, fd);
	return got == 0;
}

static bool mounts_have(const char *mounts, const char *path)
{
	size_t length = strlen(path);

	for (const char *line = mounts; *line; line = strchr(line, '\n') + 1) {
		const char *point = strchr(line, ' ');

		if (!point || !strchr(line, '\n'))
			return true;
		if (!strncmp(point + 1, path, length))
			return true;
	}
	return false;
}

/* EBUSY: is there a mount of this name space below DIR? If in doubt, yes. */
static bool mounts_below(const struct dir *dir)
{
	char path[PATH_MAX];
	char *mounts = process_map_private(MOUNTS_BYTES);
	bool below = !mounts || !dir_path(dir, path) || !mounts_read(mounts, MOUNTS_BYTES) ||
		     mounts_have(mounts, path);

	if (mounts)
		process_unmap(mounts, MOUNTS_BYTES);
	return below;
}

/* ---- proofs ---- */

static void likeness_of(const struct statx *statx, struct likeness *likeness)
{
	*likeness = (struct likeness){
		.known = true,
		.device = identity_of(statx).device,
		.uid = statx->stx_uid,
		.gid = statx->stx_gid,
		.mode = statx->stx_mode,
	};
}

static bool likeness_same(const struct likeness *a, const struct likeness *b)
{
	return a->known && b->known && a->device == b->device && a->uid == b->uid &&
	       a->gid == b->gid && a->mode == b->mode;
}

/* Were removals proven in a directory like PARENT before? */
static bool is_sibling(const struct behind *behind, const struct statx *parent)
{
	struct likeness likeness;

	likeness_of(parent, &likeness);
	return likeness_same(&likeness, &behind->likeness);
}

/* EACCES, EROFS, EPERM: it went well before, here and in a directory like this. */
static bool successes_enough(const struct behind *behind, const struct dir *dir,
			     const struct statx *parent)
{
	return dir->successes >=
	       (is_sibling(behind, parent) ? SUCCESSES_SIBLING : SUCCESSES_FIRST);
}

/* EPERM: in a sticky directory only the owner removes; immutable files say so. */
static bool entry_removable(struct behind *behind, const struct spot *spot)
{
	uint64_t special = STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND;
	struct statx statx;

	behind_identify(behind);
	if (spot->parent.stx_mode & S_ISVTX && spot->parent.stx_uid != behind->uid)
		return false;
	if (!(spot->parent.stx_attributes_mask & special))
		return true;
	return path_statx(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &statx) == 0 &&
	       !(statx.stx_attributes & special);
}

/*
 * A listing may tell no types (sshfs: a later one, though an earlier one did), and numbers that are
 * not the files' (FUSE without use_ino, overlayfs), by which nothing would be found that is pending on
 * a file. Then the name is asked about: the program has done so before, or the removal would have to.
 */
static bool entry_known(struct dir *dir, const struct spot *spot, struct sweep_entry *entry)
{
	struct statx statx;

	if (entry->type != DT_UNKNOWN && dir->numbered)
		return true;
	if (path_statx(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO, &statx) != 0)
		return false;
	if (entry->inode == statx.stx_ino)
		dir->numbered = true;
	entry->type = IFTODT(statx.stx_mode) & 0xff;
	entry->inode = statx.stx_ino;
	return entry->inode != 0;
}

/* ENOENT, EISDIR, ENOTDIR, and the order in which the program removes. */
static enum reason entry_proof(struct dir *dir, const struct spot *spot, bool directory,
			       uint32_t *found)
{
	uint32_t entry = sweep_find(&dir->listing, spot->name, strlen(spot->name)), at;
	bool follows;

	if (entry == SWEEP_NONE || dir->listing.entries[entry].asked)
		return REASON_NOT_LISTED;
	if (!entry_known(dir, spot, &dir->listing.entries[entry]) ||
	    (dir->listing.entries[entry].type == DT_DIR) != directory)
		return REASON_NOT_LISTED;
	at = sweep_follow(&dir->listing, entry, dir->place, &follows);
	if (!follows && dir->place != SWEEP_NONE && !directory)
		return REASON_ORDER;
	dir->place = at;
	*found = entry;
	return REASON_NONE;
}

/* ENOTEMPTY: listed to its end, and every entry removed by this process. */
static bool dir_emptied(const struct dir *dir)
{
	return dir && dir->ground == GROUND_EMPTYING && dir->listed &&
	       dir->removed == dir->listing.count && !dir->dead;
}

/* The directory that rmdir is about, or null. */
static struct dir *removed_dir(struct behind *behind, const struct spot *spot)
{
	struct identity identity;
	struct dir *dir;

	if (!spot->known ||
	    !path_identify(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW, &identity))
		return NULL;
	dir = dir_find(behind, &identity);
	return dir ? dir_confirm(behind, dir,
				 path_handle(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW))
		   : NULL;
}

/* Listed to its end, and nothing done since but removing: nobody is told anything by that. */
static bool being_emptied(const struct dir *dir)
{
	return dir && (dir->ground != GROUND_OTHER || dir->listed);
}

static enum reason removal_proof(struct behind *behind, const struct spot *spot, bool directory,
				 const struct dir *child, uint32_t *entry)
{
	struct dir *dir = spot->dir;

	if (behind->failed)
		return REASON_FAILED;
	if (!flight_open())
		return REASON_NO_RING;
	if (!dir || dir->ground != GROUND_EMPTYING)
		return REASON_SHARED;
	if (directory && !dir_emptied(child))
		return REASON_NOT_EMPTIED;
	if (mount_of(behind, dir)->by_file)
		return REASON_BY_FILE;
	if (!successes_enough(behind, dir, &spot->parent))
		return REASON_UNPROVEN;
	if (!entry_removable(behind, spot))
		return REASON_SOURCE;
	return entry_proof(dir, spot, directory, entry);
}

/* ---- what is done ---- */

static void removal_acknowledge(struct behind *behind, const struct passage *passage,
				const struct call *call, const struct spot *spot,
				struct dir *child, uint32_t entry)
{
	struct command *command = command_take(behind);
	struct dir *dir = spot->dir;
	struct sweep_entry *listed = &dir->listing.entries[entry];

	command->op = passage->op;
	command->opcode = OPCODE_UNLINKAT;
	command->flags = call->flags;
	name_keep(command->name, spot->name);
	path_show(command->shown, spot);
	command->inode = (struct identity){dir->identity.device, listed->inode};
	command->after = child;
	command->is_way = child || listed->type == DT_LNK;
	if (child)
		child->doomed = true;
	listed->asked = true;
	dir->removed++;
	ahead_command(passage->op, true);
	ahead_changed(&dir->identity);
	ahead_changed(&command->inode);
	command_defer(behind, command, dir);
	*passage->value = 0;
	*passage->reason = REASON_DEFERRED;
}

static bool worth_listing(const struct behind *behind, const struct dir *dir,
			  const struct statx *parent)
{
	return dir->successes >= (is_sibling(behind, parent) ? RELIST_SIBLING : RELIST_AFTER);
}

/* A plain removal went well in DIR, which is PARENT. */
static void removal_learn(struct behind *behind, struct dir *dir, const struct statx *parent,
			  const char *name, uint64_t inode)
{
	bool listed = dir->listed, follows;
	uint32_t entry;

	dir->successes++;
	if (ended_has(behind, &dir->identity) || mount_of(behind, dir)->by_file)
		return;
	if (!dir->listed && worth_listing(behind, dir, parent))
		relist(behind, dir);
	if (!dir->listed)
		return;
	if (dir->ground == GROUND_OTHER && !mounts_below(dir))
		dir->ground = GROUND_EMPTYING;
	entry = sweep_find(&dir->listing, name, strlen(name));
	if (entry == SWEEP_NONE) {
		if (listed) /* one of its entries may be gone by another spelling */
			ground_end(behind, dir);
	} else if (!dir->listing.entries[entry].asked) {
		dir->listing.entries[entry].asked = true;
		dir->numbered |= inode && inode == dir->listing.entries[entry].inode;
		dir->removed++;
		dir->place = sweep_follow(&dir->listing, entry, dir->place, &follows);
	}
}

/*
 * The next one in a directory like those in which removing is proven, listed to its end: it brings as
 * little news as the ones behind it, which are acknowledged. What was asked ahead elsewhere stays good.
 */
static bool removal_unseen(struct behind *behind, const struct spot *spot)
{
	uint32_t entry;
	struct identity file;

	if (!spot->dir || !spot->dir->listed || !is_sibling(behind, &spot->parent) ||
	    ended_has(behind, &spot->dir->identity))
		return false;
	entry = sweep_find(&spot->dir->listing, spot->name, strlen(spot->name));
	if (entry == SWEEP_NONE)
		return false;
	file = (struct identity){spot->dir->identity.device, spot->dir->listing.entries[entry].inode};
	ahead_changed(&spot->dir->identity);
	ahead_changed(&file);
	ahead_removes();
	return true;
}

static void removal_plain(struct behind *behind, const struct passage *passage, struct spot *spot,
			  struct dir *child, enum reason why)
{
	const struct statx parent = spot->parent;
	const struct identity identity = identity_of(&parent);
	const struct identity gone = child ? child->identity : (struct identity){0, 0};
	char name[NAME_MAX + 1] = "";
	struct identity file = {0, 0};
	struct dir *dir;
	long value;
	bool unseen;

	spot_take(behind, spot); /* so that what is learned has its place */
	if (spot->known && strlen(spot->name) <= NAME_MAX)
		name_keep(name, spot->name);
	if (spot->dir && spot->dir->listed && !spot->dir->numbered) /* the kernel looks it up anyway */
		path_identify(spot->fd, spot->path, AT_SYMLINK_NOFOLLOW, &file);
	unseen = removal_unseen(behind, spot);
	if (unseen && file.inode)
		ahead_changed(&file);
	value = command_plain(passage, why, unseen);
	if (!behind_root())
		return;
	dir = dir_find(behind, &identity);
	child = gone.inode ? dir_find(behind, &gone) : NULL;
	if (child && (int)value == 0)
		dir_drop(behind, child); /* its inode number may be another's soon */
	if (!dir)
		return;
	if ((int)value != 0) {
		ground_end(behind, dir);
		return;
	}
	if (dir->ground == GROUND_PRIVATE)
		return;
	removal_learn(behind, dir, &parent, name, file.inode);
	if (dir->successes >= SUCCESSES_FIRST)
		likeness_of(&parent, &behind->likeness);
}

bool empties_command(struct behind *behind, const struct passage *passage, struct call *call)
{
	struct spot *spot = &behind->spot;
	bool directory = call->flags & AT_REMOVEDIR;
	struct dir *child = NULL;
	enum reason reason;
	uint32_t entry;

	behind->removes = true;
	if (passage->op == OP_REMOVE) { /* either of the two: it tells which only by trying */
		behind_forget(behind);
		return false;
	}
	spot_read(behind, spot, call->fd, call->path);
	if (behind->making) /* destruction waits for proof in the result */
		touch_file(behind, spot);
	if (directory)
		child = removed_dir(behind, spot);
	reason = removal_proof(behind, spot, directory, child, &entry);
	if (reason == REASON_NONE) {
		removal_acknowledge(behind, passage, call, spot, child, entry);
		return true;
	}
	touch_name(behind, spot);
	if (child)
		queue_wait_dir(behind, child);
	if (being_emptied(spot->dir))
		queue_wait_dir(behind, spot->dir);
	else
		queue_wait_all(behind);
	removal_plain(behind, passage, spot, child, reason);
	return true;
}

/* ---- streams ---- */

static int stream_place(const struct behind *behind, DIR *stream)
{
	for (int i = 0; i < BEHIND_STREAMS; i++)
		if (behind->streams[i].stream == stream)
			return i;
	return -1;
}

/* What was read ahead of the program it has not had. */
static bool stream_at_beginning(DIR *stream, int fd)
{
	return listing_has(stream) ? listing_position(stream) == 0
				   : sys(SYS_lseek, fd, 0, SEEK_CUR) == 0;
}

void stream_opened(struct behind *behind, DIR *stream, int fd)
{
	int place;
	struct dir *dir;

	stream_gone(behind, stream); /* one of that address, closed behind us (DESIGN F11) */
	place = stream_place(behind, NULL);
	if (!behind->removes || place < 0 || !stream_at_beginning(stream, fd))
		return;
	dir = dir_take(behind, fd, ".", 0);
	if (!dir || dir->ground != GROUND_OTHER || dir->pending)
		return;
	listing_begin_in(behind, dir);
	dir->successes = 0;
	behind->streams[place].stream = stream;
	behind->streams[place].dir = dir;
}

void stream_gave(struct behind *behind, DIR *stream, const struct dirent *entry, bool end)
{
	int place = stream_place(behind, stream);
	struct dir *dir;

	if (place < 0)
		return;
	dir = behind->streams[place].dir;
	if (entry && !listing_note(dir, entry->d_name, entry->d_ino, entry->d_type))
		stream_gone(behind, stream);
	if (end) {
		dir->listed = true;
		stream_gone(behind, stream);
	}
}

bool stream_noted(const struct behind *behind, DIR *stream)
{
	return stream_place(behind, stream) >= 0;
}

void stream_gone(struct behind *behind, DIR *stream)
{
	int place = stream ? stream_place(behind, stream) : -1;

	if (place >= 0)
		behind->streams[place].stream = NULL;
}
