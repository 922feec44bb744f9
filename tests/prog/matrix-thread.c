/* SPDX-License-Identifier: MIT
 *
 * matrix-thread: threads from birth to after death, and cancellation (matrix.h).
 */
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <threads.h>

#include "matrix.h"

static void thread_run(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	void *result;

	if (pthread_create(&thread, NULL, run, arg) || pthread_join(thread, &result))
		note("no thread");
	else if (result == PTHREAD_CANCELED)
		note("cancelled");
	else
		note("returned %ld", (long)result);
}

/* ---- birth and death ---------------------------------------------------------------- */

static void *thread_works(void *name)
{
	long bad = 0;

	for (int round = 0; round < 10; round++)
		bad += works(name);
	return (void *)bad;
}

static void threads_together(void)
{
	enum { COUNT = 12 };
	pthread_t threads[COUNT];
	char names[COUNT][16];
	void *bad;

	ring_warm();
	for (int i = 0; i < COUNT; i++) {
		sprintf(names[i], "w%d", i);
		pthread_create(&threads[i], NULL, thread_works, names[i]);
	}
	for (int round = 0; round < 10; round++)
		if (works("main"))
			note("main thread: wrong");
	for (int i = 0; i < COUNT; i++) {
		pthread_join(threads[i], &bad);
		note("thread %d: %ld wrong", i, (long)bad);
	}
	names_note(".");
	fds_note("at the end");
}

static void threads_one_after_another(void)
{
	char name[] = "work";

	for (int i = 0; i < 40; i++)
		thread_run(thread_works, name);
	works_note("main thread");
	fds_note("at the end");
}

static void *thread_holds_file(void *name)
{
	return (void *)(long)open(name, O_RDWR | O_CREAT, 0644);
}

static void descriptors_outlive_threads(void)
{
	char buffer[8] = "", name[] = "file";

	thread_run(thread_holds_file, name);
	usleep(30000);
	TRY(write(3, "alive", 5));
	TRY(pread(3, buffer, 5, 0));
	note("%s", buffer);
	TRY(close(3));
}

static int key_visits;
static pthread_key_t keys[3];

/* Runs when the thread has ended, up to four times, in no order with the shim's own end. */
static void key_destroyed(void *value)
{
	long left = (long)value;
	char name[16];
	int fd;

	sprintf(name, "key-%ld", left);
	fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, name, 4) != 4 || fsync(fd) || close(fd) || works("in-key"))
		note("visit %d: wrong", key_visits);
	key_visits++;
	if (left % 10 > 1)
		pthread_setspecific(keys[left / 10], (void *)(left - 1));
}

static void *thread_with_keys(void *arg)
{
	long warm = (long)arg;

	if (warm)
		ring_warm();
	for (long i = 0; i < 3; i++)
		pthread_setspecific(keys[i], (void *)(i * 10 + 5));
	return NULL;
}

static void destructors_of_keys(void)
{
	for (int i = 0; i < 3; i++)
		pthread_key_create(&keys[i], key_destroyed);
	for (long warm = 0; warm < 2; warm++) {
		thread_run(thread_with_keys, (void *)warm);
		note("%d visits", key_visits);
		names_note(".");
		if (system("rm -f key-*"))
			note("rm failed");
	}
	fds_note("at the end");
}

static void tls_destroyed(void *name)
{
	note("thread_local destructor: %d wrong", works(name));
}

/* What C++ calls for a thread_local with a destructor. */
extern int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;

static void *thread_with_tls(void *name)
{
	__cxa_thread_atexit_impl(tls_destroyed, name, &__dso_handle);
	ring_warm();
	return NULL;
}

static void destructors_of_tls(void)
{
	static char name[] = "work";

	thread_run(thread_with_tls, name);
	thread_with_tls(name);
}

static int c11_works(void *name)
{
	return works(name);
}

static void c11_threads(void)
{
	char name[] = "work";
	thrd_t thread;
	int bad = -1;

	thrd_create(&thread, c11_works, name);
	thrd_join(thread, &bad);
	note("C11 thread: %d wrong", bad);
}

static void *thread_works_once(void *name)
{
	return (void *)(long)works(name);
}

static void small_stacks(void)
{
	pthread_attr_t attributes;
	pthread_t thread;
	char name[] = "work";
	void *bad;

	pthread_attr_init(&attributes);
	note("%d", pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN));
	pthread_create(&thread, &attributes, thread_works_once, name);
	pthread_join(thread, &bad);
	note("on the smallest stack: %ld wrong", (long)bad);
}

