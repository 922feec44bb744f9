/* SPDX-License-Identifier: MIT
 *
 * private: what the files of the ahead module share.
 */
#ifndef USHIM_AHEAD_PRIVATE_H
#define USHIM_AHEAD_PRIVATE_H

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "ahead/ahead.h"
#include "ahead/kind.h"
#include "backend/crew/scouts.h"
#include "backend/flight.h"
#include "base/clock.h"
#include "base/path.h"
#include "call/passage.h"
#include "table/call.h"
#include "walk/aside.h"
#include "walk/governor.h"
#include "walk/sweep.h"

enum {
	AHEAD_ANSWERS = 256, /* slots: in flight, or waiting for the program */
	AHEAD_HABITS = 2,    /* at once: about what was listed, and about its pair elsewhere */
	AHEAD_DEVICES = 8,   /* file systems told apart; any more count as remote */
	AHEAD_OPENED = 256,  /* inodes remembered as open here */
	AHEAD_SEEN = 256,    /* looks at inodes that are remembered */
	AHEAD_CHANGES = 256, /* directories and files this process changed, while others are being listed */
	AHEAD_SPELLED = 64 * 1024,
	LOOK_TEXT = 4096, /* the kernel gives no more at a time */
	LOOK_LINE = 256,
};

enum answer_state {
	ANSWER_FREE,
	ANSWER_FLYING,
	ANSWER_ORPHAN, /* in flight for nobody any more */
	ANSWER_READY,
};

struct answer {
	uint8_t state;
	bool probe;  /* asked for the entry's type alone */
	bool first;  /* of its batch: nothing queued before it */
	int fd;      /* directory it was asked in */
	int result;
	uint32_t flags, mask; /* as it was asked */
	uint32_t entry;
	struct sweep_ref of; /* whose entry that is; of none: an orphan's */
	uint64_t epoch;    /* ahead->epoch when it was asked */
	uint64_t asked_ns; /* when it was submitted */
	uint64_t young_ns; /* it was obtained no earlier than this */
	struct statx statx;
};

/* The question a program is in the habit of asking about every entry. */
struct habit {
	uint32_t flags, mask;
	unsigned window;    /* questions ahead of the program */
	uint64_t stepped_ns; /* when it came to an entry last, */
	uint64_t step_ns;    /* and how long it takes from one to the next */
	unsigned confident; /* directories in a row that were asked about to their end */
	uint32_t types;     /* DT_* it does not pass over, as bits */
	uint32_t shown;     /* DT_* it was seen to ask about */
	unsigned skipped[16]; /* entries of each type passed over since one was asked about */
	bool known;
};

/* What a path or descriptor means. */
struct place {
	struct sweep *sweep;
	uint32_t entry;
	int fd;
	size_t prefix_length; /* of path; the name follows behind a slash */
	const char *name;
	size_t name_length;
	char path[PATH_MAX];
};

/* Looks for leases. */
struct look {
	enum look_state {
		LOOK_NONE,
		LOOK_FLYING,
		LOOK_LANDED,
	} state;
	int read;          /* what the last read gave: bytes or a negative errno */
	unsigned reads;    /* of this look, so far */
	bool breaks;       /* it has found one that reading breaks */
	uint64_t begun_ns; /* when it began */
	uint64_t offset;   /* where the next read begins, */
	size_t overlap;    /* with so many bytes that are known: */
	char line[LOOK_LINE];
	char text[LOOK_TEXT];
	uint64_t known_ns; /* when the last look began that came to an end; 0: none has */
	bool known_breaks; /* and what it has found */
};

/* A directory that scouts were sent to (scouting.c). */
struct scouting_key {
	struct identity parent; /* the directory it is in */
	uint64_t handle;        /* of that */
	uint64_t epoch;
	uint64_t changes; /* scouting.changes, when they were sent */
	bool ahead;       /* the program may come for it */
};

