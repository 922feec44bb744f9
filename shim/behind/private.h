/* SPDX-License-Identifier: MIT
 *
 * private: what the files of the behind module share.
 */
#ifndef USHIM_BEHIND_PRIVATE_H
#define USHIM_BEHIND_PRIVATE_H

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "backend/crew/crew.h"
#include "base/path.h"
#include "behind/behind.h"
#include "behind/spelling.h"
#include "walk/governor.h"
#include "walk/sweep.h"


/* What is asked of a directory. */
#define DIR_MASK (STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_INO | STATX_MNT_ID)

enum {
	BEHIND_DIRS = 256,      /* directories known at once */
	BEHIND_COMMANDS = 2048, /* acknowledged and not done: then the program waits */
	BEHIND_SHOWN = 256,     /* bytes of a path as the program spelled it, for a late report; */
	SHOWN_ROOM = PATH_MAX + NAME_MAX + 2, /* and of one that the kernel has */
	BEHIND_ENDED = 256,     /* directories whose emptying has ended, remembered */
	BEHIND_DOUBTED = 8,     /* file systems that showed one identity for two directories */
	BEHIND_STREAMS = 16,    /* directory streams whose entries are noted */
	BEHIND_MOUNTS = 8,      /* mounts known at once */
	BEHIND_XATTRS = 32,     /* extended attributes whose setting went well, or did not; */
	XATTR_NAME = 64,        /* of names and values no longer than this */
	XATTR_VALUE = 256,
	WANTED_MOST = 8,        /* calls that are put off for one directory */
	COMMAND_SLOW_NS = 200 * 1000, /* as of walk/pace.h: one that waited, on storage that does */
};

/* What may be acknowledged in a directory. */
enum ground {
	GROUND_OTHER,    /* nothing: a source of links, or not known well enough */
	GROUND_PRIVATE,  /* made by this process, and nobody told of it since */
	GROUND_EMPTYING, /* listed to its end, and nothing done since but removing */
};

enum command_state {
	COMMAND_FREE,
	COMMAND_QUEUED,
	COMMAND_FLYING,
};

/* A command that was acknowledged. */
struct command {
	uint8_t state;
	enum op op;
	enum opcode opcode;
	uint32_t flags;
	mode_t mode;
	struct dir *dir;       /* whose entry it makes or removes */
	struct dir *source;    /* link, rename: where the other name is; or null */
	struct dir *after;     /* rmdir: the directory itself, whose own commands come first */
	struct identity inode; /* what is linked, removed or renamed; all zero if nothing */
	bool is_way;           /* a removal: paths may lead through what it removes */
	uint64_t serial;       /* tells it from its successor in the same place */
	struct command *next;  /* in its directory's queue, or among the free */
	uint64_t since_ns;
	char name[NAME_MAX + 1];
	char name2[NAME_MAX + 1]; /* link, rename: the source's; symlink: what it says */
	char shown[BEHIND_SHOWN]; /* for path_shown */
};

/* What a call sets of a directory, where it can be set later. */
enum attribute_kind {
	ATTRIBUTE_OWNER, /* the one it has: only the change time shows it */
	ATTRIBUTE_MODE,
	ATTRIBUTE_TIMES,
	ATTRIBUTE_XATTR,
	ATTRIBUTE_KINDS, /* none of these */
};

/* An extended attribute as a call sets it, or takes it away. */
struct xattr {
	bool removes;
	uint32_t size; /* of value */
	char name[XATTR_NAME];
	char value[XATTR_VALUE];
};

struct attribute {
	enum attribute_kind kind;
	uint32_t uid, gid;
	mode_t mode;
	struct timespec times[2];
	struct xattr_proof *proof; /* of XATTR, where there is one; it says which */
};

/* A plain call set XATTR on that mount, or was refused. */
struct xattr_proof {
	struct xattr xattr;
	uint64_t mount;
	unsigned held; /* calls put off that will read it: it stays as it is */
	bool proven, refused;
};

