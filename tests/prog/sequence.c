/* SPDX-License-Identifier: MIT
 *
 * sequence SEED ROOT RESULT [timeless|sizeless|ghosts|patient]...
 *
 * A random sequence of commands and questions on a few names below ROOT, an empty directory, the
 * same for the same SEED. What libc said of each goes to RESULT (an absolute path), so that two runs can be
 * compared call by call: results, errnos, listings, and of a stat what is the same in every run.
 * Much of it is what programs do that copy trees with links or remove them, with anything at
 * all between any two of their calls.
 *
 * timeless, sizeless: where others touch the files all the time, or write to them, times and sizes are no
 * result. ghosts: that a name which was listed and is not there cannot be unlinked is none either.
 * patient: the storage is given time to hear of each close, as it hears of it behind the program's back.
 *
 * Results are gathered in memory, shared with children, and written past any library: output
 * would be a reason to do what was put off.
 */
#include "raw.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	STEPS = 36,
	SLOTS = 4,
	NAMES = 64,
	NEST = 10, /* directories above the root that are ours to spoil */
	UNTOUCHED = 4711,
	OLD = 1500000000, /* no file is older unless we said so */
	LOG_SIZE = 1 << 22,
};

static char given[PATH_MAX], root[PATH_MAX]; /* ROOT, and where we work below it */
static bool timeless, sizeless, ghosts, patient;
static uint64_t state;

/* ---- what came of it ---- */

static struct results {
	size_t used;
	char text[LOG_SIZE];
} *results;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list list;
	int length;

	va_start(list, format);
	length = vsnprintf(results->text + results->used, LOG_SIZE - results->used, format, list);
	va_end(list);
	results->used += (size_t)length;
	if (results->used >= LOG_SIZE)
		abort();
}

/* What follows the directory; NULL: it is elsewhere. */
static const char *below_dir(const char *path, const char *dir)
{
	size_t length = strlen(dir);

	return strncmp(path, dir, length) ? NULL : path + length;
}

/* Without the part of it that another run has otherwise. */
static const char *shown(const char *path)
{
	const char *rest = below_dir(path, root);

	if (!rest)
		rest = below_dir(path, given);
	return rest ? rest : path;
}

static long outcome(long value)
{
	if (value == -1)
		say(" = %s\n", strerrorname_np(errno));
	else
		say(" = %ld%s\n", value, errno == UNTOUCHED ? "" : " (errno touched)");
	return value;
}

#define DO(call) (errno = UNTOUCHED, outcome((long)(call)))

/* What came of the removal of a name: slowfs lists ghosts, and these are gone. */
static long removed(long value, const char *path)
{
	if (value != -1 || !ghosts || errno != ENOENT || !strstr(path, "ghost-"))
		return value;
	errno = UNTOUCHED;
	return 0;
}

/* A file was closed. */
static void let_go(void)
{
	struct timespec moment = {.tv_nsec = 2000000};

	if (patient)
		raw(SYS_nanosleep, (long)&moment, 0, 0, 0, 0, 0);
}

static void results_write(const char *file)
{
	long fd = raw(SYS_openat, AT_FDCWD, (long)file, O_WRONLY | O_CREAT | O_TRUNC, 0644, 0, 0);
	size_t done = 0;

	while (done < results->used) {
		long n = raw(SYS_write, fd, (long)results->text + (long)done,
			     (long)(results->used - done), 0, 0, 0);

		if (n <= 0)
			raw(SYS_exit_group, 99, 0, 0, 0, 0, 0);
		done += (size_t)n;
	}
	raw(SYS_close, fd, 0, 0, 0, 0, 0);
}

/* ---- chance ---- */

static unsigned below(unsigned limit)
{
	state += 0x9e3779b97f4a7c15;
	uint64_t z = state;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (unsigned)((z ^ (z >> 31)) >> 33) % limit;
}

static bool chance(unsigned of)
{
	return below(of) == 0;
}

#define ONE_OF(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

/* ---- names, and the ways to spell them ---- */

static const char *const dirs[] = {"", "d0", "d1", "d2", "d0/s", "d1/s", "src", "src/sub",
				   "l0", "l1", "d1/l"};
static const char *const leaves[] = {"a", "b", "c", "d", "s", "f0", "f1", "f2", "f3", "f4", "l"};

/* What some file systems refuse, take for something else or cut. */
static const char *const odd_leaves[] = {
	"q:1", "q:2", "two words", "what?", "end.", "blank ", "con", "Aux.c", "a~1", ".snapshot", "\xc3\xa4",
	"NNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNNN",
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn",
};

static const char *focus = "";	/* where things are happening */
static char cwd[PATH_MAX] = ""; /* below root, as we went there */

static struct slot {
	int fd; /* 0: none */
	char dir[256];
} slots[SLOTS];

struct place {
	int fd;
	char path[PATH_MAX];
};

enum form {
	FORM_ABSOLUTE,
	FORM_DIRFD,
	FORM_PROC,
	FORM_CWD,
	FORM_DOTTED,
	FORM_ASIDE, /* through another directory, and back */
	FORM_UP,    /* from a descriptor of another directory */
	FORM_COUNT,
	FORM_ANY,
};

