/* SPDX-License-Identifier: MIT
 *
 * losing: small programs that would lose something if a command they were told is done were not.
 *
 *   losing two KIND END DIRECTORY COUNT
 *                                  files tN of a new DIRECTORY get a second name (KIND is link or
 *                                  rename), and where that went well END is done to the first
 *   losing queue DIRECTORY WORK    takes jobs (names) out of DIRECTORY by unlink; prints whose
 *                                  unlink said 0; WORK is file, pipe, compute, hiccup (compute after
 *                                  every eighth) or nothing
 *   losing snapshot FROM TO        links all files of FROM into a new directory TO, then TO/state
 *   losing handler FROM TO         links them, and TO is removed by a handler of SIGINT or SIGTERM
 *   losing many KIND DIRECTORY      40 links (of DIRECTORY.source), symlinks, mkdirs or renames in a new
 *                                  DIRECTORY; 5 if a call said that it failed
 *   losing kill LOG LINES SIGNAL COMMAND...
 *                                  runs COMMAND, sends SIGNAL when LOG has LINES lines more; its
 *                                  status as of a shell
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	NAMES_MOST = 4096,
	PATH_ROOM = 1024,
	NAME_ROOM = 32,
	COMPUTE_NS = 1000 * 1000,
	MANY = 40,
};

static char paths[4][PATH_ROOM];

/* DIRECTORY/NAME in one of four places. */
static const char *path_of(int place, const char *directory, const char *name)
{
	if (snprintf(paths[place], PATH_ROOM, "%s/%s", directory, name) >= PATH_ROOM)
		exit(2);
	return paths[place];
}

static const char *name_of(int place, const char *directory, char kind, int number)
{
	char name[NAME_ROOM];

	snprintf(name, sizeof(name), "%c%d", kind, number);
	return path_of(place, directory, name);
}

static bool file_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

	return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0;
}

static bool file_make(const char *path, const char *what, int number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s %d\n", what, number);
	return file_write(path, text);
}

/* ---- two names ---- */

static int closed(int fd)
{
	return fd < 0 ? -1 : close(fd);
}

static int stream_closed(FILE *stream)
{
	return stream ? fclose(stream) : -1;
}

/* Also from -D_FORTIFY_SOURCE, where the flags are no constant. */
extern int __open_2(const char *path, int flags);

