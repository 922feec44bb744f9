/* SPDX-License-Identifier: MIT
 *
 * errnos: covered calls and their twins in every way they can fail and some they succeed in, one
 * "call case -> result errno" line each. Works below the current directory, which has to be
 * empty and is emptied again, and nowhere else but in the directories named below. Directories named in the environment widen the cases:
 *
 *   ERRNOS_READONLY  on a file system mounted read-only, with f and d
 *   ERRNOS_OTHER     on another file system
 *   ERRNOS_FULL      on a file system without room for anything, with f
 *   ERRNOS_FOREIGN   somebody else's, sticky, with f (0644), secret (0600) and d
 *
 * What the cases stand on is made and removed by bare system calls: no preload sees it.
 */
// LDLIBS: -ldl
#pragma GCC diagnostic ignored "-Wstringop-overflow" /* they are the point */
#pragma GCC diagnostic ignored "-Wstringop-overread"
#include "raw.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <signal.h>
#include <unistd.h>
#include <utime.h>

enum {
	UNTOUCHED = 4094, /* no errno */
	NO_FD = 999,
	WORK_FD = 100, /* the directory worked in, and the one it is in */
	PARENT_FD = 101,
	PAGE = 4096,
	BUFFER_SIZE = 16 * PAGE,
};

extern int __open(const char *, int, ...);
extern int __open64(const char *, int, ...);
extern int __open_2(const char *, int);
extern int __open64_2(const char *, int);
extern int __openat_2(int, const char *, int);
extern int __openat64_2(int, const char *, int);
extern int __close(int);
extern ssize_t __read(int, void *, size_t);
extern ssize_t __write(int, const void *, size_t);
extern ssize_t __pread64(int, void *, size_t, off_t);
extern ssize_t __pwrite64(int, const void *, size_t, off_t);
extern ssize_t __read_chk(int, void *, size_t, size_t);
extern ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
extern ssize_t __pread64_chk(int, void *, size_t, off_t, size_t);

/* Kept for old programs only: the linker does not find them. */
static int (*old_xstat)(int, const char *, struct stat *);
static int (*old_xstat64)(int, const char *, struct stat *);
static int (*old_lxstat)(int, const char *, struct stat *);
static int (*old_lxstat64)(int, const char *, struct stat *);
static int (*old_fxstat)(int, int, struct stat *);
static int (*old_fxstat64)(int, int, struct stat *);
static int (*old_fxstatat)(int, int, const char *, struct stat *, int);
static int (*old_fxstatat64)(int, int, const char *, struct stat *, int);
static int (*old_xmknod)(int, const char *, mode_t, dev_t *);

static char *const bad = (char *)16; /* nothing is mapped there */
static char *edge;                   /* a page full of 'e', and nothing mapped behind it */
static char *locked;                 /* a page that cannot be written */
static char *buffer;                 /* BUFFER_SIZE bytes, and nothing mapped behind them */
static char own[PAGE]; /* the working directory, and then "/f" */
static bool is_root;

/* ---- what the cases stand on ---------------------------------------------------------- */

static long raw_open(long dir, const char *path, int flags, int mode)
{
	return raw(SYS_openat, dir, (long)path, flags | O_CLOEXEC, mode);
}

static void raw_close(long fd)
{
	raw(SYS_close, fd, 0, 0, 0);
}

static void set_immutable(const char *path, bool immutable)
{
	long fd = raw_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
	int flags = 0;

	if (fd < 0)
		return;
	if (!raw(SYS_ioctl, fd, FS_IOC_GETFLAGS, (long)&flags, 0)) {
		flags = immutable ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
		raw(SYS_ioctl, fd, FS_IOC_SETFLAGS, (long)&flags, 0);
	}
	raw_close(fd);
}

struct entry {
	uint64_t ino, off;
	uint16_t length;
	uint8_t type;
	char name[];
};

static void empty_directory(long dir);

