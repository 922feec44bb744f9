/* SPDX-License-Identifier: MIT
 *
 * filters-itself HOW WAY FROM TO: walks half of the directory FROM and links what it finds into a new
 * directory TO; then puts a filter on itself that ends it at any call it does not need for the rest;
 * does the rest, and leaves by WAY. It says what it has seen, with one write.
 *
 * HOW   prctl, strict, no-clock (of the processor), seccomp, by-syscall (prctl through it), libseccomp, thread (another one's, for
 *       all), child (a vfork's, on itself alone)
 * WAY   return, exit, _exit, exit_group, quick_exit, err, exit_call
 * Exit status 77: there is no such way here; 70: the filter was refused.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const int needed[] = {
	SYS_read,      SYS_write,  SYS_close,    SYS_getdents64, SYS_newfstatat, SYS_fstat,
	SYS_openat,    SYS_open,   SYS_lstat,    SYS_stat,       SYS_brk,        SYS_link,
	SYS_linkat,    SYS_unlink, SYS_unlinkat, SYS_lseek,      SYS_exit_group, SYS_exit,
	SYS_fsync,
};
/* Of a thread that ends, and of who waits for it. */
static const int needed_by_threads[] = {SYS_futex, SYS_madvise, SYS_munmap, SYS_rt_sigprocmask};

enum {
	NEEDED = sizeof(needed) / sizeof(*needed),
	NEEDED_BY_THREADS = sizeof(needed_by_threads) / sizeof(*needed_by_threads),
	FIRST_HALF = 20,
};

static struct sock_filter code[2 * (NEEDED + NEEDED_BY_THREADS) + 2];
static struct sock_fprog filter = {.filter = code};

static void code_add(struct sock_filter instruction)
{
	code[filter.len++] = instruction;
}

static void filter_make(int threads)
{
	code_add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, nr)));
	for (int i = 0; i < NEEDED + (threads ? NEEDED_BY_THREADS : 0); i++) {
		unsigned nr = (unsigned)(i < NEEDED ? needed[i] : needed_by_threads[i - NEEDED]);

		code_add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1));
		code_add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	}
	code_add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

static long by_libseccomp(void)
{
	enum { KILL_PROCESS = 0x80000000, ALLOW = 0x7fff0000 }; /* seccomp.h */
	void *library = dlopen("libseccomp.so.2", RTLD_NOW);
	void *(*init)(uint32_t) = library ? dlsym(library, "seccomp_init") : NULL;
	int (*add)(void *, uint32_t, int, unsigned) =
		library ? dlsym(library, "seccomp_rule_add") : NULL;
	int (*load)(void *) = library ? dlsym(library, "seccomp_load") : NULL;
	void *context = init ? init((uint32_t)KILL_PROCESS) : NULL;

	if (!context || !add || !load)
		exit(77);
	for (int i = 0; i < NEEDED; i++)
		add(context, ALLOW, needed[i], 0);
	return load(context);
}

static void *by_thread(void *unused)
{
	(void)unused;
	return (void *)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
			       &filter);
}

static long by_another_thread(void)
{
	pthread_t thread;
	void *result = NULL;

	if (pthread_create(&thread, NULL, by_thread, NULL) || pthread_join(thread, &result))
		return -1;
	return (long)result;
}

static long by_child(void)
{
	pid_t pid = vfork();
	int status = 0;

	if (pid == 0)
		_exit(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) ? 1 : 0);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static long install(const char *how)
{
	filter_make(!strcmp(how, "thread"));
	if (!strcmp(how, "strict")) {
		int failed = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);

		if (failed && errno == EINVAL) /* there is a filter already, of who started us */
			exit(77);
		return failed;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!strcmp(how, "no-clock"))
		return prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	if (!strcmp(how, "prctl"))
		return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
	if (!strcmp(how, "by-syscall"))
		return syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
	if (!strcmp(how, "seccomp"))
		return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter);
	if (!strcmp(how, "libseccomp"))
		return by_libseccomp();
	if (!strcmp(how, "thread"))
		return by_another_thread();
	return by_child();
}

static unsigned names, sizes, bytes, links, unlinks;

static void entry_visit(const char *from, const char *to, const struct dirent *entry)
{
	char path[512], target[512], text[64];
	struct stat stat;
	int fd;

	if (entry->d_name[0] == '.')
		return;
	names++;
	snprintf(path, sizeof(path), "%s/%s", from, entry->d_name);
	snprintf(target, sizeof(target), "%s/%s", to, entry->d_name);
	sizes += lstat(path, &stat) == 0 ? (unsigned)stat.st_size : 1000;
	links += link(path, target) == 0;
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return;
	bytes += (unsigned)read(fd, text, sizeof(text));
	fsync(fd);
	close(fd);
	if (names % 2)
		unlinks += unlink(target) == 0;
}

static void leave(const char *way)
{
	if (!strcmp(way, "exit"))
		exit(0);
	if (!strcmp(way, "_exit"))
		_exit(0);
	if (!strcmp(way, "exit_group"))
		syscall(SYS_exit_group, 0);
	if (!strcmp(way, "exit_call"))
		syscall(SYS_exit, 0);
	if (!strcmp(way, "quick_exit"))
		quick_exit(0);
	if (!strcmp(way, "err"))
		errx(0, "left");
}

static void handler(int number)
{
	(void)number;
}

int main(int argc, char **argv)
{
	static char buffer[4096]; /* libc's own would be mapped late */
	struct dirent *entry;
	struct rlimit none = {0, 0};
	char said[200];
	int again = 0;
	DIR *stream;

	if (argc != 5 || !(stream = opendir(argv[3])) || mkdir(argv[4], 0700) != 0)
		return 2;
	setvbuf(stderr, buffer, _IOLBF, sizeof(buffer));
	setrlimit(RLIMIT_CORE, &none);
	if (getenv("HANDLER"))
		signal(SIGUSR1, handler);
	for (int i = 0; i < FIRST_HALF && (entry = readdir(stream)); i++)
		entry_visit(argv[3], argv[4], entry);
	if (install(argv[1]) != 0)
		return 70;
	if (strcmp(argv[1], "strict") != 0) {
		while ((entry = readdir(stream)))
			entry_visit(argv[3], argv[4], entry);
		rewinddir(stream);
		while ((entry = readdir(stream)))
			again++;
		closedir(stream);
	}
	snprintf(said, sizeof(said), "%u names, %d again, size %u, %u bytes, %u links, %u unlinked\n",
		 names, again, sizes, bytes, links, unlinks);
	if (write(STDOUT_FILENO, said, strlen(said)) < 0)
		return 3;
	leave(argv[2]);
	return 0;
}
