/* SPDX-License-Identifier: MIT
 *
 * proofs DIRECTORY [OTHER] CASE: commands that go well, one after another, in a directory this
 * program has made or is emptying; then it makes one of them impossible itself, and goes on. What
 * each call said goes to stdout when all is over. Without CASE: prints all cases' names, and what
 * each needs: "-", "root", "user", "other" (a file OTHER on another file system), "full"
 * (a small file system), "slow" (storage where commands take time: these ask about what is pending),
 * "counted" (what counts is how much is removed early), "failing" (storage that fails some of them),
 * "tmpfs" (which lists what was made last first),
 * "unmapped" (a user namespace), "refusing" (storage that refuses the first and the third change of attributes; OTHER is a
 * directory elsewhere).
 */
#include "raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

enum {
	FILES = 14,
	DONE_FIRST = 6, /* that go well before something is changed */
};

static const char *other;
static char transcript[1 << 20];
static size_t transcribed;

/* Nothing is written before the end: output would end what is private. */
static void say(const char *what, long result)
{
	const char *said = result < 0 ? strerrorname_np(errno) : "0";

	if (transcribed + PATH_MAX > sizeof(transcript))
		abort();
	transcribed += (size_t)snprintf(transcript + transcribed, sizeof(transcript) - transcribed,
					"%s: %s\n", what, said);
	errno = 0;
}

#define SAY(call) say(#call, call)

/* NUMBER itself, or errno. */
static void tell(const char *what, long number)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %ld", what, number);
	say(text, number);
}

static const char *numbered(const char *prefix, int number)
{
	static char names[4][64];
	static int turn;
	char *name = names[turn++ % 4];

	snprintf(name, sizeof(*names), "%s%02d", prefix, number);
	return name;
}

static void file_make(const char *name)
{
	close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644));
}

/* S/f00... on ground that is not private any more. */
static void sources_make(void)
{
	mkdir("S", 0755);
	for (int i = 0; i < FILES; i++)
		file_make(numbered("S/f", i));
	mkdir("S/dir", 0755);
}

