/* SPDX-License-Identifier: MIT
 *
 * ops_dir.c: listing directories.
 */
#include "slowfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What one getdents64 fetches at most; more than the kernel asks for in one READDIR. */
#define LISTING_BYTES 65536

/* What odd listings there are; usage() in main.c says what each is. */
enum {
	ODD_HIGH = 1,	   /* positions from 2^63 on */
	ODD_NEGATIVE = 2,  /* small negative ones, where they are small */
	ODD_SCRAMBLED = 4, /* in no order */
	ODD_NO_SEEK = 8,
	ODD_NO_TYPES = 16,
	ODD_TWICE = 32,
	ODD_GHOSTS = 64,
	ODD_NO_NUMBERS = 128,
};

static const struct {
	const char *name;
	unsigned bit;
} oddities[] = {
	{"high-cookies", ODD_HIGH},	      {"negative-cookies", ODD_NEGATIVE},
	{"scrambled-cookies", ODD_SCRAMBLED}, {"no-seek", ODD_NO_SEEK},
	{"no-types", ODD_NO_TYPES},	      {"twice", ODD_TWICE},
	{"ghosts", ODD_GHOSTS},		      {"no-numbers", ODD_NO_NUMBERS},
};

static unsigned odd;

static unsigned oddity(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof(oddities) / sizeof(*oddities); i++)
		if (strlen(oddities[i].name) == length && !memcmp(oddities[i].name, name, length))
			return oddities[i].bit;
	return 0;
}

bool dir_parse_listing(const char *spec)
{
	for (;; spec++) {
		size_t length = strcspn(spec, ",");
		unsigned bit = oddity(spec, length);

		if (!bit)
			return false;
		odd |= bit;
		spec += length;
		if (!*spec)
			return true;
	}
}

/* ---- positions --------------------------------------------------------------------- */

#define SCRAMBLE UINT64_C(0x9e3779b97f4a7c15)	/* odd, so that no two positions become one */
#define UNSCRAMBLE UINT64_C(0xf1de83e19937733d) /* SCRAMBLE * UNSCRAMBLE is 1 */

/* The backing file system's position as the kernel gets to see it, and back. 0 is the beginning. */
static uint64_t cookie_of(uint64_t position)
{
	if (odd & ODD_SCRAMBLED)
		return position * SCRAMBLE;
	if (odd & ODD_NEGATIVE)
		return -position;
	return position && odd & ODD_HIGH ? position ^ UINT64_C(1) << 63 : position;
}

static uint64_t position_of(uint64_t cookie)
{
	if (odd & ODD_SCRAMBLED)
		return cookie * UNSCRAMBLE;
	return cookie_of(cookie); /* the other two are their own inverse */
}

/* An open directory. */
struct opened {
	int fd;
	uint64_t *cookies; /* of the last answer that had any: with no-seek it goes on behind one */
	size_t count, room;
};

static bool opened_note(struct opened *opened, uint64_t cookie)
{
	if (opened->count == opened->room) {
		size_t room = opened->room ? 2 * opened->room : 64;
		uint64_t *cookies = realloc(opened->cookies, room * sizeof(*cookies));

		if (!cookies)
			return false;
		opened->cookies = cookies;
		opened->room = room;
	}
	opened->cookies[opened->count++] = cookie;
	return true;
}

static bool opened_goes_on(const struct opened *opened, uint64_t cookie)
{
	if (!(odd & ODD_NO_SEEK) || !cookie)
		return true;
	for (size_t i = 0; i < opened->count; i++)
		if (opened->cookies[i] == cookie)
			return true;
	return false;
}

static struct opened *opened_of(const struct fuse_file_info *fi)
{
	return (struct opened *)(uintptr_t)fi->fh;
}

static void opened_end(struct opened *opened)
{
	close(opened->fd);
	free(opened->cookies);
	free(opened);
}

static int opened_begin(int fd, struct opened **opened)
{
	*opened = calloc(1, sizeof(**opened));
	if (*opened)
		(*opened)->fd = fd;
	else
		close(fd);
	return *opened ? 0 : ENOMEM;
}

/* ---- handlers ---------------------------------------------------------------------- */

static void op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_OPENDIR, .ino = node_number(id)};
	struct opened *opened = NULL;
	int fd, err;

	if (!call_admit(&call))
		return;
	fd = openat(node_dirfd(id), ".",
		    O_RDONLY | O_DIRECTORY | O_CLOEXEC | (fi->flags & O_NOATIME));
	err = fd == -1 ? errno : opened_begin(fd, &opened);
	if (call_failed(&call, err))
		return;
	fi->fh = (uintptr_t)opened;
	if (fuse_reply_open(req, fi))
		opened_end(opened);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_RELEASEDIR, .ino = node_number(id)};
	bool admitted = call_admit(&call);

	opened_end(opened_of(fi));
	if (admitted)
		call_end(&call, 0);
}

static void op_fsyncdir(fuse_req_t req, fuse_ino_t id, int data_only, struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = KIND_FSYNCDIR, .ino = node_number(id)};

	if (call_admit(&call))
		call_end(&call, sync_fd(opened_of(fi)->fd, data_only));
}

