/* SPDX-License-Identifier: MIT
 *
 * matrix-identity: what a process may become in the middle: other ids, another root, another
 * namespace, fewer rights (matrix.h). As an ordinary user much of it is refused, in both runs.
 */
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/xattr.h>

#include "matrix.h"

/* ---- masks and places --------------------------------------------------------------- */

static void masks(void)
{
	ring_warm();
	for (mode_t mask = 0; mask <= 0777; mask += 0125) {
		char name[32];

		umask(mask);
		sprintf(name, "dir-%o", mask);
		TRY(mkdir(name, 0777));
		lstat_note(name);
		sprintf(name, "file-%o", mask);
		TRY(open(name, O_RDWR | O_CREAT, 0666));
		lstat_note(name);
	}
	umask(022);
	works_note("at the end");
}

static void places(void)
{
	int here = open(".", O_RDONLY | O_DIRECTORY), dir;

	MUST(mkdir("one", 0755));
	MUST(mkdir("one/two", 0755));
	ring_warm();
	TRY(chdir("one"));
	TRY(mkdir("in-one", 0755));
	TRY(chdir("two"));
	TRY(open("in-two", O_RDWR | O_CREAT, 0644));
	TRY(fchdir(here));
	TRY(mkdir("in-here", 0755));
	TRY(dir = open("one", O_RDONLY | O_DIRECTORY));
	TRY(rename("one", "uno"));
	TRY(mkdirat(dir, "after-rename", 0755));
	TRY(fchdir(dir));
	TRY(mkdir("after-fchdir", 0755));
	TRY(chdir("absent"));
	TRY(mkdir("after-failure", 0755));
	TRY(fchdir(here));
	names_note(".");
	names_note("uno");
	names_note("uno/two");
	works_note("at the end");
}

/* ---- ids ---------------------------------------------------------------------------- */

static void makes(const char *who)
{
	char name[64];

	note("as %s", who);
	snprintf(name, sizeof(name), "dir-%s", who);
	TRY(mkdir(name, 0755));
	lstat_note(name);
	snprintf(name, sizeof(name), "file-%s", who);
	TRY(open(name, O_RDWR | O_CREAT, 0644) >= 0);
	lstat_note(name);
	TRY(open("secret", O_RDWR) >= 0);
	TRY(truncate("secret", 3));
	TRY(symlink("to", "closed/symlink"));
	TRY(unlink("closed/symlink"));
	TRY(rename("closed/file", "closed/file2"));
	TRY(rename("closed/file2", "closed/file"));
	TRY(link("secret", "closed/link"));
	TRY(unlink("closed/link"));
	TRY(setxattr("secret", "user.x", "v", 1, 0));
}

static void ids(void)
{
	gid_t groups[] = {4, 24};

	MUST(chmod(".", 0777));
	file_put("secret", "secret content");
	MUST(chmod("secret", 0600));
	MUST(mkdir("closed", 0700));
	file_put("closed/file", "content");
	ring_warm();
	makes("first");
	TRY(seteuid(1000));
	makes("euid-1000");
	TRY(seteuid(getuid()));
	makes("back");
	TRY(setegid(1001));
	makes("egid-1001");
	TRY(setegid(getgid()));
	TRY(setgroups(2, groups));
	makes("groups");
	TRY(setfsuid(1002));
	makes("fsuid-1002");
	TRY(setfsuid(getuid()));
	TRY(setfsgid(1003));
	makes("fsgid-1003");
	TRY(setresgid(1004, 1004, 1004));
	TRY(setresuid(1004, 1004, 1004));
	makes("all-1004");
	TRY(seteuid(0));
	makes("still-1004");
	names_note(".");
}

static void ids_in_children(void)
{
	MUST(chmod(".", 0777));
	ring_warm();
	for (uid_t uid = 2000; uid < 2003; uid++) {
		char name[32];
		pid_t pid = fork();

		sprintf(name, "by-%u", uid);
		if (pid == 0) {
			setgid(uid);
			setuid(uid);
			_exit(mkdir(name, 0755));
		}
		child_note("child", pid);
		lstat_note(name);
	}
	works_note("parent");
}