/* The form of everything in a copy or a removal, so that some are as regular as a tool's. */
static enum form form_kept = FORM_ANY;

static void spell(struct place *place, int fd, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void spell(struct place *place, int fd, const char *format, ...)
{
	va_list list;

	place->fd = fd;
	va_start(list, format);
	vsnprintf(place->path, sizeof(place->path), format, list);
	va_end(list);
}

/* The way up from a directory spelled this way. */
static const char *up_from(const char *dir)
{
	static char up[PATH_MAX];
	size_t used = 0;

	up[0] = '\0';
	for (const char *at = dir; *at && used + 4 < sizeof(up); at++)
		if (at == dir || *at == '/')
			used += (size_t)sprintf(up + used, "../");
	return up;
}

/*
 * Renames and links to ".." may lead out of the root. From where we are, or from a descriptor,
 * we go on only if that is still inside: one path alone does not get through the NEST.
 */
static bool is_inside(int fd)
{
	char path[PATH_MAX] = "", link[32];

	sprintf(link, "/proc/self/fd/%d", fd);
	if (fd == AT_FDCWD)
		strcpy(link, "/proc/self/cwd");
	raw(SYS_readlink, (long)link, (long)path, PATH_MAX - 1, 0, 0, 0);
	return below_dir(path, root);
}

static struct slot *slot_of(const char *dir)
{
	for (int i = 0; i < SLOTS; i++)
		if (slots[i].fd && !strcmp(slots[i].dir, dir) && is_inside(slots[i].fd))
			return &slots[i];
	return NULL;
}

static struct slot *slot_any(void)
{
	struct slot *slot = &slots[below(SLOTS)];

	return slot->fd && is_inside(slot->fd) ? slot : NULL;
}

static void spell_as(struct place *place, enum form form, const char *dir, const char *leaf)
{
	struct slot *slot = slot_of(dir), *other = slot_any();
	const char *between = *dir && *leaf ? "/" : "";

	switch (form) {
	case FORM_DIRFD:
		if (slot)
			return spell(place, slot->fd, "%s", *leaf ? leaf : ".");
		break;
	case FORM_PROC:
		if (slot)
			return spell(place, AT_FDCWD, "/proc/self/fd/%d/%s", slot->fd, leaf);
		break;
	case FORM_CWD:
		if (!is_inside(AT_FDCWD))
			break;
		if (!strcmp(cwd, dir))
			return spell(place, AT_FDCWD, "%s", *leaf ? leaf : ".");
		return spell(place, AT_FDCWD, "%s%s%s%s", up_from(cwd), dir, between, leaf);
	case FORM_DOTTED:
		return spell(place, AT_FDCWD, *leaf ? "%s//%s/./%s" : "%s//./%s%s", root, dir, leaf);
	case FORM_ASIDE:
		return spell(place, AT_FDCWD, "%s/%s/../%s%s%s", root, chance(2) ? "src" : "d0", dir,
			     between, leaf);
	case FORM_UP:
		if (other)
			return spell(place, other->fd, "%s%s%s%s", up_from(other->dir), dir, between,
				     leaf);
		break;
	case FORM_ABSOLUTE:
	case FORM_COUNT:
	case FORM_ANY:
		break;
	}
	spell(place, AT_FDCWD, "%s/%s%s%s", root, dir, between, leaf);
}

static void place_of(struct place *place, const char *dir, const char *leaf)
{
	enum form form = form_kept == FORM_ANY || chance(8) ? below(FORM_COUNT) : form_kept;

	spell_as(place, form, dir, leaf);
	if (*leaf && chance(30))
		strcat(place->path, chance(2) ? "/" : "/.");
}

static const char *some_dir(void)
{
	return chance(2) ? focus : ONE_OF(dirs);
}

/* What was done last is what may not be done yet. */
static struct recent {
	char dir[64], leaf[32];
} recents[6];
static unsigned recents_used;
static bool probing; /* hardly anything else, then */

static void note_recent(const char *dir, const char *leaf)
{
	struct recent *recent = &recents[recents_used++ % 6];

	snprintf(recent->dir, sizeof(recent->dir), "%s", dir);
	snprintf(recent->leaf, sizeof(recent->leaf), "%s", leaf);
}

static void any_place(struct place *place)
{
	const struct recent *recent = &ONE_OF(recents);

	if (*recent->leaf && !chance(probing ? 6 : 2)) {
		place_of(place, recent->dir, chance(8) ? "" : recent->leaf);
	} else if (chance(60)) {
		static const char *const odd[] = {"", ".", "..", "/proc/self/fd/999/a"};

		place->fd = AT_FDCWD;
		strcpy(place->path, ONE_OF(odd));
	} else if (chance(60)) {
		spell(place, AT_FDCWD, "%s/%0*d", root, 250 + (int)below(10), 7);
	} else if (chance(12)) {
		place_of(place, some_dir(), ONE_OF(odd_leaves));
	} else {
		place_of(place, some_dir(), chance(10) ? "" : ONE_OF(leaves));
	}
}

static void say_place(const struct place *place)
{
	if (place->fd != AT_FDCWD)
		say(" [%d]", place->fd);
	say(" %s", shown(place->path));
}

static void begin(const char *what, const struct place *place, const struct place *second)
{
	say("%s", what);
	if (place)
		say_place(place);
	if (second)
		say_place(second);
}

/* ---- questions ---- */

static void say_time(struct timespec time)
{
	if (time.tv_sec < OLD && !timeless)
		say(" %ld.%09ld", (long)time.tv_sec, time.tv_nsec);
	else
		say(" new");
}

static void say_stat(const struct stat *stat)
{
	say("     %o links %lu %u:%u", stat->st_mode, (unsigned long)stat->st_nlink, stat->st_uid,
	    stat->st_gid);
	if (!S_ISDIR(stat->st_mode) && !(sizeless && S_ISREG(stat->st_mode)))
		say(" size %ld", (long)stat->st_size);
	say_time(stat->st_mtim);
	say("\n");
}

static int stat_place(const struct place *place, struct stat *found)
{
	int flags = chance(2) ? AT_SYMLINK_NOFOLLOW : 0;
	int status;

	begin("stat", place, NULL);
	say("%s", flags ? " nofollow" : "");
	if (place->fd != AT_FDCWD || chance(2))
		status = (int)DO(fstatat(place->fd, place->path, found, flags));
	else
		status = (int)(flags ? DO(lstat(place->path, found)) : DO(stat(place->path, found)));
	return status;
}

static void step_stat(void)
{
	struct place place;
	struct stat found;

	any_place(&place);
	if (!stat_place(&place, &found))
		say_stat(&found);
}

static void step_statx(void)
{
	struct statx found;
	struct place place;

	any_place(&place);
	begin("statx", &place, NULL);
	if (!DO(statx(place.fd, place.path, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &found)))
		say("     %o links %u\n", found.stx_mode, found.stx_nlink);
}

/* Inode numbers are another run's otherwise; which of two names are one file is not. */
static void step_same(void)
{
	struct place one, two;
	struct stat first, second;

	any_place(&one);
	any_place(&two);
	if (!stat_place(&one, &first) && !stat_place(&two, &second))
		say("     %s\n", first.st_ino == second.st_ino ? "one file" : "two files");
}

static void step_access(void)
{
	struct place place;
	int mode = (int)below(8);

	any_place(&place);
	begin("access", &place, NULL);
	say(" %d", mode);
	if (place.fd == AT_FDCWD && chance(2))
		DO(access(place.path, mode));
	else
		DO(faccessat(place.fd, place.path, mode, chance(2) ? AT_EACCESS : 0));
}

static void step_readlink(void)
{
	char target[PATH_MAX] = "";
	struct place place;

	any_place(&place);
	begin("readlink", &place, NULL);
	if (DO(readlinkat(place.fd, place.path, target, sizeof(target) - 1)) > 0)
		say("     %s\n", shown(target));
}

static void step_realpath(void)
{
	char path[PATH_MAX];
	struct place place;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	errno = 0;
	say("realpath %s = %s\n", shown(place.path),
	    realpath(place.path, path) ? shown(path) : strerrorname_np(errno));
}

static void step_getcwd(void)
{
	char path[PATH_MAX];

	say("getcwd = %s\n", getcwd(path, sizeof(path)) ? shown(path) : strerrorname_np(errno));
}

/* Attributes that mean something come as bytes; all are as long as they need to be. */
static const struct attribute {
	const char *name;
	const char *value;
	size_t size;
} attributes[] = {
	{"user.one", "12345", 5},
	{"user.one", "1", 1},
#define ACL_ENTRY(tag, rights, id) tag "\0" rights "\0" id
#define NOBODY "\377\377\377\377"
#define ACL(group) \
	"\2\0\0\0" ACL_ENTRY("\1", "\7", NOBODY) ACL_ENTRY("\2", "\6", "\1\0\0\0") \
	ACL_ENTRY("\4", group, NOBODY) ACL_ENTRY("\20", "\7", NOBODY) ACL_ENTRY("\40", "\5", NOBODY)
	{"system.posix_acl_access", ACL("\5"), sizeof(ACL("\5")) - 1},
	{"system.posix_acl_default", ACL("\7"), sizeof(ACL("\7")) - 1},
};

static void step_getxattr(void)
{
	const char *name = ONE_OF(attributes).name;
	char value[64] = "";
	struct place place;
	long size;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	begin("getxattr", &place, NULL);
	say(" %s", name);
	size = DO(chance(2) ? getxattr(place.path, name, value, sizeof(value))
			    : lgetxattr(place.path, name, value, sizeof(value)));
	for (long i = 0; i < size; i++)
		say("%02x%s", (unsigned char)value[i], i + 1 < size ? "" : "\n");
}

static void step_listxattr(void)
{
	char names[256] = "";
	struct place place;
	long size;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	begin("listxattr", &place, NULL);
	size = DO(chance(2) ? listxattr(place.path, names, sizeof(names))
			    : llistxattr(place.path, names, sizeof(names)));
	for (const char *at = names; at < names + size; at += strlen(at) + 1)
		say("     %s\n", at);
}

/* ---- commands ---- */

static long link_places(const struct place *from, const struct place *to)
{
	begin("link", from, to);
	if (from->fd == AT_FDCWD && to->fd == AT_FDCWD && chance(2))
		return DO(link(from->path, to->path));
	return DO(linkat(from->fd, from->path, to->fd, to->path, chance(10) ? AT_SYMLINK_FOLLOW : 0));
}

static void step_link(void)
{
	struct place from, to;

	if (chance(2))
		place_of(&from, "src", ONE_OF(leaves));
	else
		any_place(&from);
	any_place(&to);
	link_places(&from, &to);
}

/* What is linked is a file that is open. */
static void step_link_opened(void)
{
	struct place from, to;
	int fd;

	any_place(&from);
	any_place(&to);
	begin("open to link", &from, NULL);
	fd = (int)DO(openat(from.fd, from.path, O_RDONLY | O_NONBLOCK));
	if (fd < 0)
		return;
	spell(&from, AT_FDCWD, "/proc/self/fd/%d", fd);
	begin("link", &from, &to);
	DO(linkat(AT_FDCWD, from.path, to.fd, to.path, AT_SYMLINK_FOLLOW));
	close(fd);
	let_go();
}

static long unlink_place(const struct place *place)
{
	begin("unlink", place, NULL);
	if (place->fd == AT_FDCWD && chance(2))
		return DO(removed(chance(10) ? remove(place->path) : unlink(place->path), place->path));
	return DO(removed(unlinkat(place->fd, place->path, 0), place->path));
}

static void step_unlink(void)
{
	struct place place;

	any_place(&place);
	unlink_place(&place);
}

static long rmdir_place(const struct place *place)
{
	begin("rmdir", place, NULL);
	if (place->fd == AT_FDCWD && chance(2))
		return DO(rmdir(place->path));
	return DO(unlinkat(place->fd, place->path, AT_REMOVEDIR));
}

static void step_rmdir(void)
{
	struct place place;

	any_place(&place);
	rmdir_place(&place);
}

static void step_rename(void)
{
	static const unsigned flags[] = {0, 0, RENAME_NOREPLACE, RENAME_EXCHANGE, 1U << 20};
	unsigned flag = ONE_OF(flags);
	struct place from, to;

	any_place(&from);
	any_place(&to);
	begin("rename", &from, &to);
	say(" %u", flag);
	if (flag)
		DO(renameat2(from.fd, from.path, to.fd, to.path, flag));
	else if (from.fd == AT_FDCWD && to.fd == AT_FDCWD && chance(2))
		DO(rename(from.path, to.path));
	else
		DO(renameat(from.fd, from.path, to.fd, to.path));
}

static long mkdir_place(const struct place *place, mode_t mode)
{
	begin("mkdir", place, NULL);
	say(" %o", mode);
	if (place->fd == AT_FDCWD && chance(2))
		return DO(mkdir(place->path, mode));
	return DO(mkdirat(place->fd, place->path, mode));
}

static void step_mkdir(void)
{
	static const mode_t modes[] = {0777, 0700, 0755, 02775, 01777};
	struct place place;

	any_place(&place);
	mkdir_place(&place, ONE_OF(modes));
}

static void step_symlink(void)
{
	static const char *const targets[] = {"d0", "../src", "a", "nowhere", "l", "..", "../d1/s"};
	const char *target = ONE_OF(targets);
	struct place place;

	any_place(&place);
	begin("symlink", &place, NULL);
	say(" to %s", target);
	if (place.fd == AT_FDCWD && chance(2))
		DO(symlink(target, place.path));
	else
		DO(symlinkat(target, place.fd, place.path));
}

static void step_chmod(void)
{
	static const mode_t modes[] = {0644, 0600, 0755, 0700, 02755};
	mode_t mode = ONE_OF(modes);
	struct place place;

	any_place(&place);
	begin("chmod", &place, NULL);
	say(" %o", mode);
	if (place.fd == AT_FDCWD && chance(2))
		DO(chmod(place.path, mode));
	else
		DO(fchmodat(place.fd, place.path, mode, 0));
}

static void step_chown(void)
{
	struct place place;
	uid_t owner = chance(2) ? geteuid() : 12;

	any_place(&place);
	begin("chown", &place, NULL);
	if (place.fd == AT_FDCWD && chance(2))
		DO(chance(2) ? lchown(place.path, owner, (gid_t)-1) : chown(place.path, owner, (gid_t)-1));
	else
		DO(fchownat(place.fd, place.path, owner, (gid_t)-1, AT_SYMLINK_NOFOLLOW));
}

static void some_times(struct timespec *times)
{
	for (int i = 0; i < 2; i++) {
		times[i] = (struct timespec){1000000000 + below(1000), below(1000000000)};
		if (chance(8))
			times[i].tv_nsec = chance(2) ? UTIME_NOW : UTIME_OMIT;
	}
}

static void utimens_place(const struct place *place)
{
	struct timespec times[2];

	some_times(times);
	begin("utimens", place, NULL);
	DO(utimensat(place->fd, place->path, chance(12) ? NULL : times,
		     chance(2) ? AT_SYMLINK_NOFOLLOW : 0));
}

static void step_utimens(void)
{
	struct place place;

	any_place(&place);
	if (place.fd == AT_FDCWD && chance(4)) {
		const struct timeval times[2] = {{1000000001, 2}, {1000000003, 4}};

		begin("utimes", &place, NULL);
		DO(utimes(place.path, times));
	} else {
		utimens_place(&place);
	}
}

static void step_setxattr(void)
{
	const struct attribute *attribute = &ONE_OF(attributes);
	struct place place;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	if (chance(3)) {
		begin("removexattr", &place, NULL);
		say(" %s", attribute->name);
		DO(chance(2) ? removexattr(place.path, attribute->name)
			     : lremovexattr(place.path, attribute->name));
	} else {
		begin("setxattr", &place, NULL);
		say(" %s", attribute->name);
		DO(setxattr(place.path, attribute->name, attribute->value, attribute->size,
			    chance(2) ? 0 : (int)below(3)));
	}
}

static void step_truncate(void)
{
	struct place place;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	begin("truncate", &place, NULL);
	DO(truncate(place.path, below(100)));
}

/* ---- files ---- */

static int held; /* a file that stays open meanwhile; 0: none */

static void step_open(void)
{
	static const int all_flags[] = {O_RDONLY, O_WRONLY | O_CREAT, O_RDWR | O_CREAT | O_EXCL,
					O_WRONLY | O_TRUNC, O_WRONLY | O_CREAT | O_TRUNC,
					O_WRONLY | O_APPEND, O_RDONLY | O_NOFOLLOW, O_RDONLY | O_DIRECTORY};
	int flags = ONE_OF(all_flags), fd;
	struct place place;
	struct stat found;

	any_place(&place);
	begin("open", &place, NULL);
	say(" %x", flags);
	fd = (int)DO(place.fd == AT_FDCWD && chance(2)
			     ? open(place.path, flags | O_NONBLOCK | O_CLOEXEC, 0666)
			     : openat(place.fd, place.path, flags | O_NONBLOCK | O_CLOEXEC, 0666));
	if (fd < 0)
		return;
	if ((flags & O_ACCMODE) != O_RDONLY) {
		say("write");
		DO(write(fd, "0123456789", below(11)));
	}
	if (!fstat(fd, &found))
		say_stat(&found);
	if (!held && chance(3)) {
		held = fd;
	} else {
		say("close %d", fd);
		DO(close(fd));
		let_go();
	}
}

static void step_held(void)
{
	struct timespec times[2];
	struct stat found;

	if (!held)
		return;
	say("held %d:", held);
	some_times(times);
	switch (below(8)) {
	case 0: say("write"), DO(write(held, "abc", 3)); break;
	case 1: say("fchmod"), DO(fchmod(held, 0640)); break;
	case 2: say("futimens"), DO(futimens(held, times)); break;
	case 3: say("fsync"), DO(fsync(held)); break;
	case 4: say("fchown"), DO(fchown(held, geteuid(), (gid_t)-1)); break;
	case 5: say("close"), DO(close(held)), held = 0, let_go(); return;
	default: break;
	}
	say("fstat");
	if (!DO(fstat(held, &found)))
		say_stat(&found);
}

static void step_stdio(void)
{
	struct place place;
	FILE *file;

	any_place(&place);
	if (place.fd != AT_FDCWD)
		return;
	file = fopen(place.path, chance(2) ? "w" : "a");
	say("fopen %s = %s\n", shown(place.path), file ? "opened" : strerrorname_np(errno));
	if (!file)
		return;
	say("fputs = %d", fputs("line\n", file) >= 0);
	say(", fclose = %d\n", fclose(file));
	let_go();
}

static void step_fsync(void)
{
	struct place place;
	int fd;

	any_place(&place);
	begin("open to sync", &place, NULL);
	fd = (int)DO(openat(place.fd, place.path, O_RDONLY | O_NONBLOCK));
	if (fd < 0)
		return;
	say("fsync");
	DO(chance(2) ? fsync(fd) : fdatasync(fd));
	close(fd);
	let_go();
}

/* ---- listing ---- */

static struct listing {
	int count;
	struct entry {
		char name[NAME_MAX + 1];
		unsigned char type;
	} entry[NAMES];
} listings[4]; /* by depth */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void listing_sort(struct listing *listing)
{
	qsort(listing->entry, (size_t)listing->count, sizeof(struct entry), by_name);
}

static void list(struct listing *listing, DIR *stream)
{
	struct dirent *entry;

	listing->count = 0;
	while (listing->count < NAMES && (entry = readdir(stream))) {
		struct entry *to = &listing->entry[listing->count];

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(to->name, sizeof(to->name), "%s", entry->d_name);
		to->type = entry->d_type;
		listing->count++;
	}
}

static void say_listing(struct listing *listing)
{
	listing_sort(listing);
	for (int i = 0; i < listing->count; i++)
		say(" %s(%d)", listing->entry[i].name, listing->entry[i].type);
	say("\n");
}

static DIR *open_stream(const struct place *place)
{
	DIR *stream = NULL;
	int fd = -1;

	begin("opendir", place, NULL);
	errno = 0;
	if (place->fd == AT_FDCWD && chance(2))
		stream = opendir(place->path);
	else if ((fd = openat(place->fd, place->path, O_RDONLY | O_DIRECTORY)) >= 0)
		stream = fdopendir(fd);
	say(" = %s\n", stream ? "opened" : strerrorname_np(errno));
	return stream;
}

static void step_list(void)
{
	struct listing *listing = &listings[3];
	struct place place;
	DIR *stream;

	place_of(&place, some_dir(), "");
	if (!(stream = open_stream(&place)))
		return;
	if (chance(4))
		(void)!readdir(stream), rewinddir(stream);
	list(listing, stream);
	say_listing(listing);
	closedir(stream);
}

static void step_glob(void)
{
	struct place place;
	glob_t found;

	place_of(&place, some_dir(), "*");
	if (place.fd != AT_FDCWD)
		return;
	say("glob %s = %d", shown(place.path), glob(place.path, 0, NULL, &found));
	for (size_t i = 0; i < found.gl_pathc; i++)
		say(" %s", shown(found.gl_pathv[i]));
	say("\n");
	globfree(&found);
}

static void step_scandir(void)
{
	struct dirent **entries;
	struct place place;
	int count;

	place_of(&place, some_dir(), "");
	count = scandirat(place.fd, place.path, &entries, NULL, alphasort);
	begin("scandir", &place, NULL);
	say(" = %d", count);
	for (int i = 0; i < count; i++) {
		say(" %s", entries[i]->d_name);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	say("\n");
}

/* ---- descriptors, and where we are ---- */

static void step_slot(void)
{
	struct slot *slot = &slots[below(SLOTS)];
	const char *dir = some_dir();
	struct place place;

	if (slot->fd)
		return;
	place_of(&place, dir, "");
	begin("open a directory", &place, NULL);
	slot->fd = (int)DO(openat(place.fd, place.path,
				  (chance(4) ? O_PATH : O_RDONLY) | O_DIRECTORY | O_CLOEXEC));
	slot->fd = slot->fd < 0 ? 0 : slot->fd;
	snprintf(slot->dir, sizeof(slot->dir), "%s", dir);
}

static void step_slot_close(void)
{
	struct slot *slot = slot_any();

	if (!slot)
		return;
	say("close %d", slot->fd);
	DO(close(slot->fd));
	slot->fd = 0;
}

static void step_slot_copy(void)
{
	struct slot *from = slot_any(), *to = &slots[below(SLOTS)];

	if (!from || from == to)
		return;
	if (to->fd) {
		say("dup2 %d %d", from->fd, to->fd);
		DO(dup2(from->fd, to->fd));
	} else if (chance(2)) {
		say("dup %d", from->fd);
		to->fd = (int)DO(dup(from->fd));
	} else {
		say("dupfd %d", from->fd);
		to->fd = (int)DO(fcntl(from->fd, F_DUPFD_CLOEXEC, 40 + (int)below(10)));
	}
	memcpy(to->dir, from->dir, sizeof(to->dir));
}

static void stay_inside(void)
{
	if (is_inside(AT_FDCWD))
		return;
	raw(SYS_chdir, (long)root, 0, 0, 0, 0, 0);
	cwd[0] = '\0';
}

static void step_chdir(void)
{
	const char *dir = some_dir();
	struct place place;

	place_of(&place, dir, "");
	if (place.fd != AT_FDCWD)
		return;
	begin("chdir", &place, NULL);
	if (!DO(chdir(place.path)))
		strcpy(cwd, dir);
	stay_inside();
}

static void step_fchdir(void)
{
	struct slot *slot = slot_any();

	if (!slot)
		return;
	say("fchdir %d", slot->fd);
	if (!DO(fchdir(slot->fd)))
		strcpy(cwd, slot->dir);
	stay_inside();
}

static void step_umask(void)
{
	static const mode_t masks[] = {0, 022, 077};

	say("umask");
	DO(umask(ONE_OF(masks)));
}

/* ---- children ---- */

static void step_any(void);

static void step_fork(void)
{
	unsigned end = below(4);
	int status = 0, count = 1 + (int)below(4);
	pid_t child;

	say("fork\n");
	child = fork();
	if (!child) {
		for (int i = 0; i < count; i++)
			step_any();
		say("the child ends\n");
		if (end == 0)
			exit(3);
		if (end == 1)
			raise(SIGKILL);
		_exit((int)end);
	}
	if (waitpid(child, &status, 0) != child)
		abort();
	say("waited = %x\n", (unsigned)status);
	let_go();
}

/* ---- what tools do ---- */

static unsigned busy; /* one in so many calls is followed by a strange one; 0: none */

static void probe(void)
{
	probing = true;
	step_any();
	probing = false;
}

static void between(void)
{
	if (busy && chance(busy))
		probe();
}

static void fill_leaf(const char *dir, const char *from, const struct entry *entry, bool ask)
{
	struct place source, to;
	struct stat found;

	place_of(&source, from, entry->name);
	place_of(&to, dir, entry->name);
	if (ask && !stat_place(&source, &found))
		say_stat(&found);
	link_places(&source, &to);
	note_recent(chance(4) ? from : dir, entry->name);
}

static void ask_all(const char *from, const struct listing *listing)
{
	struct place source;
	struct stat found;

	for (int i = 0; i < listing->count; i++) {
		place_of(&source, from, listing->entry[i].name);
		if (!stat_place(&source, &found))
			say_stat(&found);
	}
}

/* cp -al FROM TO, at most two deep */
static void copy_tree(const char *from, const char *dir, int depth)
{
	struct listing *listing = &listings[depth];
	char from_below[64], dir_below[64];
	struct place place, source;
	bool before = chance(2); /* asked about all first, or each in its turn */
	DIR *stream;

	place_of(&place, dir, "");
	mkdir_place(&place, 0700);
	between();
	place_of(&source, from, "");
	if (!(stream = open_stream(&source)))
		return;
	list(listing, stream);
	listing_sort(listing); /* what is done must not depend on the order */
	closedir(stream);
	if (before)
		ask_all(from, listing);
	for (int i = 0; i < listing->count; i++) {
		between();
		if (listing->entry[i].type != DT_DIR) {
			fill_leaf(dir, from, &listing->entry[i], !before);
		} else if (!depth && snprintf(from_below, 64, "%.30s/%.30s", from, listing->entry[i].name) > 0) {
			snprintf(dir_below, 64, "%.30s/%.30s", dir, listing->entry[i].name);
			copy_tree(from_below, dir_below, 1);
		}
	}
	if (chance(2))
		return; /* the next step comes upon a directory just filled */
	utimens_place(&place);
	between();
	begin("chown", &place, NULL);
	DO(fchownat(place.fd, place.path, geteuid(), getegid(), AT_SYMLINK_NOFOLLOW));
	between();
	begin("chmod", &place, NULL);
	DO(fchmodat(place.fd, place.path, 0755, 0));
}

static void burst_copy(void)
{
	static const char *const to[] = {"d0", "d1", "d2", "d0/s"};
	static const char *const from[] = {"src", "src", "l1", "d0", "d1"};

	focus = ONE_OF(to);
	copy_tree(ONE_OF(from), focus, 0);
}

/* A directory of all sorts, made one after another. */
static void burst_make(void)
{
	static const char *const to[] = {"d0", "d1", "d2", "d2/s"};
	struct place place;

	focus = ONE_OF(to);
	place_of(&place, focus, "");
	mkdir_place(&place, 0755);
	for (int i = 0; i < 8; i++) {
		char number[16];
		const char *name = chance(5) ? ONE_OF(odd_leaves) : number;

		sprintf(number, "n%d", i);
		between();
		place_of(&place, focus, name);
		switch (below(4)) {
		case 0: mkdir_place(&place, 0755); break;
		case 1: begin("symlink", &place, NULL), DO(symlinkat("../src", place.fd, place.path)); break;
		case 2: step_rename(); break;
		default: {
			struct place from;

			place_of(&from, "src", ONE_OF(leaves));
			link_places(&from, &place);
		}
		}
		note_recent(focus, name);
	}
}

/* grep -r TEXT DIR, one deep */
static void burst_read(void)
{
	struct listing *listing = &listings[3];
	struct place place;
	char text[64];
	DIR *stream;
	int fd;

	focus = ONE_OF(dirs);
	place_of(&place, focus, "");
	if (!(stream = open_stream(&place)))
		return;
	list(listing, stream);
	listing_sort(listing);
	for (int i = 0; i < listing->count; i++) {
		between();
		if (listing->entry[i].type == DT_DIR)
			continue;
		place_of(&place, focus, listing->entry[i].name);
		begin("open to read", &place, NULL);
		fd = (int)DO(openat(place.fd, place.path, O_RDONLY | O_NONBLOCK));
		if (fd < 0)
			continue;
		for (int reads = 0; reads < 4 && read(fd, text, sizeof(text)) > 0; reads++)
			; /* where files grow while they are read there may be no end */
		close(fd);
		note_recent(focus, listing->entry[i].name);
	}
	closedir(stream);
	let_go();
}

/* rm -rf DIR. With a stranger between two calls, in an order that is the same in any run. */
static void empty_tree(const char *dir, int depth)
{
	bool bare = chance(2);
	struct listing *listing = &listings[depth];
	long results_of[NAMES] = {0};
	char dir_below[64];
	struct place place;
	DIR *stream;
	int fd;

	place_of(&place, dir, "");
	if (!(stream = open_stream(&place)))
		return;
	fd = dirfd(stream);
	if (!is_inside(fd)) {
		closedir(stream);
		return;
	}
	list(listing, stream);
	if (!bare)
		listing_sort(listing);
	for (int i = 0; i < listing->count; i++) {
		struct entry *entry = &listing->entry[i];

		if (!bare)
			between();
		if (entry->type == DT_DIR && depth < 2) {
			snprintf(dir_below, 64, "%.30s/%.30s", dir, entry->name);
			empty_tree(dir_below, depth + 1);
			continue;
		}
		errno = UNTOUCHED;
		results_of[i] = removed(unlinkat(fd, entry->name, 0), entry->name) ? errno : 0;
		if (!bare)
			say("unlinkat %s/%s = %ld\n", dir, entry->name, results_of[i]);
		if (!bare)
			note_recent(dir, entry->name);
	}
	for (int i = 0; i < listing->count && bare; i++) /* all alike, or which it was is not told */
		if (results_of[i])
			say("one of %s: %ld\n", dir, results_of[i]);
	closedir(stream);
	place_of(&place, dir, "");
	rmdir_place(&place);
}

static void burst_empty(void)
{
	static const char *const what[] = {"d0", "d1", "d2", "d0/s", "l0"};

	focus = ONE_OF(what);
	empty_tree(focus, 0);
}

/* ---- the sequence ---- */

static const struct step {
	void (*run)(void);
	unsigned weight;
} steps[] = {
	{step_stat, 6},	      {step_statx, 3},	     {step_same, 3},	{step_access, 3},
	{step_readlink, 2},   {step_realpath, 2},    {step_getcwd, 1},	{step_getxattr, 2},
	{step_link, 6},	      {step_link_opened, 2}, {step_unlink, 6},	{step_rmdir, 4},
	{step_rename, 7},     {step_mkdir, 4},	     {step_symlink, 3}, {step_chmod, 4},
	{step_chown, 3},      {step_utimens, 4},     {step_setxattr, 3}, {step_truncate, 2},
	{step_open, 7},	      {step_held, 3},	     {step_stdio, 2},	{step_fsync, 1},
	{step_list, 5},	      {step_glob, 2},	     {step_scandir, 2}, {step_slot, 5},
	{step_slot_close, 2}, {step_slot_copy, 2},   {step_chdir, 2},	{step_fchdir, 1},
	{step_umask, 1},      {step_fork, 3},	     {step_listxattr, 2},
};

static void step_any(void)
{
	enum form kept = form_kept;
	unsigned sum = 0, at;

	form_kept = FORM_ANY;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		sum += steps[i].weight;
	at = below(sum);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		if (at < steps[i].weight) {
			steps[i].run();
			break;
		}
		at -= steps[i].weight;
	}
	form_kept = kept;
}

/* What a sequence starts with: a way down, and things to link to. */
static void setting(void)
{
	static const char *const directories[] = {"src", "src/sub", "d1", "d1/s"};
	char path[2 * PATH_MAX];

	for (int i = 0; i < NEST; i++) {
		strcat(root, "/n");
		if (raw(SYS_mkdir, (long)root, 0755, 0, 0, 0, 0))
			raw(SYS_exit_group, 2, 0, 0, 0, 0, 0);
	}
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, directories[i]);
		raw(SYS_mkdir, (long)path, 0755, 0, 0, 0, 0);
	}
	for (int i = 0; i < 14; i++) {
		snprintf(path, sizeof(path), "%s/%s/f%d", root, i < 9 ? "src" : i < 12 ? "src/sub" : "d1", i);
		raw(SYS_mknod, (long)path, S_IFREG | 0644, 0, 0, 0, 0);
	}
	snprintf(path, sizeof(path), "%s/l0", root);
	raw(SYS_symlink, (long)"d0", (long)path, 0, 0, 0, 0);
	snprintf(path, sizeof(path), "%s/l1", root);
	raw(SYS_symlink, (long)"src", (long)path, 0, 0, 0, 0);
	raw(SYS_umask, 022, 0, 0, 0, 0, 0);
	raw(SYS_chdir, (long)root, 0, 0, 0, 0, 0);
}

