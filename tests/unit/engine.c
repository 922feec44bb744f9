/* SPDX-License-Identifier: MIT
 *
 * engine: when the ring may have a call, and whose answer the program gets.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "backend/ring/ring.h"
#include "base/filter.h"
#include "base/threads.h"
#include "dispatch/watch.h"
#include "enter.h"
#include "process/signals.h"
#include "scratch.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

/* True if the shim itself answered a stat. */
static int stat_is_ours(void)
{
	struct stat stat;

	CHECK_EQ(enter(stat, ".", &stat), 0);
	return entered_shim;
}

static void begin(void)
{
	scratch();
	shim_begin(NULL);
	file_make("file", "0123456789");
	CHECK(stat_is_ours());
}

static void errno_is_kept(void)
{
	struct stat stat;

	begin();
	errno = 12345;
	CHECK_EQ(enter(stat, "file", &stat), 0);
	CHECK(entered_shim);
	CHECK_EQ(stat.st_size, 10);
	CHECK_EQ(errno, 12345);
	CHECK_EQ(enter(stat, "none", &stat), -1);
	CHECK_EQ(errno, ENOENT);
}

/* All the ways a buffer can be out of reach: the kernel's EFAULT, not a crash. */
static void buffers_are_checked(void)
{
	char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *bad[] = {NULL, (char *)16, pages + 4096, pages + 4096 - 8,
		       pages + 4096 - sizeof(struct stat) + 1, pages + 8192 - 72,
		       (char *)0x7fffffffffffUL, (char *)-1L, (char *)-200L};
	char *good[] = {pages, pages + 4096 - sizeof(struct stat), pages + 8192};
	struct stat stat;

	NEED(pages != MAP_FAILED);
	begin();
	NEED(mprotect(pages + 4096, 4096, PROT_READ) == 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		errno = 0;
		CHECK_EQ(enter(stat, "file", bad[i]), -1);
		CHECK_EQ(errno, EFAULT);
	}
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		CHECK_EQ(enter(stat, "file", good[i]), 0);
		CHECK(entered_shim);
		memcpy(&stat, good[i], sizeof(stat));
		CHECK_EQ(stat.st_size, 10);
	}
}

static void stat_is_the_kernels(void)
{
	struct stat ours, plain;

	begin();
	memset(&ours, 0xaa, sizeof(ours));
	memset(&plain, 0x55, sizeof(plain));
	CHECK_EQ(enter(stat, "file", &ours), 0);
	CHECK(entered_shim);
	NEED(stat("file", &plain) == 0);
	CHECK(!memcmp(&ours, &plain, sizeof(ours)));
	CHECK_EQ(enter(stat, "/dev/null", &ours), 0);
	NEED(stat("/dev/null", &plain) == 0);
	CHECK(!memcmp(&ours, &plain, sizeof(ours)));
}

