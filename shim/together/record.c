/* SPDX-License-Identifier: MIT
 *
 * Names in the order in which their files may be synced: the command line's operands, as by sync(1),
 * and the files this process made, as by dpkg(1), which unpacks a package before it syncs the first
 * of its files. What is made is recorded once an fsync was slow: before, nobody knows that there
 * will be any. A name is kept as the program spelled it; what it leads to is asked when its turn
 * has come, of the kernel. So a record that is wrong, after a chdir, say, shows no order.
 */
#include "together/private.h"

#include <fcntl.h>
#include <string.h>

#include "base/text.h"
#include "over/over.h"
#include "process/process.h"
#include "walk/operands.h"

enum {
	NAMES_MOST = 16 * 1024,
	TEXT_MOST = 1024 * 1024, /* when this or that is full all begins anew */
	SKIPS_MOST = 4,          /* names that were left out, in a row, in an order that goes on */
	TRIES_MOST = 16,         /* files of one name in several directories, to find one */
	LOST_MOST = 4,           /* files that were not found, in a row, before */
	LOST_EVERY = 32,         /* only one in so many is looked for */
	FEW = 3,                 /* files made before an fsync: they are not waiting for a later one */
	FEW_MOST = 4,            /* fsyncs behind so few, in a row, before so few are not recorded */
};

struct name {
	uint32_t at, hash; /* of the last component */
};

/* In wiped memory: a forked child starts without. All zero is empty. */
struct record {
	bool begun;
	unsigned operands; /* the first so many names are the command line's */
	unsigned count;
	unsigned followed; /* the program was seen behind so many */
	unsigned run;      /* files it synced in this order, one after the other, up to there */
	unsigned lost;     /* files that were not found, in a row */
	unsigned made;     /* files since the last fsync */
	unsigned few;      /* fsyncs behind few files, in a row */
	unsigned used;     /* of the text */
	struct name names[NAMES_MOST];
	char text[TEXT_MOST];
};

static struct record *record;

bool together_records;

static const char *name_at(unsigned place)
{
	return record->text + record->names[place].at;
}

static uint32_t hash_of(const char *path)
{
	uint32_t hash = UINT32_C(2166136261);
	size_t directory;

	for (const char *at = path_split(path, &directory); *at; at++)
		hash = (hash ^ (unsigned char)*at) * UINT32_C(16777619);
	return hash;
}

/* ---- what is recorded ---- */

static void forget_names(void)
{
	record->count = record->operands = record->followed = record->run = record->used = 0;
}

/* DIRECTORY/PATH; or PATH where DIRECTORY is empty. */
static void name_add(const char *directory, const char *path)
{
	size_t most = strlen(directory) + strlen(path) + 2;
	struct text text = {.at = record->text, .room = TEXT_MOST};

	if (record->count == NAMES_MOST || record->used + most > TEXT_MOST)
		forget_names();
	record->names[record->count++] = (struct name){record->used, hash_of(path)};
	text.length = record->used;
	text_add(&text, directory);
	text_add(&text, directory[0] ? "/" : "");
	text_add(&text, path);
	text.at[text.length] = '\0';
	record->used = (unsigned)text.length + 1;
}

static void operands_add(void)
{
	const char *operand;

	for (int i = 0; record->count < NAMES_MOST && (operand = operands_at(i)); i++)
		if (operand[0] && strnlen(operand, PATH_MAX) < PATH_MAX)
			name_add("", operand);
	record->operands = record->count;
}

bool record_begin(void)
{
	if (!record)
		record = process_map_wiped(sizeof(*record));
	if (!record || record->begun)
		return false;
	record->begun = true;
	forget_names();
	operands_add();
	together_records = true;
	return true;
}

bool record_wants(enum op op)
{
	return together_records && table_op_traits(op) & TRAIT_MAKES;
}

/* creat and fopen make files by their names alone. */
static bool passage_makes(const struct passage *passage)
{
	const long *arg = passage->regs->arg;

	if (passage->op == OP_OPEN)
		return arg[1] & (O_CREAT | O_TRUNC);
	if (passage->op == OP_OPENAT)
		return arg[2] & (O_CREAT | O_TRUNC);
	return true;
}

