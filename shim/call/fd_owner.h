/* SPDX-License-Identifier: MIT
 *
 * fd_owner: which descriptors this process has opened by itself, so that nobody else moves their
 * file position.
 *
 * A descriptor's number says nothing by itself: libc opens and closes some behind every
 * interposer (DESIGN F11). What is kept here is forgotten whenever something happens that could have
 * changed it unseen.
 */
#ifndef USHIM_FD_OWNER_H
#define USHIM_FD_OWNER_H

#include <stdbool.h>

/* True if this process opened FD by itself, and nobody can have got at it since. */
bool fd_owner_is_us(int fd);

/* This process opened FD just now, by itself: nobody else can move its file position. */
void fd_owner_opened(int fd);
void fd_owner_closed(int fd);
void fd_owner_copied(int from, int to);

/* Descriptors may have been shared with, or changed by, somebody else. */
void fd_owner_forget(void);

#endif
