/* SPDX-License-Identifier: MIT */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

#include "base/hash.h"
#include "base/sys.h"
#include "base/text.h"

struct identity identity_of(const struct statx *statx)
{
	return (struct identity){makedev(statx->stx_dev_major, statx->stx_dev_minor),
				 statx->stx_ino};
}

bool program_read(const void *from, void *to, size_t size)
{
	struct iovec into = {to, size}, of = {(void *)from, size};

	return sys(SYS_process_vm_readv, sys(SYS_getpid), &into, 1, &of, 1, 0) == (long)size;
}

/* Two pages at most, so that a path at the end of a mapping is read as far as it goes. */
static bool path_read_some(const char *from, char path[PATH_MAX], size_t size)
{
	enum { PAGE = 4096 };
	size_t first = PAGE - (uintptr_t)from % PAGE;
	struct iovec to = {.iov_base = path, .iov_len = size};
	struct iovec parts[2] = {
		{.iov_base = (void *)from, .iov_len = first < size ? first : size},
		{.iov_base = (void *)(from + first), .iov_len = first < size ? size - first : 0},
	};
	long got = sys(SYS_process_vm_readv, sys(SYS_getpid), &to, 1, parts, 2, 0);

	return got > 0 && memchr(path, '\0', (size_t)got) != NULL;
}

/* Most are short, and the kernel pins and copies what it is asked for. */
bool path_read(const char *from, char path[PATH_MAX])
{
	enum { SHORT = 256 };

	return path_read_some(from, path, SHORT) || path_read_some(from, path, PATH_MAX);
}

bool path_copy(const char *from, char path[PATH_MAX])
{
	size_t length = strnlen(from, PATH_MAX);

	if (length == PATH_MAX)
		return false;
	memcpy(path, from, length + 1);
	return true;
}

const char *path_split(const char *path, size_t *directory)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;

	while (length > 1 && path[length - 1] == '/')
		length--;
	*directory = slash && !length ? 1 : length;
	return slash ? slash + 1 : path;
}

int path_statx(int fd, const char *path, int flags, unsigned mask, struct statx *statx)
{
	return (int)sys(SYS_statx, fd, path, flags | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, mask,
			statx);
}

int descriptor_statx(int fd, unsigned mask, struct statx *statx)
{
	return path_statx(fd, "", AT_EMPTY_PATH, mask, statx);
}

bool path_identify(int fd, const char *path, int flags, struct identity *identity)
{
	struct statx statx;

	if (path_statx(fd, path, flags, STATX_INO, &statx) != 0)
		return false;
	*identity = identity_of(&statx);
	return true;
}

bool descriptor_identify(int fd, struct identity *identity)
{
	return path_identify(fd, "", AT_EMPTY_PATH, identity);
}

/* linux/fcntl.h of older headers has no name for it; Linux 6.6. */
#define HANDLE_FID 0x200

struct handle {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

/* A handle that need not be opened by is to be had of more file systems, where the kernel can. */
static long handle_get(int fd, const char *path, int flags, struct handle *handle)
{
	static bool no_fid;
	int mount;
	long err = -EINVAL;

	handle->head.handle_bytes = MAX_HANDLE_SZ;
	if (!__atomic_load_n(&no_fid, __ATOMIC_RELAXED))
		err = sys(SYS_name_to_handle_at, fd, path, handle, &mount, flags | HANDLE_FID);
	if (err != -EINVAL)
		return err;
	__atomic_store_n(&no_fid, true, __ATOMIC_RELAXED);
	return sys(SYS_name_to_handle_at, fd, path, handle, &mount, flags);
}

static uint64_t handle_hash(const struct handle *handle)
{
	const unsigned char *bytes = handle->head.f_handle;
	uint64_t hash = HASH_BEGIN ^ (uint64_t)handle->head.handle_type << 32;

	for (unsigned i = 0; i < handle->head.handle_bytes; i++)
		hash = hash_byte(hash, bytes[i]);
	return hash > HANDLE_REFUSED ? hash : hash + 2;
}

/* The call follows a last symbolic link only where it is told to. */
uint64_t path_handle(int fd, const char *path, int flags)
{
	int follow = flags & (AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) ? 0 : AT_SYMLINK_FOLLOW;
	struct handle handle;
	long err = handle_get(fd, path, (flags & AT_EMPTY_PATH) | follow, &handle);

	if (err == -EOPNOTSUPP)
		return HANDLE_NONE;
	return err ? HANDLE_REFUSED : handle_hash(&handle);
}

uint64_t descriptor_handle(int fd)
{
	return path_handle(fd, "", AT_EMPTY_PATH);
}

/* A file system on a device of its own has numbers of its own; others are told by their driver. */
bool identity_tells(const struct identity *identity, uint64_t handle)
{
	if (handle > HANDLE_REFUSED)
		return true;
	return identity->inode && (handle == HANDLE_NONE || major(identity->device) != 0);
}

static void proc_path(char path[LINK_SIZE], const char *directory, int fd)
{
	struct text text = {.at = path, .room = LINK_SIZE - 1};

	text_add(&text, directory);
	text_number(&text, fd);
	path[text.length] = '\0';
}

void descriptor_link(int fd, char link[LINK_SIZE])
{
	proc_path(link, "/proc/self/fd/", fd);
}

void descriptor_info(int fd, char path[LINK_SIZE])
{
	proc_path(path, "/proc/self/fdinfo/", fd);
}

long descriptor_name(int fd, char *path, size_t room)
{
	char link[LINK_SIZE];
	long length;

	descriptor_link(fd, link);
	length = sys(SYS_readlink, link, path, room - 1);
	path[length > 0 ? length : 0] = '\0';
	return length;
}