/* The kernel keeps ids per thread; libc makes them the process's. The system call does not. */
static void *thread_changes_ids(void *arg)
{
	(void)arg;
	ring_warm();
	note("%d", raw(SYS_setresuid, 3000, 3000, 3000, 0, 0, 0) == 0);
	TRY(mkdir("by-thread", 0755));
	lstat_note("by-thread");
	TRY(open("file-by-thread", O_RDWR | O_CREAT, 0644) >= 0);
	lstat_note("file-by-thread");
	return NULL;
}

static void ids_of_one_thread(void)
{
	pthread_t thread;

	MUST(chmod(".", 0777));
	ring_warm();
	pthread_create(&thread, NULL, thread_changes_ids, NULL);
	pthread_join(thread, NULL);
	TRY(mkdir("by-main", 0755));
	lstat_note("by-main");
}

static void capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};
	extern int capset(struct __user_cap_header_struct *, const struct __user_cap_data_struct *);

	file_put("secret", "secret");
	MUST(chmod("secret", 0));
	MUST(mkdir("closed", 0));
	ring_warm();
	TRY(open("secret", O_RDONLY) >= 0);
	TRY(mkdir("closed/dir", 0755));
	TRY(capset(&header, none));
	TRY(open("secret", O_RDONLY) >= 0);
	TRY(mkdir("closed/dir2", 0755));
	TRY(chown("secret", 1, 1));
	TRY(setxattr("secret", "trusted.x", "v", 1, 0));
	works_note("without capabilities");
}

static void flags_of_the_process(void)
{
	ring_warm();
	TRY(prctl(PR_GET_DUMPABLE));
	TRY(prctl(PR_SET_DUMPABLE, 0));
	works_note("not dumpable");
	TRY(prctl(PR_GET_DUMPABLE));
	TRY(prctl(PR_SET_KEEPCAPS, 1));
	TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	works_note("no new privileges");
	TRY(prctl(PR_SET_NAME, "renamed"));
	TRY(prctl(PR_GET_SECCOMP));
	TRY(prctl(PR_GET_TIMERSLACK));
	TRY(prctl(PR_GET_CHILD_SUBREAPER, &(int){0}));
	TRY(prctl(-5));
	works_note("at the end");
}

/* ---- namespaces and roots ----------------------------------------------------------- */

static void new_user_namespace(void)
{
	ring_warm();
	TRY(unshare(CLONE_NEWUSER));
	TRY(getuid());
	TRY(mkdir("dir", 0755));
	lstat_note("dir");
	TRY(chown("dir", 0, 0));
	works_note("in the namespace");
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	works_note("in two namespaces");
}

static void new_mount_namespace(void)
{
	MUST(mkdir("mounted", 0755));
	file_put("mounted/below", "below");
	ring_warm();
	TRY(unshare(CLONE_NEWNS));
	TRY(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
	TRY(mount("tmpfs", "mounted", "tmpfs", 0, "size=1m"));
	names_note("mounted");
	TRY(open("mounted/above", O_RDWR | O_CREAT, 0644) >= 0);
	TRY(link("mounted/above", "across"));
	TRY(rename("mounted/above", "across"));
	TRY(rmdir("mounted"));
	works_note("with something mounted");
	TRY(umount2("mounted", MNT_DETACH));
	names_note("mounted");
	works_note("at the end");
}

static void joined_namespaces(void)
{
	int fd, here = open(".", O_RDONLY | O_DIRECTORY);

	ring_warm();
	TRY(fd = open("/proc/self/ns/mnt", O_RDONLY));
	TRY(setns(fd, CLONE_NEWNS)); /* leaves us in its root */
	TRY(fchdir(here));
	works_note("after setns");
	TRY(setns(0, 0));
	TRY(setns(-1, CLONE_NEWNS));
	names_note(".");
}

static void *thread_waits(void *arg)
{
	pthread_mutex_lock(arg);
	ring_warm();
	pthread_mutex_unlock(arg);
	return NULL;
}

/* A program with threads of its own may not unshare its user namespace, with or without us. */
static void new_user_namespace_with_threads(void)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;

	pthread_mutex_lock(&mutex);
	pthread_create(&thread, NULL, thread_waits, &mutex);
	TRY(unshare(CLONE_NEWUSER));
	pthread_mutex_unlock(&mutex);
	pthread_join(thread, NULL);
	works_note("after the refusal");
}

