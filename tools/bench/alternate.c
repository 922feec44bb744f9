/* SPDX-License-Identifier: MIT
 *
 * alternate ROUNDS REPEAT PREPARE [NAME:[VAR=VALUE,...]]... -- COMMAND [ARG...]
 *
 * Runs COMMAND in each environment in turn, ROUNDS times, so that whatever else the machine
 * does hits all alike; the order rotates by one each round. Prints "NAME median min max" in
 * nanoseconds, from fork to exit. Each measurement is REPEAT runs, divided. PREPARE is a shell
 * command run before each measurement, unmeasured and in a plain environment, unless empty.
 * COMMAND's output goes to /dev/null. The first round is not counted.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "timing.h"

#define VARIANTS_MAX 8
#define VARIABLES_MAX 8

extern char **environ;

struct variant {
	const char *name;
	char **environment;
	double *times;
};

static struct variant variants[VARIANTS_MAX];
static int variant_count;

static void *reserve(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory) {
		perror("alternate");
		exit(2);
	}
	return memory;
}

static void variant_add(char *text, int rounds)
{
	struct variant *variant = &variants[variant_count++];
	char *variables = strchr(text, ':');
	size_t inherited = 0, count;

	if (!variables || variant_count == VARIANTS_MAX) {
		fprintf(stderr, "alternate: not NAME:VAR=VALUE,...: %s\n", text);
		exit(2);
	}
	*variables++ = '\0';
	while (environ[inherited])
		inherited++;
	variant->name = text;
	variant->times = reserve((size_t)rounds, sizeof(double));
	variant->environment = reserve(inherited + VARIABLES_MAX + 1, sizeof(char *));
	memcpy(variant->environment, environ, inherited * sizeof(char *));
	count = inherited;
	for (char *one = strtok(variables, ","); one && count < inherited + VARIABLES_MAX;
	     one = strtok(NULL, ","))
		variant->environment[count++] = one;
}

static void run_once(char **command, char **environment)
{
	int status;
	pid_t pid = vfork();

	if (pid == 0) {
		environ = environment;
		execvp(command[0], command);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0) {
		fprintf(stderr, "alternate: %s failed\n", command[0]);
		exit(1);
	}
}

static double measure(const char *prepare, int repeat, char **command, char **environment)
{
	double begin;

	if (*prepare && system(prepare) != 0) {
		fprintf(stderr, "alternate: failed: %s\n", prepare);
		exit(1);
	}
	begin = now_ns();
	for (int i = 0; i < repeat; i++)
		run_once(command, environment);
	return (now_ns() - begin) / repeat;
}

/* stdout goes to /dev/null for the commands; what it was is kept here. */
static FILE *stdout_divert(void)
{
	FILE *kept = fdopen(dup(1), "w");
	int null = open("/dev/null", O_WRONLY);

	if (!kept || null < 0 || dup2(null, 1) < 0) {
		perror("alternate");
		exit(2);
	}
	fcntl(fileno(kept), F_SETFD, FD_CLOEXEC);
	close(null);
	return kept;
}

int main(int argc, char **argv)
{
	char **plain = environ, **command;
	int rounds = argc > 5 ? atoi(argv[1]) : 0, repeat = argc > 5 ? atoi(argv[2]) : 0, at = 4;
	FILE *out;

	for (; rounds > 0 && at < argc && strcmp(argv[at], "--"); at++)
		variant_add(argv[at], rounds);
	if (rounds < 1 || repeat < 1 || !variant_count || at + 1 >= argc) {
		fprintf(stderr, "usage: alternate ROUNDS REPEAT PREPARE NAME:[VAR=VALUE,...]... "
				"-- COMMAND [ARG...]\n");
		return 2;
	}
	command = argv + at + 1;
	out = stdout_divert();
	for (int round = -1; round < rounds; round++)
		for (int i = 0; i < variant_count; i++) {
			struct variant *variant = &variants[(i + round + 1) % variant_count];
			double time = measure(argv[3], repeat, command, variant->environment);

			environ = plain; /* vfork: the child's is ours */
			if (round >= 0)
				variant->times[round] = time;
		}
	for (int i = 0; i < variant_count; i++) {
		times_sort(variants[i].times, rounds);
		fprintf(out, "%s %.0f %.0f %.0f\n", variants[i].name, variants[i].times[rounds / 2],
			variants[i].times[0], variants[i].times[rounds - 1]);
	}
	return fclose(out) != 0;
}