static void links_first(void)
{
	for (int i = 0; i < DONE_FIRST; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
}

/* Then D with some links, and all else in it. */
static void links_begin(void)
{
	sources_make();
	SAY(mkdir("D", 0755));
	links_first();
}

static void links_end(void)
{
	for (int i = DONE_FIRST; i < FILES; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
}

/* And tells nobody. */
static void wait_for_all(void)
{
	struct statfs left;

	statfs(".", &left);
}

static void entries_read(const char *directory)
{
	DIR *stream = opendir(directory);

	while (readdir(stream))
		;
	closedir(stream);
}

/* E/n00... and E/sub */
static void full_make(void)
{
	mkdir("E", 0755);
	for (int i = 0; i < FILES; i++)
		file_make(numbered("E/n", i));
	mkdir("E/sub", 0755);
	file_make("E/sub/x");
}

/* It is listed, and the first are removed. */
static void empty_first(void)
{
	usleep(1); /* nothing is private any more */
	entries_read("E");
	for (int i = 0; i < DONE_FIRST; i++)
		say("unlink", unlink(numbered("E/n", i)));
}

static void empty_begin(void)
{
	full_make();
	empty_first();
}

static void empty_rest(void)
{
	for (int i = DONE_FIRST; i < FILES; i++)
		say("unlink", unlink(numbered("E/n", i)));
}

static void empty_end(void)
{
	empty_rest();
	SAY(rmdir("E"));
	SAY(unlink("E/sub/x"));
	SAY(rmdir("E/sub"));
	SAY(rmdir("E"));
	SAY(rmdir("E"));
}

static int flags_change(const char *path, int on)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK), flags = 0;
	int result = ioctl(fd, FS_IOC_GETFLAGS, &flags);

	if (result == 0) {
		flags = on ? flags | on : flags & ~(FS_IMMUTABLE_FL | FS_APPEND_FL);
		result = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	close(fd);
	return result;
}

struct proof {
	const char *name, *needs;
	void (*run)(void);
};

#define PROOF(id, needs)                                                              \
	static void run_##id(void);                                                   \
	static const struct proof proof_##id = {#id, needs, run_##id};                \
	static const struct proof *const ref_##id __attribute__((used, section("proofs"))) = \
		&proof_##id;                                                          \
	static void run_##id(void)

/* ---- link ---- */

#define LINKS(id, needs, ...)    \
	PROOF(id, needs)         \
	{                        \
		links_begin();   \
		__VA_ARGS__;     \
		links_end();     \
	}

LINKS(link_source_gone, "-", SAY(unlink("S/f08")))
LINKS(link_source_renamed, "-", SAY(rename("S/f08", "S/g08")))
LINKS(link_source_replaced_by_directory, "-", SAY(unlink("S/f08")); SAY(mkdir("S/f08", 0755)))
LINKS(link_directory, "-", SAY(link("S/dir", "D/x")))
LINKS(link_other_file_system, "other", SAY(link(other, "D/x")))
LINKS(link_name_used, "-", SAY(link("S/f01", "D/a02")); SAY(link("S/f01", "D/a09")))
LINKS(link_name_by_open, "-", file_make("D/a09"))
LINKS(link_name_by_symlink, "-", SAY(symlink("x", "D/a09")))
LINKS(link_name_by_mkdir, "-", SAY(mkdir("D/a09", 0755)))
LINKS(link_name_by_rename, "-", SAY(rename("D/a01", "D/a09")))
LINKS(link_name_by_rename_in, "-", SAY(rename("S/f01", "D/a09")))
LINKS(link_name_by_mkfifo, "-", SAY(mkfifo("D/a09", 0600)))
LINKS(link_name_by_another_way_there, "-", SAY(symlink("D", "W")); SAY(link("S/f01", "W/a09")))
LINKS(link_case, "-", SAY(link("S/f01", "D/A01")); SAY(link("S/f01", "D/A09")))
LINKS(link_unicode, "-", SAY(link("S/f01", "D/\303\244")); SAY(link("S/f01", "D/a\314\210"));
      SAY(link("S/f01", "D/\303\204")); SAY(link("S/f01", "D/\342\204\252")); SAY(link("S/f01", "D/k")))
LINKS(link_no_write, "user", SAY(chmod("D", 0555)))
LINKS(link_no_search, "user", SAY(chmod("D", 0600)))
LINKS(link_source_no_search, "user", SAY(chmod("S", 0600)))
LINKS(link_immutable_source, "root", SAY(flags_change("S/f08", FS_IMMUTABLE_FL));
      SAY(link("S/f08", "D/x")); SAY(flags_change("S/f08", 0)))
LINKS(link_append_only_source, "root", SAY(flags_change("S/f08", FS_APPEND_FL));
      SAY(link("S/f08", "D/x")); SAY(flags_change("S/f08", 0)))
LINKS(link_immutable_directory, "root", SAY(flags_change("D", FS_IMMUTABLE_FL));
      SAY(link("S/f08", "D/x")); SAY(flags_change("D", 0)))
LINKS(link_read_only, "root", SAY(mount("D", "D", NULL, MS_BIND, NULL));
      SAY(mount("D", "D", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)); SAY(link("S/f08", "D/x"));
      SAY(umount("D")))
LINKS(link_other_mount, "root", SAY(mount("S", "S", NULL, MS_BIND, NULL)); SAY(link("S/f08", "D/x"));
      SAY(umount("S")))

static int link_following(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

PROOF(link_following, "-")
{
	sources_make();
	SAY(symlink("f08", "S/to_file"));
	SAY(symlink("dir", "S/to_directory"));
	SAY(symlink("nowhere", "S/to_nothing"));
	SAY(mkdir("D", 0755));
	for (int i = 0; i < DONE_FIRST; i++)
		say("link", link_following(numbered("S/f", i), numbered("D/a", i)));
	SAY(link_following("S/to_file", "D/x"));
	SAY(link_following("S/to_directory", "D/y"));
	SAY(link_following("S/to_nothing", "D/y"));
	SAY(link_following("S/to_nothing", "D/a01"));
	SAY(link("S/to_nothing", "D/y"));
	SAY(link_following("S/f08", "D/a02"));
	SAY(link_following("S/f09", "D/z"));
	SAY(unlink("S/f10"));
	SAY(symlink("f11", "S/f10"));
	for (int i = DONE_FIRST; i < FILES; i++)
		say("link", link_following(numbered("S/f", i), numbered("D/a", i)));
}

static char long_name[PATH_MAX + 16];

static const char *name_of_length(const char *directory, size_t length)
{
	size_t at = (size_t)snprintf(long_name, sizeof(long_name), "%s/", directory);

	memset(long_name + at, 'x', length);
	long_name[at + length] = '\0';
	return long_name;
}

static const char *path_of_length(size_t length)
{
	memset(long_name, '/', sizeof(long_name));
	memcpy(long_name, "D", 1);
	long_name[length - 1] = 'z';
	long_name[length] = '\0';
	return long_name;
}

LINKS(link_lengths, "-", SAY(link("S/f08", name_of_length("D", 255)));
      SAY(link("S/f08", name_of_length("D", 256))); SAY(link("S/f08", path_of_length(PATH_MAX - 1)));
      SAY(link("S/f08", path_of_length(PATH_MAX))); SAY(link(name_of_length("S", 256), "D/x")))
LINKS(link_strange_names, "-", SAY(link("S/f08", "D/")); SAY(link("S/f08", "D/.")); SAY(link("S/f08", ""));
      SAY(link("", "D/x")); SAY(link("S/f08", "D/..")); SAY(link("S/f08", "D/x/"));
      SAY(link("S/f08/", "D/x")); SAY(link("S/f08/x", "D/x")); SAY(link("S/f08", "D/a01/x"));
      SAY(link("S/f08", "no/x")); SAY(link((const char *)1, "D/x")); SAY(link("S/f08", (const char *)1)))
LINKS(link_loop, "-", SAY(symlink("loop", "loop")); SAY(link("S/f08", "loop/x")); SAY(link("loop/x", "D/x"));
      SAY(link("loop", "D/x")))
/* Before D is there, so that it is private ground all the same. */
PROOF(link_immutable_before, "root")
{
	sources_make();
	SAY(flags_change("S/f08", FS_IMMUTABLE_FL));
	SAY(flags_change("S/f09", FS_APPEND_FL));
	SAY(mkdir("D", 0755));
	links_first();
	links_end();
	SAY(flags_change("S/f08", 0));
	SAY(flags_change("S/f09", 0));
}

PROOF(link_mounted_before, "root")
{
	sources_make();
	SAY(system("mount --bind S/f07 S/f08")); /* a mount of our own would end all that is early */
	SAY(mkdir("D", 0755));
	links_first();
	links_end();
	SAY(system("umount S/f08"));
}

/* A directory its owner may not write to; and one to take files from. */
PROOF(make_no_write, "user")
{
	links_begin();
	SAY(symlink("to", "D/s"));
	SAY(rename("D/s", "D/t"));
	SAY(mkdir("D/d", 0755));
	SAY(mkdir("D/no", 0500));
	SAY(link("S/f08", "D/no/x"));
	SAY(mkdir("D/no2", 0500));
	SAY(symlink("to", "D/no2/x"));
	SAY(mkdir("D/no3", 0500));
	SAY(mkdir("D/no3/x", 0755));
	links_end();
}

PROOF(rename_no_write, "user")
{
	sources_make();
	SAY(chmod("S", 0555));
	SAY(mkdir("D", 0755));
	links_first();
	SAY(rename("D/a00", "D/b00"));
	SAY(rename("S/f08", "D/x"));
	SAY(rename("D/a01", "D/b01"));
	SAY(chmod("S", 0755));
}

LINKS(link_flags, "-", SAY(linkat(AT_FDCWD, "S/f08", AT_FDCWD, "D/x", 0x40000));
      SAY(linkat(-7, "S/f08", AT_FDCWD, "D/x", 0)); SAY(linkat(0, "x", AT_FDCWD, "D/x", 0)))
LINKS(link_directory_gone, "-", SAY(rename("D", "D2")))
LINKS(link_directory_removed, "-", for (int i = 0; i < DONE_FIRST; i++) unlink(numbered("D/a", i));
      SAY(rmdir("D")))

PROOF(link_of_others_file, "user")
{
	links_begin();
	SAY(link(other, "D/x"));
	links_end();
}

/* OTHER has more names than a proof is given for. */
PROOF(link_many_names, "slowfs")
{
	say("mkdir", mkdir("D", 0755));
	for (int i = 0; i < 5; i++)
		say("link", link(other, numbered("D/a", i)));
}

/* ---- symlink, mkdir, rename ---- */

PROOF(symlink, "-")
{
	links_begin();
	for (int i = 0; i < FILES; i++)
		say("symlink", symlink("to", numbered("D/s", i)));
	SAY(symlink("to", "D/s03"));
	SAY(symlink("to", "D/a03"));
	SAY(symlink("to", "D/S03"));
	SAY(symlink("", "D/x"));
	SAY(symlink("to", "D/x/"));
	SAY(symlink("to", name_of_length("D", 256)));
	SAY(symlink("to", name_of_length("D", 255)));
	SAY(symlink(path_of_length(PATH_MAX), "D/y"));
	SAY(symlink(path_of_length(PATH_MAX - 1), "D/y"));
	SAY(symlink("to", "D/s01/x"));
	SAY(chmod("D", 0500));
	SAY(symlink("to", "D/z"));
	links_end();
}

PROOF(mkdir, "-")
{
	links_begin();
	for (int i = 0; i < FILES; i++)
		say("mkdir", mkdir(numbered("D/d", i), 0755));
	SAY(mkdir("D/d03", 0755));
	SAY(mkdir("D/d13", 0755));
	SAY(mkdir("D/a03", 0755));
	SAY(mkdir("D/D03", 0755));
	SAY(mkdir("D/d03/", 0755));
	SAY(mkdir("D/e/", 0755));
	SAY(mkdir("D/e", 0755));
	SAY(mkdir("D/.", 0755));
	SAY(mkdir("D/a01/x", 0755));
	SAY(mkdir("D/no/x", 0755));
	SAY(mkdir(name_of_length("D", 256), 0755));
	SAY(link("S/f08", "D/d12/x"));
	SAY(link("S/f08", "D/d12/x"));
	SAY(chmod("D", 0500));
	SAY(mkdir("D/z", 0755));
	links_end();
}

PROOF(rename, "-")
{
	links_begin();
	SAY(mkdir("D/d", 0755));
	SAY(mkdir("D/e", 0755));
	SAY(mkdir("D/e/f", 0755));
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/a01", "D/r01"));
	SAY(rename("D/a01", "D/r02"));
	SAY(rename("D/a02", "D/d"));
	SAY(rename("D/d", "D/a02"));
	SAY(rename("D/d", "D/e"));
	SAY(rename("D/e", "D/d"));
	SAY(rename("D/d", "D/d/x"));
	SAY(rename("D/a02", "D/a03"));
	SAY(rename("D/a04", "D/a04"));
	SAY(link("S/f09", "D/x"));
	SAY(link("S/f09", "D/y"));
	SAY(rename("D/x", "D/y"));
	SAY(rename("D/x", "D/y2"));
	SAY(renameat2(AT_FDCWD, "D/x", AT_FDCWD, "D/a05", RENAME_NOREPLACE));
	SAY(renameat2(AT_FDCWD, "D/y", AT_FDCWD, "D/a05", RENAME_EXCHANGE));
	SAY(rename("D/r00", name_of_length("D", 256)));
	SAY(rename("D/r00", "D/r00/x"));
	SAY(rename("D/r00", "no/x"));
	SAY(rename("D/.", "D/x"));
	links_end();
}

PROOF(rename_flags, "-")
{
	links_begin();
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/a01", "D/r01"));
	SAY(renameat2(AT_FDCWD, "D/a02", AT_FDCWD, "D/x", RENAME_EXCHANGE));
	SAY(rename("D/a03", "D/r03"));
	SAY(renameat2(AT_FDCWD, "D/a04", AT_FDCWD, "D/y", 1U << 20));
	links_end();
}

PROOF(rename_other_file_system, "other")
{
	links_begin();
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/a01", "D/r01"));
	SAY(rename(other, "D/x"));
	SAY(rename("D/r01", "D/r02"));
	links_end();
}

/* Storage has a most of directories in one. */
PROOF(mkdir_many, "slowfs")
{
	say("mkdir", mkdir("D", 0755));
	for (int i = 0; i < 1010; i++)
		say("mkdir", mkdir(numbered("D/d", i), 0755));
}

/* ---- unlink, rmdir ---- */

#define EMPTIES(id, needs, ...)  \
	PROOF(id, needs)         \
	{                        \
		empty_begin();   \
		__VA_ARGS__;     \
		empty_end();     \
	}

EMPTIES(unlink_twice, "-", SAY(unlink("E/n05")); SAY(unlink("E/n04")); SAY(unlink("E/n06")); SAY(unlink("E/n06")))
EMPTIES(unlink_never_there, "-", SAY(unlink("E/no")))
EMPTIES(unlink_directory, "-", SAY(unlink("E/sub")); SAY(rmdir("E/n08")))
EMPTIES(unlink_strange_names, "-", SAY(unlink("E/")); SAY(unlink("E/.")); SAY(unlink("")); SAY(unlink("E/n08/"));
	SAY(unlink("E/n08/x")); SAY(rmdir("E/.")); SAY(rmdir("E/sub/..")); SAY(rmdir("E/n08/"));
	SAY(unlink((const char *)1)); SAY(unlinkat(-7, "E/n08", 0)); SAY(unlinkat(AT_FDCWD, "E/n08", 0x40000));
	SAY(unlink(name_of_length("E", 256))); SAY(unlink(path_of_length(PATH_MAX))))
EMPTIES(unlink_case, "-", SAY(unlink("E/N08")))
EMPTIES(unlink_renamed_before, "-", SAY(rename("E/n08", "E/m08")); SAY(unlink("E/n08")); SAY(unlink("E/m08")))
EMPTIES(unlink_became_directory, "-", SAY(unlink("E/n08")); SAY(mkdir("E/n08", 0755)); SAY(unlink("E/n08"));
	SAY(rmdir("E/n08")))
EMPTIES(unlink_no_write, "user", SAY(chmod("E", 0555)); SAY(unlink("E/n08")); SAY(chmod("E", 0755)))
EMPTIES(unlink_no_search, "user", SAY(chmod("E", 0600)); SAY(unlink("E/n08")); SAY(chmod("E", 0755)))
EMPTIES(unlink_immutable, "root", SAY(flags_change("E/n08", FS_IMMUTABLE_FL)); SAY(unlink("E/n07"));
	SAY(unlink("E/n08")); SAY(flags_change("E/n08", 0)))
EMPTIES(unlink_immutable_directory, "root", SAY(flags_change("E", FS_IMMUTABLE_FL)); SAY(unlink("E/n08"));
	SAY(flags_change("E", 0)))
EMPTIES(unlink_read_only, "root", SAY(mount("E", "E", NULL, MS_BIND, NULL));
	SAY(mount("E", "E", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)); SAY(unlink("E/n08"));
	SAY(umount("E")))
EMPTIES(unlink_mounted_file, "root", SAY(mount("E/n07", "E/n08", NULL, MS_BIND, NULL)); SAY(unlink("E/n08"));
	SAY(umount("E/n08")))
EMPTIES(rmdir_mount_point, "root", SAY(unlink("E/sub/x")); SAY(mount("none", "E/sub", "tmpfs", 0, NULL));
	SAY(rmdir("E/sub")); SAY(umount("E/sub")))
EMPTIES(rmdir_of_filled, "-", file_make("E/late"))
EMPTIES(rmdir_filled_below, "-", SAY(unlink("E/sub/x")); file_make("E/sub/y"); SAY(rmdir("E/sub"));
	SAY(unlink("E/sub/y")))

/* Before anything is listed, so that nothing ends the emptying. */
PROOF(unlink_immutable_before, "root")
{
	full_make();
	SAY(flags_change("E/n08", FS_IMMUTABLE_FL));
	SAY(flags_change("E/n09", FS_APPEND_FL));
	empty_first();
	empty_rest();
	SAY(flags_change("E/n08", 0));
	SAY(flags_change("E/n09", 0));
}

PROOF(unlink_mounted_before, "root")
{
	links_begin();
	full_make();
	SAY(system("mount --bind E/n07 E/n08")); /* a mount of our own would end all that is early */
	empty_first();
	empty_rest();
	SAY(system("umount E/n08"));
}

PROOF(rmdir_with_one_left, "-")
{
	full_make();
	file_make("E/sub/y");
	file_make("E/sub/z");
	empty_first();
	empty_rest();
	SAY(unlink("E/sub/x"));
	SAY(unlink("E/sub/y"));
	SAY(rmdir("E/sub"));
	SAY(unlink("E/sub/z"));
	SAY(rmdir("E/sub"));
	SAY(rmdir("E"));
}

/* In the order of the listing where that is the last first. */
PROOF(unlink_all_twice, "tmpfs")
{
	empty_begin();
	for (int i = DONE_FIRST - 2; i >= 0; i--)
		say("unlink", unlink(numbered("E/n", i)));
}

/* As rm -rf does, but for what comes between. */
PROOF(rmdir_filled_after_emptying, "-")
{
	empty_begin();
	empty_rest();
	SAY(unlink("E/sub/x"));
	SAY(rmdir("E/sub"));
	SAY(mkdir("E/again", 0755));
	SAY(rmdir("E"));
	SAY(rmdir("E/again"));
	SAY(rmdir("E"));
}

/* Files listed before the program is somebody else, in a directory where only owners remove. */
PROOF(unlink_sticky, "root")
{
	mkdir("E", 0777);
	chmod("E", 01777);
	for (int i = 0; i < FILES; i++) {
		file_make(numbered("E/n", i));
		if (i != 9)
			lchown(numbered("E/n", i), 65534, 65534);
	}
	usleep(1);
	for (int i = 0; i < DONE_FIRST; i++)
		say("unlink", unlink(numbered("E/n", i)));
	SAY(seteuid(65534));
	for (int i = DONE_FIRST; i < FILES; i++)
		say("unlink", unlink(numbered("E/n", i)));
	SAY(rmdir("E"));
	SAY(seteuid(0));
}

/* Somebody else's directory in which only owners remove, and one file is not ours. */
PROOF(unlink_sticky_of_others, "root")
{
	links_begin();
	mkdir("E", 0777);
	chmod("E", 01777);
	for (int i = 0; i < FILES; i++) {
		file_make(numbered("E/n", i));
		if (i != 9)
			lchown(numbered("E/n", i), 65534, 65534);
	}
	SAY(seteuid(65534));
	empty_first();
	empty_rest();
	SAY(seteuid(0));
}

/* And one file among those that are linked; see proc(5), protected_hardlinks. */
PROOF(link_of_others_file_there, "root")
{
	sources_make();
	for (int i = 0; i < FILES; i++)
		if (i != 8)
			lchown(numbered("S/f", i), 65534, 65534);
	SAY(mkdir("C", 0755));
	for (int i = 0; i < DONE_FIRST; i++)
		say("link", link(numbered("S/f", i), numbered("C/a", i))); /* as one who may */
	SAY(seteuid(65534));
	SAY(mkdir("D", 0755));
	links_first();
	links_end();
	SAY(seteuid(0));
}

/* S/f08 is there, and of an owner without a number in this user namespace. */
PROOF(link_of_unmapped, "unmapped")
{
	sources_make();
	SAY(mkdir("D", 0755));
	links_first();
	links_end();
}

/* ---- what is not removed early, or not any more ---- */

static void work(void)
{
	struct timespec begun, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begun);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (1000000000L * (now.tv_sec - begun.tv_sec) + now.tv_nsec - begun.tv_nsec < 200000);
}

static void removes(void)
{
	empty_begin();
	empty_rest();
}

PROOF(removes, "counted")
{
	removes();
}

PROOF(removes_out_of_order, "counted")
{
	full_make();
	usleep(1);
	entries_read("E");
	for (int i = 0; i < FILES; i++)
		say("unlink", unlink(numbered("E/n", i * 5 % FILES)));
}

PROOF(removes_and_works, "counted")
{
	full_make();
	usleep(1);
	entries_read("E");
	for (int i = 0; i < FILES; i++, work())
		say("unlink", unlink(numbered("E/n", i)));
}

PROOF(removes_writes_removes, "counted")
{
	empty_begin();
	file_make("written");
	empty_rest();
}

/* From where on others may look at any time, and nothing is put off. */
static void shares_memory(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void *thread_ends(void *unused)
{
	return unused;
}

static void has_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_ends, NULL) == 0)
		pthread_join(thread, NULL);
}

