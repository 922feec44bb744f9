/* SPDX-License-Identifier: MIT
 *
 * repeat: what failed on the ring and may be made again.
 */
#include "table/repeat.h"

#include <errno.h>
#include <fcntl.h>

#include "check.h"

static int may(enum op op, uint32_t flags, int err)
{
	struct call call = {.op = op, .opcode = (enum opcode)table_op_opcode(op), .flags = flags};

	return repeat_allowed(&call, -err);
}

static void never_begun(void)
{
	for (enum op op = 0; op < OP_COUNT; op++)
		if (table_op_opcode(op) >= 0)
			CHECK(may(op, O_CREAT | O_EXCL, ECANCELED));
}

static void questions(void)
{
	for (int err = 1; err < 134; err++) {
		CHECK_EQ(may(OP_STAT, 0, err), err != ENOENT);
		CHECK_EQ(may(OP_FXSTATAT, 0, err), err != ENOENT);
		CHECK(may(OP_STATX, 0, err));
		CHECK(may(OP_GETXATTR, 0, err));
	}
}

/* Whatever it says, it has taken the file's one report with it. */
static void durability(void)
{
	for (int err = 1; err < 134; err++)
		if (err != ECANCELED) {
			CHECK(!may(OP_FSYNC, 0, err));
			CHECK(!may(OP_FDATASYNC, 0, err));
			CHECK(!may(OP_SYNC_FILE_RANGE, 0, err));
		}
}

static void writes(void)
{
	static const int begun[] = {EIO, ENOSPC, EDQUOT, ENOMEM, EPERM, EACCES, ENODEV, EINTR,
				    ESTALE, EROFS, ETXTBSY};
	static const int refused[] = {EBADF, EINVAL, EFBIG, EFAULT, EAGAIN, EOPNOTSUPP};

	for (size_t i = 0; i < sizeof(begun) / sizeof(*begun); i++) {
		CHECK(!may(OP_WRITE, 0, begun[i]));
		CHECK(!may(OP_PWRITEV2, 0, begun[i]));
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		CHECK(may(OP_WRITE, 0, refused[i]));
		CHECK(may(OP_PREAD, 0, refused[i]));
	}
	CHECK(may(OP_PREAD, 0, EISDIR));
	CHECK(!may(OP_PREAD, 0, EIO));
	CHECK(!may(OP_FALLOCATE, 0, ENOSPC));
	CHECK(may(OP_POSIX_FALLOCATE, 0, ENOSPC));
	CHECK(may(OP_FADVISE, 0, EINVAL));
}

static void commands(void)
{
	static const int answered[] = {ENOENT, EEXIST, EACCES, EPERM, ENOTEMPTY, EISDIR, EXDEV,
				       EMLINK, EINVAL, EFAULT, ENAMETOOLONG, ELOOP};
	static const int broken[] = {EIO, EINTR, ETIMEDOUT, ESTALE, ENOTCONN};
	static const enum op ops[] = {OP_LINKAT, OP_UNLINK, OP_MKDIR, OP_RENAMEAT2, OP_SYMLINK,
				      OP_SETXATTR, OP_REMOVE, OP_RMDIR};

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		for (size_t j = 0; j < sizeof(answered) / sizeof(*answered); j++)
			CHECK(may(ops[i], 0, answered[j]));
		for (size_t j = 0; j < sizeof(broken) / sizeof(*broken); j++)
			CHECK(!may(ops[i], 0, broken[j]));
	}
}

static void opens(void)
{
	for (int err = 1; err < 134; err++)
		if (err != ECANCELED) {
			CHECK(!may(OP_OPEN, O_CREAT | O_EXCL | O_RDWR, err));
			CHECK(!may(OP_CREAT, O_CREAT | O_EXCL, err));
			CHECK(!may(OP_OPENAT2, 0, err));
		}
	CHECK(may(OP_OPEN, O_CREAT, ENOENT));
	CHECK(may(OP_OPENAT, O_RDONLY, EAGAIN));
	CHECK(!may(OP_OPENAT, O_RDONLY, EINTR));
	CHECK(may(OP_OPEN, O_EXCL, EBUSY)); /* a device, and nothing is made */
}

static void closes(void)
{
	CHECK(may(OP_CLOSE, 0, EBADF));
	CHECK(!may(OP_CLOSE, 0, EIO));
	CHECK(!may(OP_CLOSE, 0, EINTR));
	CHECK(!may(OP_CLOSE, 0, ENOSPC));
	CHECK(!may(OP_CLOSE, 0, EDQUOT));
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("what never began is made plainly", never_begun);
	test("questions are put again", questions);
	test("C7: a durability point's failure is reported once", durability);
	test("a write that may have written is not made again", writes);
	test("a command is not made again where the storage failed", commands);
	test("an exclusive creation is not made again", opens);
	test("a close is made again only if nothing was closed", closes);
	return tests_end();
}
