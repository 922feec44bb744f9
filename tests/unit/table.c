/* SPDX-License-Identifier: MIT
 *
 * table: ops.def as C agrees with ops.def as text, and with the kernel's numbers.
 */
#include "behind/private.h"
#include "table/fence.h"
#include "table/table.h"

#include <linux/io_uring.h>
#include <stdbool.h>

#include "check.h"
#include "over/over.h"

/* For the comparison below; linux/io_uring.h of Debian 12 ends before FTRUNCATE. */
#define IORING_OP_NONE -1
#define IORING_OP_FTRUNCATE 55

static const struct {
	const char *name, *opcode;
	enum family family;
	int number;
} rows[] = {
#define OP(id, family, opcode) {#id, #opcode, FAMILY_##family, IORING_OP_##opcode},
#include "ushim/ops.def"
};

static const struct {
	const char *name, *op;
} symbols[] = {
#define SYM(name, op) {#name, #op},
#include "ushim/ops.def"
};

static void operations_agree(void)
{
	CHECK_EQ(sizeof(rows) / sizeof(*rows), OP_COUNT);
	for (enum op op = 0; op < OP_COUNT; op++) {
		if (strcmp(table_op_name(op), rows[op].name) != 0)
			note("%d: %s, not %s", op, table_op_name(op), rows[op].name);
		CHECK(!strcmp(table_op_name(op), rows[op].name));
		CHECK(!strcmp(table_opcode_name(op), rows[op].opcode));
		CHECK_EQ(table_op_family(op), rows[op].family);
		CHECK_EQ(table_op_opcode(op), rows[op].number);
	}
}

static void attribute_calls_are_told(void)
{
	for (enum op op = 0; op < OP_COUNT; op++)
		if (fence_of(op) == FENCE_ATTRIBUTE)
			CHECK_EQ(attribute_call_of(op)->op, op);
}

static void symbols_agree(void)
{
	CHECK_EQ(sizeof(symbols) / sizeof(*symbols), SYM_COUNT);
	for (enum sym sym = 0; sym < SYM_COUNT; sym++) {
		CHECK(!strcmp(table_sym_name(sym), symbols[sym].name));
		CHECK(!strcmp(table_op_name(table_sym_op(sym)), symbols[sym].op));
	}
}

static void names_are_unique(void)
{
	for (enum sym a = 0; a < SYM_COUNT; a++)
		for (enum sym b = 0; b < a; b++)
			CHECK(strcmp(table_sym_name(a), table_sym_name(b)) != 0);
	for (enum op a = 0; a < OP_COUNT; a++)
		for (enum op b = 0; b < a; b++)
			CHECK(strcmp(table_op_name(a), table_op_name(b)) != 0);
}

/* openat2 has no function of its own before glibc 2.43. */
static void operations_are_reached(void)
{
	bool reached[OP_COUNT] = {false};

	for (enum sym sym = 0; sym < SYM_COUNT; sym++)
		reached[table_sym_op(sym)] = true;
	for (enum op op = 0; op < OP_COUNT; op++)
		if (!reached[op] && op != OP_OPENAT2) {
			note("%s has no symbol", table_op_name(op));
			CHECK(reached[op]);
		}
}

static void opcodes_are_marshalled(void)
{
	/* Something each operation may be called with; pointers are not followed. */
	static const long arguments[] = {5, 4096, 8, 0, 0, 0};

	for (enum op op = 0; op < OP_COUNT; op++) {
		struct call call = {.op = OP_SYSCALL};
		enum reason reason = over_marshal(op, &call, arguments);

		CHECK_EQ(call.op, op);
		if (table_op_opcode(op) < 0)
			CHECK_EQ(reason, REASON_OPERATION);
		else
			CHECK(reason == REASON_NONE || reason == REASON_ARGUMENT);
		CHECK_EQ(call.opcode, table_op_opcode(op));
	}
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("behind: each call that sets attributes has a row", attribute_calls_are_told);
	test("ops.def: operations, families and opcodes are the table's", operations_agree);
	test("ops.def: every symbol reaches the operation it names", symbols_agree);
	test("ops.def: no symbol and no operation is there twice", names_are_unique);
	test("ops.def: every operation is reached by a symbol", operations_are_reached);
	test("ops.def: what has an opcode is marshalled, nothing else", opcodes_are_marshalled);
	return tests_end();
}