static void removes_after(void (*end)(void))
{
	links_begin();
	end();
	removes();
}

PROOF(removes_after_sharing_memory, "counted")
{
	removes_after(shares_memory);
}

PROOF(removes_after_a_thread, "counted")
{
	removes_after(has_thread);
}

/* The ninth of all removals fails, and the twenty-fifth. */
PROOF(removes_after_failure, "failing")
{
	full_make();
	SAY(rename("E", "F"));
	empty_begin();
	empty_rest();
	wait_for_all();
	say("elsewhere", 0);
	entries_read("F");
	for (int i = 0; i < FILES; i++)
		say("unlink", unlink(numbered("F/n", i)));
}

/* The same of links. */
PROOF(links_after_failure, "failing")
{
	links_begin();
	links_end();
	wait_for_all();
	say("elsewhere", 0);
	SAY(mkdir("D2", 0755));
	for (int i = 0; i < FILES; i++)
		say("link", link(numbered("S/f", i), numbered("D2/a", i)));
}

/* ---- attributes between ---- */

LINKS(attributes, "-", SAY(chmod("D", 0750)); SAY(chmod("D/a03", 0640)); SAY(chown("D", -1, -1));
      SAY(utimensat(AT_FDCWD, "D", (struct timespec[]){{7, 7}, {7, 7}}, 0));
      SAY(utimensat(AT_FDCWD, "D/no", NULL, 0)); SAY(setxattr("D", "user.x", "1", 1, 0));
      SAY(setxattr("D", "user.x", "1", 1, XATTR_CREATE)); SAY(removexattr("D", "user.x"));
      SAY(removexattr("D", "user.x")); SAY(setxattr("D", "nonsense", "1", 1, 0));
      SAY(utimensat(AT_FDCWD, "D", (struct timespec[]){{7, 2000000000}, {7, 7}}, 0));
      SAY(chmod("D/no", 0600)); SAY(chmod((const char *)1, 0600)))
