/* SPDX-License-Identifier: MIT
 *
 * ahead: asks the questions the program is about to ask (modes auto and strict).
 *
 *   ahead.c           what each kind of call means here (kind.c: which kind it is)
 *   outside.c   while nothing is asked ahead; when to go in and out
 *   streams.c   directory streams, whose names become sweeps
 *   place.c     which sweep and entry a path or descriptor means
 *   questions.c questions of the stat family: recognised, asked ahead, answered
 *   answers.c   questions in flight, answers, and how long they are good for
 *   cached.c    what is answered from a cache is not asked ahead
 *   files.c     files opened and read one after another
 *   contents.c  small files read ahead, so that the kernel's cache is warm
 *   opened.c    inodes this process itself can change, whose answers are never used
 *
 * While it is out, only the calls that begin a directory or a file come here, and one call in
 * many is timed. Nothing is allocated, no ring exists, no system call is made. Processes with
 * more than one thread are left alone.
 */
#ifndef USHIM_AHEAD_H
#define USHIM_AHEAD_H

#include <stdbool.h>

#include "base/path.h"
#include "call/passage.h"

/* ARGV is the program's own, and stays where it is. */
void ahead_begin(int argc, char **argv);

/* True while questions are asked ahead. */
bool ahead_is_in(void);

/* Commands are slow on storage that waits by nature: so are questions, until shown wrong. */
void ahead_engage(void);

/*
 * A command is about to be made whose file is PATH below FD: to the kernel that is a question
 * about its name, and the next ones can be asked ahead (ln -t, mv of many operands).
 */
void ahead_named(int fd, const char *path);

/* OPENED is called whenever the program has opened a directory stream that is seen here. */
void ahead_tell_directories(void (*opened)(void));

/* True if OP is of interest at the moment. */
bool ahead_needs(enum op op);

/*
 * The same under a seccomp filter: OP concerns a directory stream that is ours; true when it was served,
 * by nothing but the calls libc would make for it.
 */
bool ahead_serves(enum op op);
bool ahead_serve(const struct passage *passage);

/* Something about this inode has changed, or will: answers about it are not used any more. */
void ahead_changed(const struct identity *identity);

/* The program removes what it lists, from the first entry on. */
void ahead_removes(void);

/*
 * A command of this module's neighbour is about to be made. UNSEEN: it is acknowledged, or made
 * where nobody else looks, and so tells the program nothing about others.
 */
void ahead_command(enum op op, bool unseen);

/*
 * PASSAGE is about to be made. True when it has been answered or made here, with its value
 * (errno is the call's own) and reason.
 */
bool ahead_before(const struct passage *passage);

#endif
