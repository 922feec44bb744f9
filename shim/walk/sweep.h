/* SPDX-License-Identifier: MIT
 *
 * sweep: a directory this process lists and now walks, entry after entry; or the operands of
 * its command line. Knows names, their order, and which of them have been asked about.
 * Storage and search only: when to ask is shim/ahead's.
 */
#ifndef USHIM_SWEEP_H
#define USHIM_SWEEP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/path.h"

enum {
	/*
	 * At once; the one unused longest makes room. A walk comes back to every directory above the one it is in,
	 * and what was asked about their entries is in vain if they were forgotten meanwhile.
	 */
	SWEEPS = 64,
	SWEEP_ENTRIES_MOST = 65536, /* larger directories are not walked ahead to their end */
	SWEEP_PREFIX_MOST = 1024,   /* longer prefixes are not remembered */
	SWEEP_BYTES_MOST = 16 << 20, /* all of them together; then no more names are taken */
	SWEEP_NONE = UINT32_MAX,    /* no such entry */
};

/* In which order the program asks. */
enum sweep_order {
	SWEEP_LISTED,
	SWEEP_BY_INODE,
	SWEEP_BY_NAME,
	SWEEP_ORDERS,
	SWEEP_PAIRED = SWEEP_ORDERS, /* as the program walks another directory */
};

struct sweep_entry {
	uint64_t inode;
	uint32_t name; /* offset in the sweep's names */
	uint16_t length;
	uint8_t type;  /* DT_* as listed */
	bool asked;    /* by the program */
	uint16_t answer; /* shim/ahead's slot + 1, or 0 */
	bool fetched;  /* contents were read ahead, or are not to be */
	uint32_t typed_ms; /* the clock, when the type was asked for; wraps around */
};

struct sweep {
	bool used;
	bool own;               /* listed by the shim's own means */
	bool waits;             /* on storage that waits by nature */
	size_t *total;          /* bytes all sweeps hold */
	uint32_t serial;        /* tells a sweep from its successor in the same place */
	uint64_t touched;       /* for choosing which one makes room */
	struct identity identity; /* of the directory; 0 for operands */
	uint64_t handle;          /* path_handle: another directory may show the same identity */
	int prefix_fd;          /* AT_FDCWD or a directory's number, where prefix_length > 0, and */
	struct identity prefix_identity; /* what that was */
	uint64_t prefix_handle;
	uint32_t prefix_length;
	char prefix[SWEEP_PREFIX_MOST]; /* as the program spells it, no trailing slash */
	struct sweep_entry *entries;
	uint32_t typed_ms; /* what entries to be added get */
	uint32_t count;
	uint32_t room;
	char *names;
	size_t names_used, names_room;
	uint32_t *table; /* entries by hash of the name, twice as many places; 0 or index + 1 */
	uint32_t table_room;
	uint32_t *ranks; /* entry -> place in the order, and */
	uint32_t *walk;  /* place -> entry; null while the order is SWEEP_LISTED */
	enum sweep_order order;
	uint32_t reorders; /* orders tried; sorting again and again would cost more than it brings */
	uint32_t last;   /* place of the program's last question, or SWEEP_NONE */
	uint32_t next;   /* place up to which has been asked ahead */
	uint32_t run;    /* questions in a row that followed the order */
	uint32_t fetch_last, fetch_next, fetch_run; /* the same for contents */
	struct sweep *parent;   /* of the directory this one is in, if the program came from there, */
	uint32_t parent_serial; /* and it is still the same */
	uint32_t dirs_last; /* place of the directory opened last in it, or SWEEP_NONE */
	int dirs_fd;        /* number it was opened by, if this has no prefix */
};

/* Whoever remembers a sweep keeps this: it may end, and another take its place. */
struct sweep_ref {
	struct sweep *sweep;
	uint32_t serial;
};

struct sweep_ref sweep_refer(struct sweep *sweep);

/* The sweep if it is still the same, else null. */
struct sweep *sweep_referred(const struct sweep_ref *ref);

/* The one of SWEEPS that makes room for a new one. */
struct sweep *sweep_oldest(struct sweep *sweeps);

/* SWEEP anew, empty; whatever it held is gone. *TOTAL counts for all sweeps, and outlives it. */
void sweep_begin(struct sweep *sweep, size_t *total);
void sweep_end(struct sweep *sweep);

/* False when the sweep takes no more names. "." and ".." are not for it. */
bool sweep_add(struct sweep *sweep, const char *name, size_t length, uint64_t inode, uint8_t type);

const char *sweep_name(const struct sweep *sweep, uint32_t entry);

/* The entry called NAME, or SWEEP_NONE. */
uint32_t sweep_find(const struct sweep *sweep, const char *name, size_t length);

/* The entry at PLACE of the order in force, and the place of an entry. */
uint32_t sweep_at(const struct sweep *sweep, uint32_t place);
uint32_t sweep_place(const struct sweep *sweep, uint32_t entry);

/*
 * The program asked about ENTRY after LAST (a place, or SWEEP_NONE): is that the next one in
 * some order? Takes to that order, and returns the entry's place in it.
 */
uint32_t sweep_follow(struct sweep *sweep, uint32_t entry, uint32_t last, bool *follows);

/*
 * Was ENTRY, which nobody has asked about, passed over a few places before LAST? make asks about each
 * target before the source beside it (x.o, x.c, y.o, y.c), and x.c is listed first.
 */
bool sweep_catches_up(const struct sweep *sweep, uint32_t entry, uint32_t last);

/* From now on the order is that of OTHER's names, as far as SWEEP has them. */
void sweep_pair(struct sweep *sweep, const struct sweep *other);

#endif
