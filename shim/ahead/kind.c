/* SPDX-License-Identifier: MIT */
#include "ahead/kind.h"

enum kind kind_of(enum op op)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest is told by class and order */
	switch ((int)op) {
	case OP_STAT:
	case OP_LSTAT:
	case OP_FSTATAT:
	case OP_STATX:
	case OP_XSTAT:
	case OP_LXSTAT:
	case OP_FXSTATAT:
		return KIND_STAT;
	case OP_READLINK:
	case OP_READLINK_CHK:
	case OP_READLINKAT:
	case OP_READLINKAT_CHK:
		return KIND_READLINK;
	case OP_OPENDIR:
		return KIND_OPENDIR;
	case OP_FDOPENDIR:
		return KIND_FDOPENDIR;
	case OP_READDIR:
		return KIND_READDIR;
	case OP_TELLDIR:
		return KIND_TELLDIR;
	case OP_SEEKDIR:
	case OP_REWINDDIR:
		return KIND_STREAM_MOVES;
	case OP_READDIR_R:
		return KIND_READDIR_R;
	case OP_CLOSEDIR:
		return KIND_CLOSEDIR;
	case OP_OPEN:
	case OP_OPENAT:
	case OP_OPEN_2:
	case OP_OPENAT_2:
		return KIND_OPEN;
	case OP_FOPEN:
		return KIND_FOPEN;
	case OP_READ:
	case OP_READ_CHK:
	case OP_PREAD:
	case OP_PREAD_CHK:
	case OP_READV:
	case OP_PREADV:
	case OP_PREADV2:
	case OP_COPY_FILE_RANGE:
		return KIND_READ;
	case OP_FREAD:
	case OP_FREAD_CHK:
	case OP_FGETS:
	case OP_FGETS_CHK:
	case OP_GETLINE:
	case OP_GETDELIM:
	case OP_FGETC:
	case OP_FSCANF:
	case OP_XSGETN:
	case OP_FGETENT:
	case OP_UNDERFLOW:
	case OP_SCANF:
	case OP_GETS:
	case OP_GETCHAR:
		return KIND_STREAM_READ;
	case OP_CLOSE:
		return KIND_CLOSE;
	case OP_CLOSE_RANGE:
	case OP_CLOSEFROM:
	case OP_FCLOSEALL:
	case OP_FTS_CLOSE:
		return KIND_CLOSES_MANY;
	case OP_DUP2:
	case OP_DUP3:
		return KIND_DUP2;
	case OP_FCNTL:
		return KIND_FCNTL;
	case OP_MMAP:
		return KIND_MMAP;
	case OP_SYSCALL:
		return KIND_SYSCALL;
	default:
		return KIND_OTHER;
	}
}
