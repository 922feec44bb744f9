/* SPDX-License-Identifier: MIT
 *
 * The calls of FENCE_ATTRIBUTE: where in their arguments stands what they are about, and what they set.
 */
#include "behind/private.h"

#include <fcntl.h>

#include "over/over.h"

enum {
	NONE = -1, /* there is no such argument */
};

static const struct attribute_call calls[] = {
	/* op               by       sets           value flags deferred */
	{OP_CHMOD,        BY_PATH, SETS_MODE,     1,    NONE, true},
	{OP_LCHMOD,       BY_LINK, SETS_MODE,     1,    NONE, false},
	{OP_FCHMOD,       BY_FD,   SETS_MODE,     1,    NONE, true},
	{OP_FCHMODAT,     BY_AT,   SETS_MODE,     2,    3,    true},
	{OP_CHOWN,        BY_PATH, SETS_OWNER,    1,    NONE, true},
	{OP_LCHOWN,       BY_LINK, SETS_OWNER,    1,    NONE, true},
	{OP_FCHOWN,       BY_FD,   SETS_OWNER,    1,    NONE, true},
	{OP_FCHOWNAT,     BY_AT,   SETS_OWNER,    2,    4,    true},
	{OP_UTIMENSAT,    BY_AT,   SETS_TIMES,    2,    3,    true},
	{OP_FUTIMENS,     BY_FD,   SETS_TIMES,    1,    NONE, true},
	{OP_UTIME,        BY_PATH, SETS_TIMES,    1,    NONE, false},
	{OP_UTIMES,       BY_PATH, SETS_TIMES,    1,    NONE, false},
	{OP_LUTIMES,      BY_LINK, SETS_TIMES,    1,    NONE, false},
	{OP_FUTIMES,      BY_FD,   SETS_TIMES,    1,    NONE, false},
	{OP_FUTIMESAT,    BY_AT,   SETS_TIMES,    2,    NONE, false},
	{OP_SETXATTR,     BY_PATH, SETS_XATTR,    2,    NONE, true},
	{OP_LSETXATTR,    BY_LINK, SETS_XATTR,    2,    NONE, true},
	{OP_FSETXATTR,    BY_FD,   SETS_XATTR,    2,    NONE, true},
	{OP_REMOVEXATTR,  BY_PATH, SETS_NO_XATTR, NONE, NONE, true},
	{OP_LREMOVEXATTR, BY_LINK, SETS_NO_XATTR, NONE, NONE, true},
	{OP_FREMOVEXATTR, BY_FD,   SETS_NO_XATTR, NONE, NONE, true},
};

const struct attribute_call *attribute_call_of(enum op op)
{
	const struct attribute_call *call = calls;

	while (call->op != op)
		call++;
	return call;
}

bool attribute_flags_plain(const struct attribute_call *call, const long *arg)
{
	/* fchmodat(3) knows no flag that a kernel of today takes. */
	long known = call->sets == SETS_MODE ? 0 : AT_SYMLINK_NOFOLLOW;

	return call->flags == NONE || !(arg[call->flags] & ~known);
}

struct subject subject_of(enum op op, const long *arg)
{
	const struct attribute_call *call = attribute_call_of(op);
	bool follow = call->flags == NONE || !(arg[call->flags] & AT_SYMLINK_NOFOLLOW);

	switch (call->by) {
	case BY_PATH:
		return (struct subject){AT_FDCWD, PATH(arg[0]), true};
	case BY_LINK:
		return (struct subject){AT_FDCWD, PATH(arg[0]), false};
	case BY_FD:
		return (struct subject){(int)arg[0], NULL, false};
	case BY_AT:
		return (struct subject){(int)arg[0], PATH(arg[1]), follow};
	}
	return (struct subject){AT_FDCWD, PATH(arg[0]), true};
}
