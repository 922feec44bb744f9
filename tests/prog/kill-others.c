/* SPDX-License-Identifier: MIT
 *
 * kill-others LIST COMMAND [ARG...]: runs COMMAND under a seccomp filter that ends it at any system call
 * whose number is not in the file LIST (numbers with blanks between).
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	NUMBERS_MOST = 120, /* a jump reaches 255 further, and a number takes two */
};

static struct sock_filter code[2 * NUMBERS_MOST + 2];
static unsigned short length;

static void allow(unsigned number)
{
	if (length >= 2 * NUMBERS_MOST)
		return;
	code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
	code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

int main(int argc, char **argv)
{
	const struct rlimit none = {0, 0};
	FILE *list = argc > 2 ? fopen(argv[1], "r") : NULL;
	struct sock_fprog filter = {.filter = code};
	unsigned number;

	if (!list)
		return 2;
	code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						      offsetof(struct seccomp_data, nr));
	allow(SYS_execve);
	while (fscanf(list, "%u", &number) == 1)
		allow(number);
	fclose(list);
	code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter.len = length;
	setrlimit(RLIMIT_CORE, &none);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("kill-others");
		return 2;
	}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