static void *thread_outlives_main(void *name)
{
	usleep(30000);
	note("the last thread: %d wrong", works(name));
	exit(31);
}

static void main_thread_ends(void)
{
	static char name[] = "work";
	pthread_t thread;

	ring_warm();
	pthread_create(&thread, NULL, thread_outlives_main, name);
	pthread_exit(NULL);
}

static void *thread_exits_process(void *name)
{
	note("thread: %d wrong", works(name));
	exit(32);
}

static void exit_from_a_thread(void)
{
	char name[] = "work";

	ring_warm();
	thread_run(thread_exits_process, name);
}

static void *thread_forks(void *name)
{
	pid_t pid;

	works(name);
	pid = fork();
	if (pid == 0) {
		thread_run(thread_works, name);
		_exit(works(name));
	}
	child_note("forked in a thread", pid);
	return (void *)(long)works(name);
}

static void fork_in_a_thread(void)
{
	char name[] = "work";

	ring_warm();
	thread_run(thread_forks, name);
	works_note("main thread");
}

static void *thread_execs(void *arg)
{
	ring_warm();
	execl("/bin/sh", "sh", "-c", "echo executed by a thread; exit 13", NULL);
	return arg;
}

static void exec_from_a_thread(void)
{
	ring_warm();
	thread_run(thread_execs, NULL);
}

/* Two threads read one file position: what both got together is the whole file, once. */
static int shared_fd;

static void *thread_reads(void *arg)
{
	long sum = 0;
	char line[8];

	(void)arg;
	while (read(shared_fd, line, 8) == 8)
		sum += atoi(line);
	return (void *)sum;
}

static void position_shared_by_threads(void)
{
	pthread_t threads[3];
	void *sum;
	long total = 0;
	FILE *file = fopen("numbers", "w");

	for (int i = 0; i < 3000; i++)
		fprintf(file, "%07d\n", i);
	fclose(file);
	shared_fd = open("numbers", O_RDONLY);
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, thread_reads, NULL);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &sum);
		total += (long)sum;
	}
	note("sum %ld, position %ld", total, (long)lseek(shared_fd, 0, SEEK_CUR));
}

/* ---- cancellation ------------------------------------------------------------------- */

static int cancel_fd;
static char cancel_buffer[64];

static void point_open(void) { open("file", O_RDONLY); }
static void point_openat(void) { openat(AT_FDCWD, "file", O_RDONLY); }
static void point_creat(void) { creat("created", 0644); }
static void point_read(void) { read(cancel_fd, cancel_buffer, 4); }
static void point_write(void) { write(cancel_fd, "abcd", 4); }
static void point_pread(void) { pread(cancel_fd, cancel_buffer, 4, 0); }
static void point_pwrite(void) { pwrite(cancel_fd, "abcd", 4, 0); }
static void point_readv(void) { readv(cancel_fd, &(struct iovec){cancel_buffer, 4}, 1); }
static void point_preadv2(void) { preadv2(cancel_fd, &(struct iovec){cancel_buffer, 4}, 1, 0, 0); }
static void point_fsync(void) { fsync(cancel_fd); }
static void point_fdatasync(void) { fdatasync(cancel_fd); }
static void point_close(void) { close(dup(cancel_fd)); }
static void point_fallocate(void) { fallocate(cancel_fd, 0, 0, 4); }
static void point_range(void) { sync_file_range(cancel_fd, 0, 4, 0); }
static void point_fcntl(void) { fcntl(cancel_fd, F_GETFL); }
static void point_stat(void) { stat("file", &(struct stat){0}); }
static void point_fstat(void) { fstat(cancel_fd, &(struct stat){0}); }
static void point_mkdir(void) { mkdir("dir", 0755); }
static void point_rmdir(void) { rmdir("dir"); }
static void point_link(void) { link("file", "link"); }
static void point_unlink(void) { unlink("link"); }
static void point_rename(void) { rename("absent", "x"); }
static void point_symlink(void) { symlink("to", "symlink"); }
static void point_ftruncate(void) { ftruncate(cancel_fd, 7); }
static void point_fadvise(void) { posix_fadvise(cancel_fd, 0, 0, 0); }
static void point_fsync_none(void) { fsync(-1); }
static void point_syscall(void) { syscall(SYS_getpid); }
static void point_usleep(void) { usleep(1); }

