/* SPDX-License-Identifier: MIT
 *
 * opcodes: IORING_OP_* numbers by the names ops.def uses. They are kernel ABI, listed here
 * because the headers of liburing 2.3 (Debian 12) stop before some of them, and because only
 * shim/backend/ring may include liburing. shim/backend/ring/ring.c asserts that both agree.
 */
#ifndef USHIM_OPCODES_H
#define USHIM_OPCODES_H

enum opcode {
	OPCODE_NONE = -1,
	OPCODE_NOP = 0,
	OPCODE_READV = 1,
	OPCODE_WRITEV = 2,
	OPCODE_FSYNC = 3,
	OPCODE_SYNC_FILE_RANGE = 8,
	OPCODE_ASYNC_CANCEL = 14,
	OPCODE_FALLOCATE = 17,
	OPCODE_OPENAT = 18,
	OPCODE_CLOSE = 19,
	OPCODE_STATX = 21,
	OPCODE_READ = 22,
	OPCODE_WRITE = 23,
	OPCODE_FADVISE = 24,
	OPCODE_OPENAT2 = 28,
	OPCODE_RENAMEAT = 35,
	OPCODE_UNLINKAT = 36,
	OPCODE_MKDIRAT = 37,
	OPCODE_SYMLINKAT = 38,
	OPCODE_LINKAT = 39,
	OPCODE_FSETXATTR = 41,
	OPCODE_SETXATTR = 42,
	OPCODE_FGETXATTR = 43,
	OPCODE_GETXATTR = 44,
	OPCODE_FTRUNCATE = 55, /* Linux 6.9 */
	OPCODE_COUNT = 64,     /* room for what a probe reports */
};

#endif
