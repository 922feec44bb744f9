/* SPDX-License-Identifier: MIT */
#include "call/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "base/path.h"
#include "base/sys.h"
#include "process/process.h"

/* What is to be known of a file system's type. */
enum {
	FS_CLOSES = 1 << 0,    /* nothing is left to do when close returns; else there may be a flush
				* step, with which a worker's close ends after its completion */
	FS_PSEUDO = 1 << 1,    /* "regular" files that block, or answer by who asks */
	FS_NETWORK = 1 << 2,   /* waits by nature: for a network, a daemon */
	FS_IN_MEMORY = 1 << 3, /* keeps nothing beyond a reboot */
	FS_LOG_EACH = 1 << 4,  /* a log for each file: fsyncs in a group take longer (Linux 6.18) */
	FS_ALIKE = 1 << 5,     /* an fsync is the same by whichever descriptor of a file */
	FS_SEEKS = 1 << 6,     /* a listing goes on wherever it is put back to */
	FS_KNOWN = 1 << 7,     /* of a device that is remembered */
	FS_BITS = 8,
};

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
	DEVICES = 32,       /* remembered; more are asked about each time */
	DESCRIPTORS = 1024, /* remembered; higher ones count as unknown */
};

/* Device number << FS_BITS | traits | FS_KNOWN: one word, so that it is never torn. */
static uint64_t devices[DEVICES];
static unsigned devices_used;

/* A descriptor is its opener's own while its generation is the current one. */
static uint32_t own[DESCRIPTORS];
static uint32_t generation = 1;

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

static unsigned device_traits(uint64_t device, int fd)
{
	unsigned traits = device_recall(device);

	return traits ? traits : device_learn(device, fs_type(fd));
}

static enum reason descriptor_check(int fd, bool directory_too, bool must_close)
{
	struct stat stat;
	unsigned traits;

	if (sys(SYS_fstat, fd, &stat) != 0)
		return REASON_TARGET;
	if (!S_ISREG(stat.st_mode) && !(directory_too && S_ISDIR(stat.st_mode)))
		return REASON_TARGET;
	traits = device_traits(stat.st_dev, fd);
	if (traits & FS_PSEUDO || (must_close && !(traits & FS_CLOSES)))
		return REASON_TARGET;
	return REASON_NONE;
}

static bool descriptor_own(int fd)
{
	return !process_threaded() && fd >= 0 && fd < DESCRIPTORS &&
	       __atomic_load_n(&own[fd], __ATOMIC_RELAXED) ==
		       __atomic_load_n(&generation, __ATOMIC_RELAXED);
}

/* A write then moves the position to an end that only the kernel knows. */
static bool descriptor_appends(int fd)
{
	return sys(SYS_fcntl, fd, F_GETFL) & O_APPEND;
}

static enum reason position_check(int fd)
{
	/* The kernel takes the position's lock for read(2) and write(2), and not for the ring
	 * (io_kiocb_update_pos): with somebody else at the same description, data is lost. */
	if (!descriptor_own(fd) || descriptor_appends(fd))
		return REASON_POSITION;
	return descriptor_check(fd, false, false);
}

/* No descriptor is opened for it: another thread could see its number taken. */
static unsigned long fs_type_of_path(uint64_t device, const struct call *call)
{
	struct statfs statfs;
	struct stat stat;

	if (call->fd == AT_FDCWD)
		return sys(SYS_statfs, call->path, &statfs) == 0 ? (unsigned long)statfs.f_type : 0;
	if (sys(SYS_fstat, call->fd, &stat) != 0 || stat.st_dev != device)
		return 0; /* a mount lies between, or the path is absolute */
	return fs_type(call->fd);
}

static unsigned path_traits(const struct statx *statx, const struct call *call)
{
	uint64_t device = makedev(statx->stx_dev_major, statx->stx_dev_minor);
	unsigned traits = device_recall(device);

	return traits ? traits : device_learn(device, fs_type_of_path(device, call));
}

/* openat2(2) has its flags in the program's memory; where they cannot be read it may be anything. */
static bool open_may_write(const struct call *call)
{
	uint64_t flags = call->flags;

	if (call->opcode == OPCODE_OPENAT2 && !program_read(call->data, &flags, sizeof(flags)))
		return true;
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/*
 * Opening anything else than a regular file or a directory may wait for a peer (FIFO), act
 * (tape, tty) or depend on the calling thread (/proc/thread-self). And the ring opens without waiting
 * first: where somebody has a lease on the file, that is told at once, and may have been downgraded by
 * the time a worker comes to wait for it (fs/locks.c, __break_lease), which who opens to write must not
 * meet.
 */
static enum reason open_check(const struct call *call)
{
	struct statx statx;
	int nofollow = call->flags & O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
	long err = sys(SYS_statx, call->fd, call->path, AT_NO_AUTOMOUNT | nofollow,
		       STATX_TYPE, &statx);

	if (err == -ENOENT && call->flags & O_CREAT)
		return REASON_NONE;
	if (err || !(S_ISREG(statx.stx_mode) || S_ISDIR(statx.stx_mode)))
		return REASON_TARGET;
	if (S_ISREG(statx.stx_mode) && open_may_write(call))
		return REASON_ARGUMENT;
	return path_traits(&statx, call) & FS_PSEUDO ? REASON_TARGET : REASON_NONE;
}

struct storage names_storage(int fd)
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

enum reason names_guard(const struct call *call)
{
	switch (call->guard) {
	case GUARD_NONE:
		return REASON_NONE;
	case GUARD_FILE:
		return descriptor_check(call->fd, false, false);
	case GUARD_SYNC:
		return descriptor_check(call->fd, true, false);
	case GUARD_POSITION:
		return position_check(call->fd);
	case GUARD_OPEN:
		return open_check(call);
	case GUARD_CLOSE:
		return descriptor_check(call->fd, true, true);
	}
	return REASON_TARGET;
}

void names_opened(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS && !process_threaded())
		__atomic_store_n(&own[fd], __atomic_load_n(&generation, __ATOMIC_RELAXED),
				 __ATOMIC_RELAXED);
}

void names_closed(int fd)
{
	if (fd >= 0 && fd < DESCRIPTORS)
		__atomic_store_n(&own[fd], 0, __ATOMIC_RELAXED);
}

void names_copied(int from, int to)
{
	if (descriptor_own(from))
		names_opened(to);
	else
		names_closed(to);
}

void names_forget_descriptors(void)
{
	__atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}