static void remove_entry(long dir, const char *name)
{
	long below;

	if (!raw(SYS_unlinkat, dir, (long)name, 0, 0))
		return;
	raw(SYS_fchmodat, dir, (long)name, 0700, 0);
	below = raw_open(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (below >= 0) {
		empty_directory(below);
		raw_close(below);
	}
	raw(SYS_unlinkat, dir, (long)name, AT_REMOVEDIR, 0);
}

static void empty_directory(long dir)
{
	char entries[4096] __attribute__((aligned(8)));
	long got;

	raw(SYS_fchmod, dir, 0700, 0, 0);
	while ((got = raw(SYS_getdents64, dir, (long)entries, sizeof(entries), 0)) > 0) {
		for (long at = 0; at < got; at += ((struct entry *)(entries + at))->length) {
			const char *name = ((struct entry *)(entries + at))->name;

			if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
				remove_entry(dir, name);
		}
	}
}

/* All that stands there before a case, directories before what is in them. */
struct thing {
	const char *path;
	mode_t mode;      /* with the type */
	const char *text; /* contents, or a symlink's target */
	int entries;      /* of a directory */
	bool damaged;
	struct stat stat; /* when it was new */
};

static struct thing things[] = {
	{.path = "f", .mode = S_IFREG | 0644, .text = "hello, world\n"},
	{.path = "other", .mode = S_IFREG | 0644, .text = "other"},
	{.path = "readonly", .mode = S_IFREG | 0444, .text = "readonly"},
	{.path = "writeonly", .mode = S_IFREG | 0200, .text = "writeonly"},
	{.path = "d", .mode = S_IFDIR | 0755},
	{.path = "empty", .mode = S_IFDIR | 0755},
	{.path = "full", .mode = S_IFDIR | 0755, .entries = 1},
	{.path = "full/x", .mode = S_IFREG | 0644, .text = "x"},
	{.path = "closed", .mode = S_IFDIR, .entries = 1},
	{.path = "closed/f", .mode = S_IFREG | 0644, .text = "f"},
	{.path = "unwritable", .mode = S_IFDIR | 0555, .entries = 2},
	{.path = "unwritable/f", .mode = S_IFREG | 0644, .text = "f"},
	{.path = "unwritable/d", .mode = S_IFDIR | 0755},
	{.path = "s", .mode = S_IFLNK, .text = "f"},
	{.path = "sd", .mode = S_IFLNK, .text = "d"},
	{.path = "dangling", .mode = S_IFLNK, .text = "none"},
	{.path = "loop", .mode = S_IFLNK, .text = "loop"},
	{.path = "fifo", .mode = S_IFIFO | 0644},
	{.path = "immutable", .mode = S_IFREG | 0644, .text = "immutable"}, /* the last: root's */
};

static unsigned things_used;

static void make_file(const char *path, const char *text)
{
	long fd = raw_open(AT_FDCWD, path, O_CREAT | O_EXCL | O_WRONLY, 0600);

	raw(SYS_write, fd, (long)text, (long)strlen(text), 0);
	raw_close(fd);
	if (!strcmp(path, "f"))
		raw(SYS_setxattr, (long)path, (long)"user.x", (long)"value", 5);
}

static void make_thing(const struct thing *thing)
{
	long path = (long)thing->path;

	switch (thing->mode & S_IFMT) {
	case S_IFREG:
		make_file(thing->path, thing->text);
		break;
	case S_IFDIR:
		raw(SYS_mkdirat, AT_FDCWD, path, 0755, 0);
		break;
	case S_IFLNK:
		raw(SYS_symlinkat, (long)thing->text, AT_FDCWD, path, 0);
		break;
	default:
		raw(SYS_mknodat, AT_FDCWD, path, thing->mode, 0);
	}
}

/* Once what is in it is there. */
static void finish_thing(struct thing *thing)
{
	if (!S_ISLNK(thing->mode))
		raw(SYS_fchmodat, AT_FDCWD, (long)thing->path, thing->mode & 07777, 0);
	if (!strcmp(thing->path, "immutable"))
		set_immutable(thing->path, true);
	raw(SYS_newfstatat, AT_FDCWD, (long)thing->path, (long)&thing->stat, AT_SYMLINK_NOFOLLOW);
	thing->damaged = false;
}

static int count_entries(long dir)
{
	char entries[4096] __attribute__((aligned(8)));
	long got = raw(SYS_getdents64, dir, (long)entries, sizeof(entries), 0);
	int count = -2;

	for (long at = 0; at < got; at += ((struct entry *)(entries + at))->length)
		count++;
	return count;
}

static bool thing_damaged(const struct thing *thing)
{
	const struct stat *then = &thing->stat;
	struct stat now;
	bool damaged;
	long fd = raw(SYS_newfstatat, AT_FDCWD, (long)thing->path, (long)&now, AT_SYMLINK_NOFOLLOW);

	if (fd)
		return fd != -EACCES;
	if (now.st_ino != then->st_ino || now.st_mode != then->st_mode || now.st_uid != then->st_uid ||
	    now.st_nlink != then->st_nlink)
		return true;
	if (!S_ISDIR(now.st_mode))
		return now.st_size != then->st_size;
	fd = raw_open(AT_FDCWD, thing->path, O_RDONLY | O_DIRECTORY, 0);
	damaged = fd >= 0 && count_entries(fd) != thing->entries;
	raw_close(fd);
	return damaged;
}

static struct thing *thing_above(const struct thing *thing)
{
	const char *slash = strchr(thing->path, '/');

	for (unsigned i = 0; slash && i < things_used; i++)
		if (strlen(things[i].path) == (size_t)(slash - thing->path) &&
		    !strncmp(things[i].path, thing->path, strlen(things[i].path)))
			return &things[i];
	return NULL;
}

static void remove_strangers(void)
{
	char entries[4096] __attribute__((aligned(8)));
	long got;

	raw(SYS_lseek, WORK_FD, 0, SEEK_SET, 0);
	while ((got = raw(SYS_getdents64, WORK_FD, (long)entries, sizeof(entries), 0)) > 0) {
		for (long at = 0; at < got; at += ((struct entry *)(entries + at))->length) {
			const char *name = ((struct entry *)(entries + at))->name;
			bool known = !strcmp(name, ".") || !strcmp(name, "..");

			for (unsigned i = 0; i < things_used; i++)
				known |= !strcmp(name, things[i].path) && !things[i].damaged;
			if (!known)
				remove_entry(WORK_FD, name);
		}
	}
}

static void tidy_parent(void)
{
	raw(SYS_fchmod, PARENT_FD, 0755, 0, 0);
	raw(SYS_fchmod, WORK_FD, 0755, 0, 0);
	raw(SYS_unlinkat, PARENT_FD, (long)"f", 0, 0);
	raw(SYS_unlinkat, PARENT_FD, (long)"x", 0, 0);
	raw(SYS_unlinkat, PARENT_FD, (long)"x", AT_REMOVEDIR, 0);
	raw(SYS_unlinkat, PARENT_FD, (long)"f", AT_REMOVEDIR, 0);
}

/* Makes the damaged things new, and removes what does not belong here. */
static void mend(void)
{
	tidy_parent();
	remove_strangers();
	for (unsigned i = 0; i < things_used; i++)
		if (things[i].damaged)
			make_thing(&things[i]);
	for (unsigned i = things_used; i-- > 0;)
		if (things[i].damaged)
			finish_thing(&things[i]);
}

/* After a case that may have made, removed or renamed. */
static void tidy(void)
{
	for (unsigned i = 0; i < things_used; i++)
		things[i].damaged = thing_damaged(&things[i]);
	for (unsigned i = 0; i < things_used; i++)
		if (things[i].damaged && thing_above(&things[i]))
			thing_above(&things[i])->damaged = true;
	for (unsigned i = 0; i < things_used; i++)
		if (thing_above(&things[i]) && thing_above(&things[i])->damaged)
			things[i].damaged = true;
	mend();
}

/* After a case that may have changed something that does not show. */
static void reset(void)
{
	set_immutable("immutable", false);
	for (unsigned i = 0; i < things_used; i++)
		things[i].damaged = true;
	mend();
}

/* The same where only f can have been changed. */
static void make_f(void)
{
	raw(SYS_unlinkat, AT_FDCWD, (long)things[0].path, 0, 0);
	make_thing(&things[0]);
	finish_thing(&things[0]);
}

static void clear(void)
{
	set_immutable("immutable", false);
	tidy_parent();
	things_used = 0;
	remove_strangers();
}

/* ---- what came of it ------------------------------------------------------------------ */

static void print_text(const char *text)
{
	if (text == NULL)
		printf("NULL");
	else if (text == bad)
		printf("bad");
	else if (text >= edge && text < edge + PAGE)
		printf("edge");
	else if (text == own)
		printf("own");
	else if (strlen(text) > 80)
		printf("long%zu", strlen(text));
	else
		printf("\"%s\"", text);
}

static void print_result(long result, int err)
{
	printf(" -> %ld %s", result, err == UNTOUCHED ? "untouched" : strerrorname_np(err));
}

/* What the file behind FD has become: position, size, contents. */
static void print_file(int fd)
{
	unsigned char text[PAGE];
	uint64_t hash = 0xcbf29ce484222325;
	struct stat stat;
	char name[32];
	long self, got;

	if (raw(SYS_fstat, fd, (long)&stat, 0, 0) || !S_ISREG(stat.st_mode))
		return;
	sprintf(name, "/proc/self/fd/%d", fd);
	self = raw_open(AT_FDCWD, name, O_RDONLY, 0);
	got = raw(SYS_pread64, self, (long)text, sizeof(text), 0);
	for (long i = 0; i < got; i++)
		hash = (hash ^ text[i]) * 0x100000001b3;
	raw_close(self);
	printf(" [at %ld of %ld %016lx]", raw(SYS_lseek, fd, 0, SEEK_CUR, 0), (long)stat.st_size,
	       (unsigned long)hash);
}

/*
 * Whether a file P names would be one of everybody's: the root directory may be asked about, not
 * changed. Pointers to nowhere lead nowhere.
 */
static bool everybodys(const char *p)
{
	static const char *const ours[] = {"ERRNOS_READONLY", "ERRNOS_OTHER", "ERRNOS_FULL", "ERRNOS_FOREIGN"};

	if (p == NULL || p == bad || (p >= edge && p < edge + PAGE) || *p != '/')
		return false;
	for (unsigned i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		const char *directory = getenv(ours[i]);

		if (directory && *directory && !strncmp(p, directory, strlen(directory)))
			return false;
	}
	return strncmp(p, own, strlen(own)) != 0;
}

/* What PATH has become, of those no one else changes. */
static void print_name(const char *path)
{
	struct stat stat;

	if (everybodys(path))
		return;
	if (raw(SYS_newfstatat, AT_FDCWD, (long)path, (long)&stat, AT_SYMLINK_NOFOLLOW))
		printf(" (gone)");
	else
		printf(" (%o %u:%u %lu %ld)", stat.st_mode, stat.st_uid, stat.st_gid, (unsigned long)stat.st_nlink,
		       S_ISDIR(stat.st_mode) ? 0 : (long)stat.st_size);
}

/* Whether the call of that NAME leaves all as it was. */
static bool only_asks(const char *name)
{
	static const char *const asking[] = {
		"open", "__open", "stat", "lstat", "fstat", "__x", "__lx", "__fx", "getxattr",
		"lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "readlink", "access",
		"faccessat", "chdir", "fchdir", "read", "__read", "pread", "__pread", "fsync", "fdatasync",
		"sync", "posix_fadvise", "lseek", "fcntl", "dup", "close", "__close",
	};

	if (strstr(name, "CREAT") || strstr(name, "TRUNC") || strstr(name, "mknod"))
		return false;
	for (unsigned i = 0; i < sizeof(asking) / sizeof(*asking); i++)
		if (!strncmp(name, asking[i], strlen(asking[i])))
			return true;
	return false;
}

/* ---- places --------------------------------------------------------------------------- */

#define MANY 128

struct list {
	const char *text[MANY];
	unsigned used;
};

static void list_add(struct list *list, const char *text)
{
	list->text[list->used++] = text;
}

static const char *below(const char *variable, const char *name)
{
	const char *directory = getenv(variable);
	char *path = NULL;

	if (!directory || !*directory || asprintf(&path, "%s%s", directory, name) < 0)
		return NULL;
	return path;
}

static void list_add_below(struct list *list, const char *variable, const char *name)
{
	const char *path = below(variable, name);

	if (path)
		list_add(list, path);
}

static const char *repeated(char c, size_t count)
{
	char *text = malloc(count + 1);

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

static char *guarded(size_t size)
{
	char *memory = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(memory + size, PAGE, PROT_NONE);
	return memory;
}

/* A name that ends with the page, and the last bytes of a page without an end. */
static const char *edge_name(void)
{
	static char *memory;

	if (!memory)
		memory = strcpy(guarded(PAGE) + PAGE - 2, "f");
	return memory;
}

/* Opening it blocks, for a call without flags. */
static bool is_fifo(const char *p)
{
	struct stat stat;

	return !raw(SYS_newfstatat, AT_FDCWD, (long)p, (long)&stat, 0) && S_ISFIFO(stat.st_mode);
}

/* Names a call with one path is tried on. */
static void list_names(struct list *list)
{
	static const char *const names[] = {
		"f", "none", "d", "full", "s", "sd", "dangling", "loop", "fifo", "readonly",
		"writeonly", "new", "none/x", "f/x", "f/", "d/", "s/", "sd/", "sd/.", "new/",
		"dangling/", "loop/x", "fifo/x", "d/..", "d/.", ".", "..", "/", "", "./f", "d/../f",
		"closed", "closed/f", "closed/new", "unwritable/f", "unwritable/d", "unwritable/new",
		"/proc/none", "/proc/self/none/x", "/sys/none", "/dev/null/x",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		list_add(list, names[i]);
	list_add(list, own);
	list_add(list, NULL);
	list_add(list, bad);
	list_add(list, edge + PAGE - 3);
	list_add(list, edge_name());
	list_add(list, repeated('n', 255));
	list_add(list, repeated('n', 256));
	list_add(list, repeated('/', 4095));
	list_add(list, repeated('/', 4096));
	if (is_root)
		list_add(list, "immutable");
	list_add_below(list, "ERRNOS_READONLY", "");
	list_add_below(list, "ERRNOS_READONLY", "/f");
	list_add_below(list, "ERRNOS_READONLY", "/d");
	list_add_below(list, "ERRNOS_READONLY", "/new");
	list_add_below(list, "ERRNOS_FULL", "/new");
	list_add_below(list, "ERRNOS_FOREIGN", "/secret");
	list_add_below(list, "ERRNOS_FOREIGN", "/f");
	list_add_below(list, "ERRNOS_FOREIGN", "/d");
}

static void list_sources(struct list *list)
{
	static const char *const names[] = {
		"f", "none", "d", "full", "s", "dangling", "loop", "fifo", "f/", "d/", "none/x", "f/x",
		"closed/f", "unwritable/f", "unwritable/d", ".", "", "/", "full/x",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		list_add(list, names[i]);
	list_add(list, NULL);
	list_add(list, bad);
	list_add(list, repeated('n', 256));
	if (is_root)
		list_add(list, "immutable");
	list_add_below(list, "ERRNOS_READONLY", "/f");
	list_add_below(list, "ERRNOS_OTHER", "/f");
	list_add_below(list, "ERRNOS_FOREIGN", "/f");
	list_add_below(list, "ERRNOS_FOREIGN", "/secret");
}

static void list_targets(struct list *list)
{
	static const char *const names[] = {
		"new", "f", "other", "d", "empty", "full", "s", "dangling", "loop/x", "new/", "f/",
		"none/x", "f/x", "d/new", "full/new", "full/x", "closed/new", "unwritable/new",
		"unwritable/f", ".", "", "/", "d/..",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		list_add(list, names[i]);
	list_add(list, NULL);
	list_add(list, bad);
	list_add(list, repeated('n', 256));
	list_add_below(list, "ERRNOS_READONLY", "/new");
	list_add_below(list, "ERRNOS_OTHER", "/new");
}

/* ---- calls with one path -------------------------------------------------------------- */

static struct stat found;
static struct statx foundx;

static long finish_fd(long fd)
{
	if (fd >= 0)
		raw_close(fd);
	return fd;
}

/*
 * openat2(2): where ".." must not leave its root, EAGAIN says that somebody, anywhere on the machine,
 * renamed or mounted something meanwhile, and that the caller may try again. Were it for good, the
 * last try would show it.
 */
static long openat2_with(int dir, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve, size_t size)
{
	struct {
		struct open_how how;
		uint64_t more;
	} how = {.how = {.flags = flags, .mode = mode, .resolve = resolve}};
	bool scoped = resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	int before = errno, tries = 1000;
	long fd;

	do {
		errno = before;
		fd = syscall(SYS_openat2, dir, path, &how, size);
	} while (fd == -1 && errno == EAGAIN && scoped && --tries);
	return finish_fd(fd);
}

static long opendir_close(const char *path)
{
	DIR *stream;

	/* libc itself looks at the first byte */
	if (path == NULL || path == bad)
		return 0;
	stream = opendir(path);
	if (!stream)
		return -1;
	errno = UNTOUCHED;
	return closedir(stream);
}

static const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 2}};
static const struct timespec bad_times[2] = {{.tv_sec = 1}, {.tv_sec = 2, .tv_nsec = 2000000000}};

/* CALL(text, expression): one more case of the switch, which NAME says the text of. */
#define CALL(text, ...) \
	case __COUNTER__ - FIRST - 1: \
		*name = text; \
		errno = UNTOUCHED; \
		return (long)(__VA_ARGS__);

#define HOW sizeof(struct open_how)

static long one_path(unsigned which, const char *p, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("unlink", unlink(p))
	CALL("unlinkat", unlinkat(AT_FDCWD, p, 0))
	CALL("unlinkat REMOVEDIR", unlinkat(AT_FDCWD, p, AT_REMOVEDIR))
	CALL("unlinkat flag", unlinkat(AT_FDCWD, p, AT_SYMLINK_FOLLOW))
	CALL("rmdir", rmdir(p))
	CALL("remove", remove(p))
	CALL("mkdir", mkdir(p, 0755))
	CALL("mkdir mode", mkdir(p, 07777))
	CALL("mkdirat", mkdirat(AT_FDCWD, p, 0700))
	CALL("symlink", symlink("target", p))
	CALL("symlinkat", symlinkat("target", AT_FDCWD, p))
	CALL("symlink of", symlink(p, "new"))
	CALL("symlinkat of", symlinkat(p, AT_FDCWD, "new"))
	CALL("open", finish_fd(open(p, O_RDONLY | O_NONBLOCK)))
	CALL("open64", finish_fd(open64(p, O_RDONLY | O_NONBLOCK)))
	CALL("__open", finish_fd(__open(p, O_RDONLY | O_NONBLOCK)))
	CALL("__open64", finish_fd(__open64(p, O_RDONLY | O_NONBLOCK)))
	CALL("__open_2", finish_fd(__open_2(p, O_RDONLY | O_NONBLOCK)))
	CALL("__open64_2", finish_fd(__open64_2(p, O_WRONLY | O_NONBLOCK)))
	CALL("openat", finish_fd(openat(AT_FDCWD, p, O_RDONLY | O_NONBLOCK)))
	CALL("openat64", finish_fd(openat64(AT_FDCWD, p, O_RDWR | O_NONBLOCK)))
	CALL("__openat_2", finish_fd(__openat_2(AT_FDCWD, p, O_RDONLY | O_NONBLOCK)))
	CALL("__openat64_2", finish_fd(__openat64_2(AT_FDCWD, p, O_RDONLY | O_NONBLOCK)))
	CALL("open WRONLY", finish_fd(open(p, O_WRONLY | O_NONBLOCK)))
	CALL("open RDWR", finish_fd(open(p, O_RDWR | O_NONBLOCK)))
	CALL("open CREAT", finish_fd(open(p, O_RDWR | O_CREAT | O_NONBLOCK, 0640)))
	CALL("open64 CREAT", finish_fd(open64(p, O_RDWR | O_CREAT | O_NONBLOCK, 04755)))
	CALL("open CREAT EXCL", finish_fd(open(p, O_WRONLY | O_CREAT | O_EXCL, 0644)))
	CALL("open CREAT NOFOLLOW", finish_fd(open(p, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0644)))
	CALL("open CREAT DIRECTORY", finish_fd(open(p, O_CREAT | O_DIRECTORY, 0755)))
	CALL("open TRUNC", finish_fd(open(p, O_WRONLY | O_TRUNC | O_NONBLOCK)))
	CALL("open RDONLY TRUNC", finish_fd(open(p, O_RDONLY | O_TRUNC | O_NONBLOCK)))
	CALL("open DIRECTORY", finish_fd(open(p, O_RDONLY | O_DIRECTORY)))
	CALL("open NOFOLLOW", finish_fd(open(p, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)))
	CALL("open PATH", finish_fd(open(p, O_PATH)))
	CALL("open PATH NOFOLLOW", finish_fd(open(p, O_PATH | O_NOFOLLOW)))
	CALL("open TMPFILE", finish_fd(open(p, O_TMPFILE | O_RDWR, 0600)))
	CALL("open TMPFILE RDONLY", finish_fd(open(p, O_TMPFILE | O_RDONLY, 0600)))
	CALL("open NOATIME", finish_fd(open(p, O_RDONLY | O_NOATIME | O_NONBLOCK)))
	CALL("open accmode 3", finish_fd(open(p, O_ACCMODE | O_NONBLOCK)))
	CALL("open unknown flag", finish_fd(open(p, O_RDONLY | O_NONBLOCK | 1 << 29)))
	CALL("open APPEND DIRECT", finish_fd(open(p, O_WRONLY | O_APPEND | O_DIRECT | O_NONBLOCK)))
	CALL("creat", is_fifo(p) ? 0 : finish_fd(creat(p, 0644)))
	CALL("creat64", is_fifo(p) ? 0 : finish_fd(creat64(p, 0600)))
	CALL("openat2", openat2_with(AT_FDCWD, p, O_RDONLY | O_NONBLOCK, 0, 0, HOW))
	CALL("openat2 CREAT", openat2_with(AT_FDCWD, p, O_RDWR | O_CREAT | O_NONBLOCK, 0600, 0, HOW))
	CALL("openat2 mode without CREAT", openat2_with(AT_FDCWD, p, O_RDONLY, 0600, 0, HOW))
	CALL("openat2 unknown flag", openat2_with(AT_FDCWD, p, 1 << 30, 0, 0, HOW))
	CALL("openat2 BENEATH", openat2_with(AT_FDCWD, p, O_RDONLY | O_NONBLOCK, 0, RESOLVE_BENEATH, HOW))
	CALL("openat2 IN_ROOT", openat2_with(AT_FDCWD, p, O_RDONLY | O_NONBLOCK, 0, RESOLVE_IN_ROOT, HOW))
	CALL("openat2 NO_SYMLINKS", openat2_with(AT_FDCWD, p, O_PATH, 0, RESOLVE_NO_SYMLINKS, HOW))
	CALL("openat2 NO_XDEV", openat2_with(AT_FDCWD, p, O_PATH, 0, RESOLVE_NO_XDEV, HOW))
	CALL("openat2 bad resolve", openat2_with(AT_FDCWD, p, O_RDONLY, 0, 1 << 20, HOW))
	CALL("openat2 small", openat2_with(AT_FDCWD, p, O_RDONLY, 0, 0, 8))
	CALL("openat2 large", openat2_with(AT_FDCWD, p, O_RDONLY | O_NONBLOCK, 0, 0, HOW + 8))
	CALL("openat2 NULL how", syscall(SYS_openat2, AT_FDCWD, p, NULL, HOW))
	CALL("openat2 bad how", syscall(SYS_openat2, AT_FDCWD, p, bad, HOW))
	CALL("stat", stat(p, &found))
	CALL("stat64", stat64(p, (struct stat64 *)&found))
	CALL("lstat", lstat(p, &found))
	CALL("lstat64", lstat64(p, (struct stat64 *)&found))
	CALL("__xstat", old_xstat(1, p, &found))
	CALL("__xstat 0", old_xstat(0, p, &found))
	CALL("__xstat 3", old_xstat(3, p, &found))
	CALL("__xstat64", old_xstat64(1, p, &found))
	CALL("__lxstat", old_lxstat(1, p, &found))
	CALL("__lxstat64", old_lxstat64(1, p, &found))
	CALL("__lxstat64 -1", old_lxstat64(-1, p, &found))
	CALL("__fxstatat", old_fxstatat(1, AT_FDCWD, p, &found, 0))
	CALL("__fxstatat64", old_fxstatat64(1, AT_FDCWD, p, &found, AT_SYMLINK_NOFOLLOW))
	CALL("__fxstatat64 7", old_fxstatat64(7, AT_FDCWD, p, &found, 0))
	CALL("fstatat", fstatat(AT_FDCWD, p, &found, 0))
	CALL("fstatat64", fstatat64(AT_FDCWD, p, (struct stat64 *)&found, AT_SYMLINK_NOFOLLOW))
	CALL("fstatat EMPTY_PATH", fstatat(AT_FDCWD, p, &found, AT_EMPTY_PATH))
	CALL("fstatat NO_AUTOMOUNT", fstatat(AT_FDCWD, p, &found, AT_NO_AUTOMOUNT))
	CALL("fstatat bad flag", fstatat(AT_FDCWD, p, &found, 1 << 30))
	CALL("stat bad", stat(p, (struct stat *)bad))
	CALL("lstat NULL", lstat(p, (struct stat *)(volatile long){0}))
	CALL("fstatat locked", fstatat(AT_FDCWD, p, (struct stat *)locked, 0))
	CALL("stat edge", stat(p, (struct stat *)(edge + PAGE - sizeof(struct stat) + 8)))
	CALL("statx", statx(AT_FDCWD, p, 0, STATX_BASIC_STATS, &foundx))
	CALL("statx NOFOLLOW", statx(AT_FDCWD, p, AT_SYMLINK_NOFOLLOW, STATX_ALL, &foundx))
	CALL("statx EMPTY_PATH", statx(AT_FDCWD, p, AT_EMPTY_PATH, STATX_BASIC_STATS, &foundx))
	CALL("statx both syncs", statx(AT_FDCWD, p, AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, STATX_SIZE, &foundx))
	CALL("statx bad flag", statx(AT_FDCWD, p, 1 << 30, STATX_SIZE, &foundx))
	CALL("statx reserved mask", statx(AT_FDCWD, p, 0, STATX__RESERVED, &foundx))
	CALL("statx no mask", statx(AT_FDCWD, p, 0, 0, &foundx))
	CALL("statx bad", statx(AT_FDCWD, p, 0, STATX_SIZE, (struct statx *)bad))
	CALL("statx locked", statx(AT_FDCWD, p, 0, STATX_SIZE, (struct statx *)locked))
	CALL("getxattr", getxattr(p, "user.x", buffer, BUFFER_SIZE))
	CALL("getxattr size", getxattr(p, "user.x", NULL, 0))
	CALL("getxattr short", getxattr(p, "user.x", buffer, 2))
	CALL("getxattr none", getxattr(p, "user.none", buffer, 10))
	CALL("getxattr class", getxattr(p, "nonsense.x", buffer, 10))
	CALL("getxattr no class", getxattr(p, "x", buffer, 10))
	CALL("getxattr empty name", getxattr(p, "", buffer, 10))
	CALL("getxattr trusted", getxattr(p, "trusted.x", buffer, 10))
	CALL("getxattr security", getxattr(p, "security.capability", buffer, 10))
	CALL("getxattr acl", getxattr(p, "system.posix_acl_access", buffer, 10))
	CALL("getxattr long name", getxattr(p, repeated('n', 256), buffer, 10))
	CALL("getxattr bad name", getxattr(p, bad, buffer, 10))
	CALL("getxattr bad", getxattr(p, "user.x", bad, 10))
	CALL("getxattr locked", getxattr(p, "user.x", locked, 10))
	CALL("getxattr huge", getxattr(p, "user.x", buffer, (size_t)1 << 32))
	CALL("getxattr 4 GiB and 1", getxattr(p, "user.x", buffer, ((size_t)1 << 32) + 1))
	CALL("lgetxattr", lgetxattr(p, "user.x", buffer, BUFFER_SIZE))
	CALL("listxattr", listxattr(p, buffer, 10))
	CALL("llistxattr", llistxattr(p, buffer, 1))
	CALL("readlink", readlink(p, buffer, BUFFER_SIZE))
	CALL("readlinkat 0", readlinkat(AT_FDCWD, p, buffer, 0))
	CALL("access", access(p, R_OK))
	CALL("access mode", access(p, 77))
	CALL("faccessat", faccessat(AT_FDCWD, p, W_OK, AT_EACCESS))
	CALL("mknod", mknod(p, S_IFIFO | 0600, 0))
	CALL("mknod device", mknod(p, S_IFCHR | 0600, 0x103))
	CALL("__xmknod", old_xmknod(0, p, S_IFREG | 0600, &(dev_t){0}))
	CALL("mkfifo", mkfifo(p, 0600))
	CALL("opendir", opendir_close(p))
	CALL("chdir and back", chdir(p) ? -1 : fchdir(WORK_FD))
	default:
		*name = NULL;
		return 0;
	}
}

/* Those that change a directory as it stands. */
static long one_path_changed(unsigned which, const char *p, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("setxattr", setxattr(p, "user.new", "v", 1, 0))
	CALL("setxattr CREATE", setxattr(p, "user.x", "v", 1, XATTR_CREATE))
	CALL("setxattr REPLACE", setxattr(p, "user.none", "v", 1, XATTR_REPLACE))
	CALL("setxattr flag", setxattr(p, "user.x", "v", 1, 77))
	CALL("setxattr empty", setxattr(p, "user.x", NULL, 0, 0))
	CALL("setxattr class", setxattr(p, "nonsense.x", "v", 1, 0))
	CALL("setxattr name", setxattr(p, "user.", "v", 1, 0))
	CALL("setxattr trusted", setxattr(p, "trusted.x", "v", 1, 0))
	CALL("setxattr long name", setxattr(p, repeated('n', 256), "v", 1, 0))
	CALL("setxattr bad name", setxattr(p, bad, "v", 1, 0))
	CALL("setxattr bad", setxattr(p, "user.x", bad, 3, 0))
	CALL("setxattr 64 KiB and 1", setxattr(p, "user.x", buffer, 65537, 0))
	CALL("setxattr huge", setxattr(p, "user.x", buffer, (size_t)1 << 32, 0))
	CALL("setxattr large", setxattr(p, "user.x", buffer, 2 * PAGE, 0))
	CALL("lsetxattr", lsetxattr(p, "user.new", "v", 1, 0))
	CALL("removexattr", removexattr(p, "user.x"))
	CALL("removexattr none", removexattr(p, "user.none"))
	CALL("lremovexattr", lremovexattr(p, "user.x"))
	CALL("truncate", truncate(p, 3))
	CALL("truncate -1", truncate(p, -1))
	CALL("chmod", chmod(p, 0600))
	CALL("fchmodat", fchmodat(AT_FDCWD, p, 0640, 0))
	CALL("chown", chown(p, (uid_t)-1, 0))
	CALL("lchown", lchown(p, (uid_t)-1, (gid_t)-1))
	CALL("fchownat", fchownat(AT_FDCWD, p, 1, 1, AT_SYMLINK_NOFOLLOW))
	CALL("utimensat", utimensat(AT_FDCWD, p, times, 0))
	CALL("utimensat bad times", utimensat(AT_FDCWD, p, bad_times, AT_SYMLINK_NOFOLLOW))
	CALL("utime", utime(p, NULL))
	CALL("utimes", utimes(p, NULL))
	default:
		*name = NULL;
		return 0;
	}
}

static void print_found(const char *name, long result)
{
	if (result == 0 && strstr(name, "stat") && !strstr(name, "statx"))
		printf(" {%o %lu %ld %ld}", found.st_mode, (unsigned long)found.st_nlink,
		       S_ISREG(found.st_mode) ? (long)found.st_size : 0, found.st_blksize);
	if (result == 0 && strstr(name, "statx"))
		printf(" {%o %u %lld}", foundx.stx_mode, foundx.stx_nlink,
		       S_ISREG(foundx.stx_mode) ? (long long)foundx.stx_size : 0);
	if (result > 0 && strstr(name, "getxattr") && result <= 8)
		printf(" {%.*s}", (int)result, buffer);
}

static void try_one_path(long (*call)(unsigned, const char *, const char **), bool changes)
{
	struct list names = {.used = 0};
	const char *name = "";

	list_names(&names);
	for (unsigned which = 0; name; which++) {
		for (unsigned i = 0; i < names.used; i++) {
			const char *path = names.text[i];
			long result;
			int err;

			if (changes && everybodys(path))
				continue;
			memset(&found, 0, sizeof(found));
			memset(&foundx, 0, sizeof(foundx));
			memset(buffer, 'b', BUFFER_SIZE);
			result = call(which, path, &name);
			err = errno;
			if (!name)
				break;
			printf("%s ", name);
			print_text(path);
			print_result(result, err);
			print_found(name, result);
			if (result >= 0)
				print_name(path);
			printf("\n");
			if (result >= 0 && changes)
				reset();
			else if (result >= 0 && !only_asks(name))
				tidy();
		}
	}
}

/* ---- calls with two paths ------------------------------------------------------------- */

static long two_paths(unsigned which, const char *p, const char *q, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("link", link(p, q))
	CALL("linkat", linkat(AT_FDCWD, p, AT_FDCWD, q, 0))
	CALL("linkat FOLLOW", linkat(AT_FDCWD, p, AT_FDCWD, q, AT_SYMLINK_FOLLOW))
	CALL("linkat EMPTY_PATH", linkat(AT_FDCWD, p, AT_FDCWD, q, AT_EMPTY_PATH))
	CALL("linkat bad flag", linkat(AT_FDCWD, p, AT_FDCWD, q, AT_REMOVEDIR))
	CALL("rename", rename(p, q))
	CALL("renameat", renameat(AT_FDCWD, p, AT_FDCWD, q))
	CALL("renameat2", renameat2(AT_FDCWD, p, AT_FDCWD, q, 0))
	CALL("renameat2 NOREPLACE", renameat2(AT_FDCWD, p, AT_FDCWD, q, RENAME_NOREPLACE))
	CALL("renameat2 EXCHANGE", renameat2(AT_FDCWD, p, AT_FDCWD, q, RENAME_EXCHANGE))
	CALL("renameat2 both", renameat2(AT_FDCWD, p, AT_FDCWD, q, RENAME_EXCHANGE | RENAME_NOREPLACE))
	CALL("renameat2 bad flag", renameat2(AT_FDCWD, p, AT_FDCWD, q, 1 << 20))
	default:
		*name = NULL;
		return 0;
	}
}

