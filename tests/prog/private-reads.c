/* SPDX-License-Identifier: MIT
 *
 * private-reads [CASE]: makes a directory and a link in it, reads something as CASE says, and makes
 * more links there: those that the library acknowledges early show whether it takes the
 * directory for private still. In the current directory there are source and text, of two lines.
 * Without CASE: prints all names, and "quiet" where nobody can tell the program anything by that,
 * "loud" where somebody may have, or may be told something.
 */
#include <err.h>
#include <fcntl.h>
#include <grp.h>
#include <iconv.h>
#include <locale.h>
#include <mntent.h>
#include <pwd.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

enum {
	LINKS = 8,
};

struct reading {
	const char *name, *sort;
	void (*run)(void);
};

#define READING(id, sort, ...)                                                             \
	static void run_##id(void) { __VA_ARGS__; }                                        \
	static const struct reading reading_##id = {#id, sort, run_##id};                  \
	static const struct reading *const ref_##id                                        \
		__attribute__((used, section("readings"))) = &reading_##id;

static char text[256];

static void must(int well)
{
	if (!well)
		err(1, "a reading");
}

static FILE *opened(const char *name, const char *mode)
{
	FILE *file = fopen(name, mode);

	must(file != NULL);
	return file;
}

/* Of a file, and closed. */
#define QUIET(id, ...)                                \
	READING(id, "quiet", FILE *file = opened("text", "re"); __VA_ARGS__; must(fclose(file) == 0))

QUIET(fopen_fclose, (void)file)
QUIET(fgets, must(fgets(text, sizeof(text), file) != NULL))
QUIET(fgets_unlocked, must(fgets_unlocked(text, sizeof(text), file) != NULL))
QUIET(fread, must(fread(text, 1, sizeof(text), file) == 8))
QUIET(fread_unlocked, must(fread_unlocked(text, 1, 3, file) == 3))
QUIET(fgetc, must(fgetc(file) == 'o'))
QUIET(getc_unlocked, must(getc_unlocked(file) == 'o' && ungetc('x', file) == 'x'))
QUIET(fgetwc, must(fgetwc(file) == L'o'))
QUIET(fgetws, wchar_t wide[16]; must(fgetws(wide, 16, file) != NULL))
QUIET(fscanf, must(fscanf(file, "%20s", text) == 1))
QUIET(getline, char *line = NULL; size_t room = 0; must(getline(&line, &room, file) == 4); free(line))
QUIET(getdelim, char *line = NULL; size_t room = 0; must(getdelim(&line, &room, 'w', file) == 6);
      free(line))
QUIET(fseek, must(fseek(file, 4, SEEK_SET) == 0 && fgetc(file) == 't'))
QUIET(rewind, must(fgetc(file) == 'o'); rewind(file); must(fgetc(file) == 'o'))
QUIET(setvbuf, must(setvbuf(file, NULL, _IOFBF, 64) == 0 && fgetc(file) == 'o'))
QUIET(fgetpwent, must(fgetpwent(file) == NULL))

READING(fdopen, "quiet", FILE *file = fdopen(open("text", O_RDONLY | O_CLOEXEC), "r");
	must(file && fgets(text, sizeof(text), file)))
READING(freopened_before, "quiet", must(fgets(text, sizeof(text), stdin) != NULL))
READING(getchar, "quiet", must(getchar() == 'o'))
READING(scanf, "quiet", must(scanf("%20s", text) == 1))
READING(mounts, "quiet", FILE *file = setmntent("/proc/self/mounts", "r");
	must(file && getmntent(file)); endmntent(file))
READING(names, "quiet", getpwnam("root"); getgrgid(0))
READING(locale, "quiet", setlocale(LC_ALL, "C.UTF-8"))
READING(iconv, "quiet", iconv_t way = iconv_open("UTF-16", "ISO-8859-15");
	must(way != (iconv_t)-1); iconv_close(way))

/* ---- and what may bring or carry news ---- */

static FILE *pipe_with(const char *what)
{
	int ends[2];
	FILE *file;

	must(pipe(ends) == 0 && write(ends[1], what, strlen(what)) == (ssize_t)strlen(what));
	close(ends[1]);
	file = fdopen(ends[0], "r");
	must(file != NULL);
	return file;
}

static FILE *ready; /* opened before the directory is made */

static void ready_pipe(void) { ready = pipe_with("one\ntwo\n"); }
static void ready_unbuffered(void)
{
	setvbuf(stdout, text, _IOLBF, sizeof(text)); /* to which something may have been written */
	ready = opened("text", "re");
	setvbuf(ready, NULL, _IONBF, 0);
}
static void ready_update(void) { ready = opened("text", "r+"); }

#define LOUD(id) READING(id, "loud", must(fgetc(ready) == 'o'))
LOUD(of_a_pipe)
LOUD(unbuffered)
LOUD(may_be_written)
READING(of_a_program, "loud", FILE *file = popen("echo one", "r");
	must(file && fgetc(file) == 'o'); pclose(file))
READING(of_a_process, "loud", FILE *file = opened("/proc/self/status", "r"); must(fgetc(file) == 'N'))
READING(of_a_process_by_number, "loud", int fd = open("/proc/self/status", O_RDONLY);
	must(read(fd, text, 1) == 1))

static void prepare(const char *name)
{
	if (!strcmp(name, "of_a_pipe"))
		ready_pipe();
	if (!strcmp(name, "unbuffered"))
		ready_unbuffered();
	if (!strcmp(name, "may_be_written"))
		ready_update();
	if (!strcmp(name, "freopened_before") || !strcmp(name, "getchar") || !strcmp(name, "scanf"))
		must(freopen("text", "r", stdin) != NULL);
}

static void link_as(int number)
{
	char name[16];

	snprintf(name, sizeof(name), "D/%d", number);
	must(link("source", name) == 0);
}

int main(int argc, char **argv)
{
	extern const struct reading *const __start_readings[], *const __stop_readings[];

	for (const struct reading *const *it = __start_readings; it < __stop_readings; it++) {
		if (argc < 2) {
			printf("%s %s\n", (*it)->sort, (*it)->name);
		} else if (!strcmp(argv[1], (*it)->name)) {
			prepare(argv[1]);
			must(mkdir("D", 0755) == 0);
			link_as(LINKS);
			(*it)->run();
			for (int i = 0; i < LINKS; i++)
				link_as(i);
		}
	}
	return 0;
}
