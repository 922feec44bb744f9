/* SPDX-License-Identifier: MIT
 *
 * over: from libc's argument lists to struct call, one statement per operation.
 *
 * Everything in this directory is about what is exported: stubs.S has the entries, the C
 * files one OVER(id) body for each operation of ops.def that has an opcode. A body fills in
 * CALL from the argument registers A and says REASON_NONE, or why these arguments are not
 * for the ring. It must not read through the program's pointers.
 */
#ifndef USHIM_OVER_H
#define USHIM_OVER_H

#if defined(_FILE_OFFSET_BITS) && _FILE_OFFSET_BITS == 64 && !defined(__USE_FILE_OFFSET64)
#error "features.h was included before _FILE_OFFSET_BITS was set"
#endif
#if defined(__USE_FILE_OFFSET64) || defined(_FORTIFY_SOURCE)
#error "libushim exports plain names: build without _FILE_OFFSET_BITS and _FORTIFY_SOURCE"
#endif

#include "table/call.h"

#define OVER(id) enum reason over_##id(struct call *call, const long *a)

/* One declaration per operation that has an opcode. */
#define OP(id, family, opcode) OVER(id);
#include "ushim/ops.def"

#define PATH(arg) ((const char *)(arg))
#define POINTER(arg) ((void *)(arg))

/* Fills in CALL for OP, whose opcode is not NONE. */
enum reason over_marshal(enum op op, struct call *call, const long *a);

#endif
