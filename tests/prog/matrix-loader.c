/* SPDX-License-Identifier: MIT
 *
 * matrix-loader: what the dynamic loader shows, keeps and reloads, and the time before main
 * and after it (matrix.h).
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio_ext.h>

#include "matrix.h"
// LDLIBS: -ldl

/* Before main, before and after the libraries' own constructors. */
static int early_wrong = -1;

static void early(void)
{
	char path[] = "/tmp/matrix-early-XXXXXX", buffer[4];
	struct stat st;
	int fd = mkstemp(path);

	early_wrong = fd < 0;
	early_wrong += pwrite(fd, "abc", 3, 0) != 3;
	early_wrong += pread(fd, buffer, 3, 0) != 3;
	early_wrong += stat(path, &st) != 0 || st.st_size != 3;
	early_wrong += unlink(path) != 0;
	early_wrong += close(fd) != 0;
}

__attribute__((section(".preinit_array"), used)) static void (*const before_all)(void) = early;

static int constructor_wrong = -1;

__attribute__((constructor(101))) static void constructed(void)
{
	char path[] = "/tmp/matrix-constructor-XXXXXX";
	int fd = mkstemp(path);

	constructor_wrong = fd < 0 || write(fd, "abc", 3) != 3 || fsync(fd) || close(fd) ||
			    unlink(path);
}

static void before_main(void)
{
	note("before all constructors: %d wrong, in one: %d", early_wrong, constructor_wrong);
	works_note("in main");
}

/* ---- dlerror ------------------------------------------------------------------------ */

static void error_kept(void)
{
	const char *text;

	TRY(dlopen("/nonexistent.so", RTLD_NOW) != NULL);
	works_note("with an error to be read");
	ring_warm();
	text = dlerror();
	note("%s", text ? text : "lost");
	text = dlerror();
	note("%s", text ? text : "none");
	TRY(dlsym(RTLD_DEFAULT, "no_such_symbol") != NULL);
	TRY(mkfifo("fifo", 0644));
	TRY(chmod("fifo", 0600));
	TRY(link("fifo", "link"));
	TRY(utimensat(AT_FDCWD, "fifo", NULL, 0));
	TRY(access("fifo", R_OK));
	text = dlerror();
	note("%s", text ? strstr(text, "undefined") : "lost");
	works_note("afterwards");
	text = dlerror();
	note("%s", text ? text : "none");
}

/* ---- symbols ------------------------------------------------------------------------ */

static void symbols_work(void)
{
	int (*do_stat)(const char *, struct stat *) = dlsym(RTLD_DEFAULT, "stat");
	int (*do_next_stat)(const char *, struct stat *) = dlsym(RTLD_NEXT, "stat");
	int (*do_open)(const char *, int, ...) = dlsym(RTLD_DEFAULT, "open64");
	ssize_t (*do_pread)(int, void *, size_t, off_t) =
		dlvsym(RTLD_DEFAULT, "pread64", "GLIBC_2.2.5");
	void *libc = dlopen("libc.so.6", RTLD_NOW | RTLD_NOLOAD);
	int (*do_mkdir)(const char *, mode_t) = dlsym(libc, "mkdir");
	char buffer[8] = "";
	struct stat st;
	int fd;

	file_put("file", "content");
	TRY(do_stat("file", &st));
	TRY(do_next_stat("file", &st));
	TRY(do_stat("absent", &st));
	TRY(fd = do_open("file", O_RDONLY));
	TRY(do_pread(fd, buffer, 7, 0));
	note("%s", buffer);
	TRY(do_mkdir("dir", 0755));
	TRY(dlsym(RTLD_DEFAULT, "ushim_no_such") != NULL);
	TRY(dlclose(libc));
	works_note("at the end");
}

/* A second libc, with nothing of ours in front. */
static void other_namespace(void)
{
	void *libc;
	int (*do_mkdir)(const char *, mode_t);
	int (*do_open)(const char *, int, ...);
	int (*do_close)(int);
	int fd;

	ring_warm();
	libc = dlmopen(LM_ID_NEWLM, "libc.so.6", RTLD_NOW | RTLD_LOCAL);
	note("%d", libc != NULL);
	do_mkdir = dlsym(libc, "mkdir");
	do_open = dlsym(libc, "open");
	do_close = dlsym(libc, "close");
	TRY(do_mkdir("dir", 0755) == 0);
	TRY(fd = open("dir", O_RDONLY));
	TRY(do_close(fd));
	fd = do_open("/", O_RDONLY);
	TRY(fsync(fd) == 0 || errno == EINVAL);
	TRY(close(fd));
	works_note("with two libcs");
	TRY(dlclose(libc));
	works_note("with one again");
	fds_note("at the end");
}

