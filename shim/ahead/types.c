/* SPDX-License-Identifier: MIT
 *
 * How long the type of a listed entry is believed.
 */
#include "ahead/private.h"

#include <dirent.h>

#include "process/config.h"

/*
 * A FIFO that took a file's name must not be opened: its writer would think that somebody
 * reads. So a type is believed as long as an answer is, and not past what this process does
 * that gives names another meaning.
 */
bool types_known(const struct ahead *ahead, const struct sweep_entry *entry)
{
	uint64_t now = clock_ms_of(clock_ns());
	uint32_t age = (uint32_t)now - entry->typed_ms;

	if (entry->type == DT_UNKNOWN)
		return false;
	return entry->type != DT_REG ||
	       (age <= config.stale_ms && now - age > ahead->types_void_ms);
}

void types_void(struct ahead *ahead)
{
	ahead->types_void_ms = clock_ms_of(clock_ns());
}
