/* SPDX-License-Identifier: MIT
 *
 * docker-like [-k NUMBER]... [-r NUMBER]... COMMAND [ARG...]: runs COMMAND under a seccomp filter
 * shaped as the default one of container run-times: what is not on a list is refused with EPERM,
 * clone is let through but for new namespaces, clone3 does not exist. -k kills for a system call,
 * -r refuses it with EPERM.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	RULES_MOST = 120,
	NEW_NAMESPACES = 0x7e020000, /* CLONE_NEW* */
	OLD_LAST = SYS_statx,        /* all up to here are on the list but for a few */
};

static const unsigned refused[] = {
	SYS_acct, SYS_add_key, SYS_bpf, SYS_delete_module, SYS_fanotify_init, SYS_finit_module,
	SYS_init_module, SYS_kexec_load, SYS_keyctl, SYS_mbind, SYS_mount, SYS_move_pages,
	SYS_open_by_handle_at, SYS_perf_event_open, SYS_pivot_root, SYS_quotactl, SYS_reboot,
	SYS_request_key, SYS_set_mempolicy, SYS_setns, SYS_swapoff, SYS_swapon, SYS_umount2,
	SYS_unshare, SYS_userfaultfd, SYS_vhangup,
};

static const unsigned added[] = {
	SYS_pidfd_send_signal, SYS_pidfd_open, SYS_close_range, SYS_openat2, SYS_faccessat2,
};

static struct sock_filter code[3 * RULES_MOST];
static unsigned short length;

static void put(struct sock_filter step)
{
	code[length++] = step;
}

static void answer(unsigned number, unsigned action)
{
	put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
	put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

static void answer_clone(void)
{
	put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4));
	put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					 offsetof(struct seccomp_data, args[0])));
	put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NEW_NAMESPACES, 0, 1));
	put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

static void answer_all(void)
{
	answer(SYS_clone3, SECCOMP_RET_ERRNO | ENOSYS);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		answer(refused[i], SECCOMP_RET_ERRNO | EPERM);
	for (size_t i = 0; i < sizeof(added) / sizeof(*added); i++)
		answer(added[i], SECCOMP_RET_ALLOW);
	answer_clone();
	put((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, OLD_LAST, 0, 1));
	put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
	put((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
}

int main(int argc, char **argv)
{
	struct sock_fprog filter = {.filter = code};
	int option;

	put((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					 offsetof(struct seccomp_data, nr)));
	while ((option = getopt(argc, argv, "+k:r:")) > 0)
		answer((unsigned)atoi(optarg), option == 'k' ? SECCOMP_RET_KILL_PROCESS
							     : SECCOMP_RET_ERRNO | EPERM);
	answer_all();
	filter.len = length;
	if (optind == argc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		perror("docker-like");
		return 2;
	}
	execvp(argv[optind], argv + optind);
	perror(argv[optind]);
	return 127;
}
