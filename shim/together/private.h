/* SPDX-License-Identifier: MIT
 *
 * private: what the files of the together module share.
 */
#ifndef USHIM_TOGETHER_PRIVATE_H
#define USHIM_TOGETHER_PRIVATE_H

#include <sys/stat.h>

#include "backend/flight.h"
#include "base/path.h"
#include "together/together.h"
#include "walk/pay.h"
#include "walk/sweep.h"

enum {
	GROUP_MOST = 64, /* files started together */
	NUMBERS = 64,    /* descriptors that may be known to be new */
	OURS = -1,       /* for a descriptor's number: the program has none */
	TRAIL = 3,       /* durability points looked back at */
	TEXT_SIZE = 16 * 1024,
};

/* What a write, and any other change of an inode, changes. */
struct shape {
	struct identity identity;
	uint64_t handle; /* path_handle: another file may show the same identity */
	mode_t mode;
	uint64_t size;
	struct statx_timestamp modified, changed;
};

/* False where FD is no regular file or directory. */
bool shape_read(int fd, struct shape *shape);
bool shape_same(const struct shape *a, const struct shape *b);

/* A file that is likely to be synced next. Of a group's, all are OURS or none is. */
struct candidate {
	struct shape shape;
	int fd; /* the program's, or OURS */
	int by; /* the same, or one that is open while the group is; O_PATH at first */
};

enum stored_state {
	STORED_FREE,
	STORED_FLYING,
	STORED_READY, /* success, for the program to come for */
	STORED_OWED,  /* a failure, which the program has to be told whatever happens to the file */
};

/* A completion. */
struct stored {
	uint8_t state;
	int fd; /* through which the fsync was made, or OURS */
	int by; /* as of the candidate */
	int result;
	bool told; /* the failure, through another descriptor than this one's, by whomever */
	bool said; /* it was reported late, because others may come for it */
	struct shape shape;  /* when it was started */
	char path[PATH_MAX]; /* of a failure; memory that is never touched otherwise */
};

/* In wiped memory: a forked child starts without. */
struct together {
	uint64_t magic;
	unsigned queued, flying; /* entries of the ring */
	uint64_t old_numbers;    /* descriptors that were there when the group was started */
	unsigned ready, owed; /* completions in these states */
	bool data_only; /* the group's are fdatasyncs */
	int own_result; /* of the fsync that started the group, where it was made on the ring */
	uint64_t begun_ns, spent_ns; /* when it was prepared; what it took */
	uint64_t again_ns; /* and the program's own fsyncs of its files */
	unsigned used;  /* of the group, the ones the program came for */
	unsigned looked; /* calls since the age was looked at */
	struct pay *pay;
	struct stored stored[GROUP_MOST];
	struct candidate candidates[GROUP_MOST];
	char text[TEXT_SIZE]; /* of /proc, while it is read */
	struct sweep listed;  /* the directory whose files are being synced */
	size_t listed_bytes;
	bool never_open;      /* files the program has closed: an open met a lease */
	unsigned listed_at;   /* how many fsyncs had been noted then */
	uint64_t grace_ns;    /* when somebody last looked at /proc/locks; 0: never */
	bool grace_awaited;   /* a look is in flight */
	char grace_byte;      /* what it reads */
};

/* ---- together.c ---- */

/* The root, or null while nothing is kept. */
struct together *together_root(void);

/* ---- stored.c ---- */

/* Failures nobody came for are told now (report/late.h). */
void stored_tell_all(struct together *together);

/* Descriptors are about to be another process's too, to which the kernel will not tell them. */
void stored_share(struct together *together);

/* Which descriptors the program has, behind a group with files of ours. */
void stored_number_look(struct together *together);

/* ---- group.c ---- */

/* Makes the program's own fsync together with those of the first COUNT candidates. */
void group_run(struct together *together, const struct passage *passage, unsigned count);

/* The COUNT candidates, one at least, are needed no more. */
void candidates_close(struct together *together, unsigned count);

/* The completion that is about descriptor FD, whose inode has SHAPE; or null. */
struct stored *stored_find(struct together *together, int fd, const struct shape *shape);

/* True if STORED is the answer to an fsync (or fdatasync) of a file with SHAPE now. */
bool stored_good(const struct together *together, const struct stored *stored,
		 const struct shape *shape, bool data_only);

/* The program came for it. */
void stored_take(struct together *together, struct stored *stored);

