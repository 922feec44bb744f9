/* SPDX-License-Identifier: MIT
 *
 * of_thread: the ring of each thread, from the first call that wants one to the thread's death.
 */
#ifndef USHIM_RING_OF_THREAD_H
#define USHIM_RING_OF_THREAD_H

struct ring;

/*
 * To be called once, early, where rings may be used: a key of thread-specific data made among
 * the first 32 needs no memory later, so that a ring may be made inside a signal handler.
 */
void thread_ring_prepare(void);

/*
 * The calling thread's ring, made on first use; null where it cannot have one, and then *WHY
 * is the negative errno. To be called with the depth above zero.
 */
struct ring *thread_ring(int *why);

/* Gives up the calling thread's ring for good. */
void thread_give_up_ring(void);

/* As ring_cede, with the calling thread's own ring. */
void thread_cede(void);

#endif
