/* SPDX-License-Identifier: MIT */
#include "base/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/sys.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef SYS_statmount
#define SYS_statmount 457
#endif

enum {
	DEATHS_MOST = 4,   /* children that may die of calls that can be done without */
	SIGNALS_SIZE = 8,  /* of the kernel's signal set */
	MODE_ALL = 06777,  /* filters refuse these bits where others are let through */
	ODD = 1,           /* an address that is on no boundary */
};

#define PATIENCE_NS UINT64_C(200000000)

/* What a call that gets as far as the kernel answers. */
enum answer {
	ANSWER_ARGUMENT, /* EFAULT or EBADF, whichever this kernel looks at first */
	ANSWER_INVALID,
	ANSWER_NO_CHILD,
	ANSWER_NO_PROCESS,
	ANSWER_NO_ROOM,
	ANSWER_RESULT, /* success: the call changes nothing */
};

struct probe {
	unsigned number;
	enum answer answer;
	bool spared; /* nothing depends on it but what asks for it */
	long args[6];
};

#define BAD_FD(name) {SYS_##name, ANSWER_ARGUMENT, false, {-1}}
#define BAD_PATH(name) {SYS_##name, ANSWER_ARGUMENT, false, {0}}
#define BAD_AT(name) {SYS_##name, ANSWER_ARGUMENT, false, {-1}}
#define INVALID(name, ...) {SYS_##name, ANSWER_INVALID, false, {__VA_ARGS__}}
#define RESULT(name, ...) {SYS_##name, ANSWER_RESULT, false, {__VA_ARGS__}}
#define SPARED(name, answer, ...) {SYS_##name, answer, true, {__VA_ARGS__}}

/*
 * Of clone the crew's own flags but for one, without which the kernel refuses the rest. Commands and
 * questions stand here by every number the program may use for them: what is acknowledged must not
 * be what the filter would refuse.
 */
