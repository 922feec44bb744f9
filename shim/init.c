/* SPDX-License-Identifier: MIT
 *
 * init: the library's birth and, for programs that end by exit(3), its last moment.
 *
 * Source map, in the order a call meets the rooms. A room knows only the rooms below it on this list, but
 * for what it is given to call back (tests/lint/layers.sh).
 *
 *   include/ushim/ops.def   what is known of libc: operations and the symbols that reach them
 *   shim/over/              the exported entries (stubs.S), and argument lists to struct call
 *   shim/dispatch/          the one path of a call, and what calls without an opcode mean
 *   shim/together/          fsyncs started with the one before them
 *   shim/behind/            mode auto: commands acknowledged once their success is proven
 *   shim/ahead/             modes auto and strict: questions asked before the program does
 *   shim/call/              a call on its way: its arguments and files, its plain call, the ways out
 *   shim/walk/              directories it walks, their listings; whether asking ahead pays
 *   shim/backend/           what is in flight beside the program: by io_uring (ring/), by a thread (crew/)
 *   shim/report/            statistics, traces, late failures, and the files they go to
 *   shim/process/           whose process this is: configuration, memory, real symbols, signals, threads
 *   shim/table/             ops.def as C: opcodes, fences, what may be repeated
 *   shim/base/              system calls of our own, paths, text, /proc, seccomp: knows nothing of all this
 */
#include "ahead/ahead.h"
#include "backend/ring/of_thread.h"
#include "base/filter.h"
#include "behind/behind.h"
#include "call/armed.h"
#include "call/image.h"
#include "call/leave.h"
#include "dispatch/engine.h"
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
		armed_rest();
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
	armed_refresh_with(engine_arm);
	armed_refresh();
	process_wake();
}

__attribute__((destructor)) static void ushim_end(void)
{
	leave_end();
	image_ends("exit");
}
