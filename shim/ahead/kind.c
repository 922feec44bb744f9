/* SPDX-License-Identifier: MIT */
#include "ahead/kind.h"

static const uint8_t kinds[FAMILY_COUNT] = {
#define FAMILY_KIND(id, kind) [FAMILY_##id] = KIND_##kind,
#include "table/families.def"
};

enum kind kind_of(enum op op)
{
	return kinds[table_op_family(op)];
}