static void stays_out(void)
{
	begin();
	thread_self.depth = 1; /* as a handler finds it that interrupts the shim */
	CHECK(!stat_is_ours());
	thread_self.depth = 0;
	CHECK(stat_is_ours());
	CHECK_EQ(enter(pthread_setcanceltype, PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
	CHECK(!stat_is_ours());
	CHECK_EQ(enter(pthread_setcanceltype, PTHREAD_CANCEL_DEFERRED, NULL), 0);
	CHECK(stat_is_ours());
	config.mode = MODE_AUTO;
	CHECK(!stat_is_ours());
	config.mode = MODE_RING;
	CHECK(stat_is_ours());
}

/* ---- positions ---- */

static int read_is_ours(int fd)
{
	char byte;

	NEED(lseek(fd, 0, SEEK_SET) == 0);
	CHECK_EQ(enter(read, fd, &byte, 1), 1);
	CHECK_EQ(byte, '0');
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1);
	return entered_shim;
}

static void positions_shared(void)
{
	int own, foreign;

	begin();
	foreign = open("file", O_RDONLY); /* as if inherited */
	own = enter(open, "file", O_RDONLY);
	NEED(foreign >= 0 && own >= 0);
	CHECK(read_is_ours(own));
	CHECK(!read_is_ours(foreign));
	CHECK_EQ(enter(dup3, own, foreign, 1), -1); /* a bad flag: nothing was copied */
	CHECK_EQ(errno, EINVAL);
	CHECK(!read_is_ours(foreign));
	CHECK_EQ(enter(dup2, own, 1 << 30), -1);
	CHECK_EQ(enter(dup3, own, own, 0), -1);
	CHECK_EQ(enter(dup2, own, foreign), foreign);
	CHECK(read_is_ours(foreign));
	CHECK_EQ(enter(dup2, own, own), own);
	CHECK(read_is_ours(own));
	CHECK_EQ(enter(dup2, -1, own), -1);
	CHECK(read_is_ours(foreign));
	own = enter(open, "file", O_RDONLY);
	CHECK(read_is_ours(own));
	foreign = open("file", O_RDONLY);
	CHECK_EQ(enter(dup2, foreign, own), own);
	CHECK(!read_is_ours(own));
}

/* After each of these, somebody else may hold the description of any descriptor. */
static void positions_forgotten(void)
{
	static const enum sym forgets[] = {SYM_fork, SYM_vfork, SYM_clone, SYM_posix_spawn, SYM_system,
					   SYM_popen, SYM_sendmsg, SYM_sendmmsg, SYM_forkpty,
					   SYM_wordexp, SYM_daemon, SYM_close_range, SYM_fclose,
					   SYM_closedir, SYM__Fork};
	struct regs regs = {.arg = {0}};

	begin();
	for (size_t i = 0; i < sizeof(forgets) / sizeof(*forgets); i++) {
		int own = enter(open, "file", O_RDONLY);
		long value;

		CHECK(read_is_ours(own));
		CHECK(!watch_before(table_sym_op(forgets[i]), forgets[i], &regs, &value));
		if (read_is_ours(own)) {
			note("%s", table_sym_name(forgets[i]));
			CHECK(!"forgotten");
		}
		close(own);
	}
}

static void positions_of_threads(void)
{
	int own;

	begin();
	own = enter(open, "file", O_RDONLY);
	CHECK(read_is_ours(own));
	threads_note();
	CHECK(!read_is_ours(own));
}

/* ---- what is made again ---- */

static void exclusive_creation(void)
{
	int fd;

	begin();
	fd = enter(open, "new", O_CREAT | O_EXCL | O_WRONLY, 0600);
	CHECK(fd >= 0 && entered_shim);
	CHECK_EQ(enter(open, "new", O_CREAT | O_EXCL | O_WRONLY, 0600), -1);
	CHECK_EQ(errno, EEXIST);
	CHECK_EQ(enter(open, "no/new", O_CREAT | O_EXCL | O_WRONLY, 0600), -1);
	CHECK_EQ(errno, ENOENT);
}

/* ramfs makes the file, and only then finds that it has no O_DIRECT. */
static void exclusive_creation_fails_late(void)
{
	int plain, shim;

	if (geteuid() != 0)
		skip("requires root");
	if (unshare(CLONE_NEWNS) || mount_private())
		skip("requires a mount namespace of its own");
	begin();
	NEED(mkdir("ram", 0777) == 0);
	if (mount_at("none", "ram", "ramfs"))
		skip("requires ramfs");
	CHECK_EQ(open("ram/plain", O_CREAT | O_EXCL | O_RDWR | O_DIRECT, 0600), -1);
	plain = errno;
	if (!exists("ram/plain"))
		skip("requires a file system without O_DIRECT");
	CHECK_EQ(enter(open, "ram/shim", O_CREAT | O_EXCL | O_RDWR | O_DIRECT, 0600), -1);
	shim = errno;
	CHECK_EQ(shim, plain);
	CHECK(entered_shim);
	unmount_at("ram");
}

/* ---- handlers, filters, strangers ---- */

static void nothing(int number)
{
	(void)number;
}

static void handlers_are_noticed(void)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} action = {.handler = nothing, .flags = 0x04000000 /* SA_RESTORER */, .restorer = abort};
	struct sigaction plain = {.sa_handler = nothing};
	struct signals_held held;

	begin();
	CHECK_EQ(enter(sigaction, SIGUSR1, &plain, NULL), 0);
	signals_hold(&held);
	signals_release(&held);
	CHECK(held.held & UINT64_C(1) << (SIGUSR1 - 1));
	CHECK_EQ(enter(syscall, SYS_rt_sigaction, SIGUSR2, &action, NULL, 8), 0);
	signals_hold(&held);
	signals_release(&held);
	CHECK(held.held & UINT64_C(1) << (SIGUSR2 - 1));
	CHECK(enter6(SYM_signal, SIGUSR1, (long)SIG_DFL, 0, 0, 0, 0) == (long)nothing);
	signals_hold(&held);
	signals_release(&held);
	CHECK(!(held.held & UINT64_C(1) << (SIGUSR1 - 1)));
}