static void try_two_paths(void)
{
	struct list sources = {.used = 0}, targets = {.used = 0};
	const char *name = "";

	list_sources(&sources);
	list_targets(&targets);
	for (unsigned which = 0; name; which++) {
		for (unsigned i = 0; name && i < sources.used * targets.used; i++) {
			const char *p = sources.text[i / targets.used], *q = targets.text[i % targets.used];
			long result = two_paths(which, p, q, &name);
			int err = errno;

			if (!name)
				break;
			printf("%s ", name);
			print_text(p);
			printf(" ");
			print_text(q);
			print_result(result, err);
			if (result >= 0)
				print_name(q);
			printf("\n");
			if (result >= 0)
				tidy();
		}
	}
}

/* ---- directory descriptors ------------------------------------------------------------ */

static long at_directory(unsigned which, int d, const char *p, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("openat", finish_fd(openat(d, p, O_RDONLY | O_NONBLOCK)))
	CALL("openat64 CREAT", finish_fd(openat64(d, p, O_RDWR | O_CREAT, 0600)))
	CALL("__openat_2", finish_fd(__openat_2(d, p, O_RDONLY)))
	CALL("__openat64_2", finish_fd(__openat64_2(d, p, O_PATH)))
	CALL("openat2", openat2_with(d, p, O_RDONLY, 0, RESOLVE_BENEATH, HOW))
	CALL("fstatat", fstatat(d, p, &found, 0))
	CALL("fstatat64 EMPTY_PATH", fstatat64(d, p, (struct stat64 *)&found, AT_EMPTY_PATH))
	CALL("__fxstatat", old_fxstatat(1, d, p, &found, AT_SYMLINK_NOFOLLOW))
	CALL("__fxstatat64 EMPTY_PATH", old_fxstatat64(1, d, p, &found, AT_EMPTY_PATH))
	CALL("statx", statx(d, p, 0, STATX_BASIC_STATS, &foundx))
	CALL("statx EMPTY_PATH", statx(d, p, AT_EMPTY_PATH, STATX_BASIC_STATS, &foundx))
	CALL("unlinkat", unlinkat(d, p, 0))
	CALL("unlinkat REMOVEDIR", unlinkat(d, p, AT_REMOVEDIR))
	CALL("mkdirat", mkdirat(d, p, 0755))
	CALL("symlinkat", symlinkat("target", d, p))
	CALL("linkat from", linkat(d, p, AT_FDCWD, "new", 0))
	CALL("linkat from EMPTY_PATH", linkat(d, p, AT_FDCWD, "new", AT_EMPTY_PATH))
	CALL("linkat to", linkat(AT_FDCWD, "f", d, p, 0))
	CALL("renameat from", renameat(d, p, AT_FDCWD, "new"))
	CALL("renameat to", renameat(AT_FDCWD, "f", d, p))
	CALL("renameat2 from", renameat2(d, p, AT_FDCWD, "new", RENAME_NOREPLACE))
	CALL("renameat2 to", renameat2(AT_FDCWD, "f", d, p, RENAME_NOREPLACE))
	CALL("faccessat", faccessat(d, p, F_OK, 0))
	CALL("readlinkat", readlinkat(d, p, buffer, 10))
	CALL("utimensat", utimensat(d, p, times, 0))
	CALL("fchmodat", fchmodat(d, p, 0700, 0))
	CALL("fchownat EMPTY_PATH", fchownat(d, p, (uid_t)-1, (gid_t)-1, AT_EMPTY_PATH))
	CALL("mkfifoat", mkfifoat(d, p, 0600))
	default:
		*name = NULL;
		return 0;
	}
}

