/* SPDX-License-Identifier: MIT
 *
 * behind: acknowledges commands whose success is proven, and lets them run behind the
 * program's back, a chain for each directory (mode auto; DESIGN section 7).
 *
 *   behind.c         the entries; when to go in and out
 *   sample.c  while out: how long a plain command waited
 *   fence.c   while in: what each kind of call does to what is pending and known
 *   outcome.c what is learned from a call when it is made
 *   dirs.c    the directories known: private, being emptied; our descriptors of them
 *   link.c    proofs of commands that make names: link, symlink, mkdir, rename
 *   empty.c   proofs of commands that remove them: unlink, rmdir
 *   worked.c  removing, or work that begins with a removal
 *   lost.c    what may not be destroyed because something failed late
 *   attrs.c   times, owners, modes: what may be set later, and what has to wait
 *   wanted.c  the ones set behind a directory's last pending command
 *   xattrs.c  proofs that extended attributes may be among them
 *   touch.c   what a call has to wait for
 *   queue.c   the chains: submission, completion, waiting
 *
 * While it is out, a command in many is timed and that is all.
 */
#ifndef USHIM_BEHIND_H
#define USHIM_BEHIND_H

#include <stdbool.h>

#include "call/passage.h"

void behind_begin(void);

/* True while commands are acknowledged early. */
bool behind_is_in(void);

/* True if OP is of interest at the moment. */
bool behind_needs(enum op op);

/*
 * PASSAGE is about to be made. What it has to wait for is done when this returns. True when it
 * has been acknowledged or made here, with its value and reason.
 */
bool behind_before(const struct passage *passage);

/*
 * PASSAGE was made (DONE), or may be made here because its outcome is to be learned; true when
 * it is made. PROGRAM_ERRNO is what errno was before anybody made it.
 */
bool behind_after(const struct passage *passage, bool done, int program_errno);

/*
 * The same under a seccomp filter, where nothing is acknowledged and nothing may be asked: after a late
 * failure OP may destroy what was lost; true when it is refused for that.
 */
bool behind_keeps(enum op op);
bool behind_refuses(const struct passage *passage);

/* Everything acknowledged is done when this returns. */
void behind_settle(void);

#endif
