/* SPDX-License-Identifier: MIT
 *
 * Directories become sweeps: as the program lists them, or by our own listing.
 */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/sys.h"
#include "process/process.h"
#include "process/watching.h"

static void prefix_keep(struct sweep *sweep, int prefix_fd, const char *prefix, size_t length)
{
	if (length >= SWEEP_PREFIX_MOST ||
	    (prefix_fd != AT_FDCWD &&
	     !place_directory_known(prefix_fd, &sweep->prefix_identity, &sweep->prefix_handle)))
		return;
	memcpy(sweep->prefix, prefix, length);
	sweep->prefix[length] = '\0';
	sweep->prefix_length = (uint32_t)length;
	sweep->prefix_fd = prefix_fd;
}

/* A new one is to have half of the memory there is for all. */
static void sweeps_make_room(struct ahead *ahead)
{
	if (ahead->sweeps_total <= SWEEP_BYTES_MOST / 2)
		return;
	answers_drop(ahead, NULL);
	ahead->operands = NULL;
	for (int i = 0; i < SWEEPS; i++)
		sweep_end(&ahead->sweeps[i]);
}

static struct sweep *sweep_for(struct ahead *ahead, int fd, int prefix_fd, const char *prefix,
			       size_t length)
{
	struct identity identity;
	struct sweep *sweep;
	uint64_t handle;

	if (!place_directory_known(fd, &identity, &handle))
		return NULL;
	sweeps_make_room(ahead);
	sweep = place_of_descriptor(ahead, fd);
	if (!sweep)
		sweep = sweep_oldest(ahead->sweeps);
	answers_drop(ahead, sweep);
	if (sweep == ahead->operands)
		ahead->operands = NULL;
	sweep_begin(sweep, &ahead->sweeps_total);
	sweep->identity = identity;
	sweep->handle = handle;
	sweep->waits = !device_local(ahead, identity.device, fd);
	while (length > 1 && prefix[length - 1] == '/')
		length--;
	if (length)
		prefix_keep(sweep, prefix[0] == '/' ? AT_FDCWD : prefix_fd, prefix, length);
	return sweep;
}

struct sweep *place_sweep(struct ahead *ahead, int fd, int prefix_fd, const char *prefix)
{
	return sweep_for(ahead, fd, prefix_fd, prefix, prefix ? strlen(prefix) : 0);
}

/* The directory itself, for the moment of listing it. */
static int place_open(struct place *place)
{
	const char *directory = place->prefix_length ? place->path : ".";
	char *end = &place->path[place->prefix_length];
	char behind = *end;
	int fd;

	if (place->prefix_length)
		*end = '\0';
	fd = directory_open(place->fd, directory);
	*end = behind;
	return fd;
}

static bool list_entry(void *context, const struct directory_entry *entry)
{
	struct sweep *sweep = context;
	size_t length = strlen(entry->name);

	return !entry->inode || name_is_self(entry->name) ||
	       sweep_find(sweep, entry->name, length) != SWEEP_NONE || /* listed twice */
	       sweep_add(sweep, entry->name, length, entry->inode, entry->type);
}

static void list_into(struct sweep *sweep, int fd)
{
	enum { BUFFER_SIZE = 32768 };
	char *buffer = process_map_private(BUFFER_SIZE);

	if (!buffer)
		return;
	sweep->typed_ms = (uint32_t)clock_ms_of(clock_ns());
	directory_list(fd, buffer, BUFFER_SIZE, list_entry, sweep);
	process_unmap(buffer, BUFFER_SIZE);
}

bool place_list(struct ahead *ahead, struct place *place, const struct sweep *pair)
{
	int fd = watching() ? -1 : place_open(place);

	if (fd < 0)
		return false;
	place->sweep = sweep_for(ahead, fd, place->fd, place->path, place->prefix_length);
	if (place->sweep) {
		place->sweep->own = true;
		list_into(place->sweep, fd);
		if (pair && pair != place->sweep)
			sweep_pair(place->sweep, pair);
		place->entry = sweep_find(place->sweep, place->name, place->name_length);
	}
	sys(SYS_close, fd);
	return place->sweep && place->entry != SWEEP_NONE;
}
