/* SPDX-License-Identifier: MIT */
#include "walk/listing.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/fsinfo.h"
#include "base/sys.h"
#include "process/process.h"

enum {
	STREAMS = 64,        /* more open at once stay libc's */
	BUFFER_SIZE = 32768, /* what glibc's opendir allocates */
	/* Programs copy entries as large as struct dirent is, beyond the end of a short name;
	 * behind the last one there has to be memory, as there is behind libc's. */
	BUFFER_MAPPED = BUFFER_SIZE + sizeof(struct dirent),
};

struct listing {
	DIR *stream;
	char *buffer;
	size_t length, at;
	int64_t position;
	/* What follows, where it was read on. */
	char *later;
	size_t later_length;
	long before, behind; /* positions of the open file before and after that, any 64 bits */
	bool read_on;
	bool locked;
	int fd;
};

static struct listing listings[STREAMS]; /* only the first thread adds any, while it is alone */
static unsigned used;

static struct listing *listing_of(const DIR *stream)
{
	for (int i = 0; used && i < STREAMS; i++)
		if (listings[i].stream == stream)
			return &listings[i];
	return NULL;
}

bool listing_has(DIR *stream)
{
	return listing_of(stream) != NULL;
}

unsigned listing_count(void)
{
	return used;
}

bool listing_begin(DIR *stream, int fd)
{
	struct listing *listing = NULL;

	listing_end(stream); /* one of that address, closed behind every interposer (DESIGN F11) */
	for (int i = 0; i < STREAMS && !listing; i++)
		if (!listings[i].stream)
			listing = &listings[i];
	if (!listing)
		return false;
	if (!listing->buffer)
		listing->buffer = process_map_copied(BUFFER_MAPPED);
	if (!listing->buffer)
		return false;
	listing->stream = stream;
	listing->fd = fd;
	listing->length = listing->at = 0;
	listing->locked = listing->read_on = false;
	listing->position = sys(SYS_lseek, fd, 0, SEEK_CUR);
	if (listing->position != 0) { /* fdopendir in the middle: libc reads from there */
		listing->stream = NULL;
		return false;
	}
	used++;
	return true;
}

static const struct directory_entry *entry_at(const struct listing *listing, size_t at)
{
	return (const struct directory_entry *)(listing->buffer + at);
}

/* The very call that libc's readdir would make now. */
static long listing_fill(struct listing *listing)
{
	long length = sys_program(SYS_getdents64, listing->fd, listing->buffer, BUFFER_SIZE);

	listing->at = 0;
	listing->length = length > 0 ? (size_t)length : 0;
	return length;
}

static void buffers_swap(struct listing *listing)
{
	char *read = listing->buffer;

	listing->buffer = listing->later;
	listing->later = read;
	listing->length = listing->later_length;
	listing->at = 0;
	listing->read_on = false;
}

/* More entries; 0 at the end, or a negative errno. */
static long listing_more(struct listing *listing, bool *fresh)
{
	*fresh = !listing->read_on;
	if (!listing->read_on)
		return listing_fill(listing);
	buffers_swap(listing);
	return (long)listing->length;
}

const struct directory_entry *listing_next(DIR *stream, bool *fresh, int *error)
{
	struct listing *listing = listing_of(stream);
	const struct directory_entry *entry;

	*fresh = false;
	*error = 0;
	do {
		if (listing->at >= listing->length) {
			long length = listing_more(listing, fresh);

			*error = length < 0 ? (int)length : 0;
			if (length <= 0)
				return NULL;
		}
		entry = entry_at(listing, listing->at);
		listing->at += entry->size;
		listing->position = entry->next;
	} while (entry->inode == 0); /* a deleted entry, as libc's readdir has it */
	return entry;
}

static void buffer_each(const char *buffer, size_t from, size_t to,
			void (*each)(void *context, const struct directory_entry *entry),
			void *context)
{
	while (from < to) {
		const struct directory_entry *entry = (const struct directory_entry *)(buffer + from);

		if (entry->inode)
			each(context, entry);
		from += entry->size;
	}
}

void listing_ahead(DIR *stream, void (*each)(void *context, const struct directory_entry *entry),
		   void *context)
{
	const struct listing *listing = listing_of(stream);

	buffer_each(listing->buffer, listing->at, listing->length, each, context);
}

static bool later_make(struct listing *listing)
{
	if (!listing->later)
		listing->later = process_map_copied(BUFFER_MAPPED);
	return listing->later != NULL;
}

bool listing_give(DIR *stream, const char *entries, size_t length, bool ended)
{
	struct listing *listing = listing_of(stream);

	if (!listing || length > BUFFER_SIZE || (ended && !later_make(listing)))
		return false;
	memcpy(listing->buffer, entries, length);
	listing->length = length;
	listing->later_length = 0;
	listing->read_on = ended;
	return true;
}

/* An error is found again by the read that is due in its time: it moves nothing. */
void listing_read_on(DIR *stream, void (*each)(void *context, const struct directory_entry *entry),
		     void *context)
{
	struct listing *listing = listing_of(stream);
	long length;

	if (listing->read_on || !later_make(listing))
		return;
	listing->before = sys(SYS_lseek, listing->fd, 0, SEEK_CUR);
	length = sys(SYS_getdents64, listing->fd, listing->later, BUFFER_SIZE);
	if (length < 0)
		return;
	listing->behind = sys(SYS_lseek, listing->fd, 0, SEEK_CUR);
	listing->later_length = (size_t)length;
	listing->read_on = true;
	buffer_each(listing->later, 0, listing->later_length, each, context);
}

bool listing_is_read_on(DIR *stream)
{
	const struct listing *listing = listing_of(stream);

	return listing && listing->read_on;
}

/* Whoever else has moved the open file has not had what was read here. */
static bool position_restore(const struct listing *listing)
{
	return listing->before >= 0 && listing->behind != listing->before &&
	       sys(SYS_lseek, listing->fd, 0, SEEK_CUR) == listing->behind &&
	       fsinfo_storage(listing->fd).seeks &&
	       sys(SYS_lseek, listing->fd, listing->before, SEEK_SET) == listing->before;
}

void listing_take_back(DIR *stream)
{
	struct listing *listing = listing_of(stream);

	if (listing && listing->read_on && (!listing->later_length || position_restore(listing)))
		listing->read_on = false;
}

static bool is_error(long result)
{
	return (unsigned long)result >= -4095UL;
}

int listing_move(DIR *stream, long position)
{
	struct listing *listing = listing_of(stream);
	long moved = sys_program(SYS_lseek, listing->fd, position, SEEK_SET); /* libc's, too */

	listing->length = listing->at = 0;
	listing->position = position;
	if (is_error(moved))
		return (int)moved;
	listing->read_on = false;
	return 0;
}

/* Whoever has it may be waiting for the storage. */
void listing_lock(DIR *stream)
{
	struct listing *listing = listing_of(stream);

	while (listing && __atomic_test_and_set(&listing->locked, __ATOMIC_ACQUIRE))
		sys(SYS_sched_yield);
}

void listing_unlock(DIR *stream)
{
	struct listing *listing = listing_of(stream);

	if (listing)
		__atomic_clear(&listing->locked, __ATOMIC_RELEASE);
}

long listing_position(DIR *stream)
{
	return listing_of(stream)->position;
}

int listing_descriptor(DIR *stream)
{
	return listing_of(stream)->fd;
}

void listing_end(DIR *stream)
{
	struct listing *listing = listing_of(stream);

	if (!listing)
		return;
	listing->stream = NULL;
	__atomic_fetch_sub(&used, 1, __ATOMIC_RELAXED);
}
