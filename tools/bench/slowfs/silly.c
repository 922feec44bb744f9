/* SPDX-License-Identifier: MIT
 *
 * silly.c: silly renames (--silly). A name that is removed while its file is open is renamed, as
 * NFS clients and libfuse do, and goes when the file is closed for the last time; until then its directory is
 * not empty. The new name is the first that is free, so that equal runs show equal names.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct silly {
	uint64_t ino;
	unsigned opens;
	int dir; /* where its new name is; -1: it has none */
	char name[SILLY_NAME];
	struct silly *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct silly *list; /* of open files */

static struct silly **find(uint64_t ino)
{
	struct silly **at = &list;

	while (*at && (*at)->ino != ino)
		at = &(*at)->next;
	return at;
}

void silly_opened(uint64_t ino)
{
	struct silly *file;

	if (!settings.silly)
		return;
	pthread_mutex_lock(&lock);
	file = *find(ino);
	if (!file) {
		file = calloc(1, sizeof(*file));
		if (file)
			*file = (struct silly){.ino = ino, .dir = -1, .next = list};
		list = file ? file : list;
	}
	if (file)
		file->opens++;
	pthread_mutex_unlock(&lock);
}

void silly_closed(uint64_t ino)
{
	struct silly **at, *file;

	if (!settings.silly)
		return;
	pthread_mutex_lock(&lock);
	at = find(ino);
	file = *at;
	if (file && !--file->opens) {
		*at = file->next;
		if (file->dir != -1) {
			unlinkat(file->dir, file->name, 0);
			close(file->dir);
		}
		free(file);
	}
	pthread_mutex_unlock(&lock);
}

static int rename_to_free(struct silly *file, int dir, const char *name)
{
	int status = -1;

	for (unsigned n = 1; status && n; n++) {
		snprintf(file->name, sizeof(file->name), ".fuse_hidden%08x", n);
		status = renameat2(dir, name, dir, file->name, RENAME_NOREPLACE);
		if (status && errno != EEXIST)
			break;
	}
	return status;
}

/* Under the lock. */
static bool hide(struct silly *file, int dir, const char *name)
{
	if (!file || file->dir != -1)
		return false;
	file->dir = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (file->dir != -1 && !rename_to_free(file, dir, name))
		return true;
	close(file->dir);
	file->dir = -1;
	return false;
}

bool silly_hidden(int dir, const char *name, char *hidden_name)
{
	struct stat st;
	struct silly *file;
	bool hidden;

	if (!settings.silly || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || st.st_nlink > 1)
		return false;
	pthread_mutex_lock(&lock);
	file = *find(st.st_ino);
	hidden = hide(file, dir, name);
	if (hidden)
		memcpy(hidden_name, file->name, SILLY_NAME);
	pthread_mutex_unlock(&lock);
	return hidden;
}