static void unshared_places(void)
{
	MUST(mkdir("other", 0755));
	for (int round = 0; round < 2; round++) {
		ring_warm();
		TRY(unshare(CLONE_FS));
		TRY(umask(round ? 077 : 027));
		TRY(mkdir(round ? "b" : "a", 0777));
		lstat_note(round ? "b" : "a");
		TRY(chdir("other"));
		TRY(mkdir("inside", 0777) && errno != EEXIST);
		TRY(open("file", O_RDWR | O_CREAT, 0666) >= 0);
		lstat_note("file");
		TRY(chdir(".."));
	}
	names_note(".");
	names_note("other");
}

static void unshared_descriptors(void)
{
	char buffer[8] = "";
	int fd;

	ring_warm();
	TRY(unshare(CLONE_FILES));
	TRY(fd = file_make("file", "content"));
	TRY(pread(fd, buffer, 7, 0));
	TRY(fsync(fd));
	TRY(close(fd));
	TRY(pread(fd, buffer, 7, 0));
	works_note("at the end");
}

static void other_root(void)
{
	MUST(mkdir("root", 0755));
	MUST(mkdir("root/tmp", 0777));
	file_put("root/file", "inside");
	ring_warm();
	TRY(chroot("root"));
	TRY(chdir("/"));
	file_note("/file");
	TRY(open("/etc/passwd", O_RDONLY) >= 0);
	TRY(mkdir("/made", 0755));
	names_note("/");
	TRY(open("/proc/self/fd", O_RDONLY) >= 0);
	works_note("inside");
}

static void limit_of_processes(void)
{
	struct rlimit none = {0, 0};

	MUST(setrlimit(RLIMIT_NPROC, &none));
	works_note("with no process allowed");
	ring_warm();
	works_note("again");
}

static void limit_of_processes_later(void)
{
	struct rlimit none = {0, 0};

	ring_warm();
	MUST(setrlimit(RLIMIT_NPROC, &none));
	for (int i = 0; i < 3; i++)
		works_note("with no process allowed");
}

static void limit_of_memory(void)
{
	struct rlimit limit = {64 << 20, 64 << 20}, none = {0, 0};

	MUST(setrlimit(RLIMIT_MEMLOCK, &none));
	MUST(setrlimit(RLIMIT_AS, &limit));
	works_note("with little memory");
	ring_warm();
	limit.rlim_cur = limit.rlim_max = 0;
	MUST(setrlimit(RLIMIT_STACK, &limit));
	MUST(setrlimit(RLIMIT_AS, &limit));
	works_note("with none");
}

/* ---- filters ------------------------------------------------------------------------ */

enum way {
	BY_PRCTL,
	BY_SECCOMP,
	BY_SECCOMP_ALL_THREADS,
	BY_PRCTL_SYSCALL,
	BY_HAND, /* a static program's way: nothing of libc's */
};

static const char *const ways[] = {"prctl", "syscall(SYS_seccomp)", "SECCOMP_FILTER_FLAG_TSYNC",
				   "syscall(SYS_prctl)", "by hand"};

static long filter_install(enum way way, const struct sock_fprog *filter)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	switch (way) {
	case BY_PRCTL:
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter);
	case BY_SECCOMP:
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter);
	case BY_SECCOMP_ALL_THREADS:
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			       filter);
	case BY_PRCTL_SYSCALL:
		return syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, filter);
	case BY_HAND:
		return raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)filter, 0, 0, 0);
	}
	return -1;
}

/* DENIED gets ACTION, and io_uring is ended by death. */
static long filter_against(enum way way, long denied, unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 5, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_enter, 4, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_register, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)denied, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

	return filter_install(way, &filter);
}

static int filtered_works(enum way way, int warm)
{
	if (warm)
		ring_warm();
	TRY(filter_against(way, SYS_mkdirat, SECCOMP_RET_ERRNO | EXDEV));
	TRY(mkdirat(AT_FDCWD, "denied", 0755));
	TRY(prctl(PR_GET_SECCOMP));
	return works("work");
}

static void filters(void)
{
	for (enum way way = BY_PRCTL; way < BY_HAND; way++)
		for (int warm = 0; warm < 2; warm++) {
			pid_t pid;

			note("%s%s", ways[way], warm ? ", after file calls" : "");
			pid = fork();
			if (pid == 0)
				_exit(filtered_works(way, warm));
			child_note("filtered", pid);
		}
	names_note(".");
}