static const struct probe probes[] = {
	{SYS_wait4, ANSWER_NO_CHILD, false, {-1, 0, WNOHANG | __WALL}},
	INVALID(clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_THREAD | CLONE_SYSVSEM |
		       CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID),
	INVALID(futex, ODD, FUTEX_WAKE, 1),
	INVALID(mmap, 0, 0, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1),
	INVALID(munmap, ODD, 0),
	INVALID(madvise, ODD, 0, MADV_WIPEONFORK),
	INVALID(mprotect, ODD, 0, PROT_NONE),
	INVALID(rt_sigaction, 0, 0, 0, SIGNALS_SIZE),
	{SYS_rt_sigprocmask, ANSWER_ARGUMENT, false, {SIG_SETMASK, ODD, 0, SIGNALS_SIZE}},
	{SYS_rt_sigpending, ANSWER_ARGUMENT, false, {0, SIGNALS_SIZE}},
	INVALID(tgkill, 0, 0, 0),
	RESULT(sched_yield, 0),
	RESULT(getpid, 0),
	RESULT(gettid, 0),
	BAD_PATH(nanosleep),
	{SYS_clock_gettime, ANSWER_ARGUMENT, false, {CLOCK_THREAD_CPUTIME_ID, 0}},
	{SYS_getcwd, ANSWER_NO_ROOM, false, {0, 0}},
	BAD_FD(close), BAD_FD(fcntl), BAD_FD(lseek), BAD_FD(getdents64), BAD_FD(fstatfs),
	BAD_FD(dup3), BAD_PATH(statfs), BAD_PATH(pipe2),
	{SYS_open, ANSWER_ARGUMENT, false, {0, O_CREAT | O_RDWR, MODE_ALL}},
	{SYS_openat, ANSWER_ARGUMENT, false, {-1, 0, O_CREAT | O_RDWR, MODE_ALL}},
	{SYS_creat, ANSWER_ARGUMENT, false, {0, MODE_ALL}},
	{SYS_openat2, ANSWER_ARGUMENT, false, {-1, 0, 0, 24}},
	BAD_FD(read), BAD_FD(readv), BAD_FD(pread64), BAD_FD(preadv), BAD_FD(preadv2),
	BAD_FD(write), BAD_FD(writev), BAD_FD(pwrite64), BAD_FD(pwritev), BAD_FD(pwritev2),
	BAD_FD(fsync), BAD_FD(fdatasync), BAD_FD(sync_file_range), BAD_FD(fadvise64),
	BAD_FD(fallocate), BAD_FD(ftruncate), BAD_PATH(truncate),
	BAD_PATH(stat), BAD_PATH(lstat), BAD_FD(fstat), BAD_AT(newfstatat), BAD_AT(statx),
	{SYS_readlink, ANSWER_ARGUMENT, false, {0, 0, 1}},
	{SYS_readlinkat, ANSWER_ARGUMENT, false, {-1, 0, 0, 1}},
	BAD_PATH(rename), BAD_AT(renameat), {SYS_renameat2, ANSWER_ARGUMENT, false, {-1, 0, -1}},
	BAD_PATH(unlink), BAD_PATH(rmdir), BAD_AT(unlinkat),
	{SYS_mkdir, ANSWER_ARGUMENT, false, {0, MODE_ALL}},
	{SYS_mkdirat, ANSWER_ARGUMENT, false, {-1, 0, MODE_ALL}},
	BAD_PATH(symlink), {SYS_symlinkat, ANSWER_ARGUMENT, false, {0, -1}},
	BAD_PATH(link), {SYS_linkat, ANSWER_ARGUMENT, false, {-1, 0, -1}},
	{SYS_chmod, ANSWER_ARGUMENT, false, {0, MODE_ALL}},
	{SYS_fchmod, ANSWER_ARGUMENT, false, {-1, MODE_ALL}},
	{SYS_fchmodat, ANSWER_ARGUMENT, false, {-1, 0, MODE_ALL}},
	BAD_PATH(chown), BAD_PATH(lchown), BAD_FD(fchown), BAD_AT(fchownat),
	BAD_AT(utimensat), BAD_PATH(utime), BAD_PATH(utimes), BAD_AT(futimesat),
	BAD_PATH(setxattr), BAD_PATH(lsetxattr), BAD_FD(fsetxattr),
	BAD_PATH(getxattr), BAD_PATH(lgetxattr), BAD_FD(fgetxattr),
	BAD_PATH(listxattr), BAD_PATH(llistxattr), BAD_FD(flistxattr),
	BAD_PATH(removexattr), BAD_PATH(lremovexattr), BAD_FD(fremovexattr),
	SPARED(fchmodat2, ANSWER_ARGUMENT, -1, 0, MODE_ALL),
	SPARED(name_to_handle_at, ANSWER_ARGUMENT, -1),
	SPARED(close_range, ANSWER_INVALID, 1, 0),
	SPARED(pidfd_open, ANSWER_INVALID, -1),
	SPARED(pidfd_getfd, ANSWER_ARGUMENT, -1),
	SPARED(kcmp, ANSWER_NO_PROCESS, -1, -1),
	SPARED(process_vm_readv, ANSWER_INVALID, 0, 0, 0, 0, 0, 1),
	SPARED(statmount, ANSWER_INVALID, 0, 0, 0, 1),
	SPARED(capget, ANSWER_ARGUMENT, 0),
	SPARED(setfsuid, ANSWER_RESULT, -1),
	SPARED(prctl, ANSWER_INVALID, -1),
	SPARED(mremap, ANSWER_INVALID, ODD),
	SPARED(ppoll, ANSWER_INVALID, 0, UINT32_MAX),
	SPARED(rt_sigtimedwait, ANSWER_ARGUMENT, 0, 0, 0, SIGNALS_SIZE),
};

enum {
	PROBES = sizeof(probes) / sizeof(*probes),
};

/* What parent and child share. */
struct shared {
	unsigned at;    /* the probe being made, from 1; 0 before the first */
	bool let_through[PROBES];
};

/* ---- the child ---- */

static bool answer_is(enum answer expected, long value)
{
	switch (expected) {
	case ANSWER_ARGUMENT: return value == -EFAULT || value == -EBADF;
	case ANSWER_INVALID: return value == -EINVAL;
	case ANSWER_NO_CHILD: return value == -ECHILD;
	case ANSWER_NO_PROCESS: return value == -ESRCH;
	case ANSWER_NO_ROOM: return value == -ERANGE;
	case ANSWER_RESULT: return value >= 0;
	}
	return false;
}