LINKS(attributes_of_others, "user", SAY(chown("D", 0, 0)); SAY(chown("D/a03", 0, 0)); SAY(chmod(other, 0600));
      SAY(utimensat(AT_FDCWD, other, (struct timespec[]){{7, 7}, {7, 7}}, 0)))

PROOF(attributes_refused, "refusing")
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/O", other);
	say("mkdir elsewhere", mkdir(path, 0755));
	say("chmod elsewhere", chmod(path, 0700));
	say("chmod elsewhere", chmod(path, 0750));
	links_begin();
	SAY(chmod("D", 0750));
	say("link", link("S/f08", "D/x"));
	SAY(chmod("D", 0700));
	say("link", link("S/f09", "D/y"));
	SAY(chmod("D", 0770));
	links_end();
	say("rmdir elsewhere", rmdir(path));
}

/* ---- what is pending is seen, whatever way it is asked for ---- */

static long links_of(const char *path)
{
	struct stat stat_now;

	return stat(path, &stat_now) ? -1 : (long)stat_now.st_nlink;
}

static long entries(DIR *stream)
{
	long count = 0;

	while (readdir(stream))
		count++;
	return count;
}

PROOF(seen_by_stream, "slow")
{
	DIR *stream;

	sources_make();
	SAY(mkdir("D", 0755));
	stream = opendir("D");
	links_first();
	tell("entries", entries(stream));
	links_end();
	rewinddir(stream);
	tell("entries", entries(stream));
	closedir(stream);
}