/* In wiped memory: a forked child starts without. */
struct ahead {
	uint64_t magic;
	struct governor stat, contents;
	struct habit habits[AHEAD_HABITS];
	struct habit *habit;        /* the one of the last question; never null */
	struct habit *listed_habit; /* of the last one in a directory the program listed; or null */
	struct sweep_ref listed;    /* that directory */
	uint64_t epoch; /* answers from before it are not served */
	uint64_t epochs_full; /* how often it began because opened was full: nothing had happened */
	uint64_t last_reap_ns;
	uint64_t handing_ns; /* when the handing over of the last question began */
	uint64_t handed_ns; /* when the last question was handed to the kernel */
	struct aside aside;
	struct {
		uint64_t question_ns;  /* what a question about a listed entry takes that waits, */
		uint64_t hand_over_ns; /* and what handing one over takes */
		bool doubted;          /* the last one did not wait: nor may the next */
	} cached;                      /* of storage that waits by nature */
	unsigned flying;   /* answers in flight */
	unsigned fetching; /* files being read ahead */
	bool fetched_open; /* one that was may be open still: its chain's end does not tell */
	bool fetches_none; /* that had to be found out, and costs too much to do it often */
	DIR *read_on; /* a stream read on before its time, or null; */
	uint64_t read_on_epoch, read_on_ns; /* when */
	bool opened_stale; /* descriptors came from somewhere unseen */
	unsigned opened_count;
	struct identity opened[AHEAD_OPENED];
	uint64_t seen_count; /* ever; the last AHEAD_SEEN are here */
	struct seen {
		uint64_t ino, ns;
	} seen[AHEAD_SEEN];
	struct sweep *operands;
	uint64_t unlisted; /* directory of the last question in a place nobody listed */
	unsigned unlisted_run;
	bool no_noatime;      /* O_NOATIME was refused here */
	unsigned read_to_end; /* directories in a row whose files were opened to their end */
	uint64_t lookup_ns;     /* what looking a name up took lately */
	bool lookup_local;      /* the last file was on a file system that asks nobody */
	unsigned devices_known;
	struct {
		uint64_t number;
		bool local;
	} devices[AHEAD_DEVICES];
	uint32_t fetch_slots; /* direct descriptors in use, as bits */
	uint64_t fetch_ns[FLIGHT_SLOTS]; /* when each was submitted */
	int fetch_fd[FLIGHT_SLOTS];      /* the directory it is opened in */
	uint64_t plain_ns; /* what files took that were not read ahead, since we are in */
	struct look look;
	uint64_t types_void_ms; /* types learned until then are not to be opened by */
	char *scratch;        /* where contents read ahead go: nobody reads them there */
	struct {
		struct scout *jobs; /* null: none were sent */
		struct scouting_key keys[SCOUTS_JOBS];
		uint64_t proc_device;
		struct governor pays; /* of which it is counted what was used and wasted */
		unsigned run;    /* directories the program opened in the order of its listings, */
		uint64_t run_epoch; /* all in this one */
		unsigned window; /* as many are ahead of it */
		int flags;       /* as it opens them */
		uint64_t stepped_ns; /* when it came to one last, */
		uint64_t step_ns;    /* and how long it takes from one to the next */
		bool looks;      /* it asks about the first entry, or removes it, before all others */
		bool again;      /* the last one was opened twice, and so were */
		unsigned twice;  /* as many before it */
		struct sweep_ref opened; /* where the last one was opened, */
		struct identity opened_is; /* and what it is */
		struct {
			int fd, job;
			uint64_t serial, epoch;
		} served; /* whose entries await its stream; fd -1: none */
		uint64_t changes; /* ever; the last AHEAD_CHANGES are here */
		struct identity changed[AHEAD_CHANGES];
	} scouting;
	struct place place;   /* the one being looked at: too big for a small signal stack */
	size_t spelled_used;  /* paths of queued questions: the kernel reads them at the flush */
	char spelled[AHEAD_SPELLED];
	struct answer answers[AHEAD_ANSWERS];
	size_t sweeps_total; /* bytes they hold */
	struct sweep sweeps[SWEEPS];
};

