/* SPDX-License-Identifier: MIT
 *
 * invariant: what has to hold, asserted where the library is built to be looked at (make debug,
 * asan, ubsan).
 */
#ifndef USHIM_INVARIANT_H
#define USHIM_INVARIANT_H

#ifdef USHIM_DEBUG
#include <stddef.h>

#include "base/diag.h"

/* One line that names what does not hold, and the end, as by abort(3). */
#define INVARIANT(condition) \
	do { \
		if (!(condition)) { \
			diag_line((const char *const[]){__FILE__, ": ", #condition, " does not hold", NULL}); \
			__builtin_trap(); \
		} \
	} while (0)
#else
#define INVARIANT(condition) \
	do { \
		if (0) /* never asked, and no warning that nobody asks */ \
			(void)(condition); \
	} while (0)
#endif

#endif