PROOF(seen_by_descriptor, "slow")
{
	DIR *stream;
	int fd;

	sources_make();
	SAY(mkdir("D", 0755));
	fd = open("D", O_RDONLY | O_DIRECTORY);
	links_first();
	stream = fdopendir(fd);
	tell("entries", entries(stream));
	closedir(stream);
}

PROOF(seen_by_opendir, "slow")
{
	DIR *stream;

	links_begin();
	SAY(mkdir("D/d0", 0755));
	SAY(mkdir("D/d1", 0755));
	stream = opendir("D/d1");
	say("opendir", stream ? 0 : -1);
	if (stream)
		closedir(stream);
	links_end();
}

PROOF(seen_by_path_below, "slow")
{
	links_begin();
	SAY(mkdir("D/d0", 0755));
	SAY(mkdir("D/d1", 0755));
	SAY(link("S/f08", "D/d1/x"));
	SAY(mkdir("D/d2", 0755));
	tell("stat", links_of("D/d2/."));
	links_end();
}

/* What is made there gets its group from it from then on, and is not to before. */
PROOF(seen_by_heirs, "slow")
{
	struct stat found;

	links_begin();
	for (int i = 0; i < DONE_FIRST; i++)
		say("mkdir", mkdir(numbered("D/d", i), 0755));
	SAY(chmod("D", 02755));
	SAY(mkdir("D/d", 0755));
	for (int i = 0; i < DONE_FIRST; i++)
		tell("mode", stat(numbered("D/d", i), &found) ? -1 : (long)found.st_mode);
	tell("mode", stat("D/d", &found) ? -1 : (long)found.st_mode);
}

