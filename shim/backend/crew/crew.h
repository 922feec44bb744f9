/* SPDX-License-Identifier: MIT
 *
 * crew: one thread of our own, for calls that io_uring has no operation for (chown, chmod, utimensat,
 * removexattr) and that the program need not wait for.
 *
 * It is libc's in nothing: made by clone(2), with all signals blocked and no storage of its own
 * (errno, the stack's canary and the locale are the program's), so what it runs makes system calls
 * by sys() alone. It shares descriptors, directory and umask with the program, but has the
 * credentials of the moment it was made; whoever lets those, or the threads of this process, be
 * changed or looked at ends it first (behind_forget).
 */
#ifndef USHIM_CREW_H
#define USHIM_CREW_H

#include <stdbool.h>
#include <stdint.h>

struct crew_job {
	void (*work)(struct crew_job *job);
	uint32_t done;
};

/* Has JOB, which stays where it is, worked off behind those before. False: there is no crew. */
bool crew_post(struct crew_job *job);

bool crew_did(const struct crew_job *job);

/* Waits until JOB, or with null any job, is done, or a while is over. */
void crew_await(const struct crew_job *job);

/* No thread is left when this returns. Nothing is posted and not done. */
void crew_end(void);

#endif