/* A filter that kills for what only the shim would call. */
static struct sock_filter deadly[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 4, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 3, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 2, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 1, 0),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static pthread_barrier_t barrier;

static void *lives_through_filter(void *argument)
{
	CHECK(stat_is_ours());
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	CHECK(!stat_is_ours());
	return argument;
}

static void filtered(int by_syscall)
{
	struct sock_fprog program = {sizeof(deadly) / sizeof(*deadly), deadly};
	char path[PATH_MAX + 16];
	pthread_t thread;

	if (SANITIZED)
		skip("requires a build without sanitizers"); /* they call prctl themselves */
	scratch();
	snprintf(path, sizeof(path), "%s/stats", scratch_path);
	shim_begin(path);
	CHECK(stat_is_ours());
	pthread_barrier_init(&barrier, NULL, 2);
	NEED(pthread_create(&thread, NULL, lives_through_filter, NULL) == 0);
	pthread_barrier_wait(&barrier);
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	if (by_syscall)
		CHECK_EQ(enter(syscall, SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			       SECCOMP_FILTER_FLAG_TSYNC, &program), 0);
	else
		CHECK_EQ(enter(prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(!stat_is_ours());
	CHECK(exists("stats"));
	stats_write("exit"); /* nothing more, and no death either */
}

static void filtered_by_prctl(void)
{
	filtered(0);
}

static void filtered_by_syscall(void)
{
	filtered(1);
}

/* Asking whether there is seccomp gives nothing up for good but the ring. */
static void filter_refused(void)
{
	begin();
	CHECK_EQ(enter(prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL), -1);
	CHECK_EQ(errno, EFAULT);
	CHECK(!filter_forbids());
	CHECK_EQ(enter(prctl, PR_SET_NAME, "renamed"), 0);
}

static int borrower(void *argument)
{
	int *owns = argument;

	*owns = process_owns_memory();
	return 0;
}

static char stack[256 * 1024] __attribute__((aligned(16)));

/* The child of a vfork asks before its parent ever did. */
static void memory_stays_the_parents(void)
{
	static const enum sym makers[] = {SYM_vfork, SYM_clone};

	if (SANITIZED)
		skip("requires a build without sanitizers");
	for (int i = 0; i < 2; i++) {
		struct regs regs = {.arg = {0, 0, CLONE_VM | CLONE_VFORK}};
		int childs = -1, status;
		long value;
		pid_t pid = fork(); /* the owner is asked for afresh in each */

		if (pid) {
			NEED(waitpid(pid, &status, 0) == pid);
			CHECK_EQ(status, 0);
			continue;
		}
		CHECK(!watch_before(table_sym_op(makers[i]), makers[i], &regs, &value));
		pid = clone(borrower, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &childs);
		NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
		CHECK_EQ(childs, 0);
		CHECK(process_owns_memory());
		_exit(checks_failed != 0);
	}
}

static int ends_at_once(void *argument)
{
	(void)argument;
	return 0;
}

/* It would use its parent's ring, at the same time. */
static void memory_shared_at_once(void)
{
	int status;
	pid_t pid;

	if (SANITIZED)
		skip("requires a build without sanitizers");
	begin();
	pid = enter(clone, ends_at_once, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	NEED(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(ring_ceded());
	CHECK(!stat_is_ours());
}

/* Threads that the child of a fork does not have are not waited for. */
static void forked_amid_calls(void)
{
	int status;
	pid_t pid;

	begin();
	__atomic_fetch_add(process_busy(), 3, __ATOMIC_SEQ_CST); /* as if inside at the fork */
	pid = fork();
	if (pid == 0) {
		struct timespec before, after;

		clock_gettime(CLOCK_MONOTONIC, &before);
		ring_cede(NULL);
		clock_gettime(CLOCK_MONOTONIC, &after);
		CHECK_EQ(*process_busy(), 0);
		_exit(checks_failed != 0);
	}
	NEED(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
}

/* ---- a thread's end ---- */

static pthread_key_t early, late;
static int visits;

static void closes_at_last(void *argument)
{
	struct stat stat;

	CHECK_EQ(enter(fstat, (int)(long)argument, &stat), 0);
	if (__atomic_add_fetch(&visits, 1, __ATOMIC_RELAXED) < 4) { /* as often as POSIX lets it */
		pthread_setspecific(early, argument);
		return;
	}
	CHECK_EQ(enter(close, (int)(long)argument), 0);
}

static void *opens(void *argument)
{
	int fd = enter(open, "file", O_RDONLY);

	CHECK(fd >= 0 && entered_shim);
	pthread_setspecific(early, (void *)(long)fd);
	pthread_setspecific(late, argument);
	return argument;
}

static void destructors_close(void)
{
	int before, lowest;
	pthread_t thread;

	scratch();
	NEED(pthread_key_create(&early, closes_at_last) == 0);
	shim_begin(NULL);
	NEED(pthread_key_create(&late, NULL) == 0);
	file_make("file", "0123456789");
	before = descriptors();
	lowest = dup(0);
	close(lowest);
	for (int i = 0; i < 40; i++) {
		__atomic_store_n(&visits, 0, __ATOMIC_RELAXED);
		NEED(pthread_create(&thread, NULL, opens, &visits) == 0);
		pthread_join(thread, NULL);
		CHECK_EQ(__atomic_load_n(&visits, __ATOMIC_RELAXED), 4);
	}
	CHECK_EQ(descriptors(), before);
	CHECK_EQ(dup(0), lowest);
}

static void stages(void)
{
	int why;

	begin();
	CHECK_EQ(thread_self.stage, THREAD_RING);
	CHECK(thread_ring(&why) == thread_self.ring);
	CHECK_EQ(why, 0);
	thread_give_up_ring();
	CHECK_EQ(thread_self.stage, THREAD_PLAIN);
	CHECK(!thread_self.ring);
	thread_give_up_ring();
	CHECK(!thread_ring(&why));
	CHECK_EQ(why, 0);
	CHECK(!stat_is_ours());
	thread_self.stage = THREAD_DEAD;
	CHECK(!stat_is_ours());
	CHECK_EQ(thread_self.stage, THREAD_DEAD);
}

int main(int argc, char **argv)
{
	tests_begin(argc, argv);
	test("C1: errno is untouched on success, and the kernel's otherwise", errno_is_kept);
	test("C1: a buffer out of reach is EFAULT", buffers_are_checked);
	test("C1: struct stat is the kernel's, byte for byte", stat_is_the_kernels);
	test("calls inside the shim, and under asynchronous cancellation, are plain", stays_out);
	test("C2: only a position nobody shares is moved by the ring", positions_shared);
	test("C2: what may share descriptors makes positions shared", positions_forgotten);
	test("C2: a second thread makes positions shared", positions_of_threads);
	test("C1: an exclusive creation says EEXIST only of others' files", exclusive_creation);
	test("C1: one that fails after the file is there keeps its errno",
	     exclusive_creation_fails_late);
	test("handlers are noticed, however they are installed", handlers_are_noticed);
	test("C8: a filter by prctl finds nothing to kill for", filtered_by_prctl);
	test("C8: a filter for all threads finds nothing to kill for", filtered_by_syscall);
	test("a filter that was refused is none", filter_refused);
	test("a vfork's child is never the owner of the memory", memory_stays_the_parents);
	test("a child that runs on our memory beside us ends the ring", memory_shared_at_once);
	test("a fork in the middle of other threads' calls leaves none behind", forked_amid_calls);
	test("C8: a destructor may close files after the ring is gone", destructors_close);
	test("a thread's stages", stages);
	return tests_end();
}