static const struct point {
	const char *name;
	void (*call)(void);
} points[] = {
	{"open", point_open},           {"openat", point_openat},
	{"creat", point_creat},         {"read", point_read},
	{"write", point_write},         {"pread", point_pread},
	{"pwrite", point_pwrite},       {"readv", point_readv},
	{"preadv2", point_preadv2},     {"fsync", point_fsync},
	{"fdatasync", point_fdatasync}, {"close", point_close},
	{"fallocate", point_fallocate}, {"sync_file_range", point_range},
	{"fcntl", point_fcntl},         {"stat", point_stat},
	{"fstat", point_fstat},         {"mkdir", point_mkdir},
	{"rmdir", point_rmdir},         {"link", point_link},
	{"unlink", point_unlink},       {"rename", point_rename},
	{"symlink", point_symlink},     {"ftruncate", point_ftruncate},
	{"posix_fadvise", point_fadvise}, {"fsync(-1)", point_fsync_none},
	{"syscall", point_syscall},     {"usleep", point_usleep},
};

static void cleanup_works(void *name)
{
	note("\tcleanup: %d wrong", works(name));
}

static void *thread_cancelled_at(void *arg)
{
	const struct point *point = arg;

	ring_warm();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	point->call(); /* not while disabled */
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_cleanup_push(cleanup_works, (void *)"cleanup");
	point->call();
	note("%s is no cancellation point", point->name);
	pthread_cleanup_pop(0);
	return NULL;
}

static void pending_cancel(void)
{
	cancel_fd = file_make("file", "0123456789");
	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++) {
		note("%s", points[i].name);
		thread_run(thread_cancelled_at, (void *)&points[i]);
		TRY(lseek(cancel_fd, 0, SEEK_CUR));
	}
	fds_note("at the end");
	names_note(".");
}

static void *thread_asynchronous(void *arg)
{
	int before = -1;

	(void)arg;
	ring_warm();
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &before);
	note("type before: %d, %d wrong", before, works("work"));
	ring_warm();
	pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &before);
	note("type before: %d, %d wrong", before, works("work"));
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	pthread_cancel(pthread_self());
	note("it went on");
	return NULL;
}

static void asynchronous_cancel(void)
{
	thread_run(thread_asynchronous, NULL);
	works_note("main thread");
}

static int blocked_fds[2];
static volatile bool about_to_block;

static void *thread_blocks(void *arg)
{
	ring_warm();
	pthread_cleanup_push(cleanup_works, (void *)"cleanup");
	about_to_block = true;
	if (arg)
		open("fifo", O_RDONLY);
	else
		read(blocked_fds[0], cancel_buffer, 1);
	pthread_cleanup_pop(0);
	return NULL;
}

static void cancel_of_the_blocked(void)
{
	pthread_t thread;
	void *result;

	MUST(pipe(blocked_fds));
	MUST(mkfifo("fifo", 0644));
	for (long what = 0; what < 2; what++) {
		about_to_block = false;
		pthread_create(&thread, NULL, thread_blocks, (void *)what);
		while (!about_to_block)
			usleep(1000);
		usleep(10000); /* most likely it blocks now; either way it is to be cancelled */
		pthread_cancel(thread);
		pthread_join(thread, &result);
		note("cancelled: %d", result == PTHREAD_CANCELED);
		works_note("main thread");
	}
	fds_note("at the end");
}

static volatile bool cancel_storm_over;

static void *thread_until_cancelled(void *name)
{
	char buffer[16];
	int fd = open(name, O_RDWR | O_CREAT, 0644);

	for (;;) {
		if (pwrite(fd, "0123456789", 10, 0) != 10 || pread(fd, buffer, 10, 0) != 10 ||
		    fsync(fd))
			note("wrong in the storm");
	}
	return NULL;
}

static void cancel_storm(void)
{
	pthread_t thread;
	char name[] = "storm";
	void *result;
	int count = 0;

	for (int i = 0; i < 30; i++) {
		pthread_create(&thread, NULL, thread_until_cancelled, name);
		usleep((useconds_t)(100 * i));
		pthread_cancel(thread);
		pthread_join(thread, &result);
		count += result == PTHREAD_CANCELED;
	}
	note("%d of 30 cancelled", count);
	file_note("storm");
	works_note("main thread");
}

/* ---- what threads do to one another ------------------------------------------------- */

static void *thread_works_until(void *name)
{
	long bad = 0;

	while (!__atomic_load_n(&cancel_storm_over, __ATOMIC_SEQ_CST))
		bad += works(name);
	return (void *)bad;
}