struct source {
	const char *name;
	int (*open)(void);
};

static int pipe_end(int end)
{
	int ends[2] = {-1, -1};

	if (pipe2(ends, O_NONBLOCK))
		return -1;
	close(ends[!end]);
	return ends[end];
}

static int socket_end(void)
{
	int ends[2] = {-1, -1};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends))
		return -1;
	if (write(ends[1], "socket", 6) != 6)
		return -1;
	close(ends[1]);
	return ends[0];
}

static int memory_file(void)
{
	int fd = memfd_create("m", 0);

	return write(fd, "memory", 6) == 6 ? fd : -1;
}

static int readonly_file(void)
{
	const char *path = below("ERRNOS_READONLY", "/f");

	return path ? open(path, O_RDONLY) : -1;
}

static int full_file(void)
{
	const char *path = below("ERRNOS_FULL", "/f");

	return path ? open(path, O_RDWR) : -1;
}

static int at_offset(int fd)
{
	lseek(fd, 3, SEEK_SET);
	return fd;
}

static int unlinked(void)
{
	int fd = open("f", O_RDWR);

	unlink("f");
	return fd;
}

static int source_copy(void)
{
	int fd = at_offset(open("f", O_RDWR));
	int copy = dup(fd);

	close(fd);
	return copy;
}

