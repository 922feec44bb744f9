/* SPDX-License-Identifier: MIT
 *
 * node.c: one node for each backing file the kernel knows, found by (device, inode), so
 * that all hard links are one node.
 *
 * A node keeps an O_PATH descriptor: the file stays reachable when it is unlinked or moved,
 * and its inode number cannot come to mean another file. Descriptors are limited (20000 where
 * root lacks CAP_SYS_RESOURCE), trees are not: past settings.node_fds, files other than
 * directories keep a file handle instead and are opened by it each time. A handle does not
 * pin the inode number, so a found node's handle is compared before it is believed.
 *
 * A node id is the node's address; the generation tells two lives of one address apart.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define BUCKETS (1u << 16)

struct handle {
	struct file_handle head;
	unsigned char bytes[MAX_HANDLE_SZ];
};

struct node {
	dev_t dev;
	ino_t ino;
	uint64_t generation;
	uint64_t lookups;
	struct file_handle *handle; /* NULL: fd is kept */
	int fd;			    /* -1: reach it by handle */
	struct node *next;
};

/* The root is outside the table: the kernel takes its id from no lookup. */
static struct node root;

static struct {
	pthread_mutex_t lock; /* the table, every node's lookups and next, and the counts */
	struct node *bucket[BUCKETS];
	uint64_t generation;
	unsigned long fds;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct node *node_of(fuse_ino_t id)
{
	return id == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)id;
}

uint64_t node_number(fuse_ino_t id)
{
	return node_of(id)->ino;
}

int node_dirfd(fuse_ino_t dir)
{
	return node_of(dir)->fd;
}

int node_open_root(const char *backing)
{
	struct stat st;

	/* Not O_PATH: open_by_handle_at() takes no such descriptor for its file system. */
	root.fd = open(backing, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root.fd == -1 || fstat(root.fd, &st) == -1)
		return errno;
	root.dev = st.st_dev;
	root.ino = st.st_ino;
	return 0;
}

/* ---- using a node ------------------------------------------------------------------ */

int hold_begin(struct hold *hold, fuse_ino_t id)
{
	struct node *node = node_of(id);

	hold->fd = node->fd;
	if (node->fd == -1) {
		hold->fd = open_by_handle_at(root.fd, node->handle, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (hold->fd == -1)
			return errno;
		hold->ours = true;
	}
	snprintf(hold->path, sizeof(hold->path), "/proc/self/fd/%d", hold->fd);
	return 0;
}

void hold_end(struct hold *hold)
{
	if (hold->ours)
		close(hold->fd);
}

/* ---- handles ----------------------------------------------------------------------- */

static bool handle_get(int fd, struct handle *handle)
{
	int mount;

	handle->head.handle_bytes = MAX_HANDLE_SZ;
	return !name_to_handle_at(fd, "", &handle->head, &mount, AT_EMPTY_PATH);
}

static size_t handle_size(const struct file_handle *handle)
{
	return sizeof(*handle) + handle->handle_bytes;
}

static bool handle_matches(const struct file_handle *kept, int fd)
{
	struct handle now;

	return handle_get(fd, &now) && handle_size(kept) == handle_size(&now.head) &&
	       !memcmp(kept, &now, handle_size(kept));
}

/* A copy for the node to keep; NULL if the file system or our rights do not allow it. */
static struct file_handle *handle_keep(int fd)
{
	struct handle handle;
	struct file_handle *kept;
	int probe;

	if (!handle_get(fd, &handle))
		return NULL;
	probe = open_by_handle_at(root.fd, &handle.head, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (probe == -1)
		return NULL;
	close(probe);
	kept = malloc(handle_size(&handle.head));
	return kept ? memcpy(kept, &handle, handle_size(&handle.head)) : NULL;
}

/* ---- the table --------------------------------------------------------------------- */

static struct node **bucket_of(dev_t dev, ino_t ino)
{
	uint64_t h = ((uint64_t)ino ^ ((uint64_t)dev << 32)) * 0x9e3779b97f4a7c15u;

	return &table.bucket[h >> 48];
}

static struct node *table_find(const struct stat *st, int fd)
{
	struct node *n = *bucket_of(st->st_dev, st->st_ino);

	for (; n; n = n->next)
		if (n->ino == st->st_ino && n->dev == st->st_dev &&
		    (!n->handle || handle_matches(n->handle, fd)))
			return n;
	return NULL;
}

/* Takes the descriptor over when it succeeds. */
static struct node *table_add(const struct stat *st, int fd)
{
	struct node **bucket = bucket_of(st->st_dev, st->st_ino);
	struct node *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	n->dev = st->st_dev;
	n->ino = st->st_ino;
	n->fd = fd;
	n->generation = ++table.generation;
	if (table.fds >= settings.node_fds && !S_ISDIR(st->st_mode) && st->st_dev == root.dev)
		n->handle = handle_keep(fd);
	if (n->handle) {
		close(fd);
		n->fd = -1;
	} else {
		table.fds++;
	}
	n->next = *bucket;
	return *bucket = n;
}

static void table_drop(struct node *node)
{
	struct node **at = bucket_of(node->dev, node->ino);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	if (!node->handle) {
		close(node->fd);
		table.fds--;
	}
	free(node->handle);
	free(node);
}

/* ---- lookups ----------------------------------------------------------------------- */

void node_number_shown(int fd, struct stat *st)
{
	struct stat parent;

	if (settings.numbers == NUMBERS_BACKING || (st->st_ino == root.ino && st->st_dev == root.dev))
		return;
	if (settings.numbers == NUMBERS_ZERO)
		st->st_ino = 0;
	else if (S_ISDIR(st->st_mode) && fstatat(fd, "..", &parent, 0) == 0)
		st->st_ino = NUMBER_OF_SUBDIRECTORIES(parent.st_ino);
}

static void change(int fd, const struct stat *st)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (settings.changing_sizes && truncate(path, st->st_size + 1) == -1)
		return;
	utimensat(fd, "", times, AT_EMPTY_PATH);
}

int node_attributes(int fd, struct stat *st)
{
	int err = errno_of(fstatat(fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));

	if (err || !settings.changing_times || !S_ISREG(st->st_mode))
		return err;
	change(fd, st);
	return errno_of(fstatat(fd, "", st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

int node_adopt(int fd, struct fuse_entry_param *entry)
{
	struct node *node;
	struct stat real;
	int err;

	memset(entry, 0, sizeof(*entry));
	err = node_attributes(fd, &entry->attr);
	if (err) {
		close(fd);
		return err;
	}
	real = entry->attr;
	node_number_shown(fd, &entry->attr);
	pthread_mutex_lock(&table.lock);
	node = table_find(&real, fd);
	if (node)
		close(fd);
	else
		node = table_add(&real, fd);
	if (node) {
		node->lookups++;
		entry->ino = (uintptr_t)node;
		entry->generation = node->generation;
	}
	pthread_mutex_unlock(&table.lock);
	entry->entry_timeout = settings.entry_timeout;
	entry->attr_timeout = settings.attr_timeout;
	if (!node)
		close(fd);
	return node ? 0 : ENOMEM;
}

int node_lookup(fuse_ino_t dir, const char *name, struct fuse_entry_param *entry)
{
	int fd = openat(node_dirfd(dir), name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd == -1 ? errno : node_adopt(fd, entry);
}

void node_forget(fuse_ino_t id, uint64_t lookups)
{
	struct node *node = node_of(id);

	if (node == &root)
		return;
	pthread_mutex_lock(&table.lock);
	node->lookups -= lookups;
	if (!node->lookups)
		table_drop(node);
	pthread_mutex_unlock(&table.lock);
}
