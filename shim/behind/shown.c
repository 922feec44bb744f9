/* SPDX-License-Identifier: MIT
 *
 * Which path a late line shows: as the program spelled it where that says in which directory the
 * name was, and else the directory's own path, as the kernel has it when the line is written. Below
 * the current directory that is cut to what leads there from it, but never to the name alone: the
 * program may have come there by itself ("mkdir -p a/b" does).
 */
#include "behind/private.h"

#include <fcntl.h>
#include <string.h>

#include "base/sys.h"

void path_show(char shown[BEHIND_SHOWN], const struct spot *spot)
{
	size_t length = strlen(spot->path);

	shown[0] = '\0';
	if (spot->fd == AT_FDCWD && spot->directory && length < BEHIND_SHOWN)
		memcpy(shown, spot->path, length + 1);
}

/* What leads to PATH from the current directory, or PATH itself. */
static const char *path_from_here(const char *path)
{
	char here[PATH_MAX];
	long size = sys(SYS_getcwd, here, sizeof(here)); /* with its '\0' */
	size_t length = size > 0 ? (size_t)size - 1 : 0;

	if (length < 2 || strncmp(path, here, length) != 0 || path[length] != '/')
		return path;
	return strchr(path + length + 1, '/') ? path + length + 1 : path;
}

/* The path of DIR in PATH; its length, or 0 where there is none any more. */
static size_t dir_path_now(const struct dir *dir, char path[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	long length = descriptor_name(dir->fd, path, PATH_MAX);
	size_t end = sizeof(gone) - 1;

	if (length <= 0 || path[0] != '/')
		return 0;
	if ((size_t)length > end && !strcmp(path + (size_t)length - end, gone))
		return 0;
	return (size_t)length;
}

const char *path_shown(const struct dir *dir, const char *shown, const char *name,
		       char path[SHOWN_ROOM])
{
	size_t length;

	if (shown[0])
		return shown;
	length = dir_path_now(dir, path);
	if (!length)
		return name;
	if (name[0]) {
		if (path[length - 1] != '/')
			path[length++] = '/';
		name_keep(path + length, name);
	}
	return path_from_here(path);
}