static int source_rdonly(void) { return open("f", O_RDONLY); }
static int source_wronly(void) { return open("f", O_WRONLY); }
static int source_rdwr(void) { return at_offset(open("f", O_RDWR)); }
static int source_append(void) { return open("f", O_RDWR | O_APPEND); }
static int source_direct(void) { return open("f", O_RDWR | O_DIRECT); }
static int source_directory(void) { return open("d", O_RDONLY | O_DIRECTORY); }
static int source_path(void) { return open("f", O_PATH); }
static int source_directory_path(void) { return open("d", O_PATH | O_DIRECTORY); }
static int source_fifo(void) { return open("fifo", O_RDWR | O_NONBLOCK); }
static int source_pipe_read(void) { return pipe_end(0); }
static int source_pipe_write(void) { return pipe_end(1); }
static int source_null(void) { return open("/dev/null", O_RDWR); }
static int source_full(void) { return open("/dev/full", O_WRONLY); }
static int source_proc(void) { return open("/proc/self/comm", O_RDONLY); }
static int source_event(void) { return eventfd(3, EFD_NONBLOCK); }
static int source_closed(void) { return NO_FD; }
static int source_minus_one(void) { return -1; }
static int source_cwd(void) { return AT_FDCWD; }

static const struct source directories[] = {
	{"d", source_directory}, {"d PATH", source_directory_path}, {"f", source_rdonly},
	{"f PATH", source_path}, {"pipe", source_pipe_read},        {"closed", source_closed},
	{"-1", source_minus_one}, {"cwd", source_cwd},
};

