/* SPDX-License-Identifier: MIT */
#include "table/fence.h"

static const uint8_t fences[FAMILY_COUNT] = {
#define FAMILY_FENCE(id, fence) [FAMILY_##id] = FENCE_##fence,
#include "table/families.def"
};

enum fence fence_of(enum op op)
{
	return fences[table_op_family(op)];
}