static void filters_that_kill(void)
{
	for (enum way way = BY_PRCTL; way <= BY_HAND; way++) {
		pid_t pid;

		note("%s", ways[way]);
		pid = fork();
		if (pid == 0) {
			struct rlimit none = {0, 0};

			setrlimit(RLIMIT_CORE, &none);
			if (way != BY_HAND)
				ring_warm();
			filter_against(way, SYS_mkdirat, SECCOMP_RET_KILL_PROCESS);
			if (works("work") > 3) /* what it can do without mkdirat, mkdir */
				note("more than the directory failed");
			mkdirat(AT_FDCWD, "denied", 0755);
			_exit(0);
		}
		child_note("it made a directory", pid);
	}
	names_note(".");
}

static pthread_barrier_t barrier;

static void *thread_under_filter(void *name)
{
	long bad;

	ring_warm_in(name);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier); /* the filter came in between */
	bad = works(name);
	bad += mkdirat(AT_FDCWD, "denied", 0755) != -1 || errno != EXDEV;
	return (void *)bad;
}

static void filter_over_threads(void)
{
	pthread_t threads[2];
	void *bad;

	pthread_barrier_init(&barrier, NULL, 3);
	pthread_create(&threads[0], NULL, thread_under_filter, "a");
	pthread_create(&threads[1], NULL, thread_under_filter, "b");
	pthread_barrier_wait(&barrier);
	TRY(filter_against(BY_SECCOMP_ALL_THREADS, SYS_mkdirat, SECCOMP_RET_ERRNO | EXDEV));
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], &bad);
		note("thread %d: %ld wrong", i, (long)bad);
	}
}

static void *thread_filters_itself(void *name)
{
	ring_warm_in(name);
	TRY(filter_against(BY_SECCOMP, SYS_mkdirat, SECCOMP_RET_ERRNO | EXDEV));
	TRY(mkdirat(AT_FDCWD, "denied", 0755));
	return (void *)(long)works(name);
}

static void filter_in_one_thread(void)
{
	pthread_t thread;
	void *bad;

	ring_warm();
	pthread_create(&thread, NULL, thread_filters_itself, "a");
	pthread_join(thread, &bad);
	note("thread: %ld wrong", (long)bad);
	TRY(mkdirat(AT_FDCWD, "allowed", 0755));
	works_note("main thread");
}

/* Strict mode allows read, write and _exit alone. */
static void strict_mode(void)
{
	char buffer[8];
	int fd = file_make("file", "content");
	pid_t pid = fork();

	if (pid == 0) {
		ring_warm();
		lseek(fd, 0, SEEK_SET);
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
		if (read(fd, buffer, 4) != 4 || write(fd, "more", 4) != 4)
			raw(SYS_exit, 1, 0, 0, 0, 0, 0);
		raw(SYS_exit, 5, 0, 0, 0, 0, 0);
	}
	child_note("strict", pid);
	file_note("file");
}

static const struct matrix_case cases[] = {
	{"masks", masks, 0},
	{"places", places, 0},
	{"ids", ids, 0},
	{"ids-in-children", ids_in_children, 0},
	{"ids-of-one-thread", ids_of_one_thread, 0},
	{"capabilities", capabilities, 0},
	{"flags-of-the-process", flags_of_the_process, 0},
	{"new-user-namespace", new_user_namespace, 0},
	{"new-mount-namespace", new_mount_namespace, 0},
	{"joined-namespaces", joined_namespaces, 0},
	{"new-user-namespace-with-threads", new_user_namespace_with_threads, 0},
	{"unshared-places", unshared_places, 0},
	{"unshared-descriptors", unshared_descriptors, 0},
	{"other-root", other_root, 0},
	{"limit-of-processes", limit_of_processes, 0},
	{"limit-of-processes-later", limit_of_processes_later, 0},
	{"limit-of-memory", limit_of_memory, 0},
	{"filters", filters, 0},
	{"filters-that-kill", filters_that_kill, 0},
	{"filter-over-threads", filter_over_threads, 0},
	{"filter-in-one-thread", filter_in_one_thread, 0},
	{"strict-mode", strict_mode, 0},
};

MATRIX(cases)
