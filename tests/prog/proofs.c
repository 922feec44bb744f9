/* SPDX-License-Identifier: MIT
 *
 * proofs DIRECTORY [OTHER] CASE: commands that go well, one after another, in a directory this
 * program has made or is emptying; then it makes one of them impossible itself, and goes on. What
 * each call said goes to stdout when all is over. Without CASE: prints all cases' names, and what
 * each needs: "-", "root", "user", "other" (a file OTHER on another file system), "full"
 * (a small file system).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
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

/* S/f00... on ground that is not private any more; then D with some links, and all else in it. */
static void links_begin(void)
{
	mkdir("S", 0755);
	for (int i = 0; i < FILES; i++)
		file_make(numbered("S/f", i));
	mkdir("S/dir", 0755);
	SAY(mkdir("D", 0755));
	for (int i = 0; i < DONE_FIRST; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
}

static void links_end(void)
{
	for (int i = DONE_FIRST; i < FILES; i++)
		say("link", link(numbered("S/f", i), numbered("D/a", i)));
}

/* E/n00... and E/sub, listed by OPEN; the first are removed. */
static void empty_begin(void)
{
	DIR *stream;

	mkdir("E", 0755);
	for (int i = 0; i < FILES; i++)
		file_make(numbered("E/n", i));
	mkdir("E/sub", 0755);
	file_make("E/sub/x");
	usleep(1); /* nothing is private any more */
	stream = opendir("E");
	while (readdir(stream))
		;
	closedir(stream);
	for (int i = 0; i < DONE_FIRST; i++)
		say("unlink", unlink(numbered("E/n", i)));
}

static void empty_end(void)
{
	for (int i = DONE_FIRST; i < FILES; i++)
		say("unlink", unlink(numbered("E/n", i)));
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

PROOF(rename_other_file_system, "other")
{
	links_begin();
	SAY(rename("D/a00", "D/r00"));
	SAY(rename("D/a01", "D/r01"));
	SAY(rename(other, "D/x"));
	SAY(rename("D/r01", "D/r02"));
	links_end();
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

/* As rm -rf does, but for what comes between. */
PROOF(rmdir_filled_after_emptying, "-")
{
	empty_begin();
	for (int i = DONE_FIRST; i < FILES; i++)
		say("unlink", unlink(numbered("E/n", i)));
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
