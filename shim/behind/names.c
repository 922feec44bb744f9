/* SPDX-License-Identifier: MIT
 *
 * Names, and which of them were used in private ground.
 */
#include "behind/private.h"

#include <string.h>

#include "base/hash.h"
#include "process/process.h"

enum {
	NAMES_FIRST = 512,
	NAMES_ROOM_MOST = 1 << 20, /* half of it is used, at most: 8 MiB a directory */
};

bool name_is_ascii(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80)
			return false;
	return true;
}

void name_keep(char kept[NAME_MAX + 1], const char *name)
{
	size_t length = strnlen(name, NAME_MAX);

	memcpy(kept, name, length);
	kept[length] = '\0';
}

bool name_same(const char *a, const char *b)
{
	while (*a && letter_fold(*a) == letter_fold(*b))
		a++, b++;
	return !*a && !*b;
}

/* Names equal but for case get one hash: a file system may take them for one. */
static uint64_t name_hash(const char *name)
{
	uint64_t hash = HASH_BEGIN;

	for (; *name; name++)
		hash = hash_byte(hash, (unsigned char)letter_fold(*name));
	return hash ? hash : 1;
}

static uint64_t *names_place(const struct dir *dir, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash ^ hash >> 32) & (dir->names_room - 1);

	while (dir->names[at] && dir->names[at] != hash)
		at = (at + 1) & (dir->names_room - 1);
	return &dir->names[at];
}

/* A hash that two names share makes the second one a plain call: that is no harm. */
bool names_has(const struct dir *dir, const char *name)
{
	return dir->names && *names_place(dir, name_hash(name));
}

static bool names_grow(struct dir *dir)
{
	uint64_t *before = dir->names;
	uint32_t room = dir->names_room;

	if (room == NAMES_ROOM_MOST)
		return false;
	dir->names_room = room ? room * 2 : NAMES_FIRST;
	dir->names = process_map_private(dir->names_room * sizeof(*dir->names));
	if (!dir->names) {
		dir->names = before;
		dir->names_room = room;
		return false;
	}
	for (uint32_t i = 0; i < room; i++)
		if (before[i])
			*names_place(dir, before[i]) = before[i];
	if (before)
		process_unmap(before, room * sizeof(*before));
	return true;
}

void names_add(struct dir *dir, const char *name)
{
	uint64_t hash = name_hash(name), *place;

	if (!name_is_ascii(name))
		dir->strange = true;
	if (dir->names_used * 2 >= dir->names_room && !names_grow(dir)) {
		dir->ground = GROUND_OTHER; /* its names are not known any more */
		return;
	}
	place = names_place(dir, hash);
	if (!*place)
		dir->names_used++;
	*place = hash;
}