static const struct source files[] = {
	{"rdonly", source_rdonly},
	{"wronly", source_wronly},
	{"rdwr", source_rdwr},
	{"append", source_append},
	{"direct", source_direct},
	{"dup", source_copy},
	{"unlinked", unlinked},
	{"directory", source_directory},
	{"PATH", source_path},
	{"fifo", source_fifo},
	{"pipe read", source_pipe_read},
	{"pipe write", source_pipe_write},
	{"socket", socket_end},
	{"null", source_null},
	{"full device", source_full},
	{"proc", source_proc},
	{"eventfd", source_event},
	{"memfd", memory_file},
	{"read-only fs", readonly_file},
	{"full fs", full_file},
	{"closed", source_closed},
	{"-1", source_minus_one},
	{"cwd", source_cwd},
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void try_at(unsigned which, const struct source *source, const char *path, const char **name)
{
	int fd = source->open();
	long result = at_directory(which, fd, path, name);
	int err = errno;

	if (*name) {
		printf("%s %s ", *name, source->name);
		print_text(path);
		print_result(result, err);
		printf("\n");
	}
	if (fd >= 0)
		raw_close(fd);
	if (*name && result >= 0 && !only_asks(*name))
		reset();
}

static void try_directories(void)
{
	static const char *const paths[] = {"x", "", "../f", "..", own, NULL, (char *)16};
	const char *name = "";

	for (unsigned which = 0; name; which++)
		for (unsigned i = 0; name && i < COUNT(directories) * COUNT(paths); i++)
			try_at(which, &directories[i / COUNT(paths)], paths[i % COUNT(paths)], &name);
}

/* ---- descriptors ---------------------------------------------------------------------- */

#define IOV(...) ((struct iovec[]){__VA_ARGS__}), COUNT(((struct iovec[]){__VA_ARGS__}))
#define TWO IOV({buffer, 3}, {buffer + 100, 5})
#define EDGES IOV({buffer, 3}, {edge + PAGE - 2, 5})
#define BADS IOV({buffer, 3}, {(char *)16, 5})
#define HUGE_LENGTH ((size_t)1 << 32)
#define FAR ((off_t)1 << 62)

static struct iovec many_vectors[2000];

static long on_descriptor(unsigned which, int fd, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("read", read(fd, buffer, 5))
	CALL("__read", __read(fd, buffer, 8))
	CALL("__read_chk", __read_chk(fd, buffer, 8, BUFFER_SIZE))
	CALL("read 0", read(fd, buffer, 0))
	CALL("read 0 bad", read(fd, bad, 0))
	CALL("read bad", read(fd, bad, 5))
	CALL("read locked", read(fd, locked, 5))
	CALL("read edge", read(fd, edge + PAGE - 2, 5))
	CALL("read 4 GiB", read(fd, buffer, HUGE_LENGTH))
	CALL("read -1", read(fd, buffer, (size_t)-1))
	CALL("pread", pread(fd, buffer, 5, 2))
	CALL("pread64", pread64(fd, buffer, 5, 2))
	CALL("__pread64", __pread64(fd, buffer, 5, 2))
	CALL("__pread_chk", __pread_chk(fd, buffer, 5, 2, BUFFER_SIZE))
	CALL("__pread64_chk", __pread64_chk(fd, buffer, 5, 2, BUFFER_SIZE))
	CALL("pread -1", pread(fd, buffer, 5, -1))
	CALL("pread -5", pread(fd, buffer, 5, -5))
	CALL("pread beyond", pread(fd, buffer, 5, 100))
	CALL("pread far", pread(fd, buffer, 5, FAR))
	CALL("pread farthest", pread(fd, buffer, 5, INT64_MAX))
	CALL("pread bad", pread(fd, bad, 5, 0))
	CALL("pread edge", pread(fd, edge + PAGE - 2, 5, 0))
	CALL("pread 0", pread(fd, buffer, 0, 0))
	CALL("pread 4 GiB", pread(fd, buffer, HUGE_LENGTH, 1))
	CALL("readv", readv(fd, TWO))
	CALL("readv 0", readv(fd, NULL, 0))
	CALL("readv -1", readv(fd, many_vectors, -1))
	CALL("readv IOV_MAX", readv(fd, many_vectors, 1024))
	CALL("readv IOV_MAX and 1", readv(fd, many_vectors, 1025))
	CALL("readv bad", readv(fd, (struct iovec *)bad, 1))
	CALL("readv edge", readv(fd, EDGES))
	CALL("readv bads", readv(fd, BADS))
	CALL("readv length", readv(fd, IOV({buffer, 3}, {buffer, (size_t)-1})))
	CALL("preadv", preadv(fd, TWO, 1))
	CALL("preadv64", preadv64(fd, TWO, 1))
	CALL("preadv -1", preadv(fd, TWO, -1))
	CALL("preadv edge", preadv(fd, EDGES, 1))
	CALL("preadv2", preadv2(fd, TWO, 1, 0))
	CALL("preadv2 -1", preadv2(fd, TWO, -1, 0))
	CALL("preadv2 -2", preadv2(fd, TWO, -2, 0))
	CALL("preadv64v2 HIPRI", preadv64v2(fd, TWO, 1, RWF_HIPRI))
	CALL("preadv2 bad flag", preadv2(fd, TWO, 1, 1 << 30))
	CALL("write", write(fd, "written", 7))
	CALL("__write", __write(fd, "written", 7))
	CALL("write 0", write(fd, "written", 0))
	CALL("write 0 bad", write(fd, bad, 0))
	CALL("write bad", write(fd, bad, 7))
	CALL("write edge", write(fd, edge + PAGE - 4, 7))
	CALL("write 4 GiB", write(fd, edge + PAGE - 64, HUGE_LENGTH))
	CALL("write page", write(fd, edge, PAGE))
	CALL("pwrite", pwrite(fd, "written", 7, 2))
	CALL("pwrite64", pwrite64(fd, "written", 7, 2))
	CALL("__pwrite64", __pwrite64(fd, "written", 7, 20))
	CALL("pwrite -1", pwrite(fd, "written", 7, -1))
	CALL("pwrite far", pwrite(fd, "written", 7, FAR))
	CALL("pwrite farthest", pwrite(fd, "written", 7, INT64_MAX))
	CALL("pwrite bad", pwrite(fd, bad, 7, 1))
	CALL("pwrite edge", pwrite(fd, edge + PAGE - 4, 7, 1))
	CALL("pwrite 0", pwrite(fd, "", 0, 50))
	CALL("writev", writev(fd, TWO))
	CALL("writev 0", writev(fd, many_vectors, 0))
	CALL("writev -1", writev(fd, many_vectors, -1))
	CALL("writev bad", writev(fd, (struct iovec *)bad, 2))
	CALL("writev edge", writev(fd, EDGES))
	CALL("writev bads", writev(fd, BADS))
	CALL("pwritev", pwritev(fd, TWO, 4))
	CALL("pwritev64", pwritev64(fd, TWO, 4))
	CALL("pwritev -1", pwritev(fd, TWO, -1))
	CALL("pwritev edge", pwritev(fd, EDGES, 4))
	CALL("pwritev2", pwritev2(fd, TWO, 4, 0))
	CALL("pwritev2 -1", pwritev2(fd, TWO, -1, 0))
	CALL("pwritev2 APPEND", pwritev2(fd, TWO, 4, RWF_APPEND))
	CALL("pwritev2 APPEND -1", pwritev2(fd, TWO, -1, RWF_APPEND))
	CALL("pwritev64v2 DSYNC", pwritev64v2(fd, TWO, 4, RWF_DSYNC))
	CALL("pwritev2 bad flag", pwritev2(fd, TWO, 4, 1 << 30))
	CALL("fsync", fsync(fd))
	CALL("fdatasync", fdatasync(fd))
	CALL("sync_file_range", sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE))
	CALL("sync_file_range all", sync_file_range(fd, 1, 5, 7))
	CALL("sync_file_range flag", sync_file_range(fd, 0, 0, 77))
	CALL("sync_file_range -1", sync_file_range(fd, -1, 0, 7))
	CALL("sync_file_range length -1", sync_file_range(fd, 0, -1, 7))
	CALL("sync_file_range far", sync_file_range(fd, FAR, FAR + FAR / 2, 7))
	CALL("fallocate", fallocate(fd, 0, 0, 100))
	CALL("fallocate64 KEEP_SIZE", fallocate64(fd, FALLOC_FL_KEEP_SIZE, 0, 5000))
	CALL("fallocate punch", fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 5))
	CALL("fallocate punch alone", fallocate(fd, FALLOC_FL_PUNCH_HOLE, 2, 5))
	CALL("fallocate zero", fallocate(fd, FALLOC_FL_ZERO_RANGE, 2, 5))
	CALL("fallocate collapse", fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096))
	CALL("fallocate insert", fallocate(fd, FALLOC_FL_INSERT_RANGE, 1, 4096))
	CALL("fallocate mode", fallocate(fd, 1 << 20, 0, 5))
	CALL("fallocate 0", fallocate(fd, 0, 0, 0))
	CALL("fallocate -1", fallocate(fd, 0, -1, 5))
	CALL("fallocate length -1", fallocate(fd, 0, 0, -1))
	CALL("fallocate far", fallocate(fd, 0, FAR, FAR))
	CALL("fallocate overflow", fallocate(fd, 0, INT64_MAX, 10))
	CALL("posix_fallocate", posix_fallocate(fd, 0, 100))
	CALL("posix_fallocate64", posix_fallocate64(fd, 5, 100))
	CALL("posix_fallocate 0", posix_fallocate(fd, 0, 0))
	CALL("posix_fallocate -1", posix_fallocate(fd, -1, 5))
	CALL("posix_fallocate far", posix_fallocate(fd, FAR, 5))
	CALL("posix_fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED))
	CALL("posix_fadvise64", posix_fadvise64(fd, 0, 100, POSIX_FADV_DONTNEED))
	CALL("posix_fadvise NOREUSE", posix_fadvise(fd, 0, 0, POSIX_FADV_NOREUSE))
	CALL("posix_fadvise advice", posix_fadvise(fd, 0, 0, 77))
	CALL("posix_fadvise -1", posix_fadvise(fd, -1, 5, POSIX_FADV_NORMAL))
	CALL("posix_fadvise length -1", posix_fadvise(fd, 0, -1, POSIX_FADV_RANDOM))
	CALL("posix_fadvise 4 GiB", posix_fadvise(fd, 0, (off_t)HUGE_LENGTH, POSIX_FADV_SEQUENTIAL))
	CALL("ftruncate", ftruncate(fd, 4))
	CALL("ftruncate64", ftruncate64(fd, 400))
	CALL("ftruncate -1", ftruncate(fd, -1))
	CALL("ftruncate far", ftruncate(fd, INT64_MAX))
	CALL("fstat", fstat(fd, &found))
	CALL("fstat64", fstat64(fd, (struct stat64 *)&found))
	CALL("__fxstat", old_fxstat(1, fd, &found))
	CALL("__fxstat64", old_fxstat64(1, fd, &found))
	CALL("__fxstat64 5", old_fxstat64(5, fd, &found))
	CALL("fstat bad", fstat(fd, (struct stat *)bad))
	CALL("fstat locked", fstat(fd, (struct stat *)locked))
	CALL("fstat edge", fstat(fd, (struct stat *)(edge + PAGE - 64)))
	CALL("fstatat EMPTY_PATH", fstatat(fd, "", &found, AT_EMPTY_PATH))
	CALL("statx EMPTY_PATH", statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &foundx))
	CALL("statx NULL", statx(fd, (char *)(volatile long){0}, AT_EMPTY_PATH, STATX_BASIC_STATS, &foundx))
	CALL("fgetxattr", fgetxattr(fd, "user.x", buffer, 10))
	CALL("fgetxattr size", fgetxattr(fd, "user.x", NULL, 0))
	CALL("fgetxattr short", fgetxattr(fd, "user.x", buffer, 2))
	CALL("fgetxattr none", fgetxattr(fd, "user.none", buffer, 10))
	CALL("fgetxattr class", fgetxattr(fd, "x", buffer, 10))
	CALL("fgetxattr bad name", fgetxattr(fd, bad, buffer, 10))
	CALL("fgetxattr bad", fgetxattr(fd, "user.x", bad, 10))
	CALL("fgetxattr 4 GiB", fgetxattr(fd, "user.x", buffer, HUGE_LENGTH))
	CALL("flistxattr", flistxattr(fd, buffer, BUFFER_SIZE))
	CALL("lseek END", lseek(fd, 0, SEEK_END))
	CALL("lseek -1", lseek(fd, -1, SEEK_SET))
	CALL("lseek whence", lseek(fd, 0, 77))
	CALL("lseek DATA", lseek(fd, 100, SEEK_DATA))
	CALL("fcntl GETFL", fcntl(fd, F_GETFL))
	CALL("fcntl cmd", fcntl(fd, 7777))
	CALL("dup2", dup2(fd, 50))
	CALL("dup3 flag", dup3(fd, 50, 77))
	CALL("fchdir", fchdir(fd))
	CALL("close", close(fd))
	CALL("__close", __close(fd))
	CALL("close twice", fd >= 0 ? (close(fd), errno = UNTOUCHED, close(fd)) : close(fd))
	CALL("read after close", fd >= 0 ? (close(fd), errno = UNTOUCHED, read(fd, buffer, 1)) : read(fd, buffer, 1))
	default:
		*name = NULL;
		return 0;
	}
}