/*
 * The failure belongs to a call about descriptor FD, which was MADE by itself with success or
 * not. Returns the errno it has to fail with, or 0 for its own result.
 */
int stored_tell_call(struct together *together, struct stored *stored, int fd, bool made);

/* Completions are void: of directories, of one inode, of descriptor FD about to be closed, all. */
void stored_void_directories(struct together *together);
void stored_void(struct together *together, const struct identity *identity);
void stored_close(struct together *together, int fd);
void stored_void_all(struct together *together);

/* ---- next.c ---- */

/* FD, whose inode has SHAPE, is being synced. False where it is the newest again. */
bool next_note(int fd, const struct shape *shape);
void next_forget(void);

/* How many were noted, ever; and the newest of them (0), and the one before (1). */
unsigned next_noted(void);
const struct shape *next_newest(unsigned back);

/* False where the next one cannot be part of an order. */
bool next_ready(void);

/* True if the two newest were open by the same number, one after the other. */
bool next_reopens(void);

/* True if what was noted may be part of one. */
bool next_ordered(void);

/* True if it is one of descriptors that are open. */
bool next_in_line(void);

/* True if each of the COUNT newest was changed before the one before it was synced. */
bool next_changed_before(unsigned count);

/* True if the last of COUNT + 1 candidates is like the files that are synced, and none of them. */
bool next_fits(const struct candidate *candidates, unsigned count);

/* What is likely to be synced after what was noted last: at most MOST. */
unsigned next_find(struct candidate *candidates, unsigned most);

/* ---- candidate.c ---- */

/*
 * True if what NAME in DIRECTORY leads to may be synced ahead, behind COUNT CANDIDATES; it is open
 * then (O_PATH).
 */
bool candidate_open(int directory, const char *name, int flags, struct candidate *candidates,
		    unsigned count);

/* ---- names.c ---- */

/* True unless it is known that the next finds none. Cheap. */
bool names_may_find(const struct together *together);

/* The same for files that are not open, into TOGETHER. FD is the one being synced. */
unsigned names_find(struct together *together, int fd, unsigned most);

/* ---- record.c ---- */

/* Names are to be recorded from now on, the command line's first. False where they were, or can't be. */
bool record_begin(void);

/* True where PASSAGE may make a file that is to be recorded. Cheap; counts one. */
bool record_makes(const struct passage *passage);

/* It is about to be made. */
void record_made(const struct passage *passage);

/* An fsync is about to be made. Cheap. */
void record_synced(void);

/* FD, opened by the same number as the one before, is being synced. */
void record_note(int fd, const struct identity *identity);

/* True where the newest two were synced in the recorded order. */
bool record_shows(void);

/* How many are behind the newest in it; all, where that one is not. */
unsigned record_left(void);

/* What comes next in it: at most MOST. */
unsigned record_find(struct candidate *candidates, unsigned most);

/* ---- maps.c ---- */

/* Of COUNT candidates leaves those that no store and no other ring can change; returns how many. */
unsigned maps_leave(struct together *together, unsigned count);

/* ---- locks.c ---- */

/* False where looking for COMING files is not worth it. Cheap. */
bool locks_may_look(const struct together *together, unsigned coming);

/* Looks who has locks, so that files can be opened, COMING or so. False where that is not known. */
bool locks_look(struct together *together, unsigned coming);

/* True if somebody has one on IDENTITY, as far as was looked. */
bool locks_have(const struct identity *identity);

/* True if a file of SHAPE may be opened, and closed again. */
bool locks_spare(const struct shape *shape);

/* ---- grace.c ---- */

/* True if COMING plain fsyncs take as long as a look at /proc/locks. */
bool grace_pays(const struct together *together, unsigned coming);

/* False where a look at /proc/locks is not worth it for COMING fsyncs, nor waiting beside us. */
bool grace_may_come(const struct together *together, unsigned coming);

/* True if one does not wait now, or may well; else waiting begins beside us, where that pays. */
bool grace_is_here(struct together *together, unsigned coming);

/* True while that goes on; then there is nothing else to do. */
bool grace_goes_on(const struct together *together);

/* One was made. */
void grace_note(struct together *together);

/* Behind a group: the next one is to find it as this one did. */
void grace_keep(struct together *together);

/* ---- void.c ---- */

/* What PASSAGE, no durability point, does to what is kept. */
void void_before(struct together *together, const struct passage *passage);

#endif
