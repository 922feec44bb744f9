/* SPDX-License-Identifier: MIT */
#include "listing.h"

#include <stddef.h>
#include <unistd.h>

#include "process.h"
#include "real.h"
#include "sys.h"

enum {
	STREAMS = 64,        /* more open at once stay libc's */
	BUFFER_SIZE = 32768, /* what glibc's opendir allocates */
	/* Programs copy entries as large as struct dirent is, beyond the end of a short name;
	 * behind the last one there has to be memory, as there is behind libc's. */
	BUFFER_MAPPED = BUFFER_SIZE + sizeof(struct dirent),
};

struct listing {
	DIR *stream;
	int fd;
	char *buffer;
	size_t length, at;
	int64_t position;
};

static struct listing listings[STREAMS];
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
	listing->position = sys(SYS_lseek, fd, 0, SEEK_CUR);
	if (listing->position != 0) { /* fdopendir in the middle: libc reads from there */
		listing->stream = NULL;
		return false;
	}
	used++;
	return true;
}

static const struct listing_entry *entry_at(const struct listing *listing, size_t at)
{
	return (const struct listing_entry *)(listing->buffer + at);
}

static long listing_fill(struct listing *listing)
{
	long length = sys(SYS_getdents64, listing->fd, listing->buffer, BUFFER_SIZE);

	listing->at = 0;
	listing->length = length > 0 ? (size_t)length : 0;
	return length;
}

const struct listing_entry *listing_next(DIR *stream, bool *fresh, int *error)
{
	struct listing *listing = listing_of(stream);
	const struct listing_entry *entry;

	*fresh = false;
	*error = 0;
	do {
		if (listing->at >= listing->length) {
			long length = listing_fill(listing);

			*fresh = true;
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

void listing_ahead(DIR *stream, void (*each)(void *context, const struct listing_entry *entry),
		   void *context)
{
	const struct listing *listing = listing_of(stream);

	for (size_t at = listing->at; at < listing->length; at += entry_at(listing, at)->size)
		if (entry_at(listing, at)->inode)
			each(context, entry_at(listing, at));
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
	used--;
}

void listing_hand_over(DIR *stream)
{
	struct listing *listing = listing_of(stream);

	if (!listing)
		return;
	listing_end(stream);
	REAL(seekdir)(stream, (long)listing->position);
}

void listing_hand_over_all(void)
{
	for (int i = 0; used && i < STREAMS; i++)
		if (listings[i].stream)
			listing_hand_over(listings[i].stream);
}