/* An answer being filled with entries, in the kernel's format. */
struct listing {
	fuse_req_t req;
	fuse_ino_t dir;
	bool plus; /* with each entry's attributes, as if looked up */
	char *data;
	size_t size, used;
};

static bool is_dot(const char *name)
{
	return !strcmp(name, ".") || !strcmp(name, "..");
}

/* None is what programs skip entries for: as libfuse, whatever the number is. */
static ino_t listed_number(const struct listing *l, const struct dirent64 *d)
{
	if (settings.numbers == NUMBERS_ZERO || odd & ODD_NO_NUMBERS)
		return UINT32_MAX;
	if (settings.numbers == NUMBERS_SIBLINGS && d->d_type == DT_DIR && !is_dot(d->d_name))
		return NUMBER_OF_SUBDIRECTORIES(node_number(l->dir));
	return d->d_ino;
}

static mode_t listed_type(const struct dirent64 *d)
{
	return odd & ODD_NO_TYPES ? 0 : (mode_t)DTTOIF(d->d_type);
}

static size_t put_plain(const struct listing *l, const char *name, const struct dirent64 *d)
{
	struct stat st = {.st_ino = listed_number(l, d), .st_mode = listed_type(d)};

	return fuse_add_direntry(l->req, l->data + l->used, l->size - l->used, name, &st,
				 (off_t)cookie_of((uint64_t)d->d_off));
}

/* Without a node id (dots, or gone meanwhile) the kernel takes only name and type. */
static size_t put_plus(const struct listing *l, const char *name, const struct dirent64 *d)
{
	size_t room = l->size - l->used, need;
	struct fuse_entry_param entry;

	if (is_dot(name) || node_lookup(l->dir, name, &entry))
		entry = (struct fuse_entry_param){
			.attr = {.st_ino = d->d_ino, .st_mode = listed_type(d)}};
	need = fuse_add_direntry_plus(l->req, l->data + l->used, room, name, &entry,
				      (off_t)cookie_of((uint64_t)d->d_off));
	if (need > room && entry.ino)
		node_forget(entry.ino, 1);
	return need;
}

/* False: the answer is full. What did not fit is asked for again, by its offset. */
static bool listing_put(struct listing *l, const char *name, const struct dirent64 *d)
{
	size_t need = l->plus ? put_plus(l, name, d) : put_plain(l, name, d);

	if (need > l->size - l->used)
		return false;
	l->used += need;
	return true;
}

/* Two entries at one position are had both or, where the answer ends between them, the first. */
static bool listing_put_oddly(struct listing *l, const struct dirent64 *d)
{
	char ghost[NAME_MAX + 1];

	if (!listing_put(l, d->d_name, d))
		return false;
	if (is_dot(d->d_name))
		return true;
	snprintf(ghost, sizeof(ghost), "ghost-%.200s", d->d_name);
	if (odd & ODD_GHOSTS && !listing_put(l, ghost, d))
		return false;
	return !(odd & ODD_TWICE) || listing_put(l, d->d_name, d);
}

/* The seek and the read are two calls: the kernel sends one READDIR of an open file at a time. */
static int listing_fill(struct listing *l, struct opened *opened, uint64_t cookie)
{
	_Alignas(struct dirent64) char batch[LISTING_BYTES];
	ssize_t n;

	if (!opened_goes_on(opened, cookie))
		return EINVAL;
	if (lseek(opened->fd, (off_t)position_of(cookie), SEEK_SET) == -1)
		return errno;
	n = getdents64(opened->fd, batch, l->size < sizeof(batch) ? l->size : sizeof(batch));
	if (n == -1)
		return errno;
	if (n)
		opened->count = 0;
	for (char *p = batch; p < batch + n;) {
		const struct dirent64 *d = (const void *)p;

		if (!listing_put_oddly(l, d))
			break;
		if (odd & ODD_NO_SEEK && !opened_note(opened, cookie_of((uint64_t)d->d_off)))
			return ENOMEM;
		p += d->d_reclen;
	}
	return 0;
}

static void list(enum kind kind, fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		 struct fuse_file_info *fi)
{
	struct call call = {.req = req, .kind = kind, .ino = node_number(id)};
	struct listing l = {.req = req, .dir = id, .plus = kind == KIND_READDIRPLUS, .size = size};

	call_range(&call, offset, size);
	if (!call_admit(&call))
		return;
	l.data = malloc(size);
	if (!call_failed(&call, l.data ? listing_fill(&l, opened_of(fi), (uint64_t)offset) : ENOMEM))
		fuse_reply_buf(req, l.data, l.used);
	free(l.data);
}

static void op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
		       struct fuse_file_info *fi)
{
	list(KIND_READDIR, req, id, size, offset, fi);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t offset,
			   struct fuse_file_info *fi)
{
	list(KIND_READDIRPLUS, req, id, size, offset, fi);
}

void ops_dir(struct fuse_lowlevel_ops *ops)
{
	ops->opendir = op_opendir;
	ops->readdir = op_readdir;
	ops->readdirplus = op_readdirplus;
	ops->releasedir = op_releasedir;
	ops->fsyncdir = op_fsyncdir;
}
