/* SPDX-License-Identifier: MIT
 *
 * crew: jobs for threads of our own (pool.h): what io_uring has no operation for (chown, chmod, utimensat,
 * removexattr) and the program need not wait for. A job is several such calls, made one after another;
 * jobs are run at once, in no order.
 *
 * The threads have the credentials of the moment they were made; whoever lets those, or the threads of this
 * process, be changed or looked at ends them first (behind_forget).
 */
#ifndef USHIM_CREW_H
#define USHIM_CREW_H

#include <stdbool.h>
#include <stdint.h>

struct crew_job {
	void (*work)(struct crew_job *job);
	uint32_t done;
};

/* Has JOB, which stays where it is, worked off. False: there is no crew, or it has too much to do. */
bool crew_post(struct crew_job *job);

bool crew_did(const struct crew_job *job);

/* Waits until JOB, or with null any job, is done, or a while is over. */
void crew_await(const struct crew_job *job);

/* No thread is left when this returns. Nothing is posted and not done. */
void crew_end(void);

#endif
