/* SPDX-License-Identifier: MIT */
#include "table/table.h"

#include <stddef.h>

#include "table/opcodes.h"

/*
 * Names are kept in one block with offsets, not as pointers: hundreds of pointers would be
 * hundreds of relocations and two dirty pages in every process that is started with us.
 */
static const struct sym_names {
#define SYM(name, op) char sym_##name[sizeof(#name)];
#include "ushim/ops.def"
} sym_names = {
#define SYM(name, op) #name,
#include "ushim/ops.def"
};

static const uint16_t sym_name_at[SYM_COUNT] = {
#define SYM(name, op) offsetof(struct sym_names, sym_##name),
#include "ushim/ops.def"
};

static const struct op_names {
#define OP(id, family, opcode) char op_##id[sizeof(#id)];
#include "ushim/ops.def"
} op_names = {
#define OP(id, family, opcode) #id,
#include "ushim/ops.def"
};

static const uint16_t op_name_at[OP_COUNT] = {
#define OP(id, family, opcode) offsetof(struct op_names, op_##id),
#include "ushim/ops.def"
};

static const struct opcode_names {
#define OP(id, family, opcode) char op_##id[sizeof(#opcode)];
#include "ushim/ops.def"
} opcode_names = {
#define OP(id, family, opcode) #opcode,
#include "ushim/ops.def"
};

static const uint16_t opcode_name_at[OP_COUNT] = {
#define OP(id, family, opcode) offsetof(struct opcode_names, op_##id),
#include "ushim/ops.def"
};

static const uint16_t sym_op[SYM_COUNT] = {
#define SYM(name, op) OP_##op,
#include "ushim/ops.def"
};

static const struct {
	uint8_t family;
	int8_t opcode;
} op_facts[OP_COUNT] = {
#define OP(id, family, opcode) {FAMILY_##family, OPCODE_##opcode},
#include "ushim/ops.def"
};

static const struct {
	uint8_t class, order, traits;
} family_facts[FAMILY_COUNT] = {
#define FAMILY_FACTS(id, class, order, traits) {CLASS_##class, ORDER_##order, traits},
#include "table/families.def"
};

enum op table_sym_op(enum sym sym)
{
	return sym_op[sym];
}

const char *table_sym_name(enum sym sym)
{
	return (const char *)&sym_names + sym_name_at[sym];
}

const char *table_op_name(enum op op)
{
	return (const char *)&op_names + op_name_at[op];
}

const char *table_opcode_name(enum op op)
{
	return (const char *)&opcode_names + opcode_name_at[op];
}

enum family table_op_family(enum op op)
{
	return op_facts[op].family;
}

enum op_class table_op_class(enum op op)
{
	return family_facts[op_facts[op].family].class;
}

enum op_order table_op_order(enum op op)
{
	return family_facts[op_facts[op].family].order;
}

unsigned table_op_traits(enum op op)
{
	return family_facts[op_facts[op].family].traits;
}

int table_op_opcode(enum op op)
{
	return op_facts[op].opcode;
}