/* ---- loading and unloading ---------------------------------------------------------- */

static const char plugin[] =
	"#include <fcntl.h>\n#include <sys/stat.h>\n#include <unistd.h>\n"
	"int plug(const char *n) { int f = open(n, O_RDWR | O_CREAT, 0644); struct stat s;\n"
	"  int r = pwrite(f, \"plug\", 4, 0) != 4 || fstat(f, &s) || s.st_size != 4 || close(f);\n"
	"  return r || unlink(n); }\n"
	"__attribute__((constructor)) static void c(void) { plug(\"constructor\"); }\n"
	"__attribute__((destructor)) static void d(void) { mkdir(\"left-by-destructor\", 0755); }\n";

static void plugins(void)
{
	file_put("plugin.c", plugin);
	if (system("cc -shared -fPIC -o plugin.so plugin.c")) {
		note("no plugin");
		return;
	}
	for (int round = 0; round < 3; round++) {
		void *handle = dlopen("./plugin.so", round == 1 ? RTLD_LAZY : RTLD_NOW);
		int (*plug)(const char *) = handle ? dlsym(handle, "plug") : NULL;

		TRY(handle != NULL);
		if (plug)
			TRY(plug("plugged"));
		works_note("with the plugin");
		TRY(dlclose(handle));
		works_note("without it");
		TRY(rmdir("left-by-destructor"));
	}
	names_note(".");
}

/* The library itself, loaded once more, or late: USHIM_TEST_LIB is its path. */
static void loaded_late(void)
{
	const char *path = getenv("USHIM_TEST_LIB");
	void *handle;

	for (int round = 0; round < 3; round++) {
		TRY((handle = dlopen(path, RTLD_NOW)) != NULL);
		works_note("with the library loaded");
		TRY(dlsym(handle, "openat") != NULL);
		TRY(dlclose(handle));
		works_note("with it closed");
	}
	TRY((handle = dlopen(path, RTLD_NOW | RTLD_GLOBAL | RTLD_DEEPBIND)) != NULL);
	works_note("with the library deep");
	handle = dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	note("in a namespace: %d", handle != NULL);
	works_note("with two");
	if (handle)
		TRY(dlclose(handle));
	works_note("at the end");
	fds_note("at the end");
}

static void called_late(void)
{
	void *handle = dlopen(getenv("USHIM_TEST_LIB"), RTLD_NOW | RTLD_LOCAL);
	int (*do_open)(const char *, int, ...) = dlsym(handle, "open");
	int (*do_mkdir)(const char *, mode_t) = dlsym(handle, "mkdir");
	int (*do_close)(int) = dlsym(handle, "close");
	int fd;

	TRY(fd = do_open("file", O_RDWR | O_CREAT, 0644));
	TRY(do_mkdir("dir", 0755));
	TRY(do_close(fd));
	TRY(do_close(fd));
	works_note("at the end");
}

static int phdr_count(struct dl_phdr_info *info, size_t size, void *count)
{
	(void)size;
	(void)info;
	++*(int *)count;
	return works("work");
}

static void inside_the_loader(void)
{
	int count = 0;

	note("%d wrong in the loader's walk", dl_iterate_phdr(phdr_count, &count));
	note("%d objects were there", count > 2);
	TRY(dladdr((void *)(uintptr_t)open, &(Dl_info){0}) != 0);
}

/* ---- the environment ---------------------------------------------------------------- */

static void environment_stays(void)
{
	extern char **environ;
	char *const *before = environ;
	int count = 0;

	ring_warm();
	for (char **entry = environ; *entry; entry++)
		if (strncmp(*entry, "LD_PRELOAD", 10) && strncmp(*entry, "USHIM", 5))
			count++;
	note("%d, moved: %d", count > 0, before != environ);
	TRY(clearenv());
	works_note("without environment");
	TRY(setenv("USHIM", "0", 1));
	works_note("switched off too late");
	note("stdout pending %zu", __fpending(stdout));
}

static const struct matrix_case cases[] = {
	{"before-main", before_main, 0},
	{"error-kept", error_kept, 0},
	{"symbols-work", symbols_work, 0},
	{"other-namespace", other_namespace, 0},
	{"plugins", plugins, 0},
	{"loaded-late", loaded_late, 0},
	{"called-late", called_late, 0},
	{"inside-the-loader", inside_the_loader, 0},
	{"environment-stays", environment_stays, 0},
};

MATRIX(cases)
