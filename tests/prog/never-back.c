/* SPDX-License-Identifier: MIT
 *
 * never-back SEED DIRECTORY
 *
 * Walks the subdirectories of DIRECTORY, in which the same files have names, and asks about their
 * entries, with other looks at any of them in between: by another path, another call, opened. On
 * storage where files change under way (slowfs --changing) each look at a file has to show it as
 * old as the one before, or newer. Says each that does not; the exit status is 1 then.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WALKS = 6,
	NAMES = 256,
	FILES = 1024,
};

static const char *root;
static uint64_t state;
static bool failed;

static struct seen {
	ino_t ino;
	struct timespec mtime;
	const char *how; /* it was looked at then */
} files[FILES];

static struct place {
	int dir; /* 0, 1, ...: the subdirectory */
	char name[NAME_MAX + 1];
} places[NAMES];
static unsigned places_used;

static unsigned below(unsigned limit)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(state >> 33) % limit;
}

static struct seen *seen_of(ino_t ino)
{
	struct seen *seen = files;

	while (seen->ino && seen->ino != ino)
		if (++seen == files + FILES)
			abort();
	seen->ino = ino;
	return seen;
}

static bool is_earlier(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

static void look(const char *how, const char *name, ino_t ino, struct timespec mtime)
{
	struct seen *seen = seen_of(ino);

	if (is_earlier(&mtime, &seen->mtime)) {
		printf("%s: %s shows it as it was before %s showed it\n", name, how, seen->how);
		failed = true;
	} else {
		seen->mtime = mtime;
		seen->how = how;
	}
}

static void look_stat(const char *how, const char *name, int status, const struct stat *found)
{
	if (status)
		exit(2);
	if (S_ISREG(found->st_mode))
		look(how, name, found->st_ino, found->st_mtim);
}

static void look_opened(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat found;

	look_stat("open and fstat", path, fd < 0 || fstat(fd, &found), &found);
	close(fd);
}

static void look_statx(const char *path)
{
	struct statx found;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_MTIME, &found))
		exit(2);
	look("statx", path, found.stx_ino,
	     (struct timespec){found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec});
}

/* At any file, by another path than the walk's. */
static void look_elsewhere(void)
{
	const struct place *place = &places[below(places_used)];
	char path[PATH_MAX];
	struct stat found;

	snprintf(path, sizeof(path), "%s/%d/%s", root, place->dir, place->name);
	switch (below(4)) {
	case 0: look_opened(path); break;
	case 1: look_statx(path); break;
	case 2: look_stat("lstat", path, lstat(path, &found), &found); break;
	default: look_stat("stat", path, stat(path, &found), &found);
	}
}

static void walk(int dir)
{
	unsigned often = 1 + below(8);
	struct dirent *entry;
	struct stat found;
	DIR *stream;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d", root, dir);
	stream = opendir(path);
	if (!stream)
		exit(2);
	while ((entry = readdir(stream))) {
		if (*entry->d_name == '.')
			continue;
		look_stat("fstatat", entry->d_name,
			  fstatat(dirfd(stream), entry->d_name, &found, AT_SYMLINK_NOFOLLOW), &found);
		if (!below(often))
			look_elsewhere();
	}
	closedir(stream);
}

static void list(int dir)
{
	struct dirent *entry;
	DIR *stream;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%d", root, dir);
	stream = opendir(path);
	if (!stream)
		exit(2);
	while (places_used < NAMES && (entry = readdir(stream)))
		if (*entry->d_name != '.') {
			places[places_used].dir = dir;
			strcpy(places[places_used++].name, entry->d_name);
		}
	closedir(stream);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	state = strtoull(argv[1], NULL, 10) * 0x9e3779b97f4a7c15u;
	root = argv[2];
	list(0);
	list(1);
	for (int i = 0; i < WALKS; i++)
		walk((int)below(2));
	return failed;
}
