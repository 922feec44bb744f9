/* SPDX-License-Identifier: MIT
 *
 * fsinfo: what is known of a file system by its type (statfs(2), linux/magic.h), and which type is
 * behind a descriptor or a path. Types of devices with a driver are remembered by device number.
 */
#ifndef USHIM_FSINFO_H
#define USHIM_FSINFO_H

#include <stdbool.h>
#include <stdint.h>

/* What is to be known of a file system's type. */
enum {
	FS_CLOSES = 1 << 0,    /* nothing is left to do when close returns; else there may be a flush
				* step, with which a worker's close ends after its completion */
	FS_PSEUDO = 1 << 1,    /* "regular" files that block, or answer by who asks */
	FS_NETWORK = 1 << 2,   /* waits by nature: for a network, a daemon */
	FS_IN_MEMORY = 1 << 3, /* keeps nothing beyond a reboot */
	FS_LOG_EACH = 1 << 4,  /* a log for each file: fsyncs in a group take longer (Linux 6.18) */
	FS_ALIKE = 1 << 5,     /* an fsync is the same by whichever descriptor of a file */
	FS_SEEKS = 1 << 6,     /* a listing goes on wherever it is put back to */
};

/*
 * FS_* of the file system on DEVICE, which FD is on; FS_PSEUDO where that cannot be told. May ask
 * the kernel.
 */
unsigned fsinfo_traits(uint64_t device, int fd);

/* The same for what PATH, from DIRFD, leads to, on DEVICE. No descriptor is opened for it. */
unsigned fsinfo_traits_of_path(uint64_t device, int dirfd, const char *path);

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
struct storage fsinfo_storage(int fd);

#endif