/* Those that change a file as it stands. */
static long on_descriptor_changed(unsigned which, int fd, const char **name)
{
	enum { FIRST = __COUNTER__ };

	switch (which) {
	CALL("fsetxattr", fsetxattr(fd, "user.new", "v", 1, 0))
	CALL("fsetxattr CREATE", fsetxattr(fd, "user.x", "v", 1, XATTR_CREATE))
	CALL("fsetxattr REPLACE", fsetxattr(fd, "user.none", "v", 1, XATTR_REPLACE))
	CALL("fsetxattr flag", fsetxattr(fd, "user.x", "v", 1, 8))
	CALL("fsetxattr bad", fsetxattr(fd, "user.x", bad, 4, 0))
	CALL("fsetxattr large", fsetxattr(fd, "user.x", buffer, 65537, 0))
	CALL("fremovexattr", fremovexattr(fd, "user.x"))
	CALL("fremovexattr none", fremovexattr(fd, "user.none"))
	CALL("fchmod", fchmod(fd, 0600))
	CALL("fchown", fchown(fd, (uid_t)-1, (gid_t)-1))
	CALL("futimens", futimens(fd, times))
	default:
		*name = NULL;
		return 0;
	}
}

static bool is_everybodys(const struct source *source)
{
	return source->open == source_null || source->open == source_full || source->open == source_proc;
}

typedef long on_descriptor_calls(unsigned which, int fd, const char **name);

static void try_descriptor(on_descriptor_calls *call, unsigned which, const struct source *source,
			   const char **name)
{
	int fd, err;
	long result;

	fd = source->open();
	memset(buffer, 'b', BUFFER_SIZE);
	memset(edge, 'e', PAGE);
	memset(&found, 0, sizeof(found));
	memset(&foundx, 0, sizeof(foundx));
	result = call(which, fd, name);
	err = errno;
	if (*name) {
		printf("%s %s", *name, source->name);
		print_result(result, err);
		if (result >= 0 && strstr(*name, "read"))
			printf(" {%.5s %.5s %.4s}", buffer, buffer + 100, edge + PAGE - 4);
		print_found(*name, result);
		print_file(fd);
		printf("\n");
	}
	raw(SYS_fchdir, WORK_FD, 0, 0, 0);
	raw_close(50);
	if (fd >= 0)
		raw_close(fd);
	if (source->open == unlinked)
		make_f();
	else if (*name && result >= 0 && !only_asks(*name))
		make_f();
}

