/* SPDX-License-Identifier: MIT
 *
 * kind: what an operation is to the ahead module.
 */
#ifndef USHIM_AHEAD_KIND_H
#define USHIM_AHEAD_KIND_H

#include "table/table.h"

enum kind {
	KIND_OTHER,
	KIND_STAT,
	KIND_READLINK,
	KIND_OPENDIR,
	KIND_FDOPENDIR,
	KIND_READDIR,
	KIND_TELLDIR,
	KIND_STREAM_MOVES, /* seekdir, rewinddir */
	KIND_READDIR_R,
	KIND_CLOSEDIR,
	KIND_OPEN,
	KIND_FOPEN,
	KIND_READ,
	KIND_STREAM_READ,
	KIND_CLOSE,
	KIND_CLOSES_MANY,
	KIND_DUP2,
	KIND_FCNTL,
	KIND_MMAP,
	KIND_SYSCALL,
};

enum kind kind_of(enum op op);

#endif