/* Plain calls of a kind: the last that went well, and whether any did not. */
struct attribute_proof {
	bool proven, refused;
	uint32_t uid, gid;
	uint64_t mount;
};

/* To be set behind what is pending, by the crew. */
struct wanted {
	struct crew_job job;
	bool posted;    /* to the crew: nothing may be added */
	unsigned count; /* of these, in the program's order: */
	struct attribute list[WANTED_MOST];
	int results[WANTED_MOST];
	int fd;                   /* the directory's, */
	char link[LINK_SIZE];     /* and how to name it */
	char shown[BEHIND_SHOWN]; /* of the directory, for path_shown */
};

struct dir {
	struct identity identity;
	uint64_t handle;  /* path_handle: another directory may show the same identity */
	uint64_t mount;   /* STATX_MNT_ID */
	uint64_t serial;  /* tells it from its successor in the same place */
	uint64_t touched; /* for choosing which one makes room */
	struct command *head, *tail; /* its queue; those the kernel has come first */
	unsigned pending, flying;    /* how many, with one for what is wanted; those the kernel has */
	unsigned held;               /* commands elsewhere that need its descriptor */
	unsigned preparing;          /* names being looked up for its next chain */
	unsigned prepared;           /* commands from the first on whose names were */
	int fd;                      /* O_PATH, ours, far up */

	/* Private ground. */
	uint64_t *names; /* hashes of the names used in it */
	uint32_t names_used, names_room;
	struct identity linked_from; /* a plain link from there succeeded */
	size_t xattr_bytes;          /* names and values this process gave it, at most */
	struct wanted wanted;

	/* Ground being emptied. */
	struct sweep listing;
	uint32_t removed;   /* entries, by this process */
	uint32_t successes; /* plain ones */
	uint32_t place;     /* of the last removal in the listing's order */

	uint8_t ground;
	bool used;
	bool dead;         /* removed: goes when nothing of it is pending */
	bool doomed;       /* its own removal is pending */
	bool strange;      /* a name beyond ASCII was used: others may be equal to it */
	bool proven[3];    /* a plain success of MADE_* */
	bool listed;       /* to its end */
	bool numbered;     /* the listing's inode numbers are the files' own */
	bool keeps;        /* a removal in it failed late, and was told of */
};

/* What is known of a mount in which commands may be acknowledged. */
struct mount {
	bool known;
	bool by_file;     /* one file's success says nothing of the next one's: never */
	bool bridge;      /* a server decides */
	bool doubtful;    /* what statfs(2) says of it may be made up */
	bool absolute;    /* a plain symlink to an absolute path went well */
	uint64_t id;      /* STATX_MNT_ID */
	unsigned links;   /* plain ones that went well */
	size_t name_most; /* bytes, by statfs(2); 0: not asked yet */
	/* Of plain successes: the longest, and of what bytes they were. */
	size_t longest_name, longest_target;
	size_t xattr_bytes; /* most that a directory took; */
	struct spelling names, targets;
};

enum {
	MADE_SYMLINK,
	MADE_DIRECTORY,
	MADE_RENAME,
};

/* Owner and mode of a directory in which removing is proven: its siblings need less proof. */
struct likeness {
	bool known;
	uint64_t device;
	uint32_t uid, gid;
	uint16_t mode;
};

/* A path, and where its last component lies. */
struct spot {
	int fd;
	char path[PATH_MAX];
	const char *name;
	size_t directory;         /* length of what leads to the name */
	bool known;               /* its directory was found, and is this one: */
	struct statx parent;
	struct dir *dir;          /* null where nothing is known about it */
};

