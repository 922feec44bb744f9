/* SPDX-License-Identifier: MIT
 *
 * init: the library's birth and, for programs that end by exit(3), its last moment.
 *
 * Source map, in the order a call meets it:
 *
 *   include/ushim/ops.def   what is known of libc: operations and the symbols that reach them
 *   shim/over/stubs.S       the exported entries
 *   shim/dispatch/engine.c           the one path: guard, marshal, prove, run, finish, or plain
 *   shim/over/ (C files)    argument lists to struct call (table/call.h)
 *   shim/ahead*.c           modes auto and strict: questions asked before the program does
 *   shim/behind*.c          mode auto: commands acknowledged once their success is proven
 *   shim/report/late.c             what failed after that: the line
 *   shim/call/leave.c            every way out of the process, and its exit status
 *   shim/table/fence.c            what has to be done before which call
 *   shim/walk/sweep.c walk/listing.c  directories it walks, and its directory streams
 *   shim/base/directory.c        directories listed by our own means
 *   shim/walk/governor.c         whether that pays
 *   shim/walk/pace.c             how fast this machine is, so that waiting is told from work
 *   shim/together*.c        fsyncs started with the one before them
 *   shim/dispatch/watch.c            what calls without an opcode mean: fork, signals, seccomp, ...
 *   shim/behind/spelling.c         what a name's letters say of who could hold it
 *   shim/process/watching.c         whether this process watches files
 *   shim/call/names.c            descriptors and file systems this process knows
 *   shim/call/passage.c base/path.c   a call on its way through them; what its paths are
 *   shim/call/filestream.c       what a call of stdio's reads from
 *   shim/backend/flight.c           what is in flight on the ring of auto and strict, and whose it is
 *   shim/ring*.c            io_uring: set-up, entries, submission and waiting
 *   shim/backend/crew/crew.c             a thread for calls that the ring has no operation for
 *   shim/table/repeat.c           what failed on the ring and may be made plainly
 *   shim/process/signals.c          handlers kept out of the ring's critical moments
 *   shim/process/thread.c           what every thread carries; backend/ring/of_thread.c: its ring
 *   shim/base/filter.c           whether any system call of ours may be made
 *   shim/process/process.c          whose memory this is, and whether we may act in it
 *   shim/process/real.c             the next definition of every symbol
 *   shim/process/kin.c              whether it is libc's
 *   shim/report/stats.c            counters and the record of USHIM_STATS
 *   shim/report/trace.c            events and the file of USHIM_TRACE
 *   shim/base/text.c report/file.c      text put together, and the file it is appended to
 *   shim/process/config.c           the environment
 *   shim/base/diag.c             lines on stderr
 *   shim/base/sys.h              system calls of our own
 *   shim/base/hash.h             names to numbers
 *   shim/table/table.c            ops.def as C
 */
#include "ahead/ahead.h"
#include "backend/ring/of_thread.h"
#include "base/filter.h"
#include "behind/behind.h"
#include "call/leave.h"
#include "dispatch/engine.h"
#include "dispatch/watch.h"
#include "process/config.h"
#include "process/process.h"
#include "process/real.h"
#include "process/thread.h"
#include "report/stats.h"
#include "report/trace.h"
#include "together/together.h"

extern const char *gnu_get_libc_version(void) __attribute__((weak));

static void settle(void)
{
	behind_settle();
	together_ends();
}

/* glibc passes constructors what main gets; others (musl) pass nothing. */
__attribute__((constructor)) static void ushim_begin(int argc, char **argv)
{
	real_begin();
	config_read();
	if (config.mode == MODE_OFF || filter_forbids()) {
		engine_rest();
		return;
	}
	stats_open();
	trace_open();
	if (config.mode == MODE_RING) {
		process_owns_memory(); /* with one thread there is: base/filter.h */
		thread_ring_prepare();
	} else {
		leave_settle_with(settle);
		ahead_begin(&gnu_get_libc_version ? argc : 0, argv);
		behind_begin();
		together_begin();
	}
	engine_arm();
	process_wake();
}

__attribute__((destructor)) static void ushim_end(void)
{
	leave_end();
	watch_image_ends("exit");
}
