/* SPDX-License-Identifier: MIT
 *
 * refuse: runs a command where io_uring is refused by a seccomp filter, as container run-times do.
 *
 *   cc -O2 -o refuse refuse.c -lseccomp
 *   ./refuse EPERM COMMAND...      the default profile of Docker and its like since 2023
 *   ./refuse ENOSYS COMMAND...     a kernel without (gVisor, CONFIG_IO_URING=n)
 *   ./refuse enter COMMAND...      a ring can be made, io_uring_enter gets EPERM
 *   ./refuse none COMMAND...       no filter at all, for the other half of a comparison
 *   ./refuse allow COMMAND...      a filter that refuses something else (acct) */
#include <errno.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const int all[] = { SCMP_SYS(io_uring_setup), SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register) };
	int error = EPERM, from = 0, to = 3;

	if (argc < 3) {
		fprintf(stderr, "usage: refuse EPERM|ENOSYS|enter|allow|none COMMAND...\n");
		return 2;
	}
	if (!strcmp(argv[1], "ENOSYS"))
		error = ENOSYS;
	else if (!strcmp(argv[1], "enter"))
		from = 1, to = 2;
	else if (!strcmp(argv[1], "allow"))
		to = 0;
	if (strcmp(argv[1], "none")) {
		scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
		int bad = !f || seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(acct), 0);
		for (int i = from; i < to; i++)
			bad |= seccomp_rule_add(f, SCMP_ACT_ERRNO((unsigned)error), all[i], 0);
		if (bad || seccomp_load(f)) {
			fprintf(stderr, "refuse: no filter\n");
			return 2;
		}
		seccomp_release(f);
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