/* In wiped memory: a forked child starts without. */
struct behind {
	uint64_t magic;
	bool failed; /* something failed late: nothing more is acknowledged */
	bool ready;  /* some directory's next chain may be submitted */
	bool landing; /* the outcome of a command is being learned: nothing may be waited for, */
	bool doubts;  /* and two directories were found that show one identity */
	unsigned pending, flying; /* pending: with wanting; flying: with what is being looked up */
	unsigned wanting; /* directories of which something is wanted, */
	unsigned setting; /* and of these, those the crew has */
	uint16_t inodes[1024]; /* pending commands by a hash of their inode */
	unsigned making;      /* pending commands that make a name */
	unsigned ways;        /* pending commands with is_way */
	unsigned descriptors; /* of ours */
	int lowest;           /* number below which none of ours is */
	struct dir *gathering; /* whose first commands are not submitted yet, or null, */
	uint64_t gathering_ns; /* and since when */
	uint64_t clock;       /* of touched and serial */
	uint64_t removed_ns;  /* the thread's own time at the last removal, if nothing came since */
	unsigned awaited;     /* directories made early that were asked for at once */
	unsigned worked;      /* after which of the last removals it computed: bits */
	uint32_t uid;         /* as file systems see it; */
	size_t listed_bytes;  /* all listings together: at most SWEEP_BYTES_MOST */
	bool removes;         /* the program was seen to remove names */
	bool may_link_all;    /* CAP_FOWNER; */
	bool identified;      /* both are known */
	uint64_t space_device, space_ns; /* file system that was last seen to have room, and when */
	uint64_t proc_device;
	struct likeness likeness;
	struct attribute_proof attributes[ATTRIBUTE_KINDS];
	struct xattr_proof xattrs[BEHIND_XATTRS];
	unsigned xattrs_next;
	bool xattrs_full; /* of refusals: nothing is proven any more */
	struct {
		DIR *stream;
		struct dir *dir;
	} streams[BEHIND_STREAMS];
	uint64_t doubted[BEHIND_DOUBTED]; /* devices */
	struct mount mounts[BEHIND_MOUNTS];
	struct identity ended[BEHIND_ENDED];
	unsigned doubted_count, mounts_next, ended_next; /* of the last three */
	unsigned space_left; /* commands until a file system is asked for room again */
	struct spot spot, spot2;
	struct statx looked_up; /* where lookups put what nobody reads */
	struct command *free;
	unsigned commands_used; /* of the array; the rest was never touched */
	struct dir dirs[BEHIND_DIRS];
	struct command commands[BEHIND_COMMANDS];
};

/* ---- state.c ---- */

#define BEHIND_MAGIC UINT64_C(0x75736862656869ff)

/* Ordinary memory, so that children inherit what was learned. */
extern struct behind_learned {
	struct governor command;
	unsigned samples; /* timed commands still to come */
	bool given_up;
	bool in;
} behind_learned;

/* The root, or null while out; its memory, or null where there is none. */
struct behind *behind_root(void);
struct behind *behind_root_memory(void);

/* Who the process is by now. */
void behind_identify(struct behind *behind);

/* What a plain command took lately, nanoseconds; 0: not known. */
uint64_t command_cost_ns(void);

/* Nothing is acknowledged in this process any more, once this call is made. */
void behind_give_up(void);

/* ---- plain.c ---- */

/*
 * Makes PASSAGE plainly, timed; the governor learns. UNSEEN: nobody else can see what it changes,
 * so it tells the program nothing about others, and what was asked ahead stays good; what it
 * changes itself is for ahead_changed.
 */
long command_plain(const struct passage *passage, enum reason why, bool unseen);

/* A call comes that may take long: what gathered does not wait for it. */
void submit_before(struct behind *behind);

/* ---- forget.c ---- */

/* Everything is done, and nothing is known any more. */
void behind_forget(struct behind *behind);

/* ---- sample.c ---- */

/* What a plain command tells of its storage. */
struct sample {
	uint64_t waited_ns; /* as far as that is known; else 0 */
	bool slow;          /* it took long, with or without waiting */
	bool network;       /* its storage waits by nature */
};