static bool is_let_through(const struct probe *probe)
{
	const long *a = probe->args;

	return answer_is(probe->answer, sys_call6(probe->number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/*
 * Its death leaves no core: a limit of 1 is the kernel's word for none to a pipe either, as 0 is
 * not. libc has made this call at start.
 */
static void core_refuse(void)
{
	struct rlimit core = {0, 0};

	sys_program(SYS_prlimit64, 0, RLIMIT_CORE, NULL, &core);
	core.rlim_cur = core.rlim_max ? 1 : 0;
	sys_program(SYS_prlimit64, 0, RLIMIT_CORE, &core, NULL);
}

static void child_main(struct shared *shared, unsigned from)
{
	core_refuse();
	for (unsigned i = from; i < PROBES; i++) {
		__atomic_store_n(&shared->at, i + 1, __ATOMIC_SEQ_CST);
		shared->let_through[i] = is_let_through(&probes[i]);
		if (!shared->let_through[i] && !probes[i].spared)
			break;
	}
	sys_program(SYS_exit, 0);
	__builtin_trap();
}

/* ---- its parent ---- */

/* The first probe is of wait4, so that it can be called: true once it was let through. */
static bool may_wait(const struct shared *shared)
{
	uint64_t until = clock_ns() + PATIENCE_NS;

	while (__atomic_load_n(&shared->at, __ATOMIC_SEQ_CST) <= 1)
		if (clock_ns() > until)
			return false;
	return shared->let_through[0];
}

/* Makes a child that tries from probe FROM on. How it ended (wait4); negative: that is not known. */
static int child_run(struct shared *shared, unsigned from)
{
	const uint64_t all = UINT64_MAX;
	uint64_t before;
	int status = -1;
	long child;

	if (sys_program(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNALS_SIZE))
		return -1;
	child = sys_program(SYS_clone, CLONE_UNTRACED); /* no signal tells of its end */
	if (!child)
		child_main(shared, from);
	if (child > 0 && may_wait(shared) &&
	    sys_program(SYS_wait4, child, &status, __WALL, NULL) != child)
		status = -1;
	sys_program(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNALS_SIZE);
	return status;
}

/* Runs children until one has come to the end, each behind the probe that killed the one before. */
static bool children_run(struct shared *shared)
{
	unsigned from = 0;

	for (int deaths = 0; deaths < DEATHS_MOST; deaths++) {
		int status = child_run(shared, from);

		if (status == 0)
			return true;
		if (status < 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
			return false;
		from = shared->at;
		if (!from || !probes[from - 1].spared)
			return false;
	}
	return false;
}

static bool permits_take(struct permits *permits, const struct shared *shared)
{
	for (unsigned i = 0; i < PROBES; i++) {
		unsigned number = probes[i].number;

		if (shared->let_through[i])
			permits->bits[number / 64] |= UINT64_C(1) << number % 64;
		else if (!probes[i].spared)
			return false;
	}
	permits->bits[SYS_exit / 64] |= UINT64_C(1) << SYS_exit % 64; /* each child's last */
	permits->bits[SYS_prlimit64 / 64] |= UINT64_C(1) << SYS_prlimit64 % 64; /* and its first */
	return true;
}

bool probe_filter(struct permits *permits)
{
	long memory = sys_program(SYS_mmap, 0, sizeof(struct shared), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct shared *shared = (struct shared *)memory;
	bool known;

	*permits = (struct permits){{0}};
	if (memory < 0 && memory > -4096)
		return false;
	known = children_run(shared) && permits_take(permits, shared);
	sys_program(SYS_munmap, memory, sizeof(*shared)); /* as ld.so did */
	return known;
}

/* The first probe, of wait4, is for one who has no children. */
bool probe_each(void)
{
	for (unsigned i = 1; i < PROBES; i++)
		if (!probes[i].spared && !is_let_through(&probes[i]))
			return false;
	return true;
}
