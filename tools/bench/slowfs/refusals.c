/* SPDX-License-Identifier: MIT
 *
 * refusals.c: what is refused for its name. Some storage decides by file, not by directory: a pool
 * of disks has EXDEV for a link where the file lies on another disk than the new name would, an
 * archive keeps some files for ever. And some storage cannot hold every name.
 */
#include "slowfs.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSALS_MAX 16
#define PATTERN_MAX 128

enum about {
	ABOUT_KIND,   /* requests of a kind about such a name */
	ABOUT_NAME,   /* any request that would make it */
	ABOUT_TARGET, /* a symbolic link that says it */
};

static struct refusal {
	enum about about;
	enum kind kind;
	int err;
	char pattern[PATTERN_MAX];
} refusals[REFUSALS_MAX];

static unsigned refusal_count;
static bool by_file;
static unsigned long longest = NAME_MAX, longest_said;

/* The name that CALL would make, or NULL. */
static const char *name_made(const struct call *call)
{
	switch ((int)call->kind) {
	case KIND_MKNOD:
	case KIND_MKDIR:
	case KIND_SYMLINK:
	case KIND_LINK:
	case KIND_CREATE:
		return call->name;
	case KIND_RENAME:
		return call->name2;
	}
	return NULL;
}

static bool matches(const struct refusal *refusal, const char *name)
{
	return name && !fnmatch(refusal->pattern, name, 0);
}

static bool refuses(const struct refusal *refusal, const struct call *call)
{
	switch (refusal->about) {
	case ABOUT_NAME:
		return matches(refusal, name_made(call));
	case ABOUT_TARGET:
		return call->kind == KIND_SYMLINK && matches(refusal, call->name2);
	case ABOUT_KIND:
		break;
	}
	return refusal->kind == call->kind &&
	       (matches(refusal, call->name) || matches(refusal, name_made(call)));
}

static bool too_long(const struct call *call)
{
	const char *name = name_made(call);

	return name && strlen(name) > longest;
}

int refusal_of(const struct call *call)
{
	if (too_long(call))
		return ENAMETOOLONG;
	for (const struct refusal *r = refusals; r < refusals + refusal_count; r++)
		if (refuses(r, call))
			return r->err;
	return 0;
}

bool refusals_by_file(void)
{
	return by_file;
}

unsigned long refusal_name_max(void)
{
	return longest_said ? longest_said : longest;
}

/* ---- options ----------------------------------------------------------------------- */

static bool parse_about(const char *spec, size_t length, struct refusal *refusal)
{
	refusal->about = ABOUT_KIND;
	if (length == 4 && !memcmp(spec, "name", length))
		refusal->about = ABOUT_NAME;
	else if (length == 6 && !memcmp(spec, "target", length))
		refusal->about = ABOUT_TARGET;
	else
		return call_parse_kind(spec, length, &refusal->kind);
	return true;
}

/* KIND:PATTERN:ERRNO; the pattern may hold a colon. */
bool refusal_parse(const char *spec)
{
	struct refusal *refusal = &refusals[refusal_count];
	size_t length = strcspn(spec, ":");
	const char *pattern = spec + length + 1, *err = strrchr(spec, ':');
	int written;

	if (refusal_count == REFUSALS_MAX || !spec[length] || err < pattern)
		return false;
	if (!parse_about(spec, length, refusal))
		return false;
	refusal->err = call_parse_errno(err + 1);
	written = snprintf(refusal->pattern, PATTERN_MAX, "%.*s", (int)(err - pattern), pattern);
	if (!refusal->err || written < 1 || written >= PATTERN_MAX)
		return false;
	by_file |= refusal->about == ABOUT_KIND;
	refusal_count++;
	return true;
}

/* N, or N:M where statfs says M. */
bool refusal_parse_name_max(const char *spec)
{
	char *rest;

	longest = strtoul(spec, &rest, 10);
	if (*rest == ':')
		longest_said = strtoul(rest + 1, &rest, 10);
	return rest != spec && !*rest && longest >= 1 && longest <= NAME_MAX;
}