/* Makes PASSAGE, which is CALL, plainly and timed. */
struct sample command_sample(const struct passage *passage, const struct call *call);

/* ---- fence.c ---- */

/*
 * PASSAGE is about to be made: what it could see or show is done, and what it ends is ended. True
 * if it was acknowledged or made.
 */
bool fence_pass(struct behind *behind, const struct passage *passage);

/* ---- worked.c ---- */

/* A call comes: did the program compute since its last removal? */
void worked_look(struct behind *behind);

/* PASSAGE was made or acknowledged: if it removes, that is looked at when the next call comes. */
void worked_begin(struct behind *behind, const struct passage *passage);

/* ---- outcome.c ---- */

/* Is there anything to learn from PASSAGE's outcome? */
bool outcome_matters(const struct behind *behind, const struct passage *passage);

/* Makes PASSAGE unless it is DONE, and learns from its outcome. PROGRAM_ERRNO: what errno was before. */
void outcome_learn(struct behind *behind, const struct passage *passage, bool done,
		   int program_errno);

/* ---- dirs.c ---- */

/* The record of a directory, or null. */
struct dir *dir_find(struct behind *behind, const struct identity *identity);

/*
 * DIR, which was found by its identity, or null, if HANDLE is not its own: then there are two of
 * that identity, and nothing is believed of either, nor of their file system, from here on.
 */
struct dir *dir_confirm(struct behind *behind, struct dir *dir, uint64_t handle);

/* The record of directory PATH below FD, opened with FLAGS, made if need be; null: no room. */
struct dir *dir_take(struct behind *behind, int fd, const char *path, int flags);
void dir_drop(struct behind *behind, struct dir *dir);

/* Is it one of our descriptors? */
bool descriptor_is_ours(const struct behind *behind, int fd);

/* The directory PATH below FD was just made: it is private ground. */
void dir_made(struct behind *behind, int fd, const char *path);

/* Where one identity was seen for two directories, TO is told first: it makes nothing known any more. */
void dirs_tell_doubts(void (*to)(struct behind *behind));

/* DIR's names, or all directories', are not being emptied any more: something else was done. */
void ground_end(struct behind *behind, struct dir *dir);
void empties_end(struct behind *behind);

/* ---- spot.c ---- */

/* Reads PATH and finds the directory of its last component. False: there is none to speak of. */
bool spot_read(struct behind *behind, struct spot *spot, int fd, const char *path);

/* The record of SPOT's directory, made if need be. */
struct dir *spot_take(struct behind *behind, struct spot *spot);

/* ---- names.c ---- */

/* Names used in private ground. */
bool names_has(const struct dir *dir, const char *name);
void names_add(struct dir *dir, const char *name);
bool name_is_ascii(const char *name);

/* A copy, cut where it is too long. */
void name_keep(char kept[NAME_MAX + 1], const char *name);

/* Equal, or equal but for the case of ASCII letters. */
bool name_same(const char *a, const char *b);

/* ---- link.c, empty.c: true if PASSAGE was acknowledged or made ---- */

bool links_command(struct behind *behind, const struct passage *passage, struct call *call);
bool makes_command(struct behind *behind, const struct passage *passage, struct call *call);
bool empties_command(struct behind *behind, const struct passage *passage, struct call *call);

/* A stream was opened, gave ENTRY (null at its end), was moved or closed. */
void stream_opened(struct behind *behind, DIR *stream, int fd);
void stream_gave(struct behind *behind, DIR *stream, const struct dirent *entry, bool end);
void stream_gone(struct behind *behind, DIR *stream);
bool stream_noted(const struct behind *behind, DIR *stream);

/* ---- link.c ---- */

/* ENOSPC, EDQUOT: DIR's file system, of MOUNT, is not near full. */
bool space_left(struct behind *behind, const struct dir *dir, struct mount *mount);

/* ---- shown.c ---- */

