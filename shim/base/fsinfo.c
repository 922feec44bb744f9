/* SPDX-License-Identifier: MIT */
#include "base/fsinfo.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/sys.h"

static const struct {
	unsigned long type; /* as statfs(2) has it */
	unsigned traits;
} fs_types[] = {
	{EXT4_SUPER_MAGIC, FS_CLOSES | FS_SEEKS | FS_ALIKE},
	{XFS_SUPER_MAGIC, FS_CLOSES | FS_SEEKS | FS_ALIKE},
	{BTRFS_SUPER_MAGIC, FS_CLOSES | FS_SEEKS | FS_ALIKE | FS_LOG_EACH},
	{F2FS_SUPER_MAGIC, FS_CLOSES | FS_SEEKS | FS_ALIKE},
	{TMPFS_MAGIC, FS_CLOSES | FS_SEEKS | FS_ALIKE | FS_IN_MEMORY},
	{RAMFS_MAGIC, FS_IN_MEMORY},
	{FUSE_SUPER_MAGIC, FS_NETWORK | FS_ALIKE},
	{NFS_SUPER_MAGIC, FS_NETWORK},
	{SMB_SUPER_MAGIC, FS_NETWORK},
	{CIFS_SUPER_MAGIC, FS_NETWORK},
	{SMB2_SUPER_MAGIC, FS_NETWORK},
	{CEPH_SUPER_MAGIC, FS_NETWORK},
	{V9FS_MAGIC, FS_NETWORK},
	{AFS_SUPER_MAGIC, FS_NETWORK},
	{CODA_SUPER_MAGIC, FS_NETWORK},
	{PROC_SUPER_MAGIC, FS_PSEUDO},
	{SYSFS_MAGIC, FS_PSEUDO},
	{DEBUGFS_MAGIC, FS_PSEUDO},
	{TRACEFS_MAGIC, FS_PSEUDO},
	{SECURITYFS_MAGIC, FS_PSEUDO},
	{SELINUX_MAGIC, FS_PSEUDO},
	{CGROUP_SUPER_MAGIC, FS_PSEUDO},
	{CGROUP2_SUPER_MAGIC, FS_PSEUDO},
	{DEVPTS_SUPER_MAGIC, FS_PSEUDO},
	{BPF_FS_MAGIC, FS_PSEUDO},
	{NSFS_MAGIC, FS_PSEUDO},
	{PIPEFS_MAGIC, FS_PSEUDO},
	{SOCKFS_MAGIC, FS_PSEUDO},
	{ANON_INODE_FS_MAGIC, FS_PSEUDO},
	{BINFMTFS_MAGIC, FS_PSEUDO},
	{EFIVARFS_MAGIC, FS_PSEUDO},
	{PSTOREFS_MAGIC, FS_PSEUDO},
	{HUGETLBFS_MAGIC, FS_PSEUDO},
	{0, FS_PSEUDO}, /* it could not be told */
};

enum {
	FS_KNOWN = 1 << 7, /* of a device that is remembered */
	FS_BITS = 8,
	DEVICES = 32, /* remembered; more are asked about each time */
};

/* Device number << FS_BITS | traits | FS_KNOWN: one word, so that it is never torn. */
static uint64_t devices[DEVICES];
static unsigned devices_used;

/* What the file system FD is on calls itself, statfs(2); 0 where that cannot be told. */
static unsigned long fs_type(int fd)
{
	struct statfs statfs;

	return sys(SYS_fstatfs, fd, &statfs) == 0 ? (unsigned long)statfs.f_type : 0;
}

/* linux/mount.h and linux/stat.h of older headers have no names for these; Linux 6.8. */
#ifndef SYS_statmount
#define SYS_statmount 457
#endif
#define MNT_ID_UNIQUE 0x4000U
#define STATMOUNT_BASIC 1U

/* The same from what the kernel keeps of the mount, with no question to a server or daemon; or 0. */
static unsigned long mount_type(int fd)
{
	struct {
		uint32_t size, spare;
		uint64_t mount, wanted;
	} asked = {.size = sizeof(asked), .wanted = STATMOUNT_BASIC};
	struct {
		uint32_t size, options;
		uint64_t given;
		uint32_t major, minor;
		uint64_t type;
		uint64_t rest[59];
	} told;
	struct statx statx;

	if (descriptor_statx(fd, MNT_ID_UNIQUE, &statx) != 0 ||
	    !(statx.stx_mask & MNT_ID_UNIQUE))
		return 0;
	asked.mount = statx.stx_mnt_id;
	if (sys(SYS_statmount, &asked, &told, sizeof(told), 0) != 0 ||
	    !(told.given & STATMOUNT_BASIC))
		return 0;
	return told.type;
}

static unsigned fs_traits(unsigned long type)
{
	for (unsigned i = 0; i < sizeof(fs_types) / sizeof(*fs_types); i++)
		if (fs_types[i].type == type)
			return fs_types[i].traits;
	return 0;
}

/* 0 where DEVICE is not remembered. */
static unsigned device_recall(uint64_t device)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		uint64_t entry = __atomic_load_n(&devices[i], __ATOMIC_RELAXED);

		if (entry && entry >> FS_BITS == device)
			return entry & ((1 << FS_BITS) - 1);
	}
	return 0;
}

/* A device number without a driver behind it goes to the next who mounts something. */
static void device_keep(uint64_t device, unsigned traits)
{
	unsigned slot;

	if (major(device) == 0)
		return;
	slot = __atomic_fetch_add(&devices_used, 1, __ATOMIC_RELAXED) % DEVICES;
	__atomic_store_n(&devices[slot], device << FS_BITS | traits | FS_KNOWN, __ATOMIC_RELAXED);
}

static unsigned device_learn(uint64_t device, unsigned long type)
{
	unsigned traits = fs_traits(type);

	if (type)
		device_keep(device, traits);
	return traits;
}

unsigned fsinfo_traits(uint64_t device, int fd)
{
	unsigned traits = device_recall(device);

	return traits ? traits : device_learn(device, fs_type(fd));
}

/* No descriptor is opened for it: another thread could see its number taken. */
static unsigned long fs_type_of_path(uint64_t device, int dirfd, const char *path)
{
	struct statfs statfs;
	struct stat stat;

	if (dirfd == AT_FDCWD)
		return sys(SYS_statfs, path, &statfs) == 0 ? (unsigned long)statfs.f_type : 0;
	if (sys(SYS_fstat, dirfd, &stat) != 0 || stat.st_dev != device)
		return 0; /* a mount lies between, or the path is absolute */
	return fs_type(dirfd);
}

unsigned fsinfo_traits_of_path(uint64_t device, int dirfd, const char *path)
{
	unsigned traits = device_recall(device);

	return traits ? traits : device_learn(device, fs_type_of_path(device, dirfd, path));
}

struct storage fsinfo_storage(int fd)
{
	unsigned long type = mount_type(fd);
	unsigned traits = fs_traits(type ? type : fs_type(fd));

	return (struct storage){
		.network = traits & FS_NETWORK,
		.in_memory = traits & FS_IN_MEMORY,
		/* In memory an fsync does nothing, however long a busy machine takes over it. */
		.shares_commits = !(traits & (FS_LOG_EACH | FS_IN_MEMORY | FS_PSEUDO)),
		.alike = traits & FS_ALIKE,
		.seeks = traits & FS_SEEKS,
	};
}
