/* SPDX-License-Identifier: MIT
 *
 * call.c: what happens to every request, whatever its kind.
 */
#include "slowfs.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FAULTS_MAX 64
#define ERRNO_MAX 133 /* EHWPOISON, Linux's last */

/* Escaped four to one: a symlink target, an entry's name, and room for the numbers. */
#define LINE_MAX_BYTES (4 * (4096 + 256) + 256)

/* The nth request of the kind (and those after it, if onward) fails with err or hangs. */
struct fault {
	enum kind kind;
	uint64_t nth;
	bool onward;
	int err; /* 0: it hangs */
	uint64_t hang_ns;
};

static const char *const kind_name[KIND_COUNT] = {
#define KIND(id, name) [KIND_##id] = name,
#include "kinds.def"
#undef KIND
};

static uint64_t delay_ns[KIND_COUNT];
static struct fault faults[FAULTS_MAX];
static unsigned fault_count;
static _Atomic uint64_t seen[KIND_COUNT];
static int log_fd = -1;

/* ---- time -------------------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* An absolute end, so that what the log shows is never shorter than what was asked for. */
static void sleep_until(uint64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

/* ---- the log ----------------------------------------------------------------------- */

/* Appends text with what would end a column as \ooo; none is "-", a name "-" is \055. */
static char *put_escaped(char *p, const char *end, const char *text)
{
	if (!text || !*text)
		return *p = '-', p + 1;
	if (!strcmp(text, "-"))
		return p + sprintf(p, "\\055");
	for (; *text && p + 8 < end; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= ' ' || c == '\\' || c == 127)
			p += sprintf(p, "\\%03o", c);
		else
			*p++ = (char)c;
	}
	return p;
}

/* One write(2) to an O_APPEND descriptor a line: lines of several threads do not mix. */
void call_log(const struct call *call, int err)
{
	char line[LINE_MAX_BYTES], *p = line;
	const char *end = line + sizeof(line) - 128;
	const struct fuse_ctx *ctx = call->req ? fuse_req_ctx(call->req) : NULL;

	if (log_fd == -1)
		return;
	p += sprintf(p, "%" PRIu64 " %" PRIu64 " %s %" PRIu64 " ", call->start_ns, now_ns(),
		     kind_name[call->kind], call->ino);
	p = put_escaped(p, end, call->name);
	p += call->ino2 ? sprintf(p, " %" PRIu64 " ", call->ino2) : sprintf(p, " - ");
	p = put_escaped(p, end, call->name2);
	p += sprintf(p, " %s %d\n", err ? strerrorname_np(err) : "0", ctx ? (int)ctx->pid : 0);
	if (write(log_fd, line, (size_t)(p - line)) == -1)
		return; /* a full disk loses log lines, not requests */
}

int call_open_log(const char *path)
{
	log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	return log_fd == -1 ? errno : 0;
}

void call_range(struct call *call, off_t offset, uint64_t length)
{
	snprintf(call->range, sizeof(call->range), "@%jd+%" PRIu64, (intmax_t)offset, length);
	call->name = call->range;
}

/* ---- a request's way --------------------------------------------------------------- */

static bool fault_due(const struct fault *fault, enum kind kind, uint64_t nth)
{
	return fault->kind == kind && (nth == fault->nth || (fault->onward && nth > fault->nth));
}

/* The delay comes before the work: an effect is not to be seen before it was paid for. */
bool call_admit(struct call *call)
{
	uint64_t nth = atomic_fetch_add(&seen[call->kind], 1) + 1;
	uint64_t wait_ns = delay_ns[call->kind];
	int err = 0;

	call->start_ns = now_ns();
	for (const struct fault *f = faults; f < faults + fault_count; f++) {
		if (!fault_due(f, call->kind, nth))
			continue;
		wait_ns += f->hang_ns;
		err = err ? err : f->err;
	}
	if (!err)
		err = refusal_of(call);
	if (wait_ns)
		sleep_until(call->start_ns + wait_ns);
	return !err || !call_failed(call, err);
}

/* The line is written before the answer: who has the answer finds the line. */
bool call_failed(struct call *call, int err)
{
	call_log(call, err);
	if (err)
		fuse_reply_err(call->req, err);
	return err != 0;
}

void call_end(struct call *call, int err)
{
	call_log(call, err);
	fuse_reply_err(call->req, err);
}

/* ---- options ----------------------------------------------------------------------- */

bool call_parse_kind(const char *text, size_t length, enum kind *kind)
{
	for (unsigned k = 0; k < KIND_FORGET; k++)
		if (strlen(kind_name[k]) == length && !memcmp(kind_name[k], text, length))
			return *kind = (enum kind)k, true;
	return false;
}

/* "500us", "1.5ms", "2s"; a bare 0 needs no unit. *end is what follows. */
static bool parse_duration(const char *text, uint64_t *ns, const char **end)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	char *rest;
	double value = strtod(text, &rest);

	if (rest == text || !(value >= 0 && value < 1e9))
		return false;
	for (unsigned u = 0; u < sizeof(units) / sizeof(*units); u++) {
		size_t n = strlen(units[u].unit);

		if (!strncmp(rest, units[u].unit, n)) {
			*ns = (uint64_t)(value * units[u].ns);
			return *end = rest + n, true;
		}
	}
	*ns = 0;
	*end = rest;
	return value == 0;
}

bool call_parse_delay(const char *spec)
{
	for (;; spec++) {
		size_t length = strcspn(spec, ":,");
		bool all = spec[length] != ':';
		enum kind kind = KIND_LOOKUP;
		uint64_t ns;

		if (!all && !call_parse_kind(spec, length, &kind))
			return false;
		if (!parse_duration(all ? spec : spec + length + 1, &ns, &spec))
			return false;
		for (unsigned k = all ? 0 : kind; k <= (all ? KIND_FORGET - 1 : kind); k++)
			delay_ns[k] = ns;
		if (*spec != ',')
			return *spec == '\0';
	}
}

int call_parse_errno(const char *text)
{
	for (int err = 1; err <= ERRNO_MAX; err++) {
		const char *name = strerrorname_np(err);

		if (name && !strcmp(name, text))
			return err;
	}
	return 0;
}

/* KIND:N: or KIND:N+: into a new fault; returns what follows, NULL when malformed. */
static const char *parse_occasion(const char *spec, struct fault *fault)
{
	size_t length = strcspn(spec, ":");
	char *rest;

	if (fault_count == FAULTS_MAX || !spec[length] || !call_parse_kind(spec, length, &fault->kind))
		return NULL;
	fault->nth = strtoull(spec + length + 1, &rest, 10);
	fault->onward = *rest == '+';
	rest += fault->onward;
	return fault->nth && *rest == ':' ? rest + 1 : NULL;
}

bool call_parse_fail(const char *spec)
{
	struct fault fault = {0};
	const char *rest = parse_occasion(spec, &fault);

	if (!rest || !(fault.err = call_parse_errno(rest)))
		return false;
	faults[fault_count++] = fault;
	return true;
}

bool call_parse_hang(const char *spec)
{
	struct fault fault = {0};
	const char *rest = parse_occasion(spec, &fault);

	if (!rest || !parse_duration(rest, &fault.hang_ns, &rest) || *rest)
		return false;
	faults[fault_count++] = fault;
	return true;
}
