/* SPDX-License-Identifier: MIT
 *
 * have-uring: exit status 0 where this process may make an io_uring.
 */
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
	struct io_uring_params params = {.flags = 0};

	return syscall(SYS_io_uring_setup, 4, &params) < 0;
}
