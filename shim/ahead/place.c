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
bool place_directory_known(int fd, struct identity *identity, uint64_t *handle)
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
	       (place_directory_known(sweep->prefix_fd, &identity, &handle) &&
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

	if (!place_directory_known(fd, &identity, &handle))
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
