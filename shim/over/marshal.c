/* SPDX-License-Identifier: MIT */
#include "over/over.h"

/* A case for every operation with an opcode; nothing for the others. */
#define CASE(id) \
	case OP_##id: \
		return over_##id(call, a);
#define CASE_NONE(id)
#define CASE_READ CASE
#define CASE_WRITE CASE
#define CASE_READV CASE
#define CASE_WRITEV CASE
#define CASE_FSYNC CASE
#define CASE_SYNC_FILE_RANGE CASE
#define CASE_FALLOCATE CASE
#define CASE_FADVISE CASE
#define CASE_FTRUNCATE CASE
#define CASE_OPENAT CASE
#define CASE_OPENAT2 CASE
#define CASE_CLOSE CASE
#define CASE_STATX CASE
#define CASE_RENAMEAT CASE
#define CASE_UNLINKAT CASE
#define CASE_MKDIRAT CASE
#define CASE_SYMLINKAT CASE
#define CASE_LINKAT CASE
#define CASE_GETXATTR CASE
#define CASE_SETXATTR CASE
#define CASE_FGETXATTR CASE
#define CASE_FSETXATTR CASE

enum reason over_marshal(enum op op, struct call *call, const long *a)
{
	call->op = op;
	call->opcode = (enum opcode)table_op_opcode(op);
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): operations without an opcode */
	switch ((int)op) {
#define OP(id, family, opcode) CASE_##opcode(id)
#include "ushim/ops.def"
	}
	return REASON_OPERATION;
}
