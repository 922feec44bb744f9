/* SPDX-License-Identifier: MIT
 *
 * fails-late: a part that $(BUILD)/prog/fails-late.so has and libushim.so has not. With
 * FAILS_LATE=start a command has failed late before main begins, with FAILS_LATE=settle it does
 * when what was acknowledged is settled. (The library has asked for the ways out by then.)
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "call/leave.h"
#include "process/process.h"
#include "report/late.h"

static void fail(void)
{
	static bool failed;

	if (!failed)
		late_report("linkat", "d/x", EIO);
	failed = true;
}

/* Linked last, so after the library's own. */
__attribute__((constructor)) static void fails_late_begin(void)
{
	const char *when = getenv("FAILS_LATE");

	process_owns_memory(); /* as before anything is acknowledged */
	late_begin();          /* as with the program's first call */
	if (when && !strcmp(when, "start"))
		fail();
	if (when && !strcmp(when, "settle"))
		leave_settle_with(fail);
}
