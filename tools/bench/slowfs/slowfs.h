/* SPDX-License-Identifier: MIT
 *
 * slowfs.h: what the parts of slowfs share. main.c has the map.
 *
 * Functions that return int return 0 or an errno, unless they say otherwise.
 */
#ifndef SLOWFS_H
#define SLOWFS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define FUSE_USE_VERSION 312

#include <errno.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum kind {
#define KIND(id, name) KIND_##id,
#include "kinds.def"
#undef KIND
	KIND_COUNT
};

/* Inode numbers as programs see them. */
enum numbers {
	NUMBERS_BACKING,  /* the backing file's */
	NUMBERS_ZERO,	  /* 0 for all but the root */
	NUMBERS_SIBLINGS, /* directories of one parent share one */
};

/* What the command line chose. Written before the mount, only read after it. */
struct settings {
	double entry_timeout; /* seconds, as the two below */
	double attr_timeout;
	double negative_timeout;
	bool xattr;
	bool acl;
	bool changing_times; /* others write to every file, as often as somebody asks about it */
	bool changing_sizes; /* ... and make it longer */
	bool readdirplus;
	bool writeback;
	bool serial_dirops;
	bool fold_case;
	bool silly;
	bool keep_cache;
	enum numbers numbers;
	unsigned threads;	/* requests that can be under way at once */
	unsigned long node_fds; /* descriptors to spend on remembering nodes */
};

extern struct settings settings;

/* ---- call.c: a request's delay, its faults, its line in the log -------------------- */

/*
 * One request. The names are borrowed from libfuse for as long as the handler runs; inode
 * numbers are those of the backing file, the ones stat(2) shows.
 */
struct call {
	fuse_req_t req;
	enum kind kind;
	uint64_t ino;	   /* the directory for requests that name an entry */
	const char *name;  /* the entry, or what the request is about; NULL: none */
	uint64_t ino2;	   /* the second inode: found, linked, renamed to; 0: none */
	const char *name2; /* new name, symlink target; NULL: none */
	char range[48];	   /* room for call_range(), or a name */
	uint64_t start_ns; /* set by call_admit() */
};

/* Spends the delay. False: a fault was due, and the request is answered. */
bool call_admit(struct call *call);

/* Logs the result. True when err is an error, which is then the answer given. */
bool call_failed(struct call *call, int err);

/* As call_failed(), for requests whose success carries no data: answers either way. */
void call_end(struct call *call, int err);

/* Logs the request as done, with err, and answers nothing. */
void call_log(const struct call *call, int err);

/* Has the log show "@offset+length" as the name. */
void call_range(struct call *call, off_t offset, uint64_t length);

/* Option arguments; false when malformed. See usage() in main.c for their form. */
bool call_parse_delay(const char *spec);
bool call_parse_fail(const char *spec);
bool call_parse_hang(const char *spec);
int call_open_log(const char *path);

/* The kind whose name is the LENGTH bytes at TEXT; the errno of that name, or 0. */
bool call_parse_kind(const char *text, size_t length, enum kind *kind);
int call_parse_errno(const char *text);

/* ---- refusals.c: what is refused for its name -------------------------------------- */

/* The errno with which CALL is refused, or 0. */
int refusal_of(const struct call *call);

/* True if more is refused than names that cannot be: then this storage decides by file. */
bool refusals_by_file(void);

/* The length of the longest name, as statfs has it. */
unsigned long refusal_name_max(void);

/* Option arguments; false when malformed. */
bool refusal_parse(const char *spec);
bool refusal_parse_name_max(const char *spec);

/* ---- node.c: which backing file a node id stands for ------------------------------- */

int node_open_root(const char *backing);

/* The inode number of the backing file. */
uint64_t node_number(fuse_ino_t id);

/* The descriptor of a directory, O_PATH. Valid while the kernel knows the node. */
int node_dirfd(fuse_ino_t dir);

/*
 * Use of any node: an O_PATH descriptor and a path through /proc that leads to the same
 * file, even if it is a symlink or unlinked. Declare it with HOLD(); it ends with the scope.
 */
struct hold {
	int fd;
	bool ours; /* to be closed */
	char path[32];
};

int hold_begin(struct hold *hold, fuse_ino_t id);
void hold_end(struct hold *hold);
#define HOLD(var) __attribute__((cleanup(hold_end))) struct hold var = {.fd = -1}

/*
 * Find the node of an entry, or of an O_PATH descriptor (taken over, even on failure), count
 * one lookup and fill the entry in. node_forget() takes lookups back.
 */
int node_lookup(fuse_ino_t dir, const char *name, struct fuse_entry_param *entry);
int node_adopt(int fd, struct fuse_entry_param *entry);
void node_forget(fuse_ino_t id, uint64_t lookups);

/* The one number of all directories in the one numbered PARENT. */
#define NUMBER_OF_SUBDIRECTORIES(parent) ((parent) << 32 | 1)

/* ST, of the file that FD is, gets the inode number that programs are to see (--inodes). */
void node_number_shown(int fd, struct stat *st);

/*
 * The attributes of what FD is open on, for an answer. With --changing they are other ones than the
 * answer before said, as if somebody else had written meanwhile.
 */
int node_attributes(int fd, struct stat *st);

/* ---- ops_*.c: the handlers --------------------------------------------------------- */

/*
 * Each fills its handlers in. A handler admits its call (delay, faults), does the work on the
 * backing directory, has it logged and answers. The kernel has checked access
 * (default_permissions), so the work is done as root; only what makes an inode is done as the
 * caller, so that owner, group and the set-group-id rule come out as on any file system.
 * Locks have no handler: the kernel then keeps them itself.
 */
void ops_names(struct fuse_lowlevel_ops *ops);
void ops_inode(struct fuse_lowlevel_ops *ops);
void ops_file(struct fuse_lowlevel_ops *ops);
void ops_dir(struct fuse_lowlevel_ops *ops);

/* The argument of --listing; false when malformed. */
bool dir_parse_listing(const char *spec);

/*
 * The ids new inodes get, for this thread, and with --acl the umask, which only holds where there is
 * no default ACL to inherit. Capabilities stay (keep_capabilities(), main.c).
 */
void caller_assume(fuse_req_t req);
void caller_leave(void);

/* With --fold-case: NAME as directory DIR spells it, in THERE where that is another. */
const char *name_there(fuse_ino_t dir, const char *name, char there[NAME_MAX + 1]);

static inline int errno_of(long result)
{
	return result == -1 ? errno : 0;
}

static inline int sync_fd(int fd, int data_only)
{
	return errno_of(data_only ? fdatasync(fd) : fsync(fd));
}

/* ---- silly.c: names removed while their files are open ----------------------------- */

/* A file was opened, or closed once: what is hidden goes with the last. */
void silly_opened(uint64_t ino);
void silly_closed(uint64_t ino);

/* True if NAME was to be removed, and has been renamed instead: to HIDDEN, of SILLY_NAME bytes. */
#define SILLY_NAME 48
bool silly_hidden(int dir, const char *name, char *hidden);

/* ---- wire.c: the bytes between libfuse and the kernel ------------------------------ */

/* Goes between session and kernel; calls ready() once the kernel has taken the INIT reply. */
int wire_attach(struct fuse_session *session, void (*ready)(void));

#endif