/* Keeps in SHOWN how the program spelled SPOT, if that says where it is; else it is empty. */
void path_show(char shown[BEHIND_SHOWN], const struct spot *spot);

/* The path of NAME in DIR, or with an empty NAME of DIR, for a late report; it may be in PATH. */
const char *path_shown(const struct dir *dir, const char *shown, const char *name,
		       char path[SHOWN_ROOM]);

/* ---- mount.c ---- */

/* The mount of that STATX_MNT_ID, or null where it is not known; DIR's, judged if need be. */
struct mount *mount_find(struct behind *behind, uint64_t id);
struct mount *mount_of(struct behind *behind, const struct dir *dir);

/* Nothing of ours keeps any mount any more: the numbers may become others'. */
void mounts_forget(struct behind *behind);

/* In DIR ERR refused what was proven otherwise: if a file may be what it is about, never again. */
void mount_refused(struct behind *behind, const struct dir *dir, int err);

/* Is it proven that a name, or what a symbolic link says, can be held? And such a one went well. */
bool mount_holds_name(const struct mount *mount, const char *name);
void mount_learn_name(struct mount *mount, const char *name);
bool mount_holds_target(const struct mount *mount, const char *target);
void mount_learn_target(struct mount *mount, const char *target);

/* Did as many plain links go well as its kind of storage needs? */
bool mount_links_enough(const struct mount *mount);

/* ---- lost.c ---- */

/* What would have given INODE another name failed late with ERR. */
void lost_note(const struct identity *inode, int err);

/* Did anything, in this process or the one it was forked from? */
bool lost_any(void);

/* Is OP of interest because of that? */
bool lost_needs(enum op op);

/* True if PASSAGE would take away what the failure left: it fails, with its value and errno. */
bool lost_refuses(const struct passage *passage);

/* ---- attr_calls.c ---- */

/* How a call that sets attributes says of what: the others' first argument is a path. */
enum attribute_by {
	BY_PATH, /* to its end */
	BY_LINK, /* to a symbolic link itself */
	BY_FD,   /* a descriptor */
	BY_AT,   /* a path below a descriptor; flags may say that a link itself is meant */
};

enum attribute_sets {
	SETS_MODE,
	SETS_OWNER, /* user and group, in two arguments */
	SETS_TIMES,
	SETS_XATTR,
	SETS_NO_XATTR, /* takes one away */
};

struct attribute_call {
	enum op op;
	enum attribute_by by;
	enum attribute_sets sets;
	int8_t value, flags; /* which arguments; -1: none */
	bool deferred;       /* it may be */
};

/* What an attribute call is about. */
struct subject {
	int fd;
	const char *path; /* null: of the descriptor itself */
	bool follow;
};

/* OP is one of FENCE_ATTRIBUTE's. */
const struct attribute_call *attribute_call_of(enum op op);
struct subject subject_of(enum op op, const long *arg);

/* True if its flags are none that is not known here. */
bool attribute_flags_plain(const struct attribute_call *call, const long *arg);

/* ---- attrs.c ---- */

/* True if PASSAGE was acknowledged or made. */
bool attributes_command(struct behind *behind, const struct passage *passage);

/* ---- wanted.c ---- */

/* May ATTRIBUTE, which is no XATTR, be acknowledged for DIR, which is STATX now? */
bool wanted_proven(const struct behind *behind, const struct dir *dir,
		   const struct attribute *attribute, const struct statx *statx);

/* A plain call on that mount went well, or not. */
void wanted_learn(struct behind *behind, uint64_t mount, const struct attribute *attribute,
		  bool success);

/* Can the crew get at DIR by a path? */
bool wanted_reaches(const struct dir *dir);

/* It is set behind what is pending in DIR. SHOWN: by path_show. */
void wanted_add(struct behind *behind, struct dir *dir, const struct attribute *attribute,
		const char shown[BEHIND_SHOWN]);