static bool take_word(const char *word)
{
	bool *set = !strcmp(word, "timeless")  ? &timeless
		    : !strcmp(word, "sizeless") ? &sizeless
		    : !strcmp(word, "ghosts")   ? &ghosts
		    : !strcmp(word, "patient")  ? &patient
						: NULL;

	return set && (*set = true);
}

int main(int argc, char **argv)
{
	unsigned end;

	if (argc < 4 || !realpath(argv[2], given) || strlen(given) > PATH_MAX / 8)
		return 2;
	for (int i = 4; i < argc; i++)
		if (!take_word(argv[i]))
			return 2;
	strcpy(root, given);
	results = (void *)raw(SYS_mmap, 0, sizeof(*results), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if ((long)results < 0 && (long)results > -4096)
		return 2;
	state = strtoull(argv[1], NULL, 10) * 0x2545f4914f6cdd1d;
	setting();
	end = below(4);
	for (int i = 0; i < STEPS; i++) {
		static const unsigned how_busy[] = {0, 12, 5};

		form_kept = chance(2) ? FORM_ANY : below(FORM_COUNT);
		busy = ONE_OF(how_busy);
		switch (below(8)) {
		case 0:
		case 1:
		case 2: burst_copy(); break;
		case 3: burst_empty(); break;
		case 4: burst_make(); break;
		case 5: burst_read(); break;
		default: step_any();
		}
		probe();
	}
	results_write(argv[3]);
	if (end == 0)
		_exit(7);
	if (end == 1)
		exit(7);
	raw(SYS_chdir, (long)"/", 0, 0, 0, 0, 0); /* a shell complains where it is nowhere */
	if (end == 2)
		execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
	return 7;
}
