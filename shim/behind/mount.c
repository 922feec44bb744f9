/* SPDX-License-Identifier: MIT
 *
 * What is known of the mounts on which commands may be acknowledged. A success proves something
 * of the next file only where the file system decides by directory. Pools of disks (mergerfs, unraid,
 * aufs), overlays and whatever else a FUSE daemon makes of its files may refuse one of them with
 * EXDEV, EMLINK, EPERM, EROFS or ENOSPC and take the next: nothing is acknowledged there.
 *
 * Which one it is the kernel says by name only: every daemon's file system is of one type to
 * statfs(2), and /proc/self/mountinfo has what the daemon calls itself behind "fuse.".
 */
#include "behind/private.h"

#include <errno.h>
#include <string.h>

#include "base/proc.h"
#include "process/process.h"

enum {
	LINE_MOST = 32 * 1024, /* of mountinfo: an overlay names all its layers there */
	BRIDGE_LINKS = 8,      /* plain links first where a pool may be behind a server */
	LENGTH_SURE = 64,      /* bytes of a name: any file system holds so many that tells wrongly */
	DEVICES_MOST = 32,     /* that were seen to decide by file, remembered */
};

/*
 * File systems that decide by directory. BRIDGE: a server does, with a file system of its own
 * behind it that nobody tells of; so more links are made plainly before one is acknowledged.
 */
static const struct {
	const char *type;
	bool bridge;
} types[] = {
	{"ext2", false},     {"ext3", false},	  {"ext4", false},   {"xfs", false},
	{"btrfs", false},    {"f2fs", false},	  {"tmpfs", false},  {"ramfs", false},
	{"rootfs", false},   {"zfs", false},	  {"bcachefs", false}, {"jfs", false},
	{"reiserfs", false}, {"nilfs2", false},	  {"ubifs", false},  {"gfs2", false},
	{"ocfs2", false},    {"ntfs3", false},	  {"exfat", false},  {"vfat", false},
	{"hfsplus", false},  {"ceph", false},	  {"afs", false},    {"nfs", true},
	{"nfs4", true},	     {"cifs", true},	  {"smb3", true},    {"9p", true},
	{"fuse.sshfs", true}, {"fuse.glusterfs", false}, {"fuse.ceph-fuse", false},
	{"fuse.slowfs", false},
};

/* Ordinary memory: children know it too. */
static struct {
	unsigned count;
	uint64_t devices[DEVICES_MOST];
} refused;

static bool device_refused(uint64_t device)
{
	for (unsigned i = 0; i < refused.count && i < DEVICES_MOST; i++)
		if (refused.devices[i] == device)
			return true;
	return false;
}

void mount_refused(struct behind *behind, const struct dir *dir, int err)
{
	if (err != EXDEV && err != EMLINK && err != EPERM)
		return;
	if (!device_refused(dir->identity.device))
		refused.devices[refused.count++ % DEVICES_MOST] = dir->identity.device;
	mounts_forget(behind);
}

/* ---- mountinfo ---- */

/* What is looked for, and what was found. */
static struct {
	uint64_t id;
	char type[32];
} line;

/* The type comes behind a hyphen, as some fields before it are optional (proc(5)). */
static bool line_take(const char *text)
{
	const char *type = strstr(text, " - ");
	size_t length;

	if (!type || proc_number(text, 10) != line.id)
		return true;
	length = strcspn(type + 3, " ");
	if (length < sizeof(line.type))
		memcpy(line.type, type + 3, length);
	return false;
}

/* What the mount ID is of; empty where that is not known, as in another name space. */
static const char *mount_type(uint64_t id)
{
	char *text = process_map_private(LINE_MOST);

	line.id = id;
	memset(line.type, 0, sizeof(line.type));
	if (text) {
		proc_lines("/proc/self/mountinfo", text, LINE_MOST, line_take);
		process_unmap(text, LINE_MOST);
	}
	return line.type;
}

static void mount_judge(struct mount *mount, uint64_t device)
{
	const char *type = mount_type(mount->id);

	mount->by_file = true;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(types[i].type, type)) {
			mount->by_file = device_refused(device);
			mount->bridge = types[i].bridge;
		}
	mount->doubtful = !strncmp(type, "fuse", 4);
}

/* ---- records ---- */

struct mount *mount_find(struct behind *behind, uint64_t id)
{
	for (int i = 0; i < BEHIND_MOUNTS; i++)
		if (behind->mounts[i].known && behind->mounts[i].id == id)
			return &behind->mounts[i];
	return NULL;
}

struct mount *mount_of(struct behind *behind, const struct dir *dir)
{
	struct mount *mount = mount_find(behind, dir->mount);

	if (mount)
		return mount;
	mount = &behind->mounts[behind->mounts_next++ % BEHIND_MOUNTS];
	*mount = (struct mount){.known = true, .id = dir->mount};
	mount_judge(mount, dir->identity.device);
	return mount;
}

void mounts_forget(struct behind *behind)
{
	memset(behind->mounts, 0, sizeof(behind->mounts));
}

/* ---- what went well there ---- */

/* What a daemon tells statfs(2) of lengths may be made up (sshfs did until OpenSSH said). */
static bool length_holds(const struct mount *mount, size_t length, size_t longest)
{
	return !mount->doubtful || length <= LENGTH_SURE || length <= longest;
}

bool mount_holds_name(const struct mount *mount, const char *name)
{
	return length_holds(mount, strlen(name), mount->longest_name) && spelling_common(name) &&
	       spelling_holds(&mount->names, name);
}

void mount_learn_name(struct mount *mount, const char *name)
{
	if (strlen(name) > mount->longest_name)
		mount->longest_name = strlen(name);
	spelling_learn(&mount->names, name);
}

/* Where a server keeps a link as Windows does, what it says is turned into a name of Windows'. */
bool mount_holds_target(const struct mount *mount, const char *target)
{
	if (target[0] == '/' && !mount->absolute)
		return false;
	return length_holds(mount, strlen(target), mount->longest_target) &&
	       spelling_holds(&mount->targets, target);
}

void mount_learn_target(struct mount *mount, const char *target)
{
	mount->absolute |= target[0] == '/';
	if (strlen(target) > mount->longest_target)
		mount->longest_target = strlen(target);
	spelling_learn(&mount->targets, target);
}

bool mount_links_enough(const struct mount *mount)
{
	return !mount->bridge || mount->links >= BRIDGE_LINKS;
}