/* The same where the group itself changes. */
PROOF(seen_by_heirs_of_group, "slow")
{
	struct stat found;

	links_begin();
	SAY(chmod("D", 02755));
	for (int i = 0; i < DONE_FIRST; i++)
		say("mkdir", mkdir(numbered("D/d", i), 0755));
	SAY(chown("D", -1, 7));
	SAY(mkdir("D/d", 0755));
	for (int i = 0; i < DONE_FIRST; i++)
		tell("group", stat(numbered("D/d", i), &found) ? -1 : (long)found.st_gid);
	tell("group", stat("D/d", &found) ? -1 : (long)found.st_gid);
}

static void times_set(long access_s, long access_ns, long change_s)
{
	struct timespec times[2] = {{access_s, access_ns}, {change_s, 0}};

	say("utimens", utimensat(AT_FDCWD, "D", times, 0));
}

/* Times that are set one after another, and spoiled by what is made after them. */
PROOF(seen_by_times, "slow")
{
	struct stat found;

	links_begin();
	times_set(7, 0, 8);
	SAY(link("S/f08", "D/a08"));
	times_set(5, 0, 6);
	times_set(0, UTIME_OMIT, 9);
	stat("D", &found);
	tell("accessed", found.st_atim.tv_sec);
	tell("modified", found.st_mtim.tv_sec);
	SAY(link("S/f09", "D/a09"));
	times_set(5, 0, 6);
	SAY(link("S/f10", "D/a10"));
	stat("D", &found);
	tell("modified since", found.st_mtim.tv_sec > 9);
}