/* ---- state.c ---- */

#define AHEAD_MAGIC UINT64_C(0x7573686164686561)

/* Ordinary memory, so that children inherit what was learned. */
extern struct ahead_learned {
	struct governor stat, contents;
	unsigned stat_samples; /* timed questions still to come */
	unsigned open_samples; /* timed opens still to come */
	bool given_up;
	uint64_t waits; /* a device that waits by nature */
	bool in;        /* ushim_armed is as for going ahead */
} ahead_learned;

/* The root, or null while out; its memory, or null where there is none. */
struct ahead *ahead_root(void);
struct ahead *ahead_root_memory(void);

/* True while questions are asked ahead. */
bool outside_is_in(void);

/* The program opened a directory: whoever wants to know is told. */
void directory_opened(void);

/* ---- sample.c ---- */

/* So many of the next questions, of the next opens, are to be timed. */
void sample_stats(unsigned samples);
void sample_opens(unsigned samples);

/* FD was opened within OPEN_NS: the next read from it is to be timed. FETCHED: the file was
 * read ahead. STREAM: reads come through stdio. */
void read_await(int fd, bool stream, bool fetched, uint64_t open_ns);

/* True while one is awaited, through stdio or not. */
bool read_awaits(bool stream);

/* True if PASSAGE is that read; it is awaited no more. */
bool read_awaited(const struct passage *passage);

/* What is known of the awaited read's file. */
bool read_fetched(void);
uint64_t read_open_ns(void);

/* ---- outside.c: while nothing is asked ahead ---- */

/* True if the call was made here, timed. */
bool outside_before(const struct passage *passage);

/* Goes out if, after what has just happened, nothing is worth asking any more. */
void outside_look_back(const struct ahead *ahead);

/* Nothing may be asked in this process again. */
void outside_give_up(void);

/* Gives up, once nothing is in flight, where something the ring needs was refused. */
void outside_look(struct ahead *ahead);

/* True if OP is wanted at the moment. */
bool outside_needs(enum op op);

/* ---- streams.c ---- */

/* True if the call was served from a stream of ours; in and outside. AHEAD may be null. */
bool streams_before(struct ahead *ahead, const struct passage *passage);

/* True if calls of OP may be about such a stream. */
bool streams_concern(enum op op);

/* What was read on before its time has not been: something happened that could change it. */
void streams_take_back(struct ahead *ahead);

/* opendir or fdopendir, made here. */
bool streams_open(struct ahead *ahead, const struct passage *passage);

/* ---- questions.c ---- */

/* A question of the stat family. True when answered or made here. */
bool questions_ask(struct ahead *ahead, const struct passage *passage);

/* A command is about to name the file PATH below FD. */
void questions_named(struct ahead *ahead, int fd, const char *path);

/* A symbolic link is about to be read, which is an access: an answer about it is void. */
void questions_read_link(struct ahead *ahead, const struct passage *passage);

/* A question in a directory nobody listed took NS: after a few, the shim lists it. */
void questions_unlisted(struct ahead *ahead, struct place *place, uint64_t ns);

/* ---- files.c ---- */

/* An open for reading by path; made here. */
bool files_open(struct ahead *ahead, const struct passage *passage);

/* A read: true when made here, because it was to be timed. */
bool files_read(struct ahead *ahead, const struct passage *passage);

/* ---- place.c ---- */

/* Reads CALL's path and finds its sweep and entry; false where there is nothing to know. */
bool place_find(struct ahead *ahead, const struct call *call, struct place *place);

/* The same after CALL succeeded, and has read the path. */
bool place_find_opened(struct ahead *ahead, const struct call *call, struct place *place);

