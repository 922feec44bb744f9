/* SPDX-License-Identifier: MIT */
#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "process.h"
#include "sys.h"

/* What kind of file system a device number is. */
enum fs_kind {
	FS_UNKNOWN,
	FS_LOCAL,    /* nothing is left to do when close returns */
	FS_FLUSHING, /* has a flush step, or may: a worker's close ends after its completion */
	FS_PSEUDO,   /* "regular" files that block, or answer by who asks (/proc, tracefs, ...) */
};

enum {
	DEVICES = 32,       /* remembered; more are asked about each time */
	DESCRIPTORS = 1024, /* remembered; higher ones count as unknown */
};

static struct device {
	uint64_t number_and_kind; /* device number << 2 | kind; one word, so that it is never torn */
} devices[DEVICES];
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

static enum fs_kind fs_kind_of_type(unsigned long type)
{
	switch (type) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case F2FS_SUPER_MAGIC:
		return FS_LOCAL;
	case PROC_SUPER_MAGIC:
	case SYSFS_MAGIC:
	case DEBUGFS_MAGIC:
	case TRACEFS_MAGIC:
	case SECURITYFS_MAGIC:
	case SELINUX_MAGIC:
	case CGROUP_SUPER_MAGIC:
	case CGROUP2_SUPER_MAGIC:
	case DEVPTS_SUPER_MAGIC:
	case BPF_FS_MAGIC:
	case NSFS_MAGIC:
	case PIPEFS_MAGIC:
	case SOCKFS_MAGIC:
	case ANON_INODE_FS_MAGIC:
	case BINFMTFS_MAGIC:
	case EFIVARFS_MAGIC:
	case PSTOREFS_MAGIC:
	case HUGETLBFS_MAGIC:
	case 0: /* it could not be told */
		return FS_PSEUDO;
	default:
		return FS_FLUSHING;
	}
}

static enum fs_kind device_recall(uint64_t device)
{
	for (unsigned i = 0; i < DEVICES; i++) {
		uint64_t entry = __atomic_load_n(&devices[i].number_and_kind, __ATOMIC_RELAXED);

		if (entry && entry >> 2 == device)
			return (enum fs_kind)(entry & 3);
	}
	return FS_UNKNOWN;
}

/* A device number without a driver behind it goes to the next who mounts something. */
static void device_keep(uint64_t device, enum fs_kind kind)
{
	unsigned slot;

	if (major(device) == 0)
		return;
	slot = __atomic_fetch_add(&devices_used, 1, __ATOMIC_RELAXED) % DEVICES;
	__atomic_store_n(&devices[slot].number_and_kind, device << 2 | kind, __ATOMIC_RELAXED);
}

static enum fs_kind device_learn(uint64_t device, unsigned long type)
{
	enum fs_kind kind = fs_kind_of_type(type);

	if (type)
		device_keep(device, kind);
	return kind;
}

static enum fs_kind fs_kind_of_descriptor(uint64_t device, int fd)
{
	enum fs_kind kind = device_recall(device);

	return kind != FS_UNKNOWN ? kind : device_learn(device, fs_type(fd));
}

static enum reason descriptor_check(int fd, bool directory_too, bool must_be_local)
{
	struct stat stat;
	enum fs_kind kind;

	if (sys(SYS_fstat, fd, &stat) != 0)
		return REASON_TARGET;
	if (!S_ISREG(stat.st_mode) && !(directory_too && S_ISDIR(stat.st_mode)))
		return REASON_TARGET;
	kind = fs_kind_of_descriptor(stat.st_dev, fd);
	if (kind == FS_PSEUDO || (must_be_local && kind != FS_LOCAL))
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

static enum fs_kind fs_kind_of_path(const struct statx *statx, const struct call *call)
{
	uint64_t device = makedev(statx->stx_dev_major, statx->stx_dev_minor);
	enum fs_kind kind = device_recall(device);

	return kind != FS_UNKNOWN ? kind : device_learn(device, fs_type_of_path(device, call));
}

/*
 * Opening anything else than a regular file or a directory may wait for a peer (FIFO), act
 * (tape, tty) or depend on the calling thread (/proc/thread-self).
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
	return fs_kind_of_path(&statx, call) == FS_PSEUDO ? REASON_TARGET : REASON_NONE;
}

bool names_network(int fd)
{
	switch (fs_type(fd)) {
	case NFS_SUPER_MAGIC:
	case SMB_SUPER_MAGIC:
	case CIFS_SUPER_MAGIC:
	case SMB2_SUPER_MAGIC:
	case CEPH_SUPER_MAGIC:
	case V9FS_MAGIC:
	case AFS_SUPER_MAGIC:
	case CODA_SUPER_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
}

bool names_in_memory(int fd)
{
	unsigned long type = fs_type(fd);

	return type == TMPFS_MAGIC || type == RAMFS_MAGIC;
}

/*
 * btrfs writes a log of its own for each file (measured on Linux 6.18: groups take longer), and
 * in tmpfs an fsync does nothing, however long a busy machine takes over it.
 */
bool names_shares_commits(int fd)
{
	unsigned long type = fs_type(fd);

	return type && type != BTRFS_SUPER_MAGIC && type != TMPFS_MAGIC;
}

bool names_alike(int fd)
{
	switch (fs_type(fd)) {
	case EXT4_SUPER_MAGIC:
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case FUSE_SUPER_MAGIC:
		return true;
	default:
		return false;
	}
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
