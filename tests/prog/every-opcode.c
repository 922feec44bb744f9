/* SPDX-License-Identifier: MIT
 *
 * every-opcode: one call at least for each operation the ring can do, in the current
 * directory. Prints a line per call that failed; exit status 0 where none did.
 */
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static int failures;

#define EXPECT(value, call) expect(#call, (long)(value), (long)(call))
static void expect(const char *call, long value, long got)
{
	if (got == value)
		return;
	printf("%s = %ld, not %ld\n", call, got, value);
	failures++;
}

static void contents(int fd)
{
	char buffer[16] = "";
	struct iovec vector = {buffer, 4};

	EXPECT(8, write(fd, "contents", 8));
	EXPECT(4, pwrite(fd, "CONT", 4, 0));
	vector.iov_base = (void *)"more";
	EXPECT(4, pwritev(fd, &vector, 1, 8));
	EXPECT(4, writev(fd, &vector, 1));
	vector.iov_base = buffer;
	EXPECT(4, preadv(fd, &vector, 1, 0));
	EXPECT(0, memcmp(buffer, "CONT", 4));
	EXPECT(8, pread(fd, buffer, 8, 4));
	EXPECT(0, memcmp(buffer, "entsmore", 8));
	EXPECT(0, lseek(fd, 0, SEEK_SET));
	EXPECT(8, read(fd, buffer, 8));
	EXPECT(0, memcmp(buffer, "CONTents", 8));
	EXPECT(4, readv(fd, &vector, 1));
	EXPECT(12, lseek(fd, 0, SEEK_CUR));
}

static void whole_file(int fd)
{
	struct stat st;

	EXPECT(0, fallocate(fd, 0, 0, 8192));
	EXPECT(0, fstat(fd, &st));
	EXPECT(8192, st.st_size);
	EXPECT(0, ftruncate(fd, 100));
	EXPECT(0, stat("file", &st));
	EXPECT(100, st.st_size);
	EXPECT(0, posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
	EXPECT(0, sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE));
	EXPECT(0, fsync(fd));
	EXPECT(0, fdatasync(fd));
}

static void attributes(int fd)
{
	char value[8];

	EXPECT(0, setxattr("file", "user.one", "1", 1, 0));
	EXPECT(1, getxattr("file", "user.one", value, sizeof(value)));
	EXPECT(0, fsetxattr(fd, "user.two", "22", 2, 0));
	EXPECT(2, fgetxattr(fd, "user.two", value, sizeof(value)));
}

static void names(void)
{
	struct open_how how = {.flags = O_RDONLY};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, "file", &how, sizeof(how));

	EXPECT(1, fd >= 0);
	EXPECT(0, close(fd));
	EXPECT(0, mkdir("dir", 0755));
	EXPECT(0, link("file", "dir/link"));
	EXPECT(0, symlink("link", "dir/symlink"));
	EXPECT(0, rename("dir/link", "dir/renamed"));
	EXPECT(0, unlink("dir/renamed"));
	EXPECT(0, unlink("dir/symlink"));
	EXPECT(0, rmdir("dir"));
}

int main(void)
{
	int fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);

	EXPECT(1, fd >= 0);
	contents(fd);
	whole_file(fd);
	attributes(fd);
	names();
	EXPECT(0, close(fd));
	EXPECT(0, unlink("file"));
	return failures != 0;
}