/* The sweep of the directory FD is now, or null. */
struct sweep *place_of_descriptor(struct ahead *ahead, int fd);

/* A number that tells the directories of places apart. */
uint64_t place_where(const struct place *place);

/*
 * The path to ask ENTRY of SWEEP by, from *FD, which is changed where the path says so. It
 * stays until place_spelled_forget; null where there is no room.
 */
const char *place_spell(struct ahead *ahead, const struct sweep *sweep, uint32_t entry, int *fd);
void place_spelled_forget(struct ahead *ahead);

/* What directory FD is. False where it is none, and where it cannot be told from others. */
bool place_directory_known(int fd, struct identity *identity, uint64_t *handle);

/* ---- list.c ---- */

/*
 * Lists the directory PLACE is in by the shim's own means. Where the program asks about names of
 * the directory PAIR (or null), it is expected to go on in that one's order. False where it cannot.
 */
bool place_list(struct ahead *ahead, struct place *place, const struct sweep *pair);

/* A sweep for directory FD, spelled PREFIX (or null) relative to PREFIX_FD. */
struct sweep *place_sweep(struct ahead *ahead, int fd, int prefix_fd, const char *prefix);

/* ---- answers.c ---- */

/* Asks about the entries behind PLACE of SWEEP, as far as window, waste and room allow. */
void answers_ask(struct ahead *ahead, struct sweep *sweep, uint32_t place, int fd);

/* The program is about to wait for something else: sees to it that what was asked is under way. */
void answers_get_going(struct ahead *ahead);

/* Asks for the types of entries behind PLACE, up to UNTIL, that nothing recent tells. */
void answers_probe(struct ahead *ahead, struct sweep *sweep, uint32_t place, uint32_t until,
		   int fd);

/* The answer for an entry, or null. */
struct answer *answers_of(struct ahead *ahead, const struct sweep *sweep, uint32_t entry);

/* Waits for ANSWER. False if a signal handler is due first, or it takes too long. */
bool answers_await(struct ahead *ahead, struct answer *answer);

/* True if ANSWER may be given to the program now. */
bool answers_servable(struct ahead *ahead, const struct answer *answer);

/* The program came for it. */
void answers_use(struct ahead *ahead, struct answer *answer);

/* Nobody will come for it. */
void answers_drop_one(struct ahead *ahead, struct answer *answer);

/* Nobody will: everything of SWEEP, or with null of every sweep. */
void answers_drop(struct ahead *ahead, const struct sweep *sweep);

/* Descriptor FD (or any, if negative) is about to mean something else. */
void answers_release(struct ahead *ahead, int fd);

/* As the receiver of FLIGHT_ANSWER. */
void answer_arrived(uint64_t token, int result);

/* Picks up what has arrived. */
void answers_reap(struct ahead *ahead);

/* ---- cached.c ---- */

/* Handing a question over took NS. */
void cached_handed_over(struct ahead *ahead, uint64_t ns);

/* The program's own question about an entry of SWEEP took NS; returned is what that counts as. */
uint64_t cached_plain(struct ahead *ahead, const struct sweep *sweep, uint64_t ns);

/* The first answer of a batch came NS after it was asked for. */
void cached_answer(struct ahead *ahead, const struct sweep *sweep, uint64_t ns);

/* True if questions about SWEEP are answered from a cache, as far as is known. */
bool cached_likely(const struct ahead *ahead, const struct sweep *sweep);

/* ---- leases.c ---- */

/*
 * True if opening files ahead breaks nobody's lease, as was seen a moment ago. Else, and where it
 * is time, a look is begun, if what is to come is so much, COMING_NS, that it is worth one.
 */
bool leases_spared(struct ahead *ahead, uint64_t coming_ns);

/* True while nothing is read ahead only because a look is not back yet. */
bool leases_awaited(const struct ahead *ahead);

/* Waits until no look is in flight. */
void leases_settle(struct ahead *ahead);

