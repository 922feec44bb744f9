/* SPDX-License-Identifier: MIT */
#include "process/kin.h"

#include "process/real.h"
#include "table/opcodes.h"

/* A bit for each kin; and that it has been looked. */
static unsigned interposed;
static bool looked;

static enum kin kin_of_question(enum op op)
{
	switch (table_op_opcode(op)) {
	case OPCODE_STATX:
		return KIN_STAT;
	case OPCODE_GETXATTR:
	case OPCODE_FGETXATTR:
		return KIN_XATTR;
	default:
		return KIN_NONE;
	}
}

static bool by_name(enum op op)
{
	return table_op_order(op) == ORDER_NAME || table_op_order(op) == ORDER_FD;
}

enum kin kin_of(enum op op)
{
	bool rings = table_op_opcode(op) >= 0;

	switch (table_op_class(op)) {
	case CLASS_QUESTION:
		return kin_of_question(op);
	case CLASS_COMMAND:
		return KIN_COMMAND;
	case CLASS_DATA:
		return rings ? KIN_DATA : KIN_NONE;
	case CLASS_DURABLE:
		return KIN_SYNC;
	case CLASS_HANDLE:
		return rings || by_name(op) ? KIN_OPEN : KIN_NONE;
	case CLASS_LISTING:
		return by_name(op) ? KIN_LISTING : KIN_NONE;
	case CLASS_PROCESS:
		return KIN_NONE;
	}
	return KIN_NONE;
}

static bool matters(enum sym sym)
{
	return kin_of(table_sym_op(sym)) != KIN_NONE;
}

static void found(enum sym sym)
{
	interposed |= 1U << kin_of(table_sym_op(sym));
}

/* Threads that look at the same time find the same. */
static void look(void)
{
	real_interposed(matters, found);
	__atomic_store_n(&looked, true, __ATOMIC_RELEASE);
}

bool kin_interposed(enum kin kin)
{
	if (!__atomic_load_n(&looked, __ATOMIC_ACQUIRE))
		look();
	return interposed >> kin & 1;
}

bool kin_seen_interposed(enum op op)
{
	return interposed && interposed >> kin_of(op) & 1;
}