static void try_descriptors(on_descriptor_calls *call, bool changes)
{
	const char *name = "";

	for (unsigned i = 0; i < COUNT(many_vectors); i++)
		many_vectors[i] = (struct iovec){buffer, 0};
	for (unsigned which = 0; name; which++) {
		for (unsigned i = 0; name && i < COUNT(files); i++) {
			raw_close(NO_FD);
			if (!changes || !is_everybodys(&files[i]))
				try_descriptor(call, which, &files[i], &name);
		}
	}
}

/* ---- limits --------------------------------------------------------------------------- */

static void limit(int which, rlim_t soft)
{
	struct rlimit now;

	getrlimit(which, &now);
	now.rlim_cur = soft;
	setrlimit(which, &now);
}

static void try_limits(void)
{
	struct rlimit files_now, size_now;
	int fd = open("f", O_RDWR);
	long result;

#define TRY(text, ...) \
	errno = UNTOUCHED; \
	result = (long)(__VA_ARGS__); \
	{ \
		int err = errno; \
		printf("%s", text); \
		print_result(result, err); \
		print_file(fd); \
		printf("\n"); \
	}

	fflush(stdout); /* not while files are limited */
	getrlimit(RLIMIT_NOFILE, &files_now);
	getrlimit(RLIMIT_FSIZE, &size_now);
	limit(RLIMIT_NOFILE, (rlim_t)fd + 1);
	TRY("NOFILE open", open("f", O_RDONLY));
	TRY("NOFILE openat", openat(AT_FDCWD, "f", O_RDONLY));
	TRY("NOFILE creat", creat("new", 0644));
	TRY("NOFILE openat2", openat2_with(AT_FDCWD, "f", O_RDONLY, 0, 0, HOW));
	TRY("NOFILE opendir", opendir_close("d"));
	TRY("NOFILE dup", dup(fd));
	limit(RLIMIT_NOFILE, files_now.rlim_cur);
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, 20);
	TRY("FSIZE pwrite", pwrite(fd, "0123456789", 10, 15));
	TRY("FSIZE pwrite beyond", pwrite(fd, "0123456789", 10, 20));
	TRY("FSIZE pwritev", pwritev(fd, TWO, 17));
	TRY("FSIZE lseek", lseek(fd, 18, SEEK_SET));
	TRY("FSIZE write", write(fd, "0123456789", 10));
	TRY("FSIZE write more", write(fd, "0123456789", 10));
	TRY("FSIZE ftruncate", ftruncate(fd, 21));
	TRY("FSIZE truncate", truncate("f", 21));
	TRY("FSIZE fallocate", fallocate(fd, 0, 0, 30));
	TRY("FSIZE posix_fallocate", posix_fallocate(fd, 0, 30));
	limit(RLIMIT_FSIZE, size_now.rlim_cur);
	TRY("busy open", open("/proc/self/exe", O_WRONLY));
	TRY("busy open64", open64("/proc/self/exe", O_RDWR));
	raw_close(fd);
	reset();
}

/* ---- begin ---------------------------------------------------------------------------- */

static void *old(const char *name)
{
	void *symbol = dlsym(RTLD_DEFAULT, name);

	if (!symbol) {
		fprintf(stderr, "errnos: no %s\n", name);
		exit(2);
	}
	return symbol;
}

static void old_symbols(void)
{
	old_xstat = old("__xstat");
	old_xstat64 = old("__xstat64");
	old_lxstat = old("__lxstat");
	old_lxstat64 = old("__lxstat64");
	old_fxstat = old("__fxstat");
	old_fxstat64 = old("__fxstat64");
	old_fxstatat = old("__fxstatat");
	old_fxstatat64 = old("__fxstatat64");
	old_xmknod = old("__xmknod");
}

static bool directory_is_empty(void)
{
	DIR *stream = opendir(".");
	int names = 0;

	while (stream && readdir(stream))
		names++;
	if (stream)
		closedir(stream);
	return names == 2;
}

/* ---- behind commands that may still be pending ----------------------------------------- */

static struct {
	const char *text;
	long result;
	int err;
} kept[128];
static unsigned kept_count;

/* Printed at the end: nothing is pending behind output. */
#define KEEP(name, ...) \
	errno = UNTOUCHED; \
	kept[kept_count].result = (long)(__VA_ARGS__); \
	kept[kept_count].err = errno; \
	kept[kept_count++].text = name

static const char *pending_name(char kind, int number)
{
	static char name[32];

	snprintf(name, sizeof(name), "pending/%c%d", kind, number);
	return name;
}

/* How many entries lstat found, one after the other. */
static long entries_asked(void)
{
	char names[64][32];
	int count = 0;
	long asked = 0;
	DIR *stream = opendir("pending");

	for (const struct dirent *entry; stream && count < 64 && (entry = readdir(stream));)
		if (entry->d_name[0] != '.')
			snprintf(names[count++], sizeof(names[0]), "pending/%.20s", entry->d_name);
	if (stream)
		closedir(stream);
	for (int i = 0; i < count; i++)
		asked += lstat(names[i], &found) == 0;
	return asked;
}

static void try_pending(void)
{
	KEEP("mkdir", mkdir("pending", 0755));
	KEEP("creat", close(creat("pending/f", 0644)));
	for (int i = 0; i < 30; i++) {
		KEEP("link", link("pending/f", pending_name('l', i)));
	}
	KEEP("link used", link("pending/f", "pending/l29"));
	KEEP("link", link("pending/f", "pending/x1"));
	KEEP("link none", link("pending/none", "pending/x2"));
	KEEP("link directory", link("d", "pending/x3"));
	KEEP("symlink", symlink("f", "pending/s1"));
	KEEP("symlink", symlink("f", "pending/s2"));
	KEEP("symlink used", symlink("f", "pending/s2"));
	KEEP("mkdir", mkdir("pending/d1", 0755));
	KEEP("mkdir", mkdir("pending/d2", 0755));
	KEEP("mkdir used", mkdir("pending/d2", 0755));
	KEEP("unlink directory", unlink("pending/d2"));
	KEEP("rename", rename("pending/l1", "pending/r1"));
	KEEP("rename", rename("pending/l2", "pending/r2"));
	KEEP("rename gone", rename("pending/l2", "pending/r3"));
	KEEP("rename to directory", rename("pending/l3", "pending/d1"));
	KEEP("rename", rename("pending/l3", "pending/r3"));
	KEEP("open gone", open("pending/l3", O_RDONLY));
	KEEP("link", link("pending/f", "pending/x4"));
	KEEP("open used", open("pending/x4", O_WRONLY | O_CREAT | O_EXCL, 0644));
	KEEP("rmdir full", rmdir("pending"));
	KEEP("lstat all", entries_asked());
	KEEP("unlink", unlink("pending/x4"));
	KEEP("unlink gone", unlink("pending/x4"));
	for (unsigned i = 0; i < kept_count; i++) {
		printf("pending %s", kept[i].text);
		print_result(kept[i].result, kept[i].err);
		printf("\n");
	}
}

int main(void)
{
	static char output[1 << 16];

	if (!directory_is_empty() || mkdir("work", 0755) || chdir("work") || !getcwd(own, sizeof(own) - 2)) {
		fprintf(stderr, "errnos: this has to be an empty directory\n");
		return 2;
	}
	strcat(own, "/f");
	is_root = !geteuid();
	signal(SIGPIPE, SIG_IGN);
	umask(022);
	old_symbols();
	setvbuf(stdout, output, _IOFBF, sizeof(output));
	raw(SYS_dup3, raw_open(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0), WORK_FD, O_CLOEXEC, 0);
	raw(SYS_dup3, raw_open(AT_FDCWD, "..", O_RDONLY | O_DIRECTORY, 0), PARENT_FD, O_CLOEXEC, 0);
	raw_close(3);
	raw_close(4);
	edge = guarded(PAGE);
	buffer = guarded(BUFFER_SIZE);
	memset(edge, 'e', PAGE);
	locked = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	things_used = sizeof(things) / sizeof(*things) - !is_root;
	reset();
	try_one_path(one_path, false);
	try_one_path(one_path_changed, true);
	try_two_paths();
	try_directories();
	try_descriptors(on_descriptor, false);
	try_descriptors(on_descriptor_changed, true);
	try_limits();
	try_pending();
	clear();
	raw(SYS_unlinkat, PARENT_FD, (long)"work", AT_REMOVEDIR, 0);
	return fflush(stdout) || ferror(stdout);
}