bool wanted_has(const struct dir *dir, enum attribute_kind kind);

/* No more can be added before what is there was set. */
bool wanted_full(const struct dir *dir);

/* No command is pending in DIR any more: what is wanted is set. */
void wanted_begin(struct behind *behind, struct dir *dir);

/* Learns what has been set meanwhile. */
void wanted_reap(struct behind *behind);

/* ---- xattrs.c ---- */

/* What a call with these arguments is to set. False: nothing that can be put off. */
bool xattr_read(struct xattr *xattr, enum op op, const long *arg);

/* The proof that XATTR can be set on DIR, which is STATX now, or null. */
struct xattr_proof *xattr_proven(struct behind *behind, const struct dir *dir,
				 const struct xattr *xattr, const struct statx *statx);

/* A plain call for DIR, which may be gone (null), on that mount went well, or not. */
void xattr_learn(struct behind *behind, const struct dir *dir, uint64_t mount,
		 const struct xattr *xattr, bool success);

/* DIR gets XATTR, by a call that is made or put off; null: one of any size. */
void xattr_count(struct dir *dir, const struct xattr *xattr);

/* ---- touch.c ---- */

/* Waits for what PATH below FD leads to. FOLLOW: also through a last symbolic link. */
void touch_path(struct behind *behind, struct spot *spot, int fd, const char *path, bool follow);

/* Waits for what SPOT's name is. */
void touch_name(struct behind *behind, const struct spot *spot);

/* The same, and for its file, where the name leads to one. */
void touch_file(struct behind *behind, const struct spot *spot);

/* Waits for an inode's commands; true if there were any. */
bool touch_inode(struct behind *behind, const struct identity *identity);

/* The stat family: after the answer. True if it has to be asked again. */
bool touch_answer(struct behind *behind, const struct passage *passage);

/* Waits for the inode of a descriptor. */
void touch_descriptor(struct behind *behind, int fd);

/* Was FD opened in /proc, and tells of processes? */
bool descriptor_in_proc(const struct behind *behind, int fd);

/* Before the question. */
void touch_question(struct behind *behind, const struct passage *passage);

/* ---- prepare.c ---- */

/* The most commands, from FIRST on, whose names it helps to look up for one chain. */
unsigned prepare_most(const struct command *first);

/*
 * Looks up the names that COUNT commands from FIRST on need, where they may not be known. How many
 * questions are under way; TOKEN comes for each.
 */
unsigned prepare_names(struct behind *behind, const struct command *first, unsigned count,
		       uint64_t token);

/* ---- queue.c ---- */

/* Picks up what is done and submits what may be. */
void queue_turn(struct behind *behind);

/* The same, and waits until command_take has room. */
void queue_make_room(struct behind *behind);

/* A command to fill in. Waits for nothing, so that what was proven stays so. */
struct command *command_take(struct behind *behind);

/* Acknowledges COMMAND: it is DIR's next. */
void command_defer(struct behind *behind, struct command *command, struct dir *dir);

/* More may come for DIR: it is not begun with. */
void queue_gather(struct behind *behind, struct dir *dir);

/* The program turns to something else: what gathered is submitted with the next turn. */
void queue_gathered(struct behind *behind);

/* False if nothing pending is on that inode, by a hash. */
bool queue_may_have(struct behind *behind, const struct identity *identity);

/* What was set on DIR comes before what is acknowledged next: waits if there is anything. */
void queue_wanted(struct behind *behind, struct dir *dir);

/* Wait until nothing is pending in DIR (and all is set that was wanted), or anywhere. */
void queue_wait_dir(struct behind *behind, struct dir *dir);
void queue_wait_all(struct behind *behind);

/* Waits for COMMAND, and so for all before it in its directory. */
void queue_wait_command(struct behind *behind, const struct command *command);

/* As the receiver of FLIGHT_COMMAND. */
void command_done(uint64_t token, int result);

#endif
