/* SPDX-License-Identifier: MIT
 *
 * refuse-calls NUMBERS COMMAND [ARG...]: runs COMMAND under a seccomp filter that answers the system calls
 * NUMBERS ("86 265") with EPERM and lets all others through.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum {
	NUMBERS_MOST = 60,
};

int main(int argc, char **argv)
{
	static struct sock_filter code[2 * NUMBERS_MOST + 2] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
	struct sock_fprog filter = {1, code};
	char *at = argc > 2 ? argv[1] : NULL, *end;

	if (!at)
		return 2;
	for (int i = 0; i < NUMBERS_MOST; i++, at = end) {
		unsigned long number = strtoul(at, &end, 10);

		if (end == at)
			break;
		code[filter.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
								  (unsigned)number, 0, 1);
		code[filter.len++] =
			(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	}
	code[filter.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("refuse-calls");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