/* setuid and friends signal every thread and wait for all: nobody may hold that up. */
static void ids_while_others_work(void)
{
	pthread_t threads[3];
	char names[3][8] = {"a", "b", "c"};
	void *bad;

	ring_warm();
	for (int i = 0; i < 3; i++)
		pthread_create(&threads[i], NULL, thread_works_until, names[i]);
	for (int i = 0; i < 20; i++)
		if (setresuid((uid_t)-1, (uid_t)-1, (uid_t)-1) || setgid(getgid()))
			note("ids: %s", error_name(errno));
	__atomic_store_n(&cancel_storm_over, true, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 3; i++) {
		pthread_join(threads[i], &bad);
		note("thread %d: %ld wrong", i, (long)bad);
	}
}

static void *thread_unshares(void *what)
{
	long flags = (long)what;

	ring_warm();
	TRY(unshare((int)flags));
	if (flags & CLONE_FS) {
		MUST(mkdir("elsewhere", 0755));
		TRY(chdir("elsewhere"));
		TRY(umask(077));
		TRY(mkdir("made-there", 0777));
		TRY(open("file-there", O_RDWR | O_CREAT, 0666) >= 0);
		lstat_note("made-there");
		lstat_note("file-there");
	}
	if (flags & CLONE_FILES) {
		TRY(close(3));
		TRY(open("/", O_RDONLY));
		TRY(fsync(4));
	}
	return (void *)(long)works("work");
}

static void unshare_in_a_thread(void)
{
	char buffer[8] = "";
	int fd;

	TRY(fd = file_make("file", "content"));
	ring_warm();
	thread_run(thread_unshares, (void *)CLONE_FS);
	TRY(mkdir("made-here", 0777));
	lstat_note("made-here");
	names_note(".");
	names_note("elsewhere");
	thread_run(thread_unshares, (void *)CLONE_FILES);
	TRY(pread(fd, buffer, 7, 0));
	note("%s", buffer);
	fds_note("at the end");
	works_note("main thread");
}

/* ---- threads without a ring among others that have one ------------------------------ */

static void *thread_takes_places(void *name)
{
	enum { PLACES = 16 };

	for (int i = 0; i < PLACES; i++) {
		struct io_uring_params params = {.flags = 0};
		struct io_uring_rsrc_update place = {.offset = -1U};
		long fd = raw(SYS_io_uring_setup, 1, (long)&params, 0, 0, 0, 0);

		if (fd < 0)
			break; /* then there is no ring for anybody */
		place.data = (unsigned long)fd;
		raw(SYS_io_uring_register, fd, IORING_REGISTER_RING_FDS, (long)&place, 1, 0, 0);
		raw(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	note("thread: %d wrong", works(name));
	TRY(open("/", O_RDONLY));
	return NULL;
}

static void places_for_rings_taken(void)
{
	char name[] = "work";

	thread_run(thread_takes_places, name);
	works_note("main thread");
	thread_run(thread_works, name);
}

/* Installed behind libc's back, so that nobody gives up anything. */
static void *thread_filters_itself(void *name)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

	raw(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
	note("%ld", raw(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&filter, 0, 0, 0));
	note("thread: %d wrong", works(name));
	return NULL;
}

static void filter_unseen_in_one_thread(void)
{
	char name[] = "work";

	thread_run(thread_filters_itself, name);
	works_note("main thread");
	thread_run(thread_works, name);
}

static const struct matrix_case cases[] = {
	{"threads-together", threads_together, 0},
	{"threads-one-after-another", threads_one_after_another, 0},
	{"descriptors-outlive-threads", descriptors_outlive_threads, 0},
	{"destructors-of-keys", destructors_of_keys, 0},
	{"destructors-of-tls", destructors_of_tls, 0},
	{"c11-threads", c11_threads, 0},
	{"small-stacks", small_stacks, 0},
	{"main-thread-ends", main_thread_ends, 0},
	{"exit-from-a-thread", exit_from_a_thread, 0},
	{"fork-in-a-thread", fork_in_a_thread, 0},
	{"exec-from-a-thread", exec_from_a_thread, 0},
	{"position-shared-by-threads", position_shared_by_threads, 0},
	{"pending-cancel", pending_cancel, 0},
	{"asynchronous-cancel", asynchronous_cancel, 0},
	{"cancel-of-the-blocked", cancel_of_the_blocked, 0},
	{"cancel-storm", cancel_storm, 0},
	{"ids-while-others-work", ids_while_others_work, 0},
	{"unshare-in-a-thread", unshare_in_a_thread, 0},
	{"places-for-rings-taken", places_for_rings_taken, 0},
	{"filter-unseen-in-one-thread", filter_unseen_in_one_thread, 0},
};

MATRIX(cases)
