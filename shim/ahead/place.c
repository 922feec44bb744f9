/* SPDX-License-Identifier: MIT */
#include "ahead/private.h"

#include <fcntl.h>
#include <string.h>

#include "base/directory.h"
#include "base/hash.h"
#include "base/sys.h"
#include "process/process.h"
#include "process/watching.h"

/* Splits at the last slash. A path that ends in one, "." and ".." are nobody's entries. */
static bool place_split(struct place *place)
{
	place->name = path_split(place->path, &place->prefix_length);
	place->name_length = strlen(place->name);
	return place->name_length && !name_is_self(place->name) &&
	       !(place->prefix_length == 1 && place->path[0] == '/');
}

static bool directory_identity(int fd, struct identity *identity)
{
	struct statx statx;

	if (descriptor_statx(fd, STATX_TYPE | STATX_INO, &statx) != 0 || !S_ISDIR(statx.stx_mode))
		return false;
	*identity = identity_of(&statx);
	return true;
}

/* False as well where it cannot be told from others. */
static bool directory_known(int fd, struct identity *identity, uint64_t *handle)
{
	if (!directory_identity(fd, identity))
		return false;
	*handle = descriptor_handle(fd);
	return identity_tells(identity, *handle);
}

static bool prefix_matches(const struct sweep *sweep, const struct place *place)
{
	return sweep->used && sweep->prefix_length && sweep->prefix_length == place->prefix_length &&
	       sweep->prefix_fd == place->fd &&
	       !memcmp(sweep->prefix, place->path, place->prefix_length);
}

/* Where a spelling begins: a directory's number may be another one's by now. */
static bool prefix_begins_there(const struct sweep *sweep)
{
	struct identity identity;
	uint64_t handle;

	return sweep->prefix_fd == AT_FDCWD ||
	       (directory_known(sweep->prefix_fd, &identity, &handle) &&
		identity_same(&sweep->prefix_identity, &identity) && sweep->prefix_handle == handle);
}

static struct sweep *sweep_of_prefix(struct ahead *ahead, const struct place *place)
{
	for (int i = 0; i < SWEEPS; i++)
		if (prefix_matches(&ahead->sweeps[i], place))
			return prefix_begins_there(&ahead->sweeps[i]) ? &ahead->sweeps[i] : NULL;
	return NULL;
}

/* By what the descriptor is now: numbers are reused, and closed behind our back. */
struct sweep *place_of_descriptor(struct ahead *ahead, int fd)
{
	struct identity identity;
	uint64_t handle;

	if (!directory_known(fd, &identity, &handle))
		return NULL;
	for (int i = 0; i < SWEEPS; i++) {
		struct sweep *sweep = &ahead->sweeps[i];

		if (sweep->used && sweep->handle == handle &&
		    identity_same(&sweep->identity, &identity))
			return sweep;
	}
	return NULL;
}

static bool operand_find(struct ahead *ahead, struct place *place)
{
	if (!ahead->operands || place->fd != AT_FDCWD)
		return false;
	place->entry = sweep_find(ahead->operands, place->path, strlen(place->path));
	if (place->entry == SWEEP_NONE)
		return false;
	place->sweep = ahead->operands;
	return true;
}

static void place_begin(struct place *place, const struct call *call)
{
	place->sweep = NULL;
	place->entry = SWEEP_NONE;
	place->fd = call->fd;
}

/* With the path read. */
static bool place_seek(struct ahead *ahead, struct place *place)
{
	if (place->path[0] == '/')
		place->fd = AT_FDCWD; /* the descriptor plays no part */
	if (operand_find(ahead, place))
		return true;
	if (!place_split(place))
		return false;
	place->sweep = place->prefix_length ? sweep_of_prefix(ahead, place)
					    : place_of_descriptor(ahead, place->fd);
	if (place->sweep)
		place->entry = sweep_find(place->sweep, place->name, place->name_length);
	return true;
}

bool place_find(struct ahead *ahead, const struct call *call, struct place *place)
{
	place_begin(place, call);
	return path_read(call->path, place->path) && place_seek(ahead, place);
}

bool place_find_opened(struct ahead *ahead, const struct call *call, struct place *place)
{
	place_begin(place, call);
	return path_copy(call->path, place->path) && place_seek(ahead, place);
}

static void prefix_keep(struct sweep *sweep, int prefix_fd, const char *prefix, size_t length)
{
	if (length >= SWEEP_PREFIX_MOST ||
	    (prefix_fd != AT_FDCWD &&
	     !directory_known(prefix_fd, &sweep->prefix_identity, &sweep->prefix_handle)))
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

	if (!directory_known(fd, &identity, &handle))
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

const char *place_spell(struct ahead *ahead, const struct sweep *sweep, uint32_t entry, int *fd)
{
	size_t length = sweep->entries[entry].length;
	size_t prefix = sweep->prefix_length;
	char *path = ahead->spelled + ahead->spelled_used;

	if (sweep == ahead->operands)
		*fd = AT_FDCWD;
	if (!prefix)
		return sweep_name(sweep, entry);
	if (ahead->spelled_used + prefix + 1 + length + 1 > AHEAD_SPELLED)
		return NULL;
	memcpy(path, sweep->prefix, prefix);
	path[prefix] = '/';
	memcpy(path + prefix + 1, sweep_name(sweep, entry), length + 1);
	ahead->spelled_used += prefix + 1 + length + 1;
	*fd = sweep->prefix_fd;
	return path;
}

void place_spelled_forget(struct ahead *ahead)
{
	ahead->spelled_used = 0;
}

uint64_t place_where(const struct place *place)
{
	uint64_t hash = HASH_BEGIN;
	struct identity identity;

	if (!place->prefix_length && directory_identity(place->fd, &identity))
		return identity.inode ^ identity.device << 32;
	for (size_t i = 0; i < place->prefix_length; i++)
		hash = hash_byte(hash, (unsigned char)place->path[i]);
	return hash;
}
