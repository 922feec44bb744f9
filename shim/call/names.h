/* SPDX-License-Identifier: MIT
 *
 * names: the descriptors and file systems this process knows.
 *
 * A descriptor's number says nothing by itself: libc opens and closes some behind every
 * interposer (DESIGN F11). What is kept here is revalidated against the kernel at each use,
 * and forgotten whenever something happens that could have changed it unseen.
 */
#ifndef USHIM_NAMES_H
#define USHIM_NAMES_H

#include <stdbool.h>

#include "table/call.h"

/* The next two say REASON_NONE, or why the call is not for the ring. */

/* What GUARD asks of CALL's descriptor or path. May ask the kernel. */
enum reason names_guard(const struct call *call);

/* What is known of a file system by its type; where that cannot be told, nothing of it is so. */
struct storage {
	bool network;   /* it waits for something by nature: a network, a daemon */
	bool in_memory; /* it keeps nothing beyond a reboot */
	bool shares_commits; /* it commits several fsyncs at once where they meet */
	/*
	 * An fsync is the same by whichever descriptor of a file. Not so on overlayfs, where a file
	 * that is written becomes another inode, and on SMB, where one that was opened for reading
	 * asks nothing of the server (fs/smb/client/file.c, cifs_fsync).
	 */
	bool alike;
	/*
	 * A listing that is put back to where it was goes on from there. A server's positions are
	 * numbers of its own: the kernel may take them for negative and refuse, and a server may
	 * know no way back.
	 */
	bool seeks;
};

/* What FD is on. Asks each time, before Linux 6.8 by what over a network is a request (statfs(2)). */
struct storage names_storage(int fd);

/* This process opened FD just now, by itself: nobody else can move its file position. */
void names_opened(int fd);
void names_closed(int fd);
void names_copied(int from, int to);

/* Descriptors may have been shared with, or changed by, somebody else. */
void names_forget_descriptors(void);

#endif