/* The clock's time is that of the call, not of what is done behind it. */
PROOF(seen_by_clock, "slow")
{
	struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}}, now;
	struct stat found;

	links_begin();
	times_set(7, 0, 8);
	for (int i = 8; i < FILES; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
	SAY(utimensat(AT_FDCWD, "D", times, 0));
	clock_gettime(CLOCK_REALTIME, &now);
	stat("D", &found);
	tell("later", found.st_atim.tv_sec > now.tv_sec ||
			      (found.st_atim.tv_sec == now.tv_sec && found.st_atim.tv_nsec > now.tv_nsec));
}

/* It may have been moved to where others look: what is made in it is there at once. */
PROOF(seen_in_moved_directory, "slow")
{
	links_begin();
	SAY(rename("D", "E"));
	for (int i = 8; i < FILES; i++) {
		const char *name = numbered("E/a", i);
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s", name);
		say("link", link(numbered("S/f", i), path));
		tell("there", raw(SYS_faccessat, AT_FDCWD, (long)path, F_OK));
	}
}

/* Links that lead nowhere yet. */
PROOF(seen_by_symlink, "slow")
{
	links_begin();
	SAY(symlink("a08", "D/l08"));
	SAY(symlink("a10", "D/l10"));
	SAY(symlink("a13", "D/l13"));
	wait_for_all();
	for (int i = DONE_FIRST; i <= 8; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
	tell("stat", links_of("D/l08"));
	SAY(link("S/f09", "D/a09"));
	SAY(link("S/f10", "D/a10"));
	SAY(access("D/l10", F_OK));
	for (int i = 11; i < FILES; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
	SAY(open("D/l13", O_RDONLY) < 0 ? -1 : 0);
}

PROOF(seen_by_renamed_name, "slow")
{
	links_begin();
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/a01", "D/r01"));
	SAY(access("D/a01", F_OK));
	SAY(rename("D/a02", "D/r02"));
	tell("stat", links_of("D/a02"));
	SAY(rename("D/a03", "D/r03"));
	SAY(link("D/a03", "D/x"));
	SAY(rename("D/a04", "D/r04"));
	tell("stat", links_of("D/r04"));
	links_end();
}

PROOF(seen_by_link_elsewhere, "slow")
{
	links_begin();
	SAY(mkdir("C", 0755));
	SAY(link("D/a05", "C/b05"));
	SAY(rename("D/a00", "D/r00"));
	wait_for_all();
	for (int i = 1; i < 5; i++)
		say("rename", rename(numbered("D/a", i), numbered("D/r", i)));
	SAY(link("D/a04", "C/b04"));
	SAY(link("D/a05", "C/c05"));
}

PROOF(seen_by_renamed_way, "slow")
{
	links_begin();
	SAY(mkdir("D/d", 0755));
	SAY(link("S/f08", "D/d/x"));
	SAY(symlink("../S", "D/s"));
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/d", "D/e"));
	tell("stat", links_of("D/d/x"));
	SAY(rename("D/a01", "D/r01"));
	SAY(rename("D/s", "D/t"));
	tell("stat", links_of("D/s/f09"));
	links_end();
}

/* By name behind the sixth, so that its turn comes while others are pending. */
PROOF(seen_by_removed_link, "slow")
{
	sources_make();
	full_make();
	SAY(symlink("../S", "E/n06l"));
	empty_first();
	SAY(unlink("E/n06"));
	SAY(unlink("E/n06l"));
	tell("stat", links_of("E/n06l/f01"));
}

PROOF(seen_by_removed_directory, "slow")
{
	struct stat found;
	int fd;

	empty_begin();
	empty_rest();
	fd = open("E/sub", O_RDONLY | O_DIRECTORY);
	SAY(unlink("E/sub/x"));
	SAY(rmdir("E/sub"));
	tell("fstat", fstat(fd, &found) ? -1 : (long)found.st_nlink);
	SAY(rmdir("E"));
}

PROOF(seen_by_removed_way, "slow")
{
	empty_begin();
	empty_rest();
	SAY(unlink("E/sub/x"));
	SAY(rmdir("E/sub"));
	tell("stat", links_of("E/sub/.."));
}

/* The wait is for the directory in which the name is looked for, so it is gone after that. */
PROOF(seen_by_name_in_removed, "slow")
{
	empty_begin();
	empty_rest();
	SAY(unlink("E/sub/x"));
	SAY(rmdir("E/sub"));
	tell("stat", links_of("E/sub/x"));
}

/* ---- descriptors the program does not have (C8) ---- */

enum {
	NUMBERS_FROM = 500,
	NUMBERS_END = 1024,
};

#define NUMBERS(id, call)                                           \
	PROOF(id, "-")                                              \
	{                                                           \
		long found = 0;                                     \
		links_begin();                                      \
		for (int fd = NUMBERS_FROM; fd < NUMBERS_END; fd++) \
			found += (call) >= 0;                       \
		errno = 0;                                          \
		tell("found", found);                               \
		links_end();                                        \
	}

static struct stat found_stat;

static const char *in_proc(int fd)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

NUMBERS(number_stat, fstat(fd, &found_stat))
NUMBERS(number_flags, fcntl(fd, F_GETFD))
NUMBERS(number_closed, close(fd))
NUMBERS(number_copied, dup(fd))
NUMBERS(number_as_directory, faccessat(fd, ".", F_OK, 0))
NUMBERS(number_linked_from, linkat(fd, "a01", AT_FDCWD, "no/x", 0) < 0 && errno == EBADF ? -1 : 0)
NUMBERS(number_in_proc, lstat(in_proc(fd), &found_stat))
NUMBERS(number_in_proc_read, readlink(in_proc(fd), (char[8]){0}, 8))
NUMBERS(number_taken, dup2(0, fd))

PROOF(numbers_listed, "-")
{
	DIR *stream;

	links_begin();
	stream = opendir("/proc/self/fd");
	tell("entries", entries(stream));
	closedir(stream);
	links_end();
}

PROOF(numbers_listed_by_another_name, "-")
{
	DIR *stream;

	SAY(symlink("/proc/self/fd", "numbers"));
	links_begin();
	stream = opendir("numbers");
	tell("entries", entries(stream));
	closedir(stream);
	links_end();
}

PROOF(numbers_run_out, "-")
{
	struct rlimit few = {NUMBERS_END, NUMBERS_END};
	long opened = 0;
	int last = -1, fd;

	SAY(setrlimit(RLIMIT_NOFILE, &few));
	links_begin();
	while ((fd = open("/dev/null", O_RDONLY | O_DIRECTORY)) >= 0 || (fd = dup(0)) >= 0)
		opened++, last = fd;
	tell("opened", opened);
	close(last);
	links_end();
}

/* ---- until there is no room ---- */

enum {
	FILLING = 4000,
};

PROOF(fill_with_links, "full")
{
	links_begin();
	for (int i = 0; i < FILLING && i < FILES * 90; i++)
		say("link", link(numbered("S/f", i % FILES), numbered("D/x", i)));
	for (int i = 0; i < FILLING; i++)
		say("symlink", symlink("to", numbered("D/y", i)));
}

PROOF(fill_with_symlinks, "full")
{
	links_begin();
	for (int i = 0; i < FILLING; i++)
		say("symlink", symlink("to", numbered("D/y", i)));
}

PROOF(fill_with_directories, "full")
{
	links_begin();
	SAY(mkdir("D/d", 0755));
	for (int i = 0; i < FILLING; i++)
		say("mkdir", mkdir(numbered("D/d/x", i), 0755));
	for (int i = 0; i < FILLING; i++)
		say("link", link("S/f09", numbered("D/y", i)));
}

/* Files of 64 KiB, and a directory after each four. */
PROOF(fill_with_data, "full")
{
	static const char data[65536];

	links_begin();
	for (int i = 0; i < FILLING / 10; i++) {
		int fd = open(numbered("D/x", i), O_WRONLY | O_CREAT | O_EXCL, 0644);

		for (int j = 0; j < 8 && fd >= 0; j++)
			say("write", write(fd, data, sizeof(data)) < 0 ? -1 : 0);
		if (fd >= 0)
			close(fd);
		for (int j = 0; j < 8; j++)
			say("mkdir", mkdir(numbered("D/y", i * 8 + j), 0755));
	}
}

int main(int argc, char **argv)
{
	extern const struct proof *const __start_proofs[], *const __stop_proofs[];
	const char *name = argv[argc - 1];

	for (const struct proof *const *proof = __start_proofs; proof < __stop_proofs; proof++) {
		if (argc == 1)
			printf("%s %s\n", (*proof)->name, (*proof)->needs);
		else if (!strcmp((*proof)->name, name) && chdir(argv[1]) == 0) {
			other = argc > 3 ? argv[2] : "";
			(*proof)->run();
			fputs(transcript, stdout);
		}
	}
	return 0;
}
