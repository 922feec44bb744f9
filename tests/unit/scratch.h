/* SPDX-License-Identifier: MIT
 *
 * scratch: an empty directory to work in, gone when the test's process exits; and calls in the
 * form the ring takes them.
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "check.h"
#include "table/call.h"

static char scratch_path[PATH_MAX];
static pid_t scratch_owner;

static inline int scratch_remove_one(const char *path, const struct stat *stat, int type,
				     struct FTW *where)
{
	(void)stat, (void)type, (void)where;
	return remove(path);
}

static inline void scratch_remove(void)
{
	if (getpid() == scratch_owner && chdir("/") == 0)
		nftw(scratch_path, scratch_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Makes it the current directory. */
static inline void scratch(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(scratch_path, sizeof(scratch_path), "%s/ushim-unit.XXXXXX", base ? base : "/tmp");
	NEED(mkdtemp(scratch_path) && chmod(scratch_path, 0777) == 0 && chdir(scratch_path) == 0);
	scratch_owner = getpid();
	atexit(scratch_remove);
}

static inline void file_make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666);

	NEED(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static inline int exists(const char *name)
{
	struct stat stat;

	return lstat(name, &stat) == 0;
}

/* How many descriptors this process has open. */
static inline int descriptors(void)
{
	DIR *list = opendir("/proc/self/fd");
	int count = -3; /* "." and "..", and the list's own */

	NEED(list);
	while (readdir(list))
		count++;
	closedir(list);
	return count;
}

/* 0, or -1: mounts are this process's own from now on. After unshare(CLONE_NEWNS). */
static inline int mount_private(void)
{
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static inline int mount_at(const char *what, const char *where, const char *type)
{
	return mount(what, where, type, 0, NULL);
}

static inline void unmount_at(const char *where)
{
	NEED(umount2(where, MNT_DETACH) == 0);
}

static inline struct call call_mkdir(const char *name)
{
	return (struct call){.op = OP_MKDIR, .opcode = OPCODE_MKDIRAT, .fd = AT_FDCWD,
			     .path = name, .mode = 0777};
}

static inline struct call call_unlink(const char *name)
{
	return (struct call){.op = OP_UNLINK, .opcode = OPCODE_UNLINKAT, .fd = AT_FDCWD,
			     .path = name};
}

static inline struct call call_stat(const char *name, struct stat *stat)
{
	return (struct call){.op = OP_STAT, .opcode = OPCODE_STATX, .yield = YIELD_STAT,
			     .fd = AT_FDCWD, .path = name, .length = STATX_BASIC_STATS,
			     .stat = stat};
}

static inline struct call call_read(int fd, void *data, size_t length, uint64_t offset)
{
	return (struct call){.op = OP_PREAD, .opcode = OPCODE_READ, .fd = fd, .data = data,
			     .length = length, .offset = offset};
}

#endif
