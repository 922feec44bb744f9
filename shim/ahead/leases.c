/* SPDX-License-Identifier: MIT
 *
 * Whoever opens a file to read it breaks a write lease that somebody has on it, whether it waits for the
 * holder or not (fs/locks.c, __break_lease, Linux 6.18). That is for the program to do, who may not come
 * for the file at all. /proc/locks shows the leases of this PID namespace and those below, and nothing else
 * does. A look there waits for an RCU grace period (together/grace.c), so a worker of the ring takes it:
 * nothing is read ahead until it is back. Leases to read are not broken by readers.
 *
 * The kernel gives 4 KiB at a time, and its list may be another by the next time. So each read begins with
 * the last line of the one before: where that is the same and in the same place, what was behind it then
 * is behind it now. Who takes a lease while we look comes too late, as everybody does who takes one until
 * the next look.
 */
#include "ahead/private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/proc.h"
#include "process/config.h"
#include "process/signals.h"

enum {
	RENEWED_SHARE = 2,  /* of the time an answer is good for: then the next look is due */
	READS_MOST = 64,    /* 3,000 locks or so */
	WORTH_NS = 10 * 1000 * 1000, /* a wait: who ends meanwhile waits for it too */
	SLICE_MS = 20,
	FORCED_MS = 1000,
};

/* As the receiver of FLIGHT_LEASES. */
static void look_arrived(uint64_t token, int result)
{
	struct look *look = &ahead_root()->look;

	if (result == -ECANCELED && token == FLIGHT_OPENED)
		flight_refuse(result);
	if (token == FLIGHT_READ)
		look->read = result;
	if (token == FLIGHT_ENDED)
		look->state = LOOK_LANDED;
}

/* io_uring believes that reading this file does not wait (Linux 6.18), hence a worker. */
static void look_hand_over(struct look *look)
{
	const struct call file = {
		.fd = AT_FDCWD,
		.path = "/proc/locks",
		.flags = O_RDONLY,
		.data = look->text,
		.length = sizeof(look->text),
		.offset = look->offset,
		.slot = FLIGHT_SLOT_LEASES + 1,
		.by_worker = true,
	};
	struct signals_held held;

	if (flight_room(FLIGHT_LEASES) < FLIGHT_PARTS)
		return;
	flight_receive(FLIGHT_LEASES, look_arrived);
	signals_hold(&held);
	flight_queue_file(&file, FLIGHT_LEASES, 0);
	if (flight_hand_over(FLIGHT_LEASES) == FLIGHT_PARTS)
		look->state = LOOK_FLYING;
	signals_release(&held);
}

static bool begins_with(const char *text, const char *word)
{
	return !strncmp(text, word, strlen(word));
}

/* "1: LEASE  ACTIVE    WRITE pid major:minor:inode 0 EOF", or "DELEG", with "->" where it waits. */
bool leases_line_breaks(const char *line)
{
	const char *kind = proc_field_next(line), *state;

	if (begins_with(kind, "->"))
		kind = proc_field_next(kind);
	state = proc_field_next(kind);
	return (begins_with(kind, "LEASE ") || begins_with(kind, "DELEG ")) &&
	       !(begins_with(state, "ACTIVE ") && begins_with(proc_field_next(state), "READ "));
}

/* The whole lines of what was read: how long the last one is, 0 where there is none. */
static size_t lines_take(struct look *look, size_t length)
{
	size_t begin = 0, last = 0;

	for (size_t i = 0; i < length; i++) {
		if (look->text[i] != '\n')
			continue;
		look->breaks |= leases_line_breaks(look->text + begin);
		last = i + 1 - begin;
		begin = i + 1;
	}
	look->offset += begin - last;
	if (last && last <= sizeof(look->line))
		memcpy(look->line, look->text + begin - last, last);
	return last;
}

static void look_end(struct look *look, bool breaks)
{
	look->state = LOOK_NONE;
	look->known_ns = look->begun_ns;
	look->known_breaks = breaks;
}

/* What cannot be read to its end in one piece is taken for a lease. */
static void look_take(struct look *look)
{
	size_t length = look->read > 0 ? (size_t)look->read : 0;
	bool torn = look->read < 0 || length < look->overlap ||
		    memcmp(look->text, look->line, look->overlap) != 0;

	look->state = LOOK_NONE;
	if (torn || length == look->overlap) {
		look_end(look, torn || look->breaks);
		return;
	}
	look->text[length < sizeof(look->text) ? length : sizeof(look->text) - 1] = '\0';
	look->overlap = lines_take(look, length);
	if (!look->overlap || look->overlap > sizeof(look->line) || ++look->reads == READS_MOST)
		look_end(look, true);
	else
		look_hand_over(look);
}

static void look_begin(struct look *look)
{
	look->begun_ns = clock_ns();
	look->offset = look->overlap = look->reads = 0;
	look->read = -EIO;
	look->breaks = false;
	look_hand_over(look);
}

static uint64_t look_age(const struct look *look)
{
	return look->known_ns ? clock_ns() - look->known_ns : UINT64_MAX;
}

static bool look_spares(const struct look *look)
{
	return !look->known_breaks && look_age(look) <= config_stale_ns();
}

static void look_go_on(struct ahead *ahead)
{
	answers_reap(ahead);
	if (ahead->look.state == LOOK_LANDED)
		look_take(&ahead->look);
}

/* USHIM_FORCE: whatever it costs. */
static void look_await(struct ahead *ahead)
{
	uint64_t end = clock_ns() + FORCED_MS * UINT64_C(1000000);
	struct signals_held held;

	signals_hold(&held);
	while (ahead->look.state == LOOK_FLYING && clock_ns() < end && !signals_waiting(&held)) {
		flight_await(FLIGHT_LEASES, 1, SLICE_MS);
		look_go_on(ahead);
	}
	signals_release(&held);
}

bool leases_spared(struct ahead *ahead, uint64_t coming_ns)
{
	struct look *look = &ahead->look;

	look_go_on(ahead);
	if (look->state == LOOK_NONE && look_age(look) > config_stale_ns() / RENEWED_SHARE &&
	    (coming_ns >= WORTH_NS || config.force))
		look_begin(look);
	if (config.force && !look_spares(look))
		look_await(ahead);
	return look_spares(look);
}

bool leases_awaited(const struct ahead *ahead)
{
	return ahead->look.state != LOOK_NONE && !look_spares(&ahead->look);
}

void leases_settle(struct ahead *ahead)
{
	uint64_t end = clock_ns() + FORCED_MS * UINT64_C(1000000);
	struct signals_held held;

	signals_hold(&held);
	while (flight_exists() && ahead->look.state == LOOK_FLYING && clock_ns() < end &&
	       !signals_waiting(&held)) {
		flight_await(FLIGHT_LEASES, 1, SLICE_MS);
		answers_reap(ahead);
	}
	signals_release(&held);
}