/* True if LINE of /proc/locks shows a lease that is broken by who opens the file to read it. */
bool leases_line_breaks(const char *line);

/* ---- devices.c ---- */

/* False where the file system of FD, on DEVICE, waits by nature. Asked once for each device. */
bool device_local(struct ahead *ahead, uint64_t device, int fd);

/* The same, found before anything was asked ahead. */
void device_note(struct ahead *ahead, uint64_t device, bool local);

/* ---- types.c ---- */

/* False where ENTRY's type is not known, or was learned too long ago to open it by. */
bool types_known(const struct ahead *ahead, const struct sweep_entry *entry);

/* Names may be of something else from here on. */
void types_void(struct ahead *ahead);

/* ---- contents.c ---- */

/* Reads ahead the files behind PLACE of SWEEP. */
void contents_fetch(struct ahead *ahead, struct sweep *sweep, uint32_t place, int fd);

/* The program opened a file on DEVICE as FD. */
void contents_opened(struct ahead *ahead, uint64_t device, int fd);

/* The program opened a file nobody had looked up, which took NS. */
void contents_looked_up(struct ahead *ahead, uint64_t ns);

/* As the receiver of FLIGHT_CONTENTS. */
void contents_done(uint64_t token, int result);

/* Descriptor FD (or any, if negative) is about to mean something else. */
void contents_release(struct ahead *ahead, int fd);

/* Waits until nothing is in flight, at most MOST_MS; */
void contents_settle(struct ahead *ahead, unsigned most_ms);

/* and until the kernel has nothing open any more that was opened ahead. */
void contents_close(struct ahead *ahead, unsigned most_ms);
#define CONTENTS_SETTLE_MS 2000

/* Waits until neither files nor answers are in flight. */
void interruptions_settle(struct ahead *ahead);

/* ---- scouting.c ---- */

/*
 * What the program's open of the directory at PLACE, with FLAGS, returns, where it was opened ahead;
 * else -1.
 */
int scouting_serve(struct ahead *ahead, const struct place *place, int flags);

/* Has STREAM, of FD, go on with the entries that were listed ahead of such a one. */
bool scouting_give(struct ahead *ahead, DIR *stream, int fd);

/* The program has opened the directory at PLACE with FLAGS: it is FD. */
void scouting_opened(struct ahead *ahead, const struct place *place, int fd, int flags);

/* SWEEP is of a stream that was opened just now; */
void scouting_streams(struct ahead *ahead, struct sweep *sweep);

/* and has names, and FD is its descriptor: the directories that come next are opened ahead. */
void scouting_send(struct ahead *ahead, struct sweep *sweep, int fd);

/* This process changed IDENTITY, of which nobody is told. */
void scouting_changed(struct ahead *ahead, const struct identity *identity);

/*
 * The program was told of IDENTITY, or has it open: true if threads may be listed there, and none
 * of ours is any more.
 */
bool scouting_shown(struct ahead *ahead, const struct identity *identity);

/* It is in /proc, where nothing is asked ahead: what asks would show. */
bool scouting_is_proc(const struct ahead *ahead, const struct identity *identity);

/* No scout is left, and nothing that they opened. */
void scouting_end(struct ahead *ahead);

/* ---- opened.c ---- */

/* FD was opened; *IDENTITY says as what. False if it is no file or directory. */
bool opened_add(struct ahead *ahead, int fd, struct identity *identity);
bool opened_has(struct ahead *ahead, const struct identity *identity);

/* Descriptors may have come from anywhere: look again before the next answer. */
void opened_forget(struct ahead *ahead);

/* ---- seen.c ---- */

/* The program sees INO as it is now, or was told an answer about it. */
void seen_note(struct ahead *ahead, uint64_t ino);

/* True if it may have seen INO at NS or later. */
bool seen_since(const struct ahead *ahead, uint64_t ino, uint64_t ns);

#endif
