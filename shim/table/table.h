/* SPDX-License-Identifier: MIT
 *
 * table: ops.def and families.def as C: the numbers of operations and symbols, and the facts about each.
 */
#ifndef USHIM_TABLE_H
#define USHIM_TABLE_H

#include <features.h>
#include <stdint.h>

enum op {
#define OP(id, family, opcode) OP_##id,
#include "ushim/ops.def"
	OP_COUNT
};

enum sym {
#define SYM(name, op) SYM_##name,
#include "ushim/ops.def"
	SYM_COUNT
};

enum family {
#define FAMILY_ID(id) FAMILY_##id,
#include "table/families.def"
	FAMILY_COUNT
};

/* Of a family. */
enum {
	TRAIT_DESTROYS = 1 << 0, /* a name, or contents, are gone behind it */
	TRAIT_MAKES = 1 << 1,    /* opens files, and may make them, in an order worth knowing */
	TRAIT_RETYPES = 1 << 2,  /* names may be of something else than they were listed as */
};

enum op_class {
	CLASS_QUESTION,
	CLASS_COMMAND,
	CLASS_DATA,
	CLASS_DURABLE,
	CLASS_HANDLE,
	CLASS_LISTING,
	CLASS_PROCESS,
};

enum op_order {
	ORDER_FREE,
	ORDER_NAME,
	ORDER_FD,
	ORDER_SYNC,
	ORDER_OUT,
	ORDER_IN,
	ORDER_INOUT,
	ORDER_STATE,
	ORDER_CEDE,
	ORDER_THREAD,
	ORDER_IMAGE,
};

/* The operation a symbol reaches. */
enum op table_sym_op(enum sym sym);

/* A symbol's name as libc spells it; static storage. */
const char *table_sym_name(enum sym sym);

/* An operation's identifier in ops.def; static storage. */
const char *table_op_name(enum op op);

/* The name of an operation's opcode as in IORING_OP_*, "NONE" without; static storage. */
const char *table_opcode_name(enum op op);

enum family table_op_family(enum op op);
enum op_class table_op_class(enum op op);
enum op_order table_op_order(enum op op);

/* TRAIT_*. */
unsigned table_op_traits(enum op op);

/* IORING_OP_* of an operation, or -1 where io_uring has none. */
int table_op_opcode(enum op op);

#endif
