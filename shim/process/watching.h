/* SPDX-License-Identifier: MIT
 *
 * watching: whether this process watches files (inotify(7), fanotify(7), F_NOTIFY). It would see what is
 * opened and read ahead of it as if it had been somebody; so then nothing is.
 */
#ifndef USHIM_WATCHING_H
#define USHIM_WATCHING_H

#include <stdbool.h>

/*
 * True once it does. Asked for the first time, this looks at the descriptors there are: some may be from
 * before anybody looked, or from who executed this program.
 */
bool watching(void);

/* The program is about to set a watch. */
void watching_begins(void);

#endif
