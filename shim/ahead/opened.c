/* SPDX-License-Identifier: MIT
 *
 * An inode this process has open may change by its own doing at any time, without a name being
 * named: written (size, times), read (access time), stdout redirected into the very directory
 * that is being listed. Answers about such inodes are not used.
 */
#include "ahead/private.h"

#include "process/descriptors.h"

enum {
	DESCRIPTORS_LOOKED_AT = 1024, /* where there is no /proc to name them */
};

/* From the kernel's cache: this must not wait for the storage. */
static bool descriptor_identity(int fd, struct identity *identity)
{
	struct statx statx;

	if (descriptor_statx(fd, STATX_TYPE | STATX_INO, &statx) != 0)
		return false;
	*identity = identity_of(&statx);
	return S_ISREG(statx.stx_mode) || S_ISDIR(statx.stx_mode);
}

static bool opened_known(const struct ahead *ahead, const struct identity *identity)
{
	for (unsigned i = 0; i < ahead->opened_count; i++)
		if (identity_same(&ahead->opened[i], identity))
			return true;
	return false;
}

static void opened_keep(struct ahead *ahead, const struct identity *identity)
{
	if (ahead->opened_count == AHEAD_OPENED) {
		ahead->epoch++; /* so that no older answer is served, and */
		ahead->epochs_full++;
		ahead->opened_count = 0;
		ahead->opened_stale = true; /* what is still open is found again */
	}
	ahead->opened[ahead->opened_count++] = *identity;
}

bool opened_add(struct ahead *ahead, int fd, struct identity *identity)
{
	if (fd < 0 || !descriptor_identity(fd, identity))
		return false;
	scouting_shown(ahead, identity);
	if (!opened_known(ahead, identity))
		opened_keep(ahead, identity);
	return true;
}

static bool descriptor_add(void *ahead, int fd)
{
	struct identity identity;

	opened_add(ahead, fd, &identity);
	return true;
}

/* Those that were closed meanwhile stay: there may be answers from before they were changed. */
static void opened_look(struct ahead *ahead)
{
	struct identity identity;

	ahead->opened_stale = false;
	if (descriptors_list(descriptor_add, ahead))
		return;
	for (int fd = 0; fd < DESCRIPTORS_LOOKED_AT; fd++)
		opened_add(ahead, fd, &identity);
}

void ahead_changed(const struct identity *identity)
{
	struct ahead *ahead = ahead_root();

	if (!ahead)
		return;
	scouting_changed(ahead, identity);
	if (!opened_known(ahead, identity))
		opened_keep(ahead, identity);
}

bool opened_has(struct ahead *ahead, const struct identity *identity)
{
	if (ahead->opened_stale)
		opened_look(ahead);
	return ahead->opened_stale || opened_known(ahead, identity);
}

void opened_forget(struct ahead *ahead)
{
	ahead->opened_stale = true;
}
