/* SPDX-License-Identifier: MIT */
#include "walk/operands.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * The command line. Programs reorder its pointers, set them to null and point them elsewhere;
 * the strings the kernel put on the stack, from the first to the last, stay mapped.
 */
static struct {
	int count;
	char **list;
	const char *first, *last;
} operands;

void operands_note(int argc, char **argv)
{
	if (argc <= 2)
		return;
	operands.count = argc - 1;
	operands.list = argv + 1;
	operands.first = argv[1];
	operands.last = argv[argc - 1];
}

static bool operand_is_name(const char *operand)
{
	return operand >= operands.first && operand <= operands.last && operand[0] &&
	       operand[0] != '-';
}

const char *operands_at(int index)
{
	if (index >= operands.count)
		return NULL;
	return operand_is_name(operands.list[index]) ? operands.list[index] : "";
}