/*
 * Recording a name takes some microseconds. A database makes a journal and syncs it, again and
 * again (1,000 rows of sqlite3 took 2 % more), and git file after file.
 */
bool record_makes(const struct passage *passage)
{
	if (!record_wants(passage->op) || !passage_makes(passage))
		return false;
	if (++record->made > FEW)
		record->few = record->lost = 0;
	return record->few < FEW_MOST;
}

void record_synced(void)
{
	if (!record || !record->made)
		return;
	if (record->made <= FEW)
		record->few++;
	record->made = 0;
}

/* Of fopen(3) to write: the mode begins so. */
static bool stream_marshal(struct call *call, const long *arg)
{
	char mode;

	*call = (struct call){.fd = AT_FDCWD, .path = (const char *)arg[0]};
	return program_read((const void *)arg[1], &mode, 1) && mode == 'w';
}

static bool made_marshal(const struct passage *passage, struct call *call)
{
	const long *arg = passage->regs->arg;

	if (passage->op == OP_FOPEN)
		return stream_marshal(call, arg);
	return over_marshal(passage->op, call, arg) == REASON_NONE;
}

void record_made(const struct passage *passage)
{
	struct call call = {.op = passage->op};
	char directory[PATH_MAX] = "", path[PATH_MAX];

	if (!record || !made_marshal(passage, &call) || !path_read(call.path, path) || !path[0])
		return;
	if (path[0] != '/' && call.fd != AT_FDCWD &&
	    descriptor_name(call.fd, directory, sizeof(directory)) <= 0)
		return;
	if (record->followed == record->count) /* all that was to come has */
		forget_names();
	name_add(directory, path);
}

/* ---- the program follows it ---- */

static bool name_is(unsigned place, const struct identity *identity)
{
	struct identity found;

	return path_identify(AT_FDCWD, name_at(place), 0, &found) && identity_same(&found, identity);
}

/* Behind the operands nothing is known to come. */
static unsigned end(void)
{
	return record->operands && record->followed <= record->operands ? record->operands
									 : record->count;
}

/* Where FD's file is, by the name the kernel has for it; the count where it is not. */
static unsigned place_find(int fd, const struct identity *identity)
{
	char path[PATH_MAX];
	unsigned tries = 0;
	uint32_t hash;

	if (descriptor_name(fd, path, sizeof(path)) <= 0)
		return record->count;
	hash = hash_of(path);
	for (unsigned i = 0; i < record->count && tries < TRIES_MOST; i++) {
		unsigned place = (record->followed + i) % record->count;

		if (record->names[place].hash != hash)
			continue;
		if (name_is(place, identity))
			return place;
		tries++;
	}
	return record->count;
}

static void place_follow(unsigned place)
{
	bool goes_on = place >= record->followed && place - record->followed <= SKIPS_MOST &&
		       place < end();

	record->run = goes_on ? record->run + 1 : 1;
	record->followed = place + 1;
	record->lost = 0;
}

static void place_lose(void)
{
	record->run = 0;
	record->lost++;
}

void record_note(int fd, const struct identity *identity)
{
	unsigned place;

	if (!record || !record->count)
		return;
	if (record->followed < end() && name_is(record->followed, identity)) {
		place_follow(record->followed);
		return;
	}
	place = record->lost < LOST_MOST || next_noted() % LOST_EVERY == 0
			? place_find(fd, identity)
			: record->count;
	if (place < record->count)
		place_follow(place);
	else
		place_lose();
}

bool record_shows(void)
{
	return record && record->run >= 2;
}

unsigned record_left(void)
{
	if (!record)
		return 0;
	return record->run ? end() - record->followed : record->count;
}

unsigned record_find(struct candidate *candidates, unsigned most)
{
	unsigned count = 0, last = end();
	int skipped = 0;

	for (unsigned place = record->followed;
	     place < last && count < most && skipped < SKIPS_MOST; place++) {
		if (candidate_open(AT_FDCWD, name_at(place), 0, candidates, count)) {
			skipped = 0;
			count++;
		} else {
			skipped++;
		}
	}
	return count;
}