/* The contents of PATH go, which is open as FD. */
static int contents_end(const char *end, const char *path, int fd)
{
	if (!strcmp(end, "open"))
		return closed(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
	if (!strcmp(end, "open_2"))
		return closed(__open_2(path, O_WRONLY | O_TRUNC));
	if (!strcmp(end, "creat"))
		return closed(creat(path, 0600));
	if (!strcmp(end, "truncate"))
		return truncate(path, 0);
	if (!strcmp(end, "ftruncate"))
		return ftruncate(fd, 0);
	fd = open(path, O_WRONLY | O_CREAT, 0600); /* overwrite */
	return fd < 0 || write(fd, "something else", 14) != 14 ? -1 : close(fd);
}

static bool after_all(const char *end)
{
	return !strcmp(end, "after") || !strcmp(end, "child") || !strcmp(end, "filtered") || !strcmp(end, "remove") ||
	       !strcmp(end, "fopen") || !strcmp(end, "freopen");
}

/* What has two names by now loses the first one, or what is in it. */
static int first_name_end(const char *end, const char *tmp, const char *other, int fd)
{
	if (!strcmp(end, "remove"))
		return remove(tmp);
	if (!strcmp(end, "replace"))
		return rename(other, tmp);
	if (!strcmp(end, "fopen"))
		return stream_closed(fopen(tmp, "w"));
	if (!strcmp(end, "freopen"))
		return stream_closed(freopen(tmp, "w", fopen("/dev/null", "r")));
	if (!strcmp(end, "unlink") || !strcmp(end, "across") || after_all(end))
		return unlinkat(AT_FDCWD, tmp, 0);
	return contents_end(end, tmp, fd);
}

static int second_name_begin(const char *kind, const char *tmp, const char *final)
{
	return !strcmp(kind, "rename") ? rename(tmp, final) : link(tmp, final);
}

static bool questions_end(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_statx, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog filter = {sizeof(code) / sizeof(*code), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

/*
 * unlink, replace: the first name goes right after the second has come. across: into another
 * directory. after, child, filtered: all first names go when all second ones have come, in a child,
 * or under a seccomp filter that kills who asks about a file first. The rest:
 * what the first name leads to is opened, truncated or written over. Behind remove, fopen and freopen
 * nothing is put off any more, so they come when all is done too.
 */
static int two_names(const char *kind, const char *end, const char *directory, int count)
{
	char elsewhere[PATH_ROOM + 8];
	bool after = after_all(end), second[NAMES_MOST] = {false};

	snprintf(elsewhere, sizeof(elsewhere), "%s.other", directory);
	if (mkdir(directory, 0700) != 0 || mkdir(elsewhere, 0700) != 0)
		return 2;
	for (int i = 0; i < count; i++)
		if (!file_make(name_of(0, directory, 't', i), "content", i) ||
		    !file_make(name_of(1, directory, 'o', i), "other", i))
			return 2;
	for (int i = 0; i < count; i++) {
		const char *tmp = name_of(0, directory, 't', i);
		const char *final = name_of(1, strcmp(end, "across") ? directory : elsewhere, 'f', i);
		int fd = open(tmp, O_RDWR);

		second[i] = second_name_begin(kind, tmp, final) == 0;
		if (second[i] && !after) /* else the program knows, and keeps the first */
			first_name_end(end, tmp, name_of(2, directory, 'o', i), fd);
		close(fd);
	}
	if (!strcmp(end, "filtered") && !questions_end())
		return 2;
	if (!strcmp(end, "child") && fork() > 0)
		return wait(NULL) < 0;
	for (int i = 0; after && i < count; i++)
		if (second[i])
			first_name_end(end, name_of(0, directory, 't', i), NULL, -1);
	return 0;
}

/* ---- a queue of work ---- */

static void compute(void)
{
	struct timespec begin, now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while ((now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec < COMPUTE_NS);
}

static int names_read(const char *directory, char names[][NAME_ROOM])
{
	DIR *dir = opendir(directory);
	int count = 0;

	for (const struct dirent *entry; dir && (entry = readdir(dir));)
		if (entry->d_name[0] != '.' && count < NAMES_MOST)
			snprintf(names[count++], NAME_ROOM, "%.31s", entry->d_name);
	if (dir)
		closedir(dir);
	return count;
}

static int queue(const char *directory, const char *work)
{
	static char names[NAMES_MOST][NAME_ROOM];
	int count = names_read(directory, names), taken = 0;
	int to = !strcmp(work, "file") ? fileno(tmpfile()) : STDOUT_FILENO;

	for (int i = 0; i < count; i++) {
		path_of(0, directory, names[i]);
		if (unlink(paths[0]) != 0)
			continue;
		memmove(names[taken++], names[i], sizeof(*names));
		if (!strcmp(work, "compute") || (!strcmp(work, "hiccup") && taken % 8 == 0))
			compute();
		else if (strcmp(work, "nothing") && strcmp(work, "hiccup"))
			dprintf(to, "%s\n", to == STDOUT_FILENO ? names[i] : "x");
	}
	for (int i = 0; i < taken && strcmp(work, "pipe"); i++)
		puts(names[i]);
	return 0;
}

/* ---- snapshots ---- */

static int links_make(const char *from, const char *to)
{
	static char names[NAMES_MOST][NAME_ROOM];
	int count = names_read(from, names);

	if (mkdir(to, 0700) != 0)
		return -1;
	for (int i = 0; i < count; i++) {
		path_of(0, from, names[i]);
		path_of(1, to, names[i]);
		if (link(paths[0], paths[1]) != 0)
			return -1;
	}
	return count;
}

static int snapshot(const char *from, const char *to)
{
	int fd;

	if (links_make(from, to) < 0)
		return 1;
	path_of(0, to, "state.new");
	path_of(1, to, "state");
	fd = open(paths[0], O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, "done\n", 5) != 5 || fsync(fd) != 0 || close(fd) != 0)
		return 1;
	return rename(paths[0], paths[1]) != 0;
}

static const char *made;

/* As that of git clone. */
static void on_signal(int number)
{
	static char names[NAMES_MOST][NAME_ROOM];
	int count = names_read(made, names);

	for (int i = 0; i < count; i++) {
		path_of(2, made, names[i]);
		if (unlink(paths[2]) != 0)
			_exit(3);
	}
	if (rmdir(made) != 0 && errno != ENOENT)
		_exit(4);
	_exit(128 + number);
}

static int handler(const char *from, const char *to)
{
	made = to;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (links_make(from, to) < 0)
		return 1;
	pause();
	return 0;
}

/* ---- many of a kind ---- */

static int many_make(const char *kind, const char *directory, const char *path, int number)
{
	char source[PATH_ROOM + 8];

	snprintf(source, sizeof(source), "%s.source", directory);
	if (!strcmp(kind, "symlink"))
		return symlink("nowhere", path);
	if (!strcmp(kind, "mkdir"))
		return mkdir(path, 0700);
	if (!strcmp(kind, "link"))
		return link(source, path);
	return rename(name_of(1, directory, 'b', number), path);
}

static int many(const char *kind, const char *directory)
{
	int failed = mkdir(directory, 0700);

	for (int i = 0; i < MANY && !strcmp(kind, "rename"); i++)
		failed |= !file_make(name_of(0, directory, 'b', i), "content", i);
	for (int i = 0; i < MANY; i++)
		failed |= many_make(kind, directory, name_of(0, directory, 'n', i), i);
	return failed ? 5 : 0;
}

/* ---- a signal at a chosen moment ---- */

static int lines_of(const char *path)
{
	char buffer[65536];
	int fd = open(path, O_RDONLY | O_CLOEXEC), lines = 0;
	ssize_t length;

	while (fd >= 0 && (length = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < length; i++)
			lines += buffer[i] == '\n';
	if (fd >= 0)
		close(fd);
	return lines;
}

static int kill_after(char **argv)
{
	int before = lines_of(argv[2]), status;
	pid_t pid = fork();

	if (pid == 0) {
		execvp(argv[5], argv + 5);
		_exit(127);
	}
	while (lines_of(argv[2]) - before < atoi(argv[3]))
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	kill(pid, atoi(argv[4]));
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	if (argc > 5 && !strcmp(argv[1], "kill"))
		return kill_after(argv);
	if (argc == 6 && !strcmp(argv[1], "two"))
		return two_names(argv[2], argv[3], argv[4], atoi(argv[5]));
	if (argc != 4)
		return 2;
	if (!strcmp(argv[1], "queue"))
		return queue(argv[2], argv[3]);
	if (!strcmp(argv[1], "snapshot"))
		return snapshot(argv[2], argv[3]);
	if (!strcmp(argv[1], "many"))
		return many(argv[2], argv[3]);
	return handler(argv[2], argv[3]);
}
