/* SPDX-License-Identifier: MIT */
#include "table/fence.h"

#include <stdbool.h>

/* 0 where class and order say enough. */
static enum fence fence_by_name(enum op op)
{
	/* NOLINTNEXTLINE(clang-diagnostic-switch-enum): the rest is told by class and order */
	switch ((int)op) {
	case OP_STAT:
	case OP_LSTAT:
	case OP_FSTAT:
	case OP_FSTATAT:
	case OP_STATX:
	case OP_XSTAT:
	case OP_LXSTAT:
	case OP_FXSTAT:
	case OP_FXSTATAT:
		return FENCE_STAT;
	case OP_ACCESS:
	case OP_EACCESS:
	case OP_FACCESSAT:
	case OP_READLINK:
	case OP_READLINK_CHK:
	case OP_READLINKAT:
	case OP_READLINKAT_CHK:
	case OP_GETXATTR:
	case OP_LGETXATTR:
	case OP_LISTXATTR:
	case OP_LLISTXATTR:
	case OP_FGETXATTR:
	case OP_FLISTXATTR:
		return FENCE_ASK;
	case OP_READDIR:
	case OP_READDIR_R:
	case OP_GETDENTS:
	case OP_GETDIRENTRIES:
	case OP_REWINDDIR:
	case OP_SEEKDIR:
	case OP_FDOPENDIR:
	case OP_CLOSEDIR:
		return FENCE_STREAM;
	case OP_OPEN:
	case OP_OPENAT:
	case OP_OPEN_2:
	case OP_OPENAT_2:
		return FENCE_OPEN;
	case OP_OPENDIR:
		return FENCE_OPENDIR;
	case OP_CLOSE:
		return FENCE_CLOSE;
	case OP_DUP2:
	case OP_DUP3:
		return FENCE_COPY;
	case OP_READ:
	case OP_READ_CHK:
	case OP_PREAD:
	case OP_PREAD_CHK:
	case OP_READV:
	case OP_PREADV:
	case OP_PREADV2:
		return FENCE_READ;
	case OP_SCANF:
	case OP_GETS:
	case OP_GETCHAR:
	case OP_FSCANF:
	case OP_FGETC:
	case OP_UNDERFLOW:
	case OP_XSGETN:
	case OP_FGETENT:
	case OP_FGETS:
	case OP_GETLINE:
	case OP_FGETS_CHK:
	case OP_GETDELIM:
	case OP_FREAD:
	case OP_FREAD_CHK:
	case OP_FSEEK:
	case OP_SETVBUF:
	case OP_FCLOSE:
		return FENCE_STDIO;
	case OP_CHMOD:
	case OP_LCHMOD:
	case OP_FCHMOD:
	case OP_FCHMODAT:
	case OP_CHOWN:
	case OP_LCHOWN:
	case OP_FCHOWN:
	case OP_FCHOWNAT:
	case OP_UTIME:
	case OP_UTIMES:
	case OP_LUTIMES:
	case OP_FUTIMES:
	case OP_FUTIMESAT:
	case OP_UTIMENSAT:
	case OP_FUTIMENS:
	case OP_SETXATTR:
	case OP_LSETXATTR:
	case OP_FSETXATTR:
	case OP_REMOVEXATTR:
	case OP_LREMOVEXATTR:
	case OP_FREMOVEXATTR:
		return FENCE_ATTRIBUTE;
	case OP_FOPEN:
		return FENCE_FOPEN;
	case OP_CREAT:
	case OP_MKNOD:
	case OP_MKNODAT:
	case OP_XMKNOD:
	case OP_XMKNODAT:
	case OP_MKFIFO:
	case OP_MKFIFOAT:
		return FENCE_MAKE;
	case OP_FCNTL: /* looked at more closely by who asks */
		return FENCE_OUTSIDE;
	case OP_TELLDIR:
	case OP_DIRFD:
	case OP_DUP:
	case OP_LSEEK:
	case OP_FADVISE:
	case OP_READAHEAD:
	case OP_MPROTECT:
	case OP_LIBC_START_MAIN:
		return FENCE_NONE;
	case OP_CHDIR:
	case OP_FCHDIR:
	case OP_UMASK:
	case OP_PERSONALITY:
	case OP_SCANDIR:
	case OP_SCANDIRAT:
	case OP_FTS_OPEN:
	case OP_FTS_READ:
	case OP_FTS_CHILDREN:
	case OP_FTS_CLOSE:
	case OP_GLOB:
	case OP_DLOPEN:
	case OP_DLMOPEN:
	case OP_TRUNCATE:
		return FENCE_ALL;
	default:
		return (enum fence)-1;
	}
}

static bool op_writes(enum op op)
{
	return table_op_class(op) == CLASS_DATA && table_op_order(op) == ORDER_FD;
}

enum fence fence_of(enum op op)
{
	enum fence fence = fence_by_name(op);
	int opcode = table_op_opcode(op);

	if (fence != (enum fence)-1)
		return fence;
	if (op_writes(op))
		return op == OP_MMAP ? FENCE_OUTSIDE : FENCE_WRITE;
	switch (table_op_class(op)) {
	case CLASS_COMMAND:
		return opcode >= 0 ? FENCE_COMMAND : FENCE_OUTSIDE;
	case CLASS_QUESTION:
		return FENCE_COUNT;
	case CLASS_DURABLE:
		return table_op_order(op) == ORDER_SYNC ? FENCE_ALL : FENCE_OUTSIDE;
	case CLASS_HANDLE:
	case CLASS_PROCESS:
	case CLASS_DATA:
		return table_op_order(op) == ORDER_FREE ? FENCE_NONE : FENCE_OUTSIDE;
	case CLASS_LISTING:
		return FENCE_OUTSIDE;
	}
	return FENCE_OUTSIDE;
}
