/* SPDX-License-Identifier: MIT
 *
 * clone: threads of our own, which are libc's in nothing: no storage of their own (errno, the stack's
 * canary and the locale are the program's), all signals blocked. What they run makes system calls by
 * sys() alone.
 */
#ifndef USHIM_CLONE_H
#define USHIM_CLONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What such a thread runs is not for sanitizers, which keep books of each thread, and has no canary on its
 * stack: that one lies in the program's storage. tests/lint/threads.sh looks at this section of the code.
 */
#if defined(__has_attribute) && __has_attribute(no_stack_protector)
#define CLONE_ALONE __attribute__((section(".text.crew"), noinline, no_stack_protector))
#else
#define CLONE_ALONE __attribute__((section(".text.crew"), noinline))
#endif
#ifdef __SANITIZE_THREAD__ /* makes none of them; the unit tests have libc's instead */
#define CLONE_UNWATCHED CLONE_ALONE
#else
#define CLONE_UNWATCHED __attribute__((no_sanitize("address", "undefined"))) CLONE_ALONE
#endif

/* False where none may be made: under a filter that was not asked, or refuses clone. */
bool clone_allowed(void);

/*
 * Has BEGIN run with ARGUMENT in a thread that shares memory, descriptors, directory and umask with its
 * maker and has the credentials of this moment. *THREAD is its number, which is returned, and becomes 0,
 * a futex, when it runs no more. A negative errno where there is none.
 */
long clone_thread(void (*begin)(void *argument), void *argument, char *stack, size_t size,
		  uint32_t *thread);

/*
 * Waits until that is so for the one whose NUMBER clone_thread returned, and until nobody sees it any more,
 * which is a moment later.
 */
void clone_await_end(uint32_t *thread, long number);

/*
 * The calling thread, one of these, goes on with a table of descriptors of its own that is made empty, so
 * that nothing of the program's is closed (close_range(2), Linux 5.9). False where it cannot; the other says
 * so before.
 */
bool clone_leave_table(void);
bool clone_may_leave_table(void);

#endif
